//! Which bytes of a block can begin a candidate, as one bit per byte.

/// Bytes per block: one bit of a word each.
pub(crate) const BLOCK: usize = 64;

/// Classes of the bytes of one block; bit `i` speaks of byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Masks {
    /// `0` to `9`.
    pub(crate) digits: u64,
    /// `@`, `:` and `-`.
    pub(crate) marks: u64,
    /// What keys, tokens and addresses without spaces are made of. The class is a little wider than any of their
    /// alphabets (`{|}[\]^` and DEL are in it), because it is two ranges and a byte like that.
    pub(crate) tokens: u64,
}

/// Bits of a class byte.
const DIGIT: u8 = 1;
const MARK: u8 = 2;
const TOKEN: u8 = 4;

/// The classes of a block. The loop is branchless so that it becomes vector instructions.
#[inline]
pub(crate) fn masks(block: &[u8; BLOCK]) -> Masks {
    let mut classes = [0u8; BLOCK];
    for (class, &byte) in classes.iter_mut().zip(block) {
        let is_digit = byte.wrapping_sub(b'0') < 10;
        let is_mark = (byte == b'@') | (byte == b':') | (byte == b'-');
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 0x80 - b'a';
        let is_other = (byte.wrapping_sub(b'+') < b':' - b'+') | (byte == b'=');
        *class = (u8::from(is_digit) * DIGIT)
            | (u8::from(is_mark) * MARK)
            | (u8::from(is_letter | is_other) * TOKEN);
    }
    let mut found = Masks { digits: 0, marks: 0, tokens: 0 };
    for (index, bytes) in classes.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let bits = |class: u8| gather(word >> class.trailing_zeros()) << (8 * index);
        found.digits |= bits(DIGIT);
        found.marks |= bits(MARK);
        found.tokens |= bits(TOKEN);
    }
    found
}

/// The lowest bit of each of eight bytes, as one byte.
#[inline]
fn gather(word: u64) -> u64 {
    (word & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Is this in the class `tokens`?
#[inline]
pub(crate) fn is_token(byte: u8) -> bool {
    matches!(byte, b'+'..=b'9' | b'=' | b'A'..=b'_' | b'a'..=0x7F)
}

/// The bits that begin a run of at least 14 set bits. `before` and `after` are the neighbouring blocks.
pub(crate) fn starts_of_long_runs(before: u64, here: u64, after: u64) -> u64 {
    let wide = u128::from(here) | u128::from(after) << BLOCK;
    let two = wide & wide >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let fourteen = eight & eight >> 6;
    let begins = here & !(here << 1 | before >> 63);
    fourteen as u64 & begins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn long_runs_are_found_across_blocks(before in any::<u64>(), parts in prop::collection::vec((0usize..40, 0usize..10), 8)) {
            let mut bits: Vec<bool> = (0..BLOCK).map(|i| before >> i & 1 == 1).collect();
            for (ones, zeros) in parts {
                bits.extend(std::iter::repeat_n(true, ones).chain(std::iter::repeat_n(false, zeros)));
            }
            bits.resize(3 * BLOCK, false);
            let word = |from: usize| (0..BLOCK).fold(0u64, |sum, i| sum | u64::from(bits[from + i]) << i);
            let found = starts_of_long_runs(word(0), word(BLOCK), word(2 * BLOCK));
            for i in 0..BLOCK {
                let at = BLOCK + i;
                let expected = !bits[at - 1] && bits[at..at + 14].iter().all(|&bit| bit);
                prop_assert_eq!(found >> i & 1 == 1, expected);
            }
        }
    }

    #[test]
    fn every_byte_has_its_class_in_every_place() {
        for byte in 0..=255u8 {
            for place in 0..BLOCK {
                let mut block = [b' '; BLOCK];
                block[place] = byte;
                let bit = |is: bool| u64::from(is) << place;
                let expected = Masks {
                    digits: bit(byte.is_ascii_digit()),
                    marks: bit(b"@:-".contains(&byte)),
                    tokens: bit(is_token(byte)),
                };
                assert_eq!(masks(&block), expected, "{byte} at {place}");
            }
        }
    }
}
