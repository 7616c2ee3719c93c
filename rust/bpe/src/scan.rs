//! Hand-written scanners for the published patterns: what a backtracking regex finds, in linear time.
//!
//! Every scanner returns the end of the piece that starts at `at`; the pieces cover the text.

use crate::bitmap::{Bitmap, Block};

pub(crate) struct Scanner<'t> {
    pub bytes: &'t [u8],
    pub map: &'t Bitmap,
}

/// ASCII characters that cl100k joins to the letters behind them whatever comes before; the apostrophe may
/// begin a contraction instead.
const JOINS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x80 {
        let c = byte as u8;
        table[byte] = !c.is_ascii_alphanumeric() && !matches!(c, b'\r' | b'\n' | b'\'');
        byte += 1;
    }
    table
};

fn letter(block: &Block) -> u64 {
    block.letter
}
fn number(block: &Block) -> u64 {
    block.number
}
fn space(block: &Block) -> u64 {
    block.space
}
fn newline(block: &Block) -> u64 {
    block.newline
}
fn other(block: &Block) -> u64 {
    block.other
}
fn upper(block: &Block) -> u64 {
    block.upper
}
fn lower(block: &Block) -> u64 {
    block.lower
}

/// Length in bytes of the character that starts with `lead`.
#[inline]
pub(crate) fn length(lead: u8) -> usize {
    match lead {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

impl<'t> Scanner<'t> {
    /// `map` holds the classes of `text`.
    pub(crate) fn new(text: &'t str, map: &'t Bitmap) -> Self {
        Self { bytes: text.as_bytes(), map }
    }

    /// The end of up to `limit` numbers from `at` on.
    fn numbers(&self, mut at: usize, limit: usize) -> usize {
        for _ in 0..limit {
            if !self.map.is(at, number) {
                break;
            }
            at += length(self.bytes[at]);
        }
        at
    }

    /// The start of the character that ends at `end`.
    fn last_char(&self, end: usize) -> usize {
        let mut at = end - 1;
        while at > 0 && self.bytes[at] & 0xC0 == 0x80 {
            at -= 1;
        }
        at
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d` at `at`; with `fold` in any case, and long s (U+017F) is an s.
    pub(crate) fn contraction(&self, at: usize, fold: bool) -> Option<usize> {
        if self.bytes.get(at) != Some(&b'\'') {
            return None;
        }
        let letter = |i: usize| {
            let byte = self.bytes.get(at + i).copied().unwrap_or(0);
            if fold { byte.to_ascii_lowercase() } else { byte }
        };
        match (letter(1), letter(2)) {
            (b's' | b't' | b'm' | b'd', _) => Some(at + 2),
            (b'r' | b'v', b'e') | (b'l', b'l') => Some(at + 3),
            _ if fold && self.bytes[at + 1..].starts_with("\u{17F}".as_bytes()) => Some(at + 3),
            _ => None,
        }
    }

    /// `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word that follows.
    fn spaces(&self, at: usize) -> usize {
        let end = self.map.run(at, space);
        if end == self.bytes.len() {
            return end;
        }
        let last = self.last_char(end);
        if last > at { last } else { end }
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: a run of spaces is cut after its last newline.
    fn spaces_by_line(&self, at: usize) -> usize {
        let end = self.map.run(at, space);
        match self.bytes[at..end].iter().rposition(|byte| matches!(byte, b'\r' | b'\n')) {
            Some(newline) => at + newline + 1,
            None => self.spaces(at),
        }
    }

    /// The end of the letters from `at` on, of which the first 64 bytes are in `seen`.
    #[inline]
    fn letters(&self, at: usize, seen: u64) -> usize {
        let run = (!seen).trailing_zeros() as usize;
        if run < 64 { at + run } else { self.map.run(at + 64, letter) }
    }

    #[inline]
    pub(crate) fn gpt2(&self, at: usize) -> usize {
        let first = self.bytes[at];
        let start = at + usize::from(first == b' ');
        let seen = self.map.window(start, letter);
        if seen & 1 != 0 {
            return self.letters(start, seen);
        }
        if let Some(end) = self.contraction(at, false) {
            return end;
        }
        if self.map.is(start, other) {
            return self.map.run(start, other);
        }
        if self.map.is(start, number) { self.map.run(start, number) } else { self.spaces(at) }
    }

    /// cl100k with up to `digits` numbers in a piece: 3 for OpenAI and Llama-3, 1 for Qwen.
    #[inline]
    pub(crate) fn cl100k(&self, at: usize, digits: usize) -> usize {
        let first = self.bytes[at];
        let seen = self.map.window(at, letter);
        if (seen | seen >> 1 & u64::from(JOINS[usize::from(first)])) & 1 != 0 {
            return self.letters(at, seen | 1);
        }
        self.cl100k_rare(at, digits)
    }

    /// What is neither letters nor one ASCII character and letters.
    fn cl100k_rare(&self, at: usize, digits: usize) -> usize {
        if let Some(end) = self.contraction(at, true) {
            return end;
        }
        let first = self.bytes[at];
        if self.map.is(at, number) {
            return self.numbers(at, digits);
        }
        let second = at + length(first);
        if !matches!(first, b'\r' | b'\n') && self.map.is(second, letter) {
            return self.map.run(second, letter);
        }
        let start = at + usize::from(first == b' ');
        if self.map.is(start, other) {
            return self.map.run(self.map.run(start, other), newline);
        }
        self.spaces_by_line(at)
    }

    #[inline]
    pub(crate) fn o200k(&self, at: usize, digits: usize) -> usize {
        let first = self.bytes[at];
        let joins = !self.map.is(at, |block| block.letter | block.number | block.newline);
        let prefix = if joins { length(first) } else { 0 };
        if let Some(end) = self.word(at, prefix) {
            return self.contraction(end, true).unwrap_or(end);
        }
        if self.map.is(at, number) {
            return self.numbers(at, digits);
        }
        let start = at + usize::from(first == b' ');
        if self.map.is(start, other) {
            let mut end = self.map.run(start, other);
            while matches!(self.bytes.get(end), Some(b'\r' | b'\n' | b'/')) {
                end += 1;
            }
            return end;
        }
        self.spaces_by_line(at)
    }

    /// The two letter rules of o200k, each first with the optional prefix and then without.
    #[inline]
    fn word(&self, at: usize, prefix: usize) -> Option<usize> {
        if let Some(end) = self.upper_then_lower(at + prefix) {
            return Some(end);
        }
        // Without its prefix a word must begin with a mark.
        let marked = prefix > 0 && self.map.is(at, upper);
        if marked && let Some(end) = self.upper_then_lower(at) {
            return Some(end);
        }
        [Some(at + prefix), marked.then_some(at)]
            .into_iter()
            .flatten()
            .find(|&start| self.map.is(start, upper))
            .map(|start| self.map.run(self.map.run(start, upper), lower))
    }

    /// `[upper]*[lower]+` as a backtracking engine matches it; letters without case are in both classes.
    #[inline]
    fn upper_then_lower(&self, start: usize) -> Option<usize> {
        let end = self.map.run(start, upper);
        let after = self.map.run(end, lower);
        if after > end {
            return Some(after);
        }
        // The last letter without case gives way to the second class.
        let mut at = end;
        while at > start {
            let from = start.max(at.saturating_sub(64));
            let both = self.map.window(from, |block| block.upper & block.lower) << (64 - (at - from));
            if both != 0 {
                return Some(at - both.leading_zeros() as usize);
            }
            at = from;
        }
        None
    }
}
