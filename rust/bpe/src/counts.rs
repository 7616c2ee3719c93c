//! Pre-token counts: all that training needs to know of a corpus.

use crate::cache::{Key, key};
use crate::count_tables::{Long, Short};
use crate::error::Error;
use crate::pattern::Pattern;
use crate::split::Splitter;

/// Pieces whose slots are fetched before the first is used.
const AHEAD: usize = 32;

/// How often each piece occurs. Counts of parts of a corpus add up to the counts of the whole.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    short: Short,
    long: Long,
}

impl Counts {
    /// Nothing counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the pieces of a text.
    pub fn count(&mut self, splitter: &mut Splitter, pattern: &Pattern, text: &str) -> Result<(), Error> {
        let text_bytes = text.as_bytes();
        splitter.split(pattern, text, |mut start, ends| {
            let mut keys: [Key; AHEAD] = [0; AHEAD];
            for group in ends.chunks(AHEAD) {
                let mut from = start;
                for (slot, &end) in keys.iter_mut().zip(group) {
                    *slot = key(text_bytes, from, end as usize);
                    self.short.prefetch(*slot);
                    from = end as usize;
                }
                for (&key, &end) in keys.iter().zip(group) {
                    if key == 0 {
                        self.long.add(&text_bytes[start..end as usize], 1);
                    } else {
                        self.short.add(key, 1);
                    }
                    start = end as usize;
                }
            }
        })
    }

    /// Adds `count` occurrences of a piece; an empty piece or a count of 0 adds nothing.
    pub fn add(&mut self, piece: &[u8], count: u64) {
        if piece.is_empty() || count == 0 {
            return;
        }
        match key(piece, 0, piece.len()) {
            0 => self.long.add(piece, count),
            key => self.short.add(key, count),
        }
    }

    /// Adds all counts of another part.
    pub fn merge(&mut self, other: &Self) {
        other.short.iter().for_each(|(key, count)| self.short.add(key, count));
        other.long.iter().for_each(|(piece, count)| self.long.add(piece, count));
    }

    /// Calls `each` with every piece and its count, in no particular order.
    pub fn for_each(&self, mut each: impl FnMut(&[u8], u64)) {
        self.for_each_short(&mut each);
        self.for_each_long(&mut each);
    }

    pub(crate) fn for_each_short(&self, each: &mut (impl FnMut(&[u8], u64) + ?Sized)) {
        for (key, count) in self.short.iter() {
            let bytes = key.to_le_bytes();
            each(&bytes[..usize::from(bytes[15])], count);
        }
    }

    pub(crate) fn for_each_long(&self, each: &mut (impl FnMut(&[u8], u64) + ?Sized)) {
        self.long.iter().for_each(|(piece, count)| each(piece, count));
    }

    /// Forgets pieces of up to fifteen bytes.
    pub(crate) fn forget_short(&mut self) {
        self.short = Short::default();
    }

    /// Pieces and counts, sorted by the bytes of the piece.
    pub fn sorted(&self) -> Vec<(Vec<u8>, u64)> {
        let mut all = Vec::with_capacity(self.len());
        self.for_each(|piece, count| all.push((piece.to_vec(), count)));
        all.sort_unstable();
        all
    }

    /// Multiplies every count by `by` / `of`, rounded to the nearest, but no count falls to 0.
    pub fn scale(&mut self, by: u64, of: u64) {
        let scaled = |count: u64| {
            let exact = (u128::from(count) * u128::from(by) + u128::from(of) / 2) / u128::from(of.max(1));
            u64::try_from(exact).unwrap_or(u64::MAX).max(1)
        };
        self.short.for_each_count(scaled);
        self.long.for_each_count(scaled);
    }

    /// Bytes of all pieces, each as often as it was counted.
    pub fn bytes(&self) -> u128 {
        let mut total = 0;
        self.for_each(|piece, count| total += piece.len() as u128 * u128::from(count));
        total
    }

    /// Forgets all counts, but keeps the memory for others.
    pub fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }

    /// Number of distinct pieces.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    proptest::proptest! {
        #[test]
        fn counts_equal_a_plain_map(texts in proptest::collection::vec("([a-f]{1,4}|[ab]{14,18}| ){0,40}", 0..60)) {
            let pattern = Pattern::new("gpt2").unwrap();
            let (mut whole, mut parts) = (Counts::new(), [Counts::new(), Counts::new()]);
            let (mut splitter, mut plain) = (Splitter::default(), BTreeMap::<Vec<u8>, u64>::new());
            for (number, text) in texts.iter().enumerate() {
                whole.count(&mut splitter, &pattern, text).unwrap();
                parts[number % 2].count(&mut splitter, &pattern, text).unwrap();
                splitter.split(&pattern, text, |mut start, ends| for &end in ends {
                    *plain.entry(text.as_bytes()[start..end as usize].to_vec()).or_default() += 1;
                    start = end as usize;
                }).unwrap();
            }
            let [mut first, second] = parts;
            first.merge(&second);
            proptest::prop_assert_eq!(whole.len(), plain.len());
            proptest::prop_assert_eq!(whole.bytes(), texts.iter().map(|text| text.len() as u128).sum::<u128>());
            let expected: Vec<_> = plain.into_iter().collect();
            proptest::prop_assert_eq!(whole.sorted(), expected.clone());
            proptest::prop_assert_eq!(first.sorted(), expected);
        }
    }

    #[test]
    fn many_pieces_are_kept_and_scaled() {
        let mut counts = Counts::new();
        for n in 0..30_000u64 {
            counts.add(format!("w{n}").as_bytes(), n % 7 + 1);
            counts.add(b"", 5);
            counts.add(b"x", 0);
        }
        assert_eq!(counts.len(), 30_000);
        counts.scale(1, 4);
        let scaled: Vec<u64> = counts.sorted().into_iter().map(|entry| entry.1).collect();
        assert!(scaled.iter().all(|&count| (1..=2).contains(&count)));
        counts.scale(u64::MAX, 1);
        counts.add(b"w0", u64::MAX);
        assert_eq!(counts.sorted()[0].1, u64::MAX);
    }
}
