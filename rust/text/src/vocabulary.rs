//! The runs of a text (what stands between white space), each described once.
//!
//! How a run splits into words, and every count over its characters, depends on the run alone. Texts repeat most of
//! their runs, so each is looked at closely once, and after that found by its bytes.

use crate::chars::{Class, Classes};
use crate::repeats::Words;
use crate::runs::{Interner, Key, Keyed};
use crate::sentences::{PackedSteps, Steps};
use crate::totals::{Adder, Counts, GROUPS, Totals};
use crate::words::{Splitter, is_plain};

/// A run or word of a text, in one cache line.
#[repr(align(64))]
pub(crate) struct Entry {
    key: Key,
    /// The counts of one occurrence, of which a run has few.
    counts: Counts,
    /// Runs of the text `met` that are this.
    occurrences: u32,
    /// The last text in which the run occurred.
    met: u32,
    /// Its words by number if there are one or two of them, else the place of them in the vocabulary's list.
    words: [u32; 2],
    /// What it does to the count of sentences.
    steps: PackedSteps,
    /// How many words; 0 = not described yet.
    count: u8,
    /// Bytes of the first of at most two words.
    first: u8,
    /// In how many texts the run occurred, older ones for less.
    texts: u16,
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
        self.words.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl Keyed for Entry {
    fn new(key: Key) -> Self {
        let steps = PackedSteps::default();
        let counts = [0; GROUPS];
        Self { key, counts, occurrences: 0, met: 0, words: [0; 2], steps, count: 0, first: 0, texts: 0 }
    }

    #[inline(always)]
    fn key(&self) -> &Key {
        &self.key
    }
}

/// The runs and words of a text. What it knows of runs that many texts have it keeps from text to text.
#[derive(Default)]
pub(crate) struct Vocabulary {
    classes: Classes,
    runs: Interner<Entry>,
    /// Number and bytes of the words of runs with more than two.
    words: Vec<(u32, u32)>,
    /// The number of the text.
    text: u32,
    /// The runs of the text.
    met: Vec<u32>,
    /// How often each word occurs, by number.
    uses: Vec<u32>,
    /// The words of the text.
    used: Vec<u32>,
    /// Counts of runs that are not remembered.
    long: Totals,
}

impl Vocabulary {
    /// Runs and words that fit the second-level cache.
    const ROOM: usize = 1 << 12;

    /// Begins another text.
    pub(crate) fn begin(&mut self) {
        for &word in &self.used {
            self.uses[word as usize] = 0;
        }
        self.used.clear();
        self.met.clear();
        self.long = Totals::default();
        if self.runs.entries.len() > Self::ROOM || self.text == u32::MAX {
            self.forget();
        }
        self.text += 1;
    }

    /// Keeps the runs that occurred in several texts, with their words.
    #[cold]
    fn forget(&mut self) {
        const GONE: u32 = u32::MAX;
        let mut numbers = vec![GONE; self.runs.entries.len()];
        let mut room = Self::ROOM / 2;
        // The first entry is of no run.
        numbers[0] = 0;
        for (number, run) in self.runs.entries.iter().enumerate() {
            if run.texts < 2 || room == 0 {
                continue;
            }
            room -= 1;
            numbers[number] = 0;
            for &word in run.few() {
                numbers[word as usize] = 0;
            }
            for &(word, _) in self.words.get(run.list()).unwrap_or_default() {
                numbers[word as usize] = 0;
            }
        }
        for (next, number) in numbers.iter_mut().filter(|number| **number != GONE).enumerate() {
            *number = next as u32;
        }
        let former = std::mem::take(&mut self.words);
        let mut entries = std::mem::take(&mut self.runs.entries);
        let mut kept = numbers.iter().map(|&number| number != GONE);
        entries.retain(|_| kept.next().unwrap_or_default());
        for run in &mut entries {
            run.met = 0;
            run.texts /= 2;
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
        entries.shrink_to(2 * Self::ROOM);
        self.runs.refill(entries);
        (self.uses, self.used, self.met) = Default::default();
        self.text = 0;
    }

    /// How often each word occurs, by number; complete after `finish`.
    pub(crate) fn uses(&self) -> impl Iterator<Item = u32> {
        self.used.iter().map(|&word| self.uses[word as usize])
    }

    /// How often a word occurs.
    pub(crate) fn uses_of(&self, word: &str) -> u64 {
        let number = self.runs.find(&Key::of(word.as_bytes(), 0, word.len()));
        number.and_then(|number| self.uses.get(number as usize)).copied().map_or(0, u64::from)
    }

    /// Meets the run of `length` bytes at `start` of `text`, which has `key`; adds its words, but not their bytes.
    #[inline(always)]
    pub(crate) fn run<'t>(
        &mut self,
        text: &'t str,
        (start, length): (usize, usize),
        key: &Key,
        splitter: &mut Splitter<'t>,
        words: &mut Words,
    ) -> PackedSteps {
        let number = self.runs.intern(key);
        let mut found = &mut self.runs.entries[number as usize];
        if found.met != self.text {
            found.met = self.text;
            found.occurrences = 0;
            found.texts = found.texts.saturating_add(1);
            self.met.push(number);
            if found.count == 0 {
                self.describe(text, (start, start + length), number, key, splitter);
                found = &mut self.runs.entries[number as usize];
            }
        }
        found.occurrences += 1;
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
        key: &Key,
        splitter: &mut Splitter<'t>,
    ) {
        let run = text.get(start..end).unwrap_or_default();
        let plain = key.letters().filter(|&(letters, _)| is_plain(run, letters as usize));
        let (mut words, mut first) = ([number; 2], run.len());
        let (counts, count, steps) = if let Some((letters, upper)) = plain {
            if run.len() > letters as usize {
                first = letters as usize;
                words = self.two_words(text, start, start + first, end);
            }
            let (totals, steps) = describe_plain(run, letters, upper);
            (totals.packed(), totals.words_and_marks, steps)
        } else {
            splitter.split(run);
            match splitter.tokens() {
                [_] => {}
                [word, _] => {
                    first = word.len();
                    words = self.two_words(text, start, start + first, end);
                }
                several => {
                    words = [self.words.len() as u32; 2];
                    let mut at = start;
                    for word in several {
                        let number = self.runs.intern(&Key::of(text.as_bytes(), at, at + word.len()));
                        self.words.push((number, word.len() as u32));
                        at += word.len();
                    }
                }
            }
            let (totals, steps) = look(self.classes, run, splitter.tokens());
            (totals.packed(), totals.words_and_marks, steps)
        };
        let entry = &mut self.runs.entries[number as usize];
        entry.counts = counts;
        entry.words = words;
        entry.first = first as u8;
        entry.count = count as u8;
        entry.steps = steps.packed();
    }

    /// The numbers of the two parts of a run.
    fn two_words(&mut self, text: &str, start: usize, cut: usize, end: usize) -> [u32; 2] {
        [(start, cut), (cut, end)].map(|(start, end)| self.runs.intern(&Key::of(text.as_bytes(), start, end)))
    }

    /// Counts a run of any length without remembering it; adds its words, but not their bytes.
    pub(crate) fn long_run<'t>(
        &mut self,
        text: &'t str,
        (start, end): (usize, usize),
        splitter: &mut Splitter<'t>,
        words: &mut Words,
    ) -> Steps {
        let run = text.get(start..end).unwrap_or_default();
        splitter.split(run);
        let mut at = start;
        for word in splitter.tokens() {
            let number = self.runs.intern(&Key::of(text.as_bytes(), at, at + word.len()));
            at += word.len();
            self.use_word(number, 1);
            words.push(number, word.len());
        }
        let (totals, steps) = look(self.classes, run, splitter.tokens());
        self.long.add(&totals);
        steps
    }

    /// The sums of all counts of all runs; completes `uses`.
    pub(crate) fn finish(&mut self) -> Totals {
        let mut adder = Adder::starting(self.long);
        for place in 0..self.met.len() {
            let run = &self.runs.entries[self.met[place] as usize];
            let (times, count, few, list) = (run.occurrences, run.count, run.words, run.list());
            adder.add_times(&run.counts, times);
            if count <= 2 {
                self.use_word(few[0], times);
            }
            if count == 2 {
                self.use_word(few[1], times);
            }
            for place in list {
                self.use_word(self.words[place].0, times);
            }
        }
        adder.finish()
    }

    #[inline(always)]
    fn use_word(&mut self, number: u32, times: u32) {
        let place = number as usize;
        if place >= self.uses.len() {
            self.uses.resize(self.runs.entries.len(), 0);
        }
        let uses = &mut self.uses[place];
        if *uses == 0 {
            self.used.push(number);
        }
        *uses = uses.saturating_add(times);
    }
}

/// Counts over letters and perhaps one mark, which is all that most runs are.
#[inline(always)]
fn describe_plain(run: &str, letters: u64, upper: u64) -> (Totals, Steps) {
    let mark = run.as_bytes().get(letters as usize).copied();
    let marks = u64::from(mark.is_some());
    let totals = Totals {
        chars: letters + marks,
        upper,
        marks,
        words_and_marks: 1 + marks,
        words: 1,
        word_chars: letters,
        alphabetic: 1,
        ipsum: u64::from(starts_with_ipsum(run)),
        ..Totals::default()
    };
    (totals, Steps::of_plain(mark.is_some(), matches!(mark, Some(b'.' | b'!' | b'?'))))
}

/// Counts over the characters and words of a run.
fn look(classes: Classes, run: &str, words: &[&str]) -> (Totals, Steps) {
    let (mut totals, mut steps) = (Totals::default(), Steps::default());
    let ascii = run.is_ascii();
    // A byte for each sum, of at most 255 characters.
    let (mut counts, mut room) = (0, 255);
    for word in words {
        let (mut chars, mut class) = (0, Class::default());
        for piece in pieces(word) {
            if piece.len() > room {
                add_characters(&mut totals, std::mem::take(&mut counts));
                room = 255;
            }
            room -= piece.len();
            let mut add = |(each, one): (u64, Class)| {
                counts += each;
                class = class.or(one);
                chars += 1;
            };
            if ascii {
                piece.bytes().for_each(|byte| add(classes.of_ascii(byte)));
            } else {
                piece.chars().map(|c| classes.of(c)).for_each(|one| add((one.counts(), one)));
            }
        }
        totals.words_and_marks += 1;
        totals.alphabetic += u64::from(class.has_letter());
        totals.words += u64::from(class.has_no_symbol());
        totals.word_chars += if class.has_no_symbol() { chars } else { 0 };
        steps.push(word, class.is_punctuation());
    }
    add_characters(&mut totals, counts);
    totals.ellipses += ellipses(run);
    totals.ipsum = u64::from(starts_with_ipsum(run));
    (totals, steps)
}

/// Adds the sums over characters that `Class::counts` packs.
fn add_characters(totals: &mut Totals, counts: u64) {
    let [chars, digits, upper, marks, hashes, curly_brackets, ellipses, _] =
        counts.to_le_bytes().map(u64::from);
    totals.chars += chars;
    totals.digits += digits;
    totals.upper += upper;
    totals.marks += marks;
    totals.hashes += hashes;
    totals.curly_brackets += curly_brackets;
    totals.ellipses += ellipses;
}

fn starts_with_ipsum(run: &str) -> bool {
    run.as_bytes().get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"ipsum"))
}

/// A word in pieces of which a byte can count the characters.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.len() < 256 {
            return (!rest.is_empty()).then(|| std::mem::take(&mut rest));
        }
        let (piece, more) = rest.split_at(
            (0..=255.min(rest.len())).rev().find(|&at| rest.is_char_boundary(at)).unwrap_or_default(),
        );
        rest = more;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Occurrences of `...` without overlap.
fn ellipses(run: &str) -> u64 {
    let runs = run.as_bytes().chunk_by(|a, b| a == b).filter(|same| same.first() == Some(&b'.'));
    runs.map(|dots| dots.len() as u64 / 3).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_described_by_its_parts() {
        let run = "IPSUM{#1...é…";
        let mut splitter = Splitter::default();
        splitter.split(run);
        let (totals, _) = look(Classes::default(), run, splitter.tokens());
        assert_eq!(totals.chars, 13);
        assert_eq!((totals.digits, totals.upper, totals.hashes, totals.curly_brackets), (1, 5, 1, 1));
        assert_eq!((totals.ellipses, totals.ipsum), (2, 1));
        assert_eq!(totals.words_and_marks, splitter.tokens().len() as u64);
    }
}
