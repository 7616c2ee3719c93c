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
    "kartennummer",
    "carte",
    "tarjeta",
    "cartão",
    "carta",
    "kort",
    "kortnummer",
    "kaart",
    "karty",
    "карта",
    "карты",
    "卡号",
    "卡號",
    "カード番号",
    "creditcard",
    "jcb",
    "diners",
    "unionpay",
    "rupay",
]);

/// Digits of the shortest and the longest number.
const FEWEST: usize = 12;
const MOST: usize = 19;
/// Groups of two numbers of four groups each.
const MOST_GROUPS: usize = 8;

/// The card number that begins with the digit run at `start`.
pub(crate) fn at(text: &[u8], start: usize) -> Verdict {
    let before = start.checked_sub(1).map(|at| text[at]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+')) {
        return Verdict::Nothing;
    }
    let row = read(text, start);
    let mut verdict = Verdict::Nothing;
    // groups that follow a number are another one, or a date
    for groups in (1..=row.sizes.len()).rev() {
        match row.card(text, start, groups) {
            Verdict::Nothing => {}
            Verdict::NearMiss => verdict = Verdict::NearMiss,
            found => return found,
        }
    }
    verdict
}

/// Groups of digits with one space or dash between, the same throughout: as many as two numbers have.
struct Row {
    digits: Vec<u8>,
    sizes: Vec<usize>,
    /// Where each group ends in the text.
    ends: Vec<usize>,
}

fn read(text: &[u8], start: usize) -> Row {
    let mut row = Row { digits: Vec::with_capacity(2 * MOST), sizes: Vec::new(), ends: Vec::new() };
    let (mut at, mut separator) = (start, None);
    while row.sizes.len() < MOST_GROUPS {
        let size = text[at..].iter().take(MOST + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if size == 0 || size > MOST {
            break;
        }
        row.digits.extend(text[at..at + size].iter().map(|byte| byte - b'0'));
        at += size;
        row.sizes.push(size);
        row.ends.push(at);
        match text.get(at) {
            Some(&byte @ (b' ' | b'-')) if separator.is_none_or(|known| known == byte) => {
                separator = Some(byte)
            }
            _ => break,
        }
        at += 1;
    }
    row
}

impl Row {
    /// The number of the first groups.
    fn card(&self, text: &[u8], start: usize, groups: usize) -> Verdict {
        let (sizes, end) = (&self.sizes[..groups], self.ends[groups - 1]);
        let count = sizes.iter().sum::<usize>();
        if !(FEWEST..=MOST).contains(&count) {
            return Verdict::Nothing;
        }
        let digits = &self.digits[..count];
        let is_grouped = match sizes {
            [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 1] => true,
            [_] => false,
            _ => return Verdict::Nothing,
        };
        let is_joined = matches!(text.get(end), Some(b'.' | b'-' | b'_')) && context::alnum_at(text, end + 1);
        if is_joined || context::alnum_at(text, end) || self.is_list(groups) {
            return Verdict::Nothing;
        }
        let is_named = || WORDS.before(text, start, 48);
        let is_likely = match issuer(digits) {
            Issuer::Certain if matches!(count, 15 | 16) && stands_free(text, start) => {
                is_grouped || luhn(digits) || is_named()
            }
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

    /// Do groups of four go on behind the first ones, and are no further number?
    fn is_list(&self, groups: usize) -> bool {
        let used = self.sizes[..groups].iter().sum::<usize>();
        let next = self.sizes.get(groups..groups + 4);
        let is_card = next.is_some_and(|sizes| sizes == [4; 4]) && luhn(&self.digits[used..used + 16]);
        groups > 1 && self.sizes.get(groups) == Some(&4) && !is_card
    }
}

/// Is it no part of an address, a formula, or a field of a record?
fn stands_free(text: &[u8], start: usize) -> bool {
    !matches!(text[..start], [.., b'/' | b'=' | b'&' | b'#' | b'%' | b':' | b',' | b'?'])
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
