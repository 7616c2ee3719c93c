//! US social security numbers.

use std::ops::Range;

use crate::context;

const WORDS: [&str; 5] = ["ssn", "social security", "social-security", "ssns", "soc sec"];
/// Numbers that were printed in advertisements and are nobody's.
const SPECIMENS: [&[u8]; 2] = [b"078-05-1120", b"219-09-9999"];

/// `ddd-dd-dddd` at `start`, with a context word in the 64 bytes before.
pub(crate) fn at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let body = text.get(start..start + 11)?;
    let well_formed = body.iter().enumerate().all(|(index, byte)| match index {
        3 | 6 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let end = start + 11;
    let longer =
        context::alnum_at(text, end) || (text.get(end) == Some(&b'-') && context::digit_at(text, end + 1));
    if !well_formed || longer || context::alnum_before(text, start) || text[..start].ends_with(b"-") {
        return None;
    }
    let area = &body[..3];
    let invalid =
        area == b"000" || area == b"666" || area[0] == b'9' || &body[4..6] == b"00" || &body[7..] == b"0000";
    let named = context::before(text, start, 64, &WORDS);
    (!invalid && !SPECIMENS.contains(&body) && named).then_some(start..end)
}
