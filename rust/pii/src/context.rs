//! Words near a candidate that say what it is.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};

/// Bytes of the longest name of a tag before the word in it.
const LONGEST_TAG: usize = 32;

/// A list of words (lower-case ASCII or exact UTF-8), and the automaton that looks for all of them at once.
pub(crate) struct Words {
    words: &'static [&'static str],
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Words {
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        Self { words, automaton: OnceLock::new() }
    }

    /// Does one of them stand as a whole word within `window` bytes before `start`?
    pub(crate) fn before(&self, text: &[u8], start: usize, window: usize) -> bool {
        let build = || {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::DFA))
                .build(self.words)
                .ok()
        };
        let Some(automaton) = self.automaton.get_or_init(build) else { return false };
        let from = start.saturating_sub(window);
        // another field of a record, in JSON or CSV, says nothing about this one
        let from = memchr::memmem::rfind(&text[from..start], b"\",").map_or(from, |at| from + at + 2);
        let near = Input::new(text).span(from..start);
        automaton.find_overlapping_iter(near).any(|hit| is_whole(text, hit.start(), hit.end()))
    }
}

/// Do other characters than letters and digits stand around, or the humps of `phoneNumber`? A tag left by an earlier
/// scrub, such as `<PHONE>` or `<PAYMENT_CARD_1>`, is no context.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    let is_hump = |left: u8, right: u8| left.is_ascii_lowercase() && right.is_ascii_uppercase();
    let begins = !alnum_before(text, start) || is_hump(text[start - 1], text[start]);
    let ends = !alnum_at(text, end) || is_hump(text[end - 1], text[end]);
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let name = text[..start].iter().rev().take(LONGEST_TAG).take_while(is_name).count();
    begins && ends && !text[..start - name].ends_with(b"<")
}

/// Is the byte before `at` an ASCII letter or digit?
pub(crate) fn alnum_before(text: &[u8], at: usize) -> bool {
    at > 0 && text[at - 1].is_ascii_alphanumeric()
}

/// Where the run of ASCII letters and digits at `at` ends.
pub(crate) fn alnum_end(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// Is the byte at `at` an ASCII letter or digit?
pub(crate) fn alnum_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Is the byte at `at` an ASCII digit?
pub(crate) fn digit_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}
