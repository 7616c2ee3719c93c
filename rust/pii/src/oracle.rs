//! The same search without a prefilter: every matcher at every byte that it could want. For tests and fuzzing.

use crate::context;
use crate::kind::Kinds;
use crate::matchers::Candidates;
use crate::scan::{Findings, resolve};

/// What [`find`](crate::find) must give.
#[must_use]
pub fn find_slowly(text: &str, kinds: Kinds) -> Findings {
    let text = text.as_bytes();
    let mut found = Candidates::new(kinds);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'@' => found.at_sign(text, at),
            b':' => found.colon(text, at),
            b'-' => found.dash(text, at),
            b'0'..=b'9' if at == 0 || !text[at - 1].is_ascii_digit() => found.digits(text, at),
            _ => {}
        }
        if byte.is_ascii_alphanumeric() && !context::alnum_before(text, at) {
            found.token(text, at, context::alnum_end(text, at));
        }
    }
    resolve(found)
}
