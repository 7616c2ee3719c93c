//! Finding bytes in text. What is sought mostly lies near, where a call of `memchr` would cost more than the search.

use memchr::{memchr, memchr2};

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Words that are looked through in place.
const NEAR_WORDS: usize = 4;

/// The highest bit of each byte of `word` that is zero; bits above the lowest one may be false.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// The place of the first `a` or `b` at or after `at`, else the end.
#[inline]
pub(super) fn find2(bytes: &[u8], mut at: usize, a: u8, b: u8) -> usize {
    let (every_a, every_b) = (LOW * u64::from(a), LOW * u64::from(b));
    for _ in 0..NEAR_WORDS {
        let Some(word) = word_at(bytes, at) else { break };
        let found = zeros(word ^ every_a) | zeros(word ^ every_b);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    memchr2(a, b, &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// The place of the first `a` at or after `at`, else the end.
#[inline]
pub(super) fn find(bytes: &[u8], at: usize, a: u8) -> usize {
    memchr(a, &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// White space of HTML; carriage returns are gone before parsing, save those written as references.
#[inline(always)]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | 0x0c | b'\r')
}

/// The place of the first byte at or after `at` that is not white space, else the end.
#[inline]
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_of_two_is_found(bytes in prop::collection::vec(0u8..4, 0..80), from in 0usize..80, high: bool) {
            let bytes: Vec<u8> = bytes.into_iter().map(|byte| if high { byte | 0x80 } else { byte }).collect();
            let from = from.min(bytes.len());
            let (a, b) = if high { (0x80, 0x83) } else { (0, 3) };
            let expected = bytes[from..].iter().position(|&byte| byte == a || byte == b);
            prop_assert_eq!(find2(&bytes, from, a, b), expected.map_or(bytes.len(), |at| from + at));
        }
    }
}
