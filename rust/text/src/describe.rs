//! What a run without white space counts for, from a look at each of its characters.

use crate::bytes::{Bytes, Kind};
use crate::chars::{Class, Classes};
use crate::runs::Key;
use crate::sentences::{Steps, is_stop};
use crate::specials::ENGLISH;
use crate::totals::Totals;

/// A word of ASCII letters, perhaps with one mark that is always cut off its end, which is what most runs are.
pub(crate) struct Plain {
    /// Bytes of the word.
    pub(crate) letters: usize,
    upper: u64,
    /// 0 = none.
    pub(crate) mark: u8,
}

impl Plain {
    /// From the key of a run; None if it is another one.
    #[inline(always)]
    pub(crate) fn of<'t>(key: &Key, run: impl Fn() -> &'t str) -> Option<Self> {
        let (letters, upper) = key.letters().filter(|&(letters, _)| letters > 0)?;
        let letters = letters as usize;
        let mark = key.byte(letters);
        let lower = u8::from(key.byte(letters - 1) & 0x20 != 0);
        let none = u8::from(key.has_length(letters));
        if CUT_OFF[usize::from(mark)] + lower + 2 * none < 2 {
            return None;
        }
        let special = ENGLISH.may_have_plain(key) | ENGLISH.may_have_plain(&key.first(letters));
        if special && is_special(run(), letters) {
            return None;
        }
        Some(Self { letters, upper, mark })
    }

    /// What the run counts for.
    #[inline(always)]
    pub(crate) fn describe(&self, key: &Key) -> (Totals, Steps) {
        let marks = u64::from(self.mark != 0);
        let letters = self.letters as u64;
        let totals = Totals {
            chars: letters + marks,
            upper: self.upper,
            marks,
            words_and_marks: 1 + marks,
            words: 1,
            word_chars: letters,
            alphabetic: 1,
            ipsum: u64::from(key.is_ipsum()),
            ..Totals::default()
        };
        (totals, Steps::of_plain(self.mark != 0, matches!(self.mark, b'.' | b'!' | b'?')))
    }
}

/// Whether a byte is cut off the word of letters before it: 0 = never, 1 = where that ends with a lower-case letter,
/// 2 = always.
static CUT_OFF: [u8; 256] = {
    let mut cut_off = [0; 256];
    cut_off[b'.' as usize] = 1;
    let always = b",:;!?)\"'";
    let mut at = 0;
    while at < always.len() {
        cut_off[always[at] as usize] = 2;
        at += 1;
    }
    cut_off
};

#[cold]
fn is_special(run: &str, letters: usize) -> bool {
    ENGLISH.get(run).is_some() || run.get(..letters).is_some_and(|word| ENGLISH.get(word).is_some())
}

/// Counts over the characters and words of a run.
pub(crate) fn look(classes: Classes, run: &str, bytes: &Bytes, words: &[&str]) -> (Totals, Steps) {
    let (mut totals, mut steps) = (Totals::default(), Steps::default());
    if run.len() <= Bytes::MOST && bytes.are_ascii() {
        look_ascii(run, bytes, words, &mut totals, &mut steps);
        return (totals, steps);
    }
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
            for one in piece.chars().map(|c| classes.of(c)) {
                counts += one.counts();
                class = class.or(one);
                chars += 1;
            }
        }
        totals.words_and_marks += 1;
        totals.alphabetic += u64::from(class.has_letter());
        totals.words += u64::from(class.has_no_symbol());
        totals.word_chars += if class.has_no_symbol() { chars } else { 0 };
        steps.push(is_stop(word), class.is_punctuation());
    }
    add_characters(&mut totals, counts);
    totals.ellipses += ellipses(run);
    totals.ipsum = u64::from(starts_with_ipsum(run));
    (totals, steps)
}

/// `look` at a run of at most 64 bytes of ASCII: a bit for each byte, so that words need no loops of their own.
fn look_ascii(run: &str, bytes: &Bytes, words: &[&str], totals: &mut Totals, steps: &mut Steps) {
    let &Bytes { mut letters, mut no_symbols, mut no_punctuation, .. } = bytes;
    let mut rest = run.as_bytes();
    for word in words {
        let length = word.len();
        let here = u64::MAX >> (64 - length.clamp(1, 64));
        totals.alphabetic += u64::from(letters & here != 0);
        let is_word = u64::from(no_symbols & here != 0);
        totals.words += is_word;
        totals.word_chars += is_word * length as u64;
        let stop = length == 1 && matches!(rest, [b'.' | b'!' | b'?', ..]);
        steps.push(stop, no_punctuation & here == 0);
        rest = rest.get(length..).unwrap_or_default();
        for bits in [&mut letters, &mut no_symbols, &mut no_punctuation] {
            *bits = bits.checked_shr(length as u32).unwrap_or(0);
        }
    }
    totals.words_and_marks += words.len() as u64;
    add_characters(totals, bytes.counts);
    totals.ellipses += if bytes.have(Kind::DOT) { ellipses(run) } else { 0 };
    totals.ipsum = u64::from(starts_with_ipsum(run));
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
    memchr::memmem::find_iter(run.as_bytes(), b"...").count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Splitter;

    #[test]
    fn a_run_is_described_by_its_parts() {
        let run = "IPSUM{#1...é…";
        let mut splitter = Splitter::default();
        let bytes = Bytes::of(Classes::default(), run);
        splitter.split(run, &bytes);
        let (totals, _) = look(Classes::default(), run, &bytes, splitter.tokens());
        assert_eq!(totals.chars, 13);
        assert_eq!((totals.digits, totals.upper, totals.hashes, totals.curly_brackets), (1, 5, 1, 1));
        assert_eq!((totals.ellipses, totals.ipsum), (2, 1));
        assert_eq!(totals.words_and_marks, splitter.tokens().len() as u64);
    }
}
