//! Where a run without white space ends, and what the white space after it holds: the walk over a text's bytes.

use crate::chars::{is_line_break, is_space, is_web_punctuation};
use crate::runs::load;

/// Bytes below `!` or outside ASCII have their upper bit set in the result; exact up to the first such byte.
#[inline]
fn unusual(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    (word.wrapping_sub(EACH * 0x21) | word) & (EACH * 0x80)
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

/// Where the run that starts at `start` ends.
#[inline]
pub(crate) fn end_of_run(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at + 8 <= bytes.len() {
        let found = unusual(load(bytes, at));
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            if MEANING[usize::from(bytes[at])] == 1 {
                return at;
            }
            break;
        }
        at += 8;
    }
    end_bytewise(text, at)
}

fn end_bytewise(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match MEANING[usize::from(byte)] {
            0 => {}
            1 => return at,
            _ if text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(is_space) => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Counts over the white space of a text.
#[derive(Default)]
pub(crate) struct Spaces {
    /// Characters.
    pub(crate) chars: u64,
    /// Those that count as punctuation or control characters.
    pub(crate) marks: u64,
    /// Line feeds.
    pub(crate) newlines: u64,
    /// Line breaks other than line feeds.
    pub(crate) other_breaks: u64,
}

impl Spaces {
    /// Counts the white space from `at` on; gives its end and whether a line ends in it.
    #[inline]
    pub(crate) fn read(&mut self, text: &str, at: usize) -> (usize, bool) {
        let bytes = text.as_bytes();
        if bytes[at] == b' ' && bytes.get(at + 1).is_some_and(|&next| next > b' ' && next < 0x80) {
            self.chars += 1;
            return (at + 1, false);
        }
        let before = self.newlines + self.other_breaks;
        let mut end = at;
        for c in text.get(at..).unwrap_or_default().chars() {
            match c {
                ' ' => self.chars += 1,
                '\n' => {
                    self.chars += 1;
                    self.newlines += 1;
                }
                _ if is_space(c) => {
                    self.chars += 1;
                    self.marks += u64::from(is_web_punctuation(c));
                    self.other_breaks += u64::from(is_line_break(c));
                }
                _ => break,
            }
            end += c.len_utf8();
        }
        (end, self.newlines + self.other_breaks > before)
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
            if expected < text.len() {
                let mut spaces = Spaces::default();
                let (end, breaks) = spaces.read(&text, expected);
                let run = text[expected..].split_inclusive(|c| !is_space(c)).next().unwrap_or_default();
                let run = run.trim_end_matches(|c| !is_space(c));
                prop_assert_eq!(end, expected + run.len());
                prop_assert_eq!(breaks, run.contains(is_line_break));
                prop_assert_eq!(spaces.chars, run.chars().count() as u64);
                prop_assert_eq!(spaces.newlines, run.matches('\n').count() as u64);
            }
        }
    }
}
