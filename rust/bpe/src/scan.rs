//! Hand-written scanners for the published patterns: what a backtracking regex finds, in linear time.
//!
//! Every scanner returns the end of the piece that starts at `at`; the pieces cover the text.

use crate::classes::{CLASSES, Classes, LETTER, LOWER, NEWLINE, NUMBER, OTHER, SPACE, UPPER};

pub(crate) struct Scanner<'t> {
    bytes: &'t [u8],
    classes: &'static Classes,
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), classes: &CLASSES }
    }

    /// Classes and length in bytes of the character at `at`; (0, 0) at the end of the text.
    #[inline]
    fn class(&self, at: usize) -> (u8, usize) {
        let Some(&lead) = self.bytes.get(at) else { return (0, 0) };
        if lead < 0x80 {
            return (self.classes.of(u32::from(lead)), 1);
        }
        let tail = |i: usize| u32::from(self.bytes.get(at + i).copied().unwrap_or(0x80) & 0x3F);
        let lead = u32::from(lead);
        match lead {
            ..0xE0 => (self.classes.of((lead & 0x1F) << 6 | tail(1)), 2),
            0xE0..0xF0 => (self.classes.of((lead & 0x0F) << 12 | tail(1) << 6 | tail(2)), 3),
            _ => (self.classes.of((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)), 4),
        }
    }

    #[inline]
    fn is(&self, at: usize, class: u8) -> bool {
        self.class(at).0 & class != 0
    }

    /// The end of the run of characters of `class` from `at` on.
    #[inline]
    fn run(&self, mut at: usize, class: u8) -> usize {
        loop {
            let (found, length) = self.class(at);
            if found & class == 0 {
                return at;
            }
            at += length;
        }
    }

    /// The end of up to `limit` numbers from `at` on.
    fn numbers(&self, mut at: usize, limit: usize) -> usize {
        for _ in 0..limit {
            let (found, length) = self.class(at);
            if found & NUMBER == 0 {
                break;
            }
            at += length;
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
    fn contraction(&self, at: usize, fold: bool) -> Option<usize> {
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
        let end = self.run(at, SPACE);
        if end == self.bytes.len() {
            return end;
        }
        let last = self.last_char(end);
        if last > at { last } else { end }
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: a run of spaces is cut after its last newline.
    fn spaces_by_line(&self, at: usize) -> usize {
        let end = self.run(at, SPACE);
        match self.bytes[at..end].iter().rposition(|byte| matches!(byte, b'\r' | b'\n')) {
            Some(newline) => at + newline + 1,
            None => self.spaces(at),
        }
    }

    /// Where a word starts that may have one U+0020 before it.
    fn after_blank(&self, at: usize) -> usize {
        at + usize::from(self.bytes.get(at) == Some(&b' '))
    }

    pub(crate) fn gpt2(&self, at: usize) -> usize {
        if let Some(end) = self.contraction(at, false) {
            return end;
        }
        let start = self.after_blank(at);
        match self.class(start).0 & (LETTER | NUMBER | OTHER) {
            0 => self.spaces(at),
            class => self.run(start, class),
        }
    }

    /// cl100k with up to `digits` numbers in a piece: 3 for OpenAI and Llama-3, 1 for Qwen.
    pub(crate) fn cl100k(&self, at: usize, digits: usize) -> usize {
        if let Some(end) = self.contraction(at, true) {
            return end;
        }
        let (class, length) = self.class(at);
        if class & LETTER != 0 {
            return self.run(at, LETTER);
        }
        if class & (NUMBER | NEWLINE) == 0 && self.is(at + length, LETTER) {
            return self.run(at + length, LETTER);
        }
        if class & NUMBER != 0 {
            return self.numbers(at, digits);
        }
        let start = self.after_blank(at);
        if self.is(start, OTHER) {
            return self.run(self.run(start, OTHER), NEWLINE);
        }
        self.spaces_by_line(at)
    }

    pub(crate) fn o200k(&self, at: usize) -> usize {
        let (class, length) = self.class(at);
        let prefix = if class & (LETTER | NUMBER | NEWLINE) == 0 { length } else { 0 };
        if let Some(end) = self.word(at, prefix) {
            return self.contraction(end, true).unwrap_or(end);
        }
        if class & NUMBER != 0 {
            return self.numbers(at, 3);
        }
        let start = self.after_blank(at);
        if self.is(start, OTHER) {
            let mut end = self.run(start, OTHER);
            while matches!(self.bytes.get(end), Some(b'\r' | b'\n' | b'/')) {
                end += 1;
            }
            return end;
        }
        self.spaces_by_line(at)
    }

    /// The two letter rules of o200k, each first with the optional prefix and then without.
    fn word(&self, at: usize, prefix: usize) -> Option<usize> {
        let without = (prefix > 0).then_some(at);
        let starts = || std::iter::once(at + prefix).chain(without);
        starts().find_map(|start| self.upper_then_lower(start)).or_else(|| {
            starts().find(|&start| self.is(start, UPPER)).map(|start| self.run(self.run(start, UPPER), LOWER))
        })
    }

    /// `[upper]*[lower]+` as a backtracking engine matches it; letters without case are in both classes.
    fn upper_then_lower(&self, start: usize) -> Option<usize> {
        let (mut at, mut caseless) = (start, None);
        loop {
            let (class, length) = self.class(at);
            if class & UPPER == 0 {
                break;
            }
            at += length;
            if class & LOWER != 0 {
                caseless = Some(at);
            }
        }
        if self.is(at, LOWER) { Some(self.run(at, LOWER)) } else { caseless }
    }
}
