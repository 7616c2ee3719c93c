//! Character references: `&amp;`, `&#38;`, `&#x26;`.

use std::sync::LazyLock;

/// The names of the HTML standard, sorted; `+` after a name says that it needs no semicolon.
static TABLE: &str = include_str!("references.txt");

/// What a reference stands for: its length in the text, and one or two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    pub length: usize,
    pub first: char,
    pub second: Option<char>,
}

struct Named {
    name: &'static [u8],
    needs_semicolon: bool,
    first: char,
    second: Option<char>,
}

static NAMES: LazyLock<Vec<Named>> = LazyLock::new(|| {
    let parse = |line: &'static str| {
        let end = line.find(['+', ' '])?;
        let mut codes =
            line[end + 1..].split(' ').filter_map(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        let (first, second) = (codes.next()?, codes.next());
        Some(Named {
            name: &line.as_bytes()[..end],
            needs_semicolon: line.as_bytes()[end] == b' ',
            first,
            second,
        })
    };
    TABLE.lines().filter_map(parse).collect()
});

/// Longest name that needs no semicolon.
const LONGEST_BARE: usize = 6;
/// Longest name of all.
const LONGEST: usize = 31;

/// What the numbers 0x80 to 0x9f stand for: the characters of windows-1252; the five that it lacks stand for themselves.
const C1: [u16; 32] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d,
    0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a,
    0x153, 0x9d, 0x17e, 0x178,
];

fn lookup(name: &[u8]) -> Option<&'static Named> {
    NAMES.binary_search_by_key(&name, |named| named.name).ok().map(|index| &NAMES[index])
}

/// The reference that starts at the `&` of `bytes[0]`, if it is one.
pub(super) fn decode(bytes: &[u8], in_attribute: bool) -> Option<Reference> {
    match bytes.get(1)? {
        b'#' => decode_number(bytes),
        byte if byte.is_ascii_alphanumeric() => decode_name(bytes, in_attribute),
        _ => None,
    }
}

fn decode_name(bytes: &[u8], in_attribute: bool) -> Option<Reference> {
    let rest = &bytes[1..bytes.len().min(LONGEST + 2)];
    let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let name = &rest[..length];
    if rest.get(length) == Some(&b';') {
        let common = match name {
            b"amp" => Some(('&', None)),
            b"nbsp" => Some(('\u{a0}', None)),
            b"lt" => Some(('<', None)),
            b"gt" => Some(('>', None)),
            b"quot" => Some(('"', None)),
            _ => lookup(name).map(|named| (named.first, named.second)),
        };
        if let Some((first, second)) = common {
            return Some(Reference { length: length + 2, first, second });
        }
    }
    let named = (2..=length.min(LONGEST_BARE))
        .rev()
        .find_map(|length| lookup(&name[..length]).filter(|named| !named.needs_semicolon))?;
    let length = 1 + named.name.len();
    let follows = bytes.get(length);
    if in_attribute && follows.is_some_and(|&byte| byte == b'=' || byte.is_ascii_alphanumeric()) {
        return None; // as in href="?a=b&copy=c"
    }
    Some(Reference { length, first: named.first, second: named.second })
}

fn decode_number(bytes: &[u8]) -> Option<Reference> {
    let hexadecimal = matches!(bytes.get(2), Some(b'x' | b'X'));
    let (start, radix) = if hexadecimal { (3, 16) } else { (2, 10) };
    let mut number = 0u32;
    let mut at = start;
    while let Some(digit) = bytes.get(at).and_then(|&byte| char::from(byte).to_digit(radix)) {
        number = number.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    if at == start {
        return None;
    }
    let number = if (0x80..0xa0).contains(&number) { u32::from(C1[number as usize - 0x80]) } else { number };
    let character = if number == 0 { None } else { char::from_u32(number) };
    Some(Reference {
        length: at + usize::from(bytes.get(at) == Some(&b';')),
        first: character.unwrap_or(char::REPLACEMENT_CHARACTER),
        second: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stand_for_characters() {
        let cases = [
            ("&amp;x", false, "&", 5),
            ("&ampx", false, "&", 4),
            ("&ampx", true, "", 0),
            ("&amp=", true, "", 0),
            ("&amp-", true, "&", 4),
            ("&amp", true, "&", 4),
            ("&notit;", false, "\u{ac}", 4),
            ("&notin;", false, "\u{2209}", 7),
            ("&NotEqualTilde;", false, "\u{2242}\u{338}", 15),
            ("&CounterClockwiseContourIntegral;", false, "\u{2233}", 33),
            ("&nonsense;", false, "", 0),
            ("&;", false, "", 0),
            ("&", false, "", 0),
            ("&#65;", false, "A", 5),
            ("&#x41", false, "A", 5),
            ("&#150;", false, "\u{2013}", 6),
            ("&#0;", false, "\u{fffd}", 4),
            ("&#xd800;", false, "\u{fffd}", 8),
            ("&#99999999999999999999;", false, "\u{fffd}", 23),
            ("&#;", false, "", 0),
            ("&#x;", false, "", 0),
        ];
        for (text, in_attribute, expected, length) in cases {
            let found = decode(text.as_bytes(), in_attribute);
            let decoded: String =
                found.iter().flat_map(|found| [Some(found.first), found.second]).flatten().collect();
            assert_eq!(decoded, expected, "{text}");
            assert_eq!(found.map_or(0, |found| found.length), length, "{text}");
        }
    }

    #[test]
    fn the_table_is_whole_and_sorted() {
        assert_eq!((NAMES.len(), TABLE.lines().count()), (2125, 2125));
        assert!(NAMES.is_sorted_by_key(|named| named.name));
        assert!(NAMES.iter().all(|named| named.name.len() <= LONGEST));
        assert!(
            NAMES.iter().filter(|named| !named.needs_semicolon).all(|named| named.name.len() <= LONGEST_BARE)
        );
    }
}
