//! The words of a text in one pass over its bytes: their hashes, and their letters one after another.
//!
//! What the words are, [`normalize`] and [`words`] say; the pass takes the characters whose part in that it knows (words of
//! ASCII letters, 64 bytes at a time; other ASCII; the letters and gaps of two-byte characters; the gaps of
//! U+2000..U+2040), and hands the rest to them, piece by piece.

use crate::normalize::{normalize, words};
use crate::word_blocks::{BLOCK, Runs, ascii_letters};
use crate::word_characters::{BYTES, GAP, NUMBER, Pair, SIGMA, WIDE, number_end, wide};

/// Bytes that the normalisation is given at once at most, where pieces follow one another closely.
const LONGEST_STRETCH: usize = 4096;
/// Bytes between two such pieces from which on they are single words again.
const CLOSE: usize = 64;
/// Bytes that may be written beyond the letters in use.
const SLACK: usize = 16;

const HIGH: u64 = 0x8080_8080_8080_8080;
const CASE: u128 = u128::from_ne_bytes([0x20; SLACK]);

/// Hash of one word, given as its normalised bytes.
pub fn hash_word(word: &[u8]) -> u64 {
    let mut rest = word;
    let mut hash = None;
    while !rest.is_empty() {
        let chunk = if let Some((chunk, after)) = rest.split_first_chunk::<8>() {
            rest = after;
            u64::from_le_bytes(*chunk)
        } else {
            let byte = |sum, byte: &u8| sum << 8 | u64::from(*byte);
            std::mem::take(&mut rest).iter().rev().fold(0, byte)
        };
        hash = Some(hash.map_or_else(|| begin(chunk, word.len()), |hash| go_on(hash, chunk)));
    }
    hash.unwrap_or(0)
}

#[inline]
fn begin(chunk: u64, length: usize) -> u64 {
    fold(chunk ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93 ^ length as u64)
}

#[inline]
fn go_on(hash: u64, chunk: u64) -> u64 {
    fold(hash ^ chunk, 0xa076_1d64_78bd_642f)
}

/// Both halves of the product in one.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The words of one text after another, in memory that is used again.
#[derive(Clone, Debug, Default)]
pub struct WordScan {
    hashes: Vec<u64>,
    /// The letters in use, and room to write beyond them.
    letters: Vec<u8>,
    used: usize,
}

impl WordScan {
    /// A scan that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hash of each word, in order.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The normalised words one after another, without anything between them.
    pub fn letters(&self) -> &[u8] {
        &self.letters[..self.used]
    }

    /// Reads a text.
    pub fn read(&mut self, text: &str) {
        self.read_with(text, |_| {});
    }

    /// Reads a text and tells of each word where it ends among the letters.
    pub fn read_with(&mut self, text: &str, mut ended: impl FnMut(usize)) {
        self.hashes.clear();
        self.room(0, text.len());
        if text.contains(SIGMA) {
            self.used = self.slowly(text, 0, &mut ended);
            return;
        }
        let table = &*BYTES;
        let bytes = text.as_bytes();
        let mut stretch = Stretch { length: 0, end: 0 };
        // Letters in use, where those of the current word begin, and where it begins in the text: apart from
        // `self`, so that they stay in registers.
        let (mut used, mut start, mut origin) = (0, 0, 0);
        let mut at = 0;
        while at < bytes.len() {
            if start == used {
                if let Some(ahead) = bytes[at..].first_chunk::<{ BLOCK + SLACK }>()
                    && ahead[..8].is_ascii()
                {
                    let (length, end) = self.read_block(ahead, used, &mut ended);
                    if length > 0 {
                        (at, used, start) = (at + length, end, end);
                        continue;
                    }
                }
                origin = at;
            }
            if let Some(chunk) = bytes[at..].first_chunk::<8>() {
                let chunk = u64::from_le_bytes(*chunk);
                let small = chunk | CASE as u64;
                let count = leading_letters(chunk, small);
                write(&mut self.letters, used, small);
                used += count;
                at += count;
                if count == 8 {
                    continue;
                }
                if table[usize::from(bytes[at])] == GAP {
                    at += 1;
                    if used > start {
                        self.hashes.push(hash_of(&self.letters, start, used));
                        ended(used);
                        start = used;
                    }
                    continue;
                }
            }
            match step(&mut self.letters, used, bytes, at, table) {
                Step::Gap(end) => {
                    at = end;
                    if used > start {
                        self.hashes.push(hash_of(&self.letters, start, used));
                        ended(used);
                        start = used;
                    }
                }
                Step::Word(end, count) => {
                    at = end;
                    used += count;
                }
                Step::Unknown => {
                    let from = if start == used { at } else { origin };
                    at = stretch.after(bytes, at);
                    used = self.slowly(&text[from..at], start, &mut ended);
                    start = used;
                    self.room(used, bytes.len() - at);
                }
            }
        }
        if used > start {
            self.hashes.push(hash_of(&self.letters, start, used));
            ended(used);
        }
        self.used = used;
    }

    /// Takes the words of ASCII letters that a block begins with; returns how many of its bytes these are with their
    /// gaps, and the letters in use.
    #[inline]
    fn read_block(
        &mut self,
        ahead: &[u8; BLOCK + SLACK],
        mut used: usize,
        ended: &mut impl FnMut(usize),
    ) -> (usize, usize) {
        let Some(block) = ahead.first_chunk() else { return (0, used) };
        let runs = Runs::of(block);
        let length = runs.length;
        for (first, length) in runs {
            let Some(word) = ahead[first..].first_chunk::<SLACK>() else { break };
            let small = u128::from_le_bytes(*word) | CASE;
            self.letters[used..used + SLACK].copy_from_slice(&small.to_le_bytes());
            if length <= SLACK {
                self.hashes.push(hash_short(small, length));
            } else {
                let rest = used + SLACK..used + length;
                let letters = ahead[first + SLACK..first + length].iter().map(|letter| letter | 0x20);
                self.letters[rest].iter_mut().zip(letters).for_each(|(place, letter)| *place = letter);
                self.hashes.push(hash_word(&self.letters[used..used + length]));
            }
            used += length;
            ended(used);
        }
        (length, used)
    }

    /// Room for so many letters more than are in use.
    fn room(&mut self, used: usize, more: usize) {
        let wanted = used + more + SLACK;
        if self.letters.len() < wanted {
            self.letters.resize(wanted, 0);
        }
    }

    /// As the normalisation defines it; returns the letters in use.
    #[cold]
    fn slowly(&mut self, text: &str, used: usize, ended: &mut impl FnMut(usize)) -> usize {
        let normal = normalize(text);
        self.room(used, normal.len());
        let mut at = used;
        for word in words(&normal) {
            self.letters[at..at + word.len()].copy_from_slice(word.as_bytes());
            self.hashes.push(hash_word(word.as_bytes()));
            at += word.len();
            ended(at);
        }
        at
    }
}

/// The hash of a word of so many bytes, 16 at most, whatever follows them.
#[inline]
fn hash_short(bytes: u128, length: usize) -> u64 {
    let kept = bytes & u128::MAX >> (128 - 8 * length as u32);
    let first = begin(kept as u64, length);
    // both are made, since which one it is cannot be foreseen
    let both = go_on(first, (kept >> 64) as u64);
    std::hint::select_unpredictable(length > 8, both, first)
}

/// The hash of the word whose letters are those.
#[inline]
fn hash_of(letters: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    match letters[start..].first_chunk::<8>() {
        Some(first) if length <= 8 => {
            let kept = u64::MAX >> (64 - 8 * length as u32);
            begin(u64::from_le_bytes(*first) & kept, length)
        }
        _ => hash_word(&letters[start..end]),
    }
}

/// Writes eight bytes after the letters in use; there is room for them.
#[inline]
fn write(letters: &mut [u8], used: usize, chunk: u64) {
    letters[used..used + 8].copy_from_slice(&chunk.to_le_bytes());
}

/// Takes what stands at `at`: no more than one character, or one number.
#[inline]
fn step(letters: &mut [u8], used: usize, bytes: &[u8], at: usize, table: &[u8; 256]) -> Step {
    match table[usize::from(bytes[at])] {
        GAP => Step::Gap(at + 1),
        WIDE => match wide(bytes, at) {
            Some((Pair::Gap, length)) => Step::Gap(at + length),
            Some((Pair::Letters([one, two], count), length)) => {
                write(letters, used, u64::from(one) | u64::from(two) << 8);
                Step::Word(at + length, usize::from(count))
            }
            _ => Step::Unknown,
        },
        NUMBER => match number_end(bytes, at) {
            Some(end) => {
                write(letters, used, u64::from(NUMBER));
                Step::Word(end, 1)
            }
            None => Step::Unknown,
        },
        letter => {
            write(letters, used, u64::from(letter));
            Step::Word(at + 1, 1)
        }
    }
}

/// Where the pass goes on: after what separates words, or within one and after so many more letters, or nowhere.
enum Step {
    Gap(usize),
    Word(usize, usize),
    Unknown,
}

/// How many of these eight bytes are letters of ASCII up to the first that is none.
#[inline]
fn leading_letters(chunk: u64, small: u64) -> usize {
    ((!ascii_letters(chunk, small) & HIGH).trailing_zeros() / 8) as usize
}

/// How much the normalisation is given at once: a word, or more where it is called again and again.
struct Stretch {
    length: usize,
    end: usize,
}

impl Stretch {
    /// The first white space of ASCII after `at` and the stretch.
    fn after(&mut self, bytes: &[u8], at: usize) -> usize {
        let is_close = self.end > 0 && at - self.end < CLOSE;
        self.length = if is_close { (2 * self.length + CLOSE).min(LONGEST_STRETCH) } else { 0 };
        let from = bytes.len().min(at + self.length);
        let rest = bytes[from..].iter().position(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r'));
        self.end = rest.map_or(bytes.len(), |offset| from + offset);
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Longer than what is read together, on both sides.
    const BLOCKS: &str = "Words of letters alone, as most are, and one that is not: {} (and then, an incomprehensibly \
                          longish one as well as words enough for a block or two behind it; but that is all)";

    /// Hashes and letters.
    type Read = (Vec<u64>, Vec<u8>);

    fn both(text: &str) -> (Read, Read) {
        // what an earlier text left behind must not matter
        let mut scan = WordScan::new();
        scan.read("zzzzzzzzzzzzzzzzzzzzzzz zzz zzzzzz");
        scan.read(text);
        let normal = normalize(text);
        let slow = words(&normal).map(|word| hash_word(word.as_bytes())).collect();
        let letters = words(&normal).collect::<String>().into_bytes();
        ((scan.hashes().to_vec(), scan.letters().to_vec()), (slow, letters))
    }

    #[test]
    fn every_character_between_two_of_every_class() {
        for c in (0..0x3000).filter_map(char::from_u32).chain(['٫', '⎖', '界', '\u{1d7d8}', 'İ', 'Ａ', '１'])
        {
            for (left, right) in [
                ("a", "b"),
                ("1", "2"),
                ("1.", "2"),
                ("é", "1"),
                (" ", "."),
                ("x-", "'s"),
                ("я", "ж"),
                ("ab", "é"),
                ("ا", "١"),
            ] {
                for frame in ["one {} two", "{}", "{} and something longer than eight bytes", BLOCKS] {
                    let text = frame.replace("{}", &format!("{left}{c}{right}"));
                    let (fast, slow) = both(&text);
                    assert_eq!(fast, slow, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn words_end_where_their_letters_do() {
        let mut ends = Vec::new();
        let mut scan = WordScan::new();
        scan.read_with("Crème, 1,234 pâtés—o", |end| ends.push(end));
        assert_eq!(scan.letters(), b"creme0pateso");
        assert_eq!(ends, [5, 6, 11, 12]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn the_pass_equals_the_normalisation(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z]{1,8}", "[a-zA-Z]{8,20}", "[a-z]{60,70}", "[0-9.,]{1,8}", "[ -~]{1,6}", "[à-üŁőßΆ’“–…\u{a0}é]{1,4}",
                    "[a-zé]{1,4}", "[α-ωΣа-я一-十٠-٩،٫ ]{1,6}", "[а-яЁё ]{1,12}", "[\u{600}-\u{6ff} ]{1,12}", "[\u{80}-\u{7ff}]{1,6}",
                    any::<String>(), Just(" ".to_owned()), Just("e\u{301}".to_owned()), Just("\u{2009}".to_owned()),
                ],
                0..12,
            ),
        ) {
            for text in [pieces.concat(), BLOCKS.replace("{}", &pieces.concat())] {
                let (fast, slow) = both(&text);
                prop_assert_eq!(fast, slow);
            }
        }
    }
}
