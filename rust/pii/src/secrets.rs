//! Cloud and API keys by prefix, length and alphabet.

use std::ops::Range;

use crate::secrets_table::SecretForm;

/// The key of this form whose prefix begins at `start`.
///
/// No byte of the key's own alphabet may stand before it: runs of one form never overlap, which keeps the work
/// linear, and a prefix in the middle of a word is none.
pub(crate) fn at(text: &[u8], start: usize, form: &SecretForm) -> Option<Range<usize>> {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || form.alphabet.has(byte);
    if start > 0 && belongs(text[start - 1]) {
        return None;
    }
    let body = start + form.prefix.len();
    let length = text[body..].iter().take_while(|&&byte| form.alphabet.has(byte)).count();
    let mut end = body + length;
    // a full stop or dash that ends the sentence is not part of a key
    while end > body && !text[end - 1].is_ascii_alphanumeric() && text[end - 1] != b'_' {
        end -= 1;
    }
    let length = end - body;
    if !(form.shortest..=form.longest).contains(&length)
        || text.get(end).is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let mut seen = [false; 256];
    let distinct =
        text[body..end].iter().filter(|&&b| !std::mem::replace(&mut seen[usize::from(b)], true)).count();
    // "xxxxxxxx" and other fillers in documentation have few different characters
    (distinct >= 6.min(length)).then_some(start..end)
}
