//! International bank account numbers (ISO 13616).

use crate::context;
use crate::verdict::Verdict;

/// Country and structure of what follows the check digits, from the SWIFT registry: how many characters of a class,
/// `n` digits, `a` capital letters, `c` both.
const STRUCTURES: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"),
    (b"AE", "19n"),
    (b"AL", "8n16c"),
    (b"AT", "16n"),
    (b"AZ", "4a20c"),
    (b"BA", "16n"),
    (b"BE", "12n"),
    (b"BG", "4a6n8c"),
    (b"BH", "4a14c"),
    (b"BI", "23n"),
    (b"BR", "23n1a1c"),
    (b"BY", "4c4n16c"),
    (b"CH", "5n12c"),
    (b"CR", "18n"),
    (b"CY", "8n16c"),
    (b"CZ", "20n"),
    (b"DE", "18n"),
    (b"DJ", "23n"),
    (b"DK", "14n"),
    (b"DO", "4c20n"),
    (b"EE", "16n"),
    (b"EG", "25n"),
    (b"ES", "20n"),
    (b"FI", "14n"),
    (b"FK", "2a12n"),
    (b"FO", "14n"),
    (b"FR", "10n11c2n"),
    (b"GB", "4a14n"),
    (b"GE", "2a16n"),
    (b"GI", "4a15c"),
    (b"GL", "14n"),
    (b"GR", "7n16c"),
    (b"GT", "24c"),
    (b"HN", "4a20n"),
    (b"HR", "17n"),
    (b"HU", "24n"),
    (b"IE", "4a14n"),
    (b"IL", "19n"),
    (b"IQ", "4a15n"),
    (b"IS", "22n"),
    (b"IT", "1a10n12c"),
    (b"JO", "4a4n18c"),
    (b"KW", "4a22c"),
    (b"KZ", "3n13c"),
    (b"LB", "4n20c"),
    (b"LC", "4a24c"),
    (b"LI", "5n12c"),
    (b"LT", "16n"),
    (b"LU", "3n13c"),
    (b"LV", "4a13c"),
    (b"LY", "21n"),
    (b"MC", "10n11c2n"),
    (b"MD", "20c"),
    (b"ME", "18n"),
    (b"MK", "3n10c2n"),
    (b"MN", "16n"),
    (b"MR", "23n"),
    (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"),
    (b"NI", "4a20n"),
    (b"NL", "4a10n"),
    (b"NO", "11n"),
    (b"OM", "3n16c"),
    (b"PK", "4a16c"),
    (b"PL", "24n"),
    (b"PS", "4a21c"),
    (b"PT", "21n"),
    (b"QA", "4a21c"),
    (b"RO", "4a16c"),
    (b"RS", "18n"),
    (b"RU", "14n15c"),
    (b"SA", "2n18c"),
    (b"SC", "4a20n3a"),
    (b"SD", "14n"),
    (b"SE", "20n"),
    (b"SI", "15n"),
    (b"SK", "20n"),
    (b"SM", "1a10n12c"),
    (b"SO", "19n"),
    (b"ST", "21n"),
    (b"SV", "4a20n"),
    (b"TL", "19n"),
    (b"TN", "20n"),
    (b"TR", "6n16c"),
    (b"UA", "6n19c"),
    (b"VA", "18n"),
    (b"VG", "4a16n"),
    (b"XK", "16n"),
    (b"YE", "4a4n18c"),
];

/// Country and check digits.
const HEAD: usize = 4;
/// Malta, Seychelles, Saint Lucia and Russia have the longest.
const LONGEST: usize = 34;

/// What may stand between groups: a space, a dash, a no-break space, a narrow one.
const SEPARATORS: [&[u8]; 4] = [b" ", b"-", "\u{A0}".as_bytes(), "\u{202F}".as_bytes()];

/// The account number whose two check digits begin at `digits`; printed in groups of four or in one piece.
pub(crate) fn at(text: &[u8], digits: usize) -> Verdict {
    let Some(start) = digits.checked_sub(2) else { return Verdict::Nothing };
    if context::alnum_before(text, start) && !follows_its_name(text, start) {
        return Verdict::Nothing;
    }
    let country = [text[start].to_ascii_uppercase(), text[start + 1].to_ascii_uppercase()];
    let Ok(row) = STRUCTURES.binary_search_by_key(&&country, |(code, _)| code) else {
        return Verdict::Nothing;
    };
    let structure = STRUCTURES[row].1;
    let length = HEAD + classes(structure).count();
    let mut number = [0u8; LONGEST];
    let mut count = 0;
    let mut at = start;
    let mut separator: Option<&[u8]> = None;
    while count < length {
        let Some(&byte) = text.get(at) else { return Verdict::Nothing };
        if byte.is_ascii_alphanumeric() {
            number[count] = byte.to_ascii_uppercase();
            count += 1;
            at += 1;
            continue;
        }
        let here = SEPARATORS.into_iter().find(|known| text[at..].starts_with(known));
        let Some(width) = here.filter(|here| separator.is_none_or(|first| first == *here)).map(<[u8]>::len)
        else {
            return Verdict::Nothing;
        };
        if count % 4 != 0 || !context::alnum_at(text, at + width) {
            return Verdict::Nothing;
        }
        separator = here;
        at += width;
    }
    let number = &number[..length];
    let fits = classes(structure).zip(&number[HEAD..]).all(|(class, byte)| match class {
        b'n' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_uppercase(),
        _ => true,
    });
    let has_check = number[2].is_ascii_digit() && number[3].is_ascii_digit();
    if !fits || !has_check || context::alnum_at(text, at) {
        return Verdict::Nothing;
    }
    Verdict::checked(remainder(number) == 1, start..at)
}

/// `IBANDE89...`: the word, and no other before it.
fn follows_its_name(text: &[u8], start: usize) -> bool {
    const NAME: &[u8] = b"IBAN";
    let named = start.checked_sub(NAME.len()).filter(|&name| text[name..start].eq_ignore_ascii_case(NAME));
    named.is_some_and(|name| !context::alnum_before(text, name))
}

/// The class of each character of a structure: `2n1a` is n, n, a.
fn classes(structure: &str) -> impl Iterator<Item = u8> {
    let mut count = 0usize;
    structure.bytes().flat_map(move |byte| {
        if byte.is_ascii_digit() {
            count = count * 10 + usize::from(byte - b'0');
            return std::iter::repeat_n(byte, 0);
        }
        std::iter::repeat_n(byte, std::mem::take(&mut count))
    })
}

/// Of the number with its first four characters at the end and letters written as two digits, modulo 97.
fn remainder(number: &[u8]) -> u32 {
    number[HEAD..].iter().chain(&number[..HEAD]).fold(0, |sum, &byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
