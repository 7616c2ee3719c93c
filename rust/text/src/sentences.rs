//! Rule-based sentence ends: a stop mark that stands alone as a token, and the end of a line.

#[cfg(any(test, feature = "oracle"))]
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::chars::is_terminal_punctuation;
#[cfg(any(test, feature = "oracle"))]
use crate::chars::{is_line_break, is_space};

/// Counts sentences from tokens (`words::for_each_token`) as spaCy's sentencizer does within a line: a sentence begins
/// at the first token after a stop mark that is not itself punctuation.
#[cfg(any(test, feature = "oracle"))]
#[derive(Default)]
pub(crate) struct SentenceCounter {
    sentences: u64,
    in_line: bool,
    stopped: bool,
}

#[cfg(any(test, feature = "oracle"))]
impl SentenceCounter {
    pub(crate) fn push(&mut self, token: &str) {
        if token.starts_with(is_space) {
            self.in_line &= !token.contains(is_line_break);
            return;
        }
        if !self.in_line {
            self.in_line = true;
            self.stopped = false;
            self.sentences += 1;
        }
        if is_stop(token) {
            self.stopped = true;
        } else if self.stopped && !is_punctuation(token) {
            self.stopped = false;
            self.sentences += 1;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.sentences
    }
}

/// What the words of one run do to the count: depends on whether a stop mark came before in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Sentences that begin, and whether the last word is a stop mark: without, and with a stop mark before.
    begins: [u32; 2],
    stopped: [bool; 2],
}

impl Default for Steps {
    /// No words yet.
    fn default() -> Self {
        Self { begins: [0; 2], stopped: [false, true] }
    }
}

impl Steps {
    /// A word, and perhaps a mark: a stop mark or not.
    pub(crate) fn of_plain(mark: bool, stop: bool) -> Self {
        let ends = mark && stop;
        Self { begins: [0, 1], stopped: [ends, ends] }
    }

    /// Appends a word or mark: is it a stop mark, is it all punctuation?
    #[inline]
    pub(crate) fn push(&mut self, stop: bool, punctuation: bool) {
        for (begins, stopped) in self.begins.iter_mut().zip(&mut self.stopped) {
            *begins = begins.saturating_add(u32::from(*stopped & !stop & !punctuation));
            *stopped = stop | (*stopped & punctuation);
        }
    }

    /// The same for a run of at most 127 words.
    pub(crate) fn packed(&self) -> PackedSteps {
        let byte = |begins: u32, stopped: bool| (begins as u16) << 1 | u16::from(stopped);
        let [plain, stopped] = [0, 1].map(|state| byte(self.begins[state], self.stopped[state]));
        PackedSteps(plain | stopped << 8)
    }
}

/// `Steps` in a byte without and one with a stop mark before: sentences that begin, then whether a stop mark is last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedSteps(u16);

/// `SentenceCounter` over whole runs.
pub(crate) struct RunSentences {
    pub(crate) sentences: u64,
    /// 0 = in a line, 8 = after a stop mark, 16 = at the start of a line.
    state: u32,
}

impl Default for RunSentences {
    fn default() -> Self {
        Self { sentences: 0, state: Self::LINE_START }
    }
}

impl RunSentences {
    const STOPPED: u32 = 8;
    const LINE_START: u32 = 16;

    /// A run of words.
    #[inline(always)]
    pub(crate) fn push(&mut self, run: PackedSteps) {
        let step = u32::from(run.0) >> (self.state & Self::STOPPED);
        self.sentences += u64::from((step >> 1) & 0x7f) + u64::from(self.state / Self::LINE_START);
        self.state = (step & 1) * Self::STOPPED;
    }

    /// A run of any number of words.
    pub(crate) fn push_long(&mut self, run: &Steps) {
        let stopped = usize::from(self.state == Self::STOPPED);
        self.sentences += u64::from(self.state == Self::LINE_START) + u64::from(run.begins[stopped]);
        self.state = u32::from(run.stopped[stopped]) * Self::STOPPED;
    }

    /// White space in which a line ends.
    #[inline(always)]
    pub(crate) fn end_line(&mut self) {
        self.state = Self::LINE_START;
    }
}

/// Terminal punctuation that stands alone. Stop marks encoded after Unicode 10 end no sentence for spaCy.
pub(crate) fn is_stop(token: &str) -> bool {
    match token.as_bytes() {
        [one] => return matches!(one, b'.' | b'!' | b'?'),
        [first, ..] if *first >= 0x80 && token.len() <= 4 => {}
        _ => return false,
    }
    let mut chars = token.chars();
    chars.next().is_some_and(|c| {
        is_terminal_punctuation(c)
            && !matches!(c,
                '\u{61d}' | '\u{61e}' | '\u{837}' | '\u{839}' | '\u{83d}' | '\u{83e}' | '\u{17d4}'..='\u{17da}'
                | '\u{1b7d}' | '\u{1b7e}' | '\u{2e53}' | '\u{2e54}' | '\u{10f55}'..='\u{10f89}'
                | '\u{11944}' | '\u{11946}' | '\u{11ef7}' | '\u{11ef8}' | '\u{11f43}' | '\u{11f44}' | '\u{16e98}')
    }) && chars.next().is_none()
}

#[cfg(any(test, feature = "oracle"))]
fn is_punctuation(token: &str) -> bool {
    token.chars().all(|c| c.general_category_group() == GeneralCategoryGroup::Punctuation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::for_each_token;

    #[test]
    fn sentences() {
        for (text, expected) in [
            ("", 0),
            ("no stop", 1),
            ("One. Two! Three?", 3),
            ("She said \"Stop.\" Then left.", 2),
            ("Dr. No came, i.e. late.", 1),
            ("wait... what", 1),
            ("a line\nand another", 2),
            ("end. \n\n", 1),
            ("好。好。", 2),
        ] {
            let mut counter = SentenceCounter::default();
            for_each_token(text, |token| counter.push(token));
            assert_eq!(counter.count(), expected, "{text:?}");
        }
    }
}
