//! International bank account numbers (ISO 13616).

use std::ops::Range;

use crate::context;

/// Country and total length, from the SWIFT registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// The account number whose two check digits begin at `digits`; printed in groups of four or in one piece.
pub(crate) fn at(text: &[u8], digits: usize) -> Option<Range<usize>> {
    let start = digits.checked_sub(2)?;
    if context::alnum_before(text, start) {
        return None;
    }
    let country = [text[start].to_ascii_uppercase(), text[start + 1].to_ascii_uppercase()];
    let length = LENGTHS.iter().find(|(code, _)| **code == country)?.1;
    let mut remainder = 0u32;
    let mut head = [0u32; 4];
    let mut count = 0;
    let mut at = start;
    while count < length {
        let byte = *text.get(at)?;
        if byte.is_ascii_alphanumeric() {
            let value = (byte as char).to_digit(36)?;
            match count {
                0..4 => head[count] = value,
                _ => remainder = fold(remainder, value),
            }
            count += 1;
        } else if byte != b' ' || text[at - 1] == b' ' || count % 4 != 0 {
            return None;
        }
        at += 1;
    }
    // small letters are taken where the number is written in one piece, not across words
    let body = &text[start..at];
    if body.contains(&b' ') && body.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    // the first four characters are moved to the end
    remainder = head.iter().fold(remainder, |sum, &value| fold(sum, value));
    let ok = remainder == 1 && head[2] < 10 && head[3] < 10 && !context::alnum_at(text, at);
    ok.then_some(start..at)
}

fn fold(remainder: u32, value: u32) -> u32 {
    (if value < 10 { remainder * 10 + value } else { remainder * 100 + value }) % 97
}
