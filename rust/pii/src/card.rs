//! Payment cards: issuer range, length, Luhn digit (ISO/IEC 7812).

use crate::context::{self, Words};
use crate::verdict::Verdict;

static WORDS: Words = Words::new(&[
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
]);

/// Digits of the shortest and the longest number.
const FEWEST: usize = 12;
const MOST: usize = 19;

/// The card number that begins with the digit run at `start`.
pub(crate) fn at(text: &[u8], start: usize) -> Verdict {
    let before = start.checked_sub(1).map(|at| text[at]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+')) {
        return Verdict::Nothing;
    }
    let Some(Number { digits, count, groups, end }) = read(text, start) else { return Verdict::Nothing };
    let digits = &digits[..count];
    if count < FEWEST {
        return Verdict::Nothing;
    }
    let is_grouped = match groups.as_slice() {
        [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 1] => true,
        [_] => false,
        _ => return Verdict::Nothing,
    };
    let is_joined = matches!(text.get(end), Some(b'.' | b'-' | b'_')) && context::alnum_at(text, end + 1);
    if is_joined || context::alnum_at(text, end) {
        return Verdict::Nothing;
    }
    let issuer = issuer(digits);
    let is_named = || WORDS.before(text, start, 48);
    let is_likely = match issuer {
        Issuer::Certain => is_grouped || is_named(),
        Issuer::Wide => is_named(),
        Issuer::Unknown => false,
    };
    if !is_likely {
        return Verdict::Nothing;
    }
    let is_varied = digits.iter().any(|digit| *digit != digits[0]);
    Verdict::checked(is_varied && luhn(digits), start..end)
}

struct Number {
    digits: [u8; MOST],
    count: usize,
    groups: Vec<usize>,
    end: usize,
}

/// Groups of digits with one space or dash between, the same throughout; nothing where they are too many.
fn read(text: &[u8], start: usize) -> Option<Number> {
    let mut found = Number { digits: [0; MOST], count: 0, groups: vec![0], end: start };
    let mut separator = None;
    loop {
        match text.get(found.end) {
            Some(byte) if byte.is_ascii_digit() => {
                *found.digits.get_mut(found.count)? = byte - b'0';
                found.count += 1;
                *found.groups.last_mut()? += 1;
            }
            Some(&byte @ (b' ' | b'-'))
                if context::digit_at(text, found.end + 1) && found.groups.len() < 5 =>
            {
                if separator.is_some_and(|known| known != byte) {
                    return Some(found);
                }
                separator = Some(byte);
                found.groups.push(0);
            }
            _ => return Some(found),
        }
        found.end += 1;
    }
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

enum Issuer {
    /// A range of a scheme, with its length.
    Certain,
    /// A range that is wide or old, or any number of the industries that issue cards: needs a word that says so.
    Wide,
    /// No card begins like that.
    Unknown,
}

fn issuer(digits: &[u8]) -> Issuer {
    let prefix = |n: usize| digits[..n].iter().fold(0u32, |sum, &digit| sum * 10 + u32::from(digit));
    let (one, two, three, four, length) = (prefix(1), prefix(2), prefix(3), prefix(4), digits.len());
    let is_certain = match length {
        13 | 19 if one == 4 => true,
        16 if one == 4 || (51..=55).contains(&two) || (2221..=2720).contains(&four) => true,
        15 if two == 34 || two == 37 => true,
        14 if (300..=305).contains(&three) || four == 3095 || matches!(two, 36 | 38 | 39) => true,
        16..=19 if four == 6011 || (644..=649).contains(&three) || two == 65 => true, // Discover
        16..=19 if (3528..=3589).contains(&four) || two == 62 => true,                // JCB, UnionPay
        16..=19 if (2200..=2204).contains(&four) => true,                             // Mir
        _ => false,
    };
    let is_wide = match length {
        12..=19 if two == 50 || (56..=69).contains(&two) => true, // Maestro, RuPay
        15 if four == 2131 || four == 1800 => true,               // older JCB
        // ISO/IEC 7812: 2 airlines, 3 travel, 4 and 5 banking, 6 merchandising and banking
        15 | 16 => (2..=6).contains(&one),
        _ => false,
    };
    match (is_certain, is_wide) {
        (true, _) => Issuer::Certain,
        (_, true) => Issuer::Wide,
        _ => Issuer::Unknown,
    }
}
