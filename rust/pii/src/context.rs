//! Words near a candidate that say what it is.

/// Is one of `words` (lower-case ASCII or exact UTF-8) a whole word within `window` bytes before `start`?
pub(crate) fn before(text: &[u8], start: usize, window: usize, words: &[&str]) -> bool {
    let from = start.saturating_sub(window);
    // the window may begin inside a word
    let outside = from.checked_sub(1).map(|at| text[at]);
    words.iter().any(|word| contains_word(outside, &text[from..start], word.as_bytes()))
}

fn contains_word(outside: Option<u8>, near: &[u8], word: &[u8]) -> bool {
    if word.len() > near.len() {
        return false;
    }
    near.windows(word.len()).enumerate().any(|(at, piece)| {
        if !piece.eq_ignore_ascii_case(word) {
            return false;
        }
        let left = at.checked_sub(1).map_or(outside, |i| Some(near[i]));
        let right = near.get(at + word.len()).copied();
        // a tag left by an earlier scrub, such as <PHONE>, is no context
        let is_tag = left == Some(b'<');
        !is_tag && !left.is_some_and(is_word) && !right.is_some_and(is_word)
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Is the byte before `at` an ASCII letter or digit?
pub(crate) fn alnum_before(text: &[u8], at: usize) -> bool {
    at > 0 && text[at - 1].is_ascii_alphanumeric()
}

/// Is the byte at `at` an ASCII letter or digit?
pub(crate) fn alnum_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// Is the byte at `at` an ASCII digit?
pub(crate) fn digit_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}
