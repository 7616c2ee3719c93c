//! What is said around a national identifier, beside the words of its own list.

use memchr::memmem;

use crate::kind::Kind;

/// How far before the number a word may stand.
pub(crate) const CONTEXT_BYTES: usize = 64;
/// How far after it, within the clause.
const AFTER_BYTES: usize = 24;

/// Words that name one in capitals only, or as the name of a field: in small letters they are ordinary words.
fn capitals(kind: Kind) -> &'static [&'static [u8]] {
    match kind {
        Kind::UsSsn => &[b"SS#"],
        Kind::CaSin => &[b"SIN", b"NAS", b"\"sin\""],
        Kind::UkNino => &[b"NI"],
        Kind::DeSteuerId => &[b"TIN"],
        Kind::ItCodiceFiscale => &[b"CF"],
        Kind::TrTckn => &[b"TC"],
        Kind::ClRut => &[b"RUN"],
        Kind::SgNric => &[b"FIN"],
        _ => &[],
    }
}

/// Is the form so rare, with its check, that no word needs to name it? Only as it is printed, in capitals.
pub(crate) fn stands_alone(kind: Kind, number: &[u8]) -> bool {
    let is_known = match kind {
        Kind::ItCodiceFiscale | Kind::SgNric => true,
        // two letters and six digits in one piece are part numbers too
        Kind::UkNino => number.contains(&b' '),
        // a digit in the last place is what Swedish numbers have
        Kind::FiHetu => number.last().is_some_and(u8::is_ascii_alphabetic),
        _ => false,
    };
    is_known && !number.iter().any(u8::is_ascii_lowercase)
}

/// Does one of them stand before the number that begins at `start`?
pub(crate) fn is_named_in_capitals(kind: Kind, text: &[u8], start: usize) -> bool {
    capitals(kind).iter().any(|word| has_capitals(text, start, word))
}

/// Of what stands after a number that ends at `end` and can still speak of it.
pub(crate) fn length_of_clause(text: &[u8], end: usize) -> usize {
    text[end..].iter().take(AFTER_BYTES).take_while(|byte| !ends_clause(**byte)).count()
}

/// What stands after this speaks of something else.
fn ends_clause(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b',' | b';' | b':' | b'.' | b'"' | b'|' | b'\t' | b'\r' | b'\n')
}

/// Does the word stand as it is within the context before `start`? Other fields of a record say nothing.
fn has_capitals(text: &[u8], start: usize, word: &[u8]) -> bool {
    let near = &text[start.saturating_sub(CONTEXT_BYTES)..start];
    let near = memmem::rfind(near, b"\",").map_or(near, |at| &near[at + 2..]);
    let is_free = |byte: Option<&u8>| !byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memmem::find_iter(near, word).any(|at| {
        let end = at + word.len();
        let before = if at > 0 { near.get(at - 1) } else { None };
        let is_tag = before == Some(&b'<');
        !is_tag && is_free(before) && (word.ends_with(b"#") || is_free(near.get(end)))
    })
}
