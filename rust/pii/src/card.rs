//! Payment cards: issuer range, length, Luhn digit (ISO/IEC 7812).

use std::ops::Range;

use crate::context;

const WORDS: [&str; 16] = [
    "card",
    "cards",
    "visa",
    "mastercard",
    "amex",
    "credit",
    "debit",
    "cc",
    "discover",
    "maestro",
    "payment",
    "pan",
    "karte",
    "kreditkarte",
    "carte",
    "tarjeta",
];

/// The card number that begins with the digit run at `start`.
pub(crate) fn at(text: &[u8], start: usize) -> Option<Range<usize>> {
    if start > 0
        && (text[start - 1].is_ascii_alphanumeric() || matches!(text[start - 1], b'.' | b'-' | b'_' | b'+'))
    {
        return None;
    }
    let mut digits = [0u8; 19];
    let mut count = 0;
    let mut groups = [0usize; 5];
    let mut group = 0;
    let mut separator = None;
    let mut at = start;
    loop {
        match text.get(at) {
            Some(byte) if byte.is_ascii_digit() => {
                if count == digits.len() {
                    return None;
                }
                digits[count] = byte - b'0';
                count += 1;
                groups[group] += 1;
            }
            Some(&byte @ (b' ' | b'-')) if context::digit_at(text, at + 1) && group < 4 => {
                if separator.is_some_and(|known| known != byte) {
                    break;
                }
                separator = Some(byte);
                group += 1;
            }
            _ => break,
        }
        at += 1;
    }
    let digits = &digits[..count];
    let joined = matches!(text.get(at), Some(b'.' | b'-' | b'_')) && context::alnum_at(text, at + 1);
    let ends = !joined && !context::alnum_at(text, at);
    let certain = known_issuer(digits)?;
    let grouped = match &groups[..=group] {
        [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 1] => true,
        [_] => false,
        _ => return None,
    };
    let named = || context::before(text, start, 48, &WORDS);
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    (ends && varied && luhn(digits) && ((grouped && certain) || named())).then_some(start..at)
}

pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| match u32::from(digit) * (1 + index as u32 % 2) {
            doubled @ 10.. => doubled - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Does an issuer give out such numbers? `Some(false)` where the range is wide and needs context words.
fn known_issuer(digits: &[u8]) -> Option<bool> {
    if digits.len() < 12 {
        return None;
    }
    let prefix = |n: usize| digits[..n].iter().fold(0u32, |sum, &digit| sum * 10 + u32::from(digit));
    let (one, two, three, four, length) = (prefix(1), prefix(2), prefix(3), prefix(4), digits.len());
    let certain = match length {
        13 | 19 if one == 4 => true,
        16 if one == 4 || (51..=55).contains(&two) || (2221..=2720).contains(&four) => true,
        15 if two == 34 || two == 37 => true,
        14 if (300..=305).contains(&three) || four == 3095 || matches!(two, 36 | 38 | 39) => true,
        16..=19 if four == 6011 || (644..=649).contains(&three) || two == 65 => true, // Discover
        16..=19 if (3528..=3589).contains(&four) || two == 62 => true,                // JCB, UnionPay
        16..=19 if (2200..=2204).contains(&four) => true,                             // Mir
        _ => false,
    };
    let wide = match length {
        12..=19 if two == 50 || (56..=69).contains(&two) => true, // Maestro, RuPay
        15 if four == 2131 || four == 1800 => true,               // older JCB
        _ => false,
    };
    (certain || wide).then_some(certain)
}
