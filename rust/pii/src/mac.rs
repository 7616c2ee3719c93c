//! Hardware addresses.

use crate::context;
use crate::verdict::Verdict;

/// Letters and digits in the pairs of an address.
const LENGTH: usize = 17;
/// Three groups of four, and two dots.
const DOTTED_LENGTH: usize = 14;

/// The address whose first separator is at `at`: six pairs of hex digits with one separator throughout.
pub(crate) fn at(text: &[u8], at: usize) -> Verdict {
    let separator = text[at];
    let Some(start) = at.checked_sub(2) else { return Verdict::Nothing };
    let Some(body) = text.get(start..start + LENGTH) else { return Verdict::Nothing };
    let is_well_formed = body.iter().enumerate().all(|(index, byte)| match index % 3 {
        2 => *byte == separator,
        _ => byte.is_ascii_hexdigit(),
    });
    if !is_well_formed {
        return Verdict::Nothing;
    }
    let touches = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == separator;
    let before = start.checked_sub(1).map(|index| &text[index]);
    if before.is_some_and(touches) || text.get(start + LENGTH).is_some_and(touches) {
        return Verdict::Nothing;
    }
    checked(body, start)
}

/// The address in three groups of four hex digits with dots between, as Cisco writes it, whose first group begins at
/// `start`, where a run of letters and digits begins.
pub(crate) fn dotted(text: &[u8], start: usize) -> Verdict {
    let Some(body) = text.get(start..start + DOTTED_LENGTH) else { return Verdict::Nothing };
    let is_well_formed = body.iter().enumerate().all(|(index, byte)| match index % 5 {
        4 => *byte == b'.',
        _ => byte.is_ascii_hexdigit(),
    });
    let is_joined = |byte: &u8| matches!(byte, b'.' | b'-' | b':' | b'_');
    let end = start + DOTTED_LENGTH;
    let goes_on = context::alnum_at(text, end)
        || (text.get(end).is_some_and(is_joined) && context::alnum_at(text, end + 1));
    if !is_well_formed || goes_on || text[..start].last().is_some_and(is_joined) {
        return Verdict::Nothing;
    }
    checked(body, start)
}

fn checked(body: &[u8], start: usize) -> Verdict {
    let digits = || body.iter().filter(|byte| byte.is_ascii_hexdigit());
    let is_uniform = digits().all(|byte| byte.eq_ignore_ascii_case(&body[0]));
    // digits alone are more often a date or a list of numbers, letters alone are words
    let is_mixed = digits().any(u8::is_ascii_alphabetic) && digits().any(u8::is_ascii_digit);
    // a first octet that is odd names a group of devices (IEEE 802: multicast)
    let is_group = (char::from(body[1]).to_digit(16)).is_some_and(|low| low % 2 == 1);
    Verdict::checked(!is_uniform && is_mixed && !is_group, start..start + body.len())
}
