//! Words of ASCII letters alone, 64 bytes of text at a time.

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

const HIGH: u64 = 0x8080_8080_8080_8080;
const CASE: u64 = 0x2020_2020_2020_2020;

/// The runs of ASCII letters in a block that a gap of ASCII ends, and how far that is.
pub(crate) struct Runs {
    /// A bit for each letter.
    letters: u64,
    /// Bytes up to the last such gap, that one included: what follows may go on behind the block, or holds a digit or
    /// a character outside ASCII.
    pub(crate) length: usize,
}

/// A bit for each letter of ASCII in a block, and one for each gap.
fn classes(block: &[u8; BLOCK]) -> (u64, u64) {
    let (mut letters, mut gaps) = (0, 0);
    for (number, chunk) in block.as_chunks::<8>().0.iter().enumerate() {
        let chunk = u64::from_le_bytes(*chunk);
        let letter = ascii_letters(chunk, chunk | CASE);
        letters |= high_bits(letter) << (8 * number);
        gaps |= high_bits(!letter & !digits(chunk) & !chunk & HIGH) << (8 * number);
    }
    (letters, gaps)
}

/// How many letters of words a block of ASCII without digits holds; none for another block.
pub(crate) fn letters_of_plain(block: &[u8; BLOCK]) -> Option<usize> {
    let (letters, gaps) = classes(block);
    (letters | gaps == u64::MAX).then_some(letters.count_ones() as usize)
}

impl Runs {
    pub(crate) fn of(block: &[u8; BLOCK]) -> Self {
        let (letters, gaps) = classes(block);
        let plain = (!(letters | gaps)).trailing_zeros();
        let length = (64 - (gaps & below(plain)).leading_zeros()) as usize;
        Self { letters: letters & below(length as u32), length }
    }
}

/// First byte and length of each run, in order.
impl Iterator for Runs {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        if self.letters == 0 {
            return None;
        }
        let first = self.letters.trailing_zeros();
        let length = (!(self.letters >> first)).trailing_zeros();
        // the sum carries through the lowest run
        self.letters &= self.letters.wrapping_add(1 << first);
        Some((first as usize, length as usize))
    }
}

/// The high bit of each of these eight bytes that is an ASCII letter, given also in small letters.
#[inline]
pub(crate) fn ascii_letters(chunk: u64, small: u64) -> u64 {
    between(small, b'a', b'z') & !chunk
}

#[inline]
fn digits(chunk: u64) -> u64 {
    between(chunk, b'0', b'9')
}

/// The high bit of each byte whose lower seven bits lie in that range.
#[inline]
fn between(chunk: u64, first: u8, last: u8) -> u64 {
    let each = |byte: u8| u64::from_ne_bytes([byte; 8]);
    let low = chunk & !HIGH;
    (low + each(0x80 - first)) & !(low + each(0x7F - last)) & HIGH
}

/// The high bits of eight bytes as the bits of one.
#[inline]
fn high_bits(bytes: u64) -> u64 {
    (bytes >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// So many lowest bits.
#[inline]
fn below(count: u32) -> u64 {
    1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(block: &[u8; BLOCK]) -> (Vec<(usize, usize)>, usize) {
        let plain = block.iter().take_while(|byte| byte.is_ascii() && !byte.is_ascii_digit()).count();
        let length =
            block[..plain].iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        let runs = block[..length].chunk_by(|a, b| a.is_ascii_alphabetic() == b.is_ascii_alphabetic());
        let mut at = 0;
        let placed = runs.map(|run| {
            at += run.len();
            (at - run.len(), run)
        });
        (
            placed.filter(|(_, run)| run[0].is_ascii_alphabetic()).map(|(at, run)| (at, run.len())).collect(),
            length,
        )
    }

    proptest! {
        #[test]
        fn equals_byte_by_byte(
            words in prop::collection::vec("[a-zA-Z]{0,12}[ -/:-@\\[-`{-~\t\n]{0,3}[0-9é]{0,1}|[a-z]{64}| {64}", 64),
            bytes in any::<[u8; 32]>(), from in 0usize..64,
        ) {
            let mut text = words.concat().into_bytes();
            text.splice(from..from, bytes.iter().filter(|byte| **byte % 5 == 0).copied());
            let Some(block) = text[from / 2..].first_chunk::<BLOCK>() else { return Ok(()) };
            let runs = Runs::of(block);
            let length = runs.length;
            prop_assert_eq!((runs.collect::<Vec<_>>(), length), slow(block));
        }
    }
}
