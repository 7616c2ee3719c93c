//! The walk over the runs of a text.

use crate::repeats::Words;
use crate::runs::{KEY_BYTES, Key};
use crate::scan::{CHUNK, Spaces, chunk, end_of_run, short_run};
use crate::sentences::RunSentences;
use crate::totals::Totals;
use crate::vocabulary::Vocabulary;
use crate::words::Splitter;

/// Reads every run; leaves its words in `words` and the white space in `spaces`. Gives the sums of all counts, and the
/// number of sentences.
pub(crate) fn walk(
    text: &str,
    vocabulary: &mut Vocabulary,
    words: &mut Words,
    spaces: &mut Spaces,
) -> (Totals, u64) {
    vocabulary.begin();
    words.clear(text.len());
    spaces.clear();
    let mut splitter = Splitter::default();
    let mut sentences = RunSentences::default();
    let mut at = 0;
    let mut next = Ahead::read(text, at, vocabulary);
    while at < text.len() {
        let (end, breaks);
        if next.length > 0 {
            let this = next;
            words.write(this.chunk);
            (end, breaks) = spaces.read(text, at + this.length, this.after);
            next = Ahead::read(text, end, vocabulary);
            let run = (at, this.length);
            sentences.push(vocabulary.run(text, run, (this.key, this.guess), &mut splitter, words));
        } else {
            let run_end = end_of_run(text, at);
            let run = text.get(at..run_end).unwrap_or_default();
            if run.len() > KEY_BYTES {
                words.copy(run);
                sentences.push_long(&vocabulary.long_run(text, (at, run_end), &mut splitter, words));
            } else if !run.is_empty() {
                let key = Key::of(text.as_bytes(), at, run_end);
                let guess = vocabulary.guess(&key);
                words.copy(run);
                sentences.push(vocabulary.run(text, (at, run.len()), (key, guess), &mut splitter, words));
            }
            (end, breaks) = spaces.read_any(text, run_end);
            next = Ahead::read(text, end, vocabulary);
        }
        if breaks {
            sentences.end_line();
        }
        at = end;
    }
    (vocabulary.finish(), sentences.sentences)
}

/// The next run, read before the one before it is looked at, so that the one need not wait for the other.
struct Ahead<'t> {
    /// The bytes from its start on.
    chunk: &'t [u8; CHUNK],
    key: Key,
    /// 0 if the run is longer, or ends in a way that needs a closer look.
    length: usize,
    /// The two bytes behind it.
    after: [u8; 2],
    /// Perhaps the number of the run.
    guess: u32,
}

impl<'t> Ahead<'t> {
    #[inline(always)]
    fn read(text: &'t str, at: usize, vocabulary: &Vocabulary) -> Self {
        let chunk = chunk(text.as_bytes(), at);
        let (bytes, length) = short_run(chunk).unwrap_or_default();
        let key = Key::short(bytes, length);
        let after = [chunk[length], chunk[length + 1]];
        Self { chunk, key, length, after, guess: vocabulary.guess(&key) }
    }
}
