//! Where a run without white space ends, and what the white space after it holds: the walk over a text's bytes.

use std::hint::select_unpredictable;
use std::ops::Range;

use crate::chars::{is_line_break, is_space, is_web_punctuation};
use crate::runs::{EXACT_BYTES, first_bytes, load};

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = EACH * 0x80;

/// Bytes below `!` or outside ASCII have their upper bit set in the result; exact up to the first such byte.
#[inline(always)]
fn unusual(word: u64) -> u64 {
    (word.wrapping_sub(EACH * 0x21) | word) & HIGH
}

/// Bytes below `!` and the first bytes of white space outside ASCII (0xc2, 0xe1, 0xe2, 0xe3) have their upper bit set in
/// the result, exactly.
#[inline(always)]
fn spacelike(word: u64) -> u64 {
    // 0xff where the byte equals the pattern's zero bits.
    let zero = |word: u64| !(((word & !HIGH) + !HIGH) | word) & HIGH;
    let low = !((word & !HIGH) + EACH * (0x80 - 0x21)) & !word & HIGH;
    let from_e0 = word ^ (EACH * 0xe0);
    low | zero(word ^ (EACH * 0xc2)) | (zero(from_e0 & (EACH * 0xfc)) & !zero(from_e0))
}

/// What a byte can mean for the end of a run: nothing, white space, or the first byte of a space outside ASCII.
static MEANING: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte <= b' ' as usize {
        table[byte] = matches!(byte as u8, b'\t'..=b'\r' | 0x1c..=b' ') as u8;
        byte += 1;
    }
    table[0xc2] = 2;
    table[0xe1] = 2;
    table[0xe2] = 2;
    table[0xe3] = 2;
    table
};

/// Bytes that are looked at together.
pub(crate) const CHUNK: usize = 32;

/// The bytes from `at`; nothing but spaces where fewer are left.
#[inline(always)]
pub(crate) fn chunk(bytes: &[u8], at: usize) -> &[u8; CHUNK] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).unwrap_or(&[b' '; CHUNK])
}

/// The run of at most 15 bytes that the chunk starts with, zeros behind it, and its length; None if it is longer or ends
/// in a way that needs a closer look.
#[inline(always)]
pub(crate) fn short_run(chunk: &[u8; CHUNK]) -> Option<([u64; 2], usize)> {
    let words = [load(chunk, 0), load(chunk, 8)];
    let found = words.map(unusual);
    // Whether a run has more than eight bytes is hard to predict.
    let length = |found: u64| (found.trailing_zeros() / 8) as usize;
    let length = select_unpredictable(found[0] == 0, 8 + length(found[1]), length(found[0]));
    if length > EXACT_BYTES || MEANING[usize::from(chunk[length])] != 1 {
        return None;
    }
    Some((first_bytes(words, length), length))
}

/// Where the run that starts at `start` ends.
pub(crate) fn end_of_run(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let mut found = spacelike(u64::from_le_bytes(*eight));
        while found != 0 {
            let here = at + found.trailing_zeros() as usize / 8;
            if is_space_at(text, here) {
                return here;
            }
            found &= found - 1;
        }
        at += 8;
    }
    while at < bytes.len() && !is_space_at(text, at) {
        at += 1;
    }
    at
}

/// Whether the character that starts at this byte, or has it inside, is white space.
#[inline]
fn is_space_at(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    match MEANING[usize::from(bytes[at])] {
        1 => true,
        0 => false,
        // Kana begin with the first byte of the ideographic space.
        _ if bytes[at] == 0xe3 => bytes.get(at + 1) == Some(&0x80) && bytes.get(at + 2) == Some(&0x80),
        _ => text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(is_space),
    }
}

/// The white space of a text.
#[derive(Default)]
pub(crate) struct Spaces {
    /// Where the line feeds stand.
    pub(crate) newlines: Vec<usize>,
    /// Characters that count as punctuation or control characters.
    pub(crate) marks: u64,
    /// Line breaks other than line feeds.
    pub(crate) other_breaks: u64,
    /// Bytes of characters, without the first ones.
    pub(crate) more_bytes: u64,
}

impl Spaces {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.newlines.clear();
        (self.marks, self.other_breaks, self.more_bytes) = (0, 0, 0);
    }

    /// Where several line feeds follow one another, but for the first ones and the last ones of the text.
    pub(crate) fn blank_lines(&self, first: usize, last: usize) -> impl Iterator<Item = Range<usize>> {
        let inner = self.newlines.get(first..self.newlines.len() - last).unwrap_or_default();
        let mut at = 0;
        std::iter::from_fn(move || {
            while let [one, two] = *inner.get(at..at + 2)? {
                at += 1;
                if one + 1 == two {
                    let more = inner.get(at..).unwrap_or_default().windows(2);
                    at += more.take_while(|pair| pair[0] + 1 == pair[1]).count();
                    return Some(one..inner[at] + 1);
                }
            }
            None
        })
    }

    /// Counts the white space from `at` on, where these bytes stand; gives its end and whether a line ends in it.
    #[inline(always)]
    pub(crate) fn read(&mut self, text: &str, at: usize, [first, second]: [u8; 2]) -> (usize, bool) {
        if MEANING[usize::from(second)] == 0 {
            match first {
                b' ' => return (at + 1, false),
                b'\n' => {
                    self.newlines.push(at);
                    return (at + 1, true);
                }
                _ => {}
            }
        }
        self.read_any(text, at)
    }

    /// `read` of any white space.
    #[inline(never)]
    pub(crate) fn read_any(&mut self, text: &str, at: usize) -> (usize, bool) {
        let before = (self.newlines.len(), self.other_breaks);
        let mut end = at;
        for c in text.get(at..).unwrap_or_default().chars() {
            match c {
                ' ' => {}
                '\n' => self.newlines.push(end),
                _ if is_space(c) => {
                    self.marks += u64::from(is_web_punctuation(c));
                    self.other_breaks += u64::from(is_line_break(c));
                    self.more_bytes += c.len_utf8() as u64 - 1;
                }
                _ => break,
            }
            end += c.len_utf8();
        }
        (end, (self.newlines.len(), self.other_breaks) != before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_end_at_white_space(text in "([!-~]{0,20}|[\\x00-\\x20]|é|\u{a0}|\u{3000}|あ|\u{2028}|\u{85}){0,20}") {
            let expected = text.find(is_space).unwrap_or(text.len());
            prop_assert_eq!(end_of_run(&text, 0), expected);
            let padded = text.clone() + &" ".repeat(CHUNK);
            if let Some((words, length)) = short_run(chunk(padded.as_bytes(), 0)) {
                prop_assert_eq!(length, expected);
                let mut padded = text.as_bytes()[..expected].to_vec();
                padded.resize(16, 0);
                prop_assert_eq!(words, [load(&padded, 0), load(&padded, 8)]);
            }
            if expected < text.len() {
                let (mut fast, mut plain) = (Spaces::default(), Spaces::default());
                let after = padded.as_bytes()[expected..].first_chunk().copied().unwrap();
                prop_assert_eq!(fast.read(&text, expected, after), plain.read_any(&text, expected));
                prop_assert_eq!(fast.newlines, plain.newlines);
                let mut spaces = Spaces::default();
                let (end, breaks) = spaces.read_any(&text, expected);
                let run = text[expected..].split_inclusive(|c| !is_space(c)).next().unwrap_or_default();
                let run = run.trim_end_matches(|c| !is_space(c));
                prop_assert_eq!(end, expected + run.len());
                prop_assert_eq!(breaks, run.contains(is_line_break));
                let newlines: Vec<_> = run.match_indices('\n').map(|(at, _)| expected + at).collect();
                prop_assert_eq!(spaces.newlines, newlines);
                prop_assert_eq!(spaces.more_bytes as usize, run.len() - run.chars().count());
            }
        }
    }
}
