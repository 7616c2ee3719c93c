//! The runs of a text (what stands between white space), each described once.
//!
//! How a run splits into words, and every count over its characters, depends on the run alone. Texts repeat most of
//! their runs, so each is looked at closely once, and after that found by its bytes.

use crate::bytes::Bytes;
use crate::chars::Classes;
use crate::describe::{Plain, look};
use crate::repeats::Words;
use crate::runs::{Interner, Key, Keyed};
use crate::sentences::{PackedSteps, Steps};
use crate::totals::{Adder, Counts, Totals};
use crate::words::Splitter;

/// A run or word of a text, two of them in a cache line.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Entry {
    key: Key,
    /// Its words by number if there are one (and 0) or two of them, else the place of them in the vocabulary's list.
    words: [u32; 2],
    /// Runs of the text that are this.
    occurrences: u32,
    /// What it does to the count of sentences.
    steps: PackedSteps,
    /// How many words; 0 = not described yet.
    count: u8,
    /// Bytes of the first of at most two words.
    first: u8,
}

impl Entry {
    /// The run's place in the list of words; empty if it has one or two words.
    #[inline(always)]
    fn list(&self) -> std::ops::Range<usize> {
        let (first, count) = (self.words[0] as usize, usize::from(self.count));
        if count > 2 { first..first + count } else { 0..0 }
    }

    /// Its words if there are one or two of them.
    #[inline(always)]
    fn few(&self) -> &[u32] {
        if self.count <= 2 { &self.words[..usize::from(self.count)] } else { &[] }
    }
}

impl Keyed for Entry {
    #[inline(always)]
    fn new(key: Key) -> Self {
        Self { key, words: [0; 2], occurrences: 0, steps: PackedSteps::default(), count: 0, first: 0 }
    }

    #[inline(always)]
    fn key(&self) -> &Key {
        &self.key
    }
}

/// What is asked of a run once for each text that it occurs in.
#[derive(Clone, Copy, Default)]
struct About {
    /// The counts of one occurrence, of which a run has few.
    counts: Counts,
    /// In how many texts the run occurred, older ones for less.
    texts: u16,
}

/// The runs and words of a text. What it knows of runs that many texts have it keeps from text to text.
pub(crate) struct Vocabulary {
    classes: Classes,
    runs: Interner<Entry>,
    /// By the numbers of runs; words that are no runs may be missing.
    about: Vec<About>,
    /// Number and bytes of the words of runs with more than two.
    words: Vec<(u32, u32)>,
    /// The numbers of the words of one ASCII character; 0 = not known yet.
    marks: [u32; 128],
    /// The runs of the text.
    met: Distinct,
    /// How often each word occurs, by number.
    uses: Vec<u32>,
    /// The words of the text.
    used: Distinct,
    /// Counts of runs that are not remembered.
    long: Totals,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            classes: Classes::default(),
            runs: Interner::default(),
            about: Vec::new(),
            words: Vec::new(),
            marks: [0; 128],
            met: Distinct::default(),
            uses: Vec::new(),
            used: Distinct::default(),
            long: Totals::default(),
        }
    }
}

/// Numbers, each once. No processor could predict which are new, so each is written, and the next one overwrites it
/// where it is not.
#[derive(Default)]
struct Distinct {
    numbers: Vec<u32>,
    count: usize,
}

impl Distinct {
    #[inline(always)]
    fn add(&mut self, number: u32, new: bool) {
        if self.numbers.len() <= self.count {
            self.grow();
        }
        self.numbers[self.count] = number;
        self.count += usize::from(new);
    }

    #[cold]
    fn grow(&mut self) {
        self.numbers.resize((2 * self.count).max(1024), 0);
    }

    fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.count).unwrap_or_default()
    }
}

impl Vocabulary {
    /// Runs and words that fit the second-level cache.
    const ROOM: usize = 10 << 10;
    /// Runs that are kept when there are more.
    const KEPT: usize = 4 << 10;

    /// Begins another text.
    pub(crate) fn begin(&mut self) {
        for &word in self.used.numbers() {
            self.uses[word as usize] = 0;
        }
        (self.used.count, self.met.count) = (0, 0);
        self.long = Totals::default();
        if self.runs.entries.len() > Self::ROOM {
            self.forget();
        }
    }

    /// Keeps the runs that occurred in several texts, with their words.
    #[cold]
    fn forget(&mut self) {
        const GONE: u32 = u32::MAX;
        let entries = &mut self.runs.entries;
        self.about.resize(entries.len(), About::default());
        let mut kept = Distinct::default();
        for (number, about) in (0..).zip(&self.about) {
            kept.add(number, about.texts > 1 && kept.count < Self::KEPT);
        }
        let mut numbers = vec![GONE; entries.len()];
        // The first entry is of no run.
        numbers[0] = 0;
        for &number in kept.numbers() {
            let run = &entries[number as usize];
            numbers[number as usize] = 0;
            for &word in run.few() {
                numbers[word as usize] = 0;
            }
            for &(word, _) in self.words.get(run.list()).unwrap_or_default() {
                numbers[word as usize] = 0;
            }
        }
        let mut next = 0;
        for (place, number) in numbers.iter_mut().enumerate() {
            // Without a branch: what does not stay is overwritten by the next one that does.
            entries[next] = entries[place];
            self.about[next] = self.about[place];
            let stays = *number != GONE;
            *number = if stays { next as u32 } else { GONE };
            next += usize::from(stays);
        }
        entries.truncate(next);
        self.about.truncate(next);
        let former = std::mem::take(&mut self.words);
        for (run, about) in entries.iter_mut().zip(&mut self.about) {
            about.texts /= 2;
            let list = former.get(run.list()).unwrap_or_default();
            // Kept as a word of another run only: to be described again.
            let mut words = run.few().iter().chain(list.iter().map(|(word, _)| word));
            if words.any(|&word| numbers[word as usize] == GONE) {
                (run.count, run.words) = (0, [0; 2]);
                continue;
            }
            if list.is_empty() {
                run.words = run.words.map(|word| numbers[word as usize]);
                continue;
            }
            run.words[0] = self.words.len() as u32;
            self.words.extend(list.iter().map(|&(word, length)| (numbers[word as usize], length)));
        }
        self.marks.fill(0);
        // Memory is given back where a text was far larger than most; taking it again costs more than the rest of this.
        if entries.capacity() > 8 * Self::ROOM {
            entries.shrink_to(2 * Self::ROOM);
            self.about.shrink_to(2 * Self::ROOM);
            (self.uses, self.used, self.met) = Default::default();
        }
        self.runs.number_again();
    }

    /// How often each word occurs, by number; complete after `finish`.
    pub(crate) fn uses(&self) -> impl Iterator<Item = u32> {
        self.used.numbers().iter().map(|&word| self.uses[word as usize])
    }

    /// How often a word occurs.
    pub(crate) fn uses_of(&self, word: &str) -> u64 {
        let number = self.runs.find(&Key::of(word.as_bytes(), 0, word.len()));
        number.and_then(|number| self.uses.get(number as usize)).copied().map_or(0, u64::from)
    }

    /// The number that the run of this key has, or another one.
    #[inline(always)]
    pub(crate) fn guess(&self, key: &Key) -> u32 {
        self.runs.guess(key)
    }

    /// Meets the run of `length` bytes at `start` of `text`, which has `key`; adds its words, but not their bytes.
    #[inline(always)]
    pub(crate) fn run<'t>(
        &mut self,
        text: &'t str,
        (start, length): (usize, usize),
        (key, guess): (Key, u32),
        splitter: &mut Splitter<'t>,
        words: &mut Words,
    ) -> PackedSteps {
        let number = self.runs.intern_guessed(&key, guess);
        let mut found = &mut self.runs.entries[number as usize];
        self.met.add(number, found.occurrences == 0);
        found.occurrences += 1;
        if found.count == 0 {
            self.describe(text, (start, start + length), number, key, splitter);
            found = &mut self.runs.entries[number as usize];
        }
        if found.count <= 2 {
            words.push_few(found.words, usize::from(found.count), usize::from(found.first), length);
        } else {
            for &(number, length) in &self.words[found.list()] {
                words.push(number, length as usize);
            }
        }
        found.steps
    }

    #[inline(never)]
    fn describe<'t>(
        &mut self,
        text: &'t str,
        (start, end): (usize, usize),
        number: u32,
        key: Key,
        splitter: &mut Splitter<'t>,
    ) {
        let run = || text.get(start..end).unwrap_or_default();
        let (mut words, mut first) = ([number, 0], end - start);
        let (counts, count, steps) = if let Some(plain) = Plain::of(&key, run) {
            if plain.mark != 0 {
                first = plain.letters;
                words = [self.runs.intern(&key.first(first)), self.mark(plain.mark)];
            }
            let (totals, steps) = plain.describe(&key);
            (totals.packed(), totals.words_and_marks, steps)
        } else {
            let run = run();
            let bytes = Bytes::of(self.classes, run);
            splitter.split(run, &bytes);
            let number_of =
                |runs: &mut Interner<Entry>, start, end| runs.intern(&Key::of(text.as_bytes(), start, end));
            match splitter.tokens() {
                [_] => {}
                [word, _] => {
                    first = word.len();
                    let cut = start + first;
                    words =
                        [(start, cut), (cut, end)].map(|(start, end)| number_of(&mut self.runs, start, end));
                }
                several => {
                    words = [self.words.len() as u32, 0];
                    let mut at = start;
                    for word in several {
                        let number = number_of(&mut self.runs, at, at + word.len());
                        self.words.push((number, word.len() as u32));
                        at += word.len();
                    }
                }
            }
            let (totals, steps) = look(self.classes, run, &bytes, splitter.tokens());
            (totals.packed(), totals.words_and_marks, steps)
        };
        let entry = &mut self.runs.entries[number as usize];
        entry.words = words;
        entry.first = first as u8;
        entry.count = count as u8;
        entry.steps = steps.packed();
        let known = self.about.len();
        if known <= number as usize {
            self.about.resize(self.runs.entries.len(), About::default());
        }
        self.about[number as usize].counts = counts;
    }

    /// The number of a word of one ASCII character.
    fn mark(&mut self, mark: u8) -> u32 {
        let number = &mut self.marks[usize::from(mark & 0x7f)];
        if *number == 0 {
            *number = self.runs.intern(&Key::short([u64::from(mark), 0], 1));
        }
        *number
    }

    /// Counts a run of any length without remembering it; adds its words, but not their bytes.
    #[inline(never)] // lest the walk get slower
    pub(crate) fn long_run<'t>(
        &mut self,
        text: &'t str,
        (start, end): (usize, usize),
        splitter: &mut Splitter<'t>,
        words: &mut Words,
    ) -> Steps {
        let run = text.get(start..end).unwrap_or_default();
        let bytes = Bytes::of(self.classes, run);
        splitter.split(run, &bytes);
        let mut at = start;
        for word in splitter.tokens() {
            let number = self.runs.intern(&Key::of(text.as_bytes(), at, at + word.len()));
            at += word.len();
            self.make_room();
            self.use_word(number, 1);
            words.push(number, word.len());
        }
        let (totals, steps) = look(self.classes, run, &bytes, splitter.tokens());
        self.long.add(&totals);
        steps
    }

    /// The sums of all counts of all runs; completes `uses`.
    #[inline(never)] // lest the walk get slower
    pub(crate) fn finish(&mut self) -> Totals {
        let mut adder = Adder::starting(self.long);
        self.make_room();
        for place in 0..self.met.count {
            let number = self.met.numbers[place] as usize;
            let run = &mut self.runs.entries[number];
            let times = std::mem::take(&mut run.occurrences);
            let (words, list) = (run.words, run.list());
            let about = &mut self.about[number];
            about.texts = about.texts.saturating_add(1);
            adder.add_times(&about.counts, times);
            if list.is_empty() {
                for number in words {
                    self.use_word(number, times);
                }
            }
            for place in list {
                self.use_word(self.words[place].0, times);
            }
        }
        adder.finish()
    }

    /// Makes room for the uses of all words.
    fn make_room(&mut self) {
        if self.uses.len() < self.runs.entries.len() {
            self.uses.resize(self.runs.entries.len(), 0);
        }
        // The word that a run of one word has as its second is no word, and never new.
        self.uses[0] = 1;
    }

    #[inline(always)]
    fn use_word(&mut self, number: u32, times: u32) {
        let uses = &mut self.uses[number as usize];
        self.used.add(number, *uses == 0);
        *uses = uses.saturating_add(times);
    }
}
