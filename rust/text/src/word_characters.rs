//! What single characters become in the normalised words, where that does not depend on what surrounds them, and
//! where numbers end.

use std::sync::LazyLock;

use crate::normalize::{normalize, words};

/// What a byte of ASCII can be that is no letter; bytes above are looked at in context.
pub(crate) const GAP: u8 = 0;
pub(crate) const WIDE: u8 = 1;
/// What every number becomes.
pub(crate) const NUMBER: u8 = b'0';

/// The only character whose small letter depends on its neighbours.
pub(crate) const SIGMA: char = 'Σ';

/// What each byte becomes.
pub(crate) static BYTES: LazyLock<[u8; 256]> = LazyLock::new(|| {
    let mut table = [WIDE; 256];
    for byte in 0..0x80u8 {
        let normal = normalize(&format!("a{}b", char::from(byte)));
        table[usize::from(byte)] = if normal == "a b" { GAP } else { normal.as_bytes()[1] };
    }
    table
});

/// What a character of two bytes becomes.
#[derive(Clone, Copy)]
pub(crate) enum Pair {
    /// The normalisation must look at it.
    Unknown,
    Gap,
    /// So many bytes of a word; none for a diacritic.
    Letters([u8; 2], u8),
}

/// Of U+0080..U+0800.
static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let first = 0x80u32;
    (first..0x800).map(|code| char::from_u32(code).map_or(Pair::Unknown, pair)).collect()
});

fn pair(c: char) -> Pair {
    let normal = normalize(&format!("a{c}b"));
    if normal == "a b" {
        return Pair::Gap;
    }
    let inner = normal.strip_prefix('a').and_then(|rest| rest.strip_suffix('b')).unwrap_or(" ");
    // neither may it end a word, nor may a word end between two of its kind or beside a number
    let whole = ["a?b", "0?0", "a??b", "?"].iter().all(|frame| {
        let text = normalize(&frame.replace('?', &c.to_string()));
        words(&text).count() == usize::from(!text.is_empty())
    });
    let plain =
        inner.chars().all(char::is_alphabetic) && inner.len() <= 2 && (c.is_alphabetic() || inner.is_empty());
    if !whole || !plain || c == SIGMA {
        return Pair::Unknown;
    }
    let mut bytes = [0; 2];
    bytes[..inner.len()].copy_from_slice(inner.as_bytes());
    Pair::Letters(bytes, inner.len() as u8)
}

/// Which characters of U+2000..U+2040 separate words, a bit for each.
static GAPS: LazyLock<u64> = LazyLock::new(|| {
    let is_gap =
        |offset: &u32| char::from_u32(0x2000 + offset).is_some_and(|c| normalize(&format!("a{c}b")) == "a b");
    (0..64).filter(is_gap).fold(0, |bits, offset| bits | 1 << offset)
});

/// What the character of several bytes at `at` becomes, and its length, where that is known.
pub(crate) fn wide(bytes: &[u8], at: usize) -> Option<(Pair, usize)> {
    match bytes.get(at..)? {
        [first @ 0xC2..=0xDF, last, ..] => {
            let code = usize::from(first & 0x1F) << 6 | usize::from(last & 0x3F);
            Some((*PAIRS.get(code - 0x80)?, 2))
        }
        [0xE2, 0x80, last, ..] => (*GAPS >> (last & 0x3F) & 1 == 1).then_some((Pair::Gap, 3)),
        _ => None,
    }
}

/// Where the number at `at` ends: digits, perhaps a separator and digits again; nothing where what follows may be
/// digits of another script.
pub(crate) fn number_end(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_known = |at: usize| {
        bytes.get(at).is_none_or(u8::is_ascii)
            || matches!(wide(bytes, at), Some((Pair::Gap, _))) && !is_separator(bytes, at)
    };
    let mut end = digits(at);
    if matches!(bytes.get(end), Some(b'.' | b',')) {
        if !is_known(end + 1) {
            return None;
        }
        if bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
    }
    is_known(end).then_some(end)
}

/// The separators of digits among the characters of two bytes, U+060C and U+066B.
fn is_separator(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 2), Some([0xD8, 0x8C] | [0xD9, 0xAB]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_text_takes_the_fast_way() {
        let known = |c: char| matches!(pair(c), Pair::Letters(..));
        assert!(('à'..='ÿ').filter(|&c| known(c)).count() > 28);
        assert!(('а'..='я').all(known));
        assert!(('\u{621}'..='\u{63a}').all(known));
        assert!(!known('١'));
    }
}
