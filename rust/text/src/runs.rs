//! Numbers for strings: equal strings of one text have equal numbers.

use ahash::RandomState;

/// Bytes of the longest run or word that is compared as it is; longer ones by a 128-bit hash.
pub(crate) const KEY_BYTES: usize = 32;

/// A run or word: its bytes padded with zeros, and their number.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Key {
    words: [u64; 4],
    length: u64,
}

impl Key {
    /// The key of `bytes.get(start..end)`.
    #[inline(always)]
    pub(crate) fn of(bytes: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        if length > KEY_BYTES {
            return Self::of_long(bytes.get(start..end).unwrap_or_default());
        }
        let mut words = [load(bytes, start) & MASKS[length.min(8)], 0, 0, 0];
        words[1] = load(bytes, start + 8) & MASKS[length.clamp(8, 16) - 8];
        if length > 16 {
            words[2] = load(bytes, start + 16) & MASKS[length.clamp(16, 24) - 16];
            words[3] = load(bytes, start + 24) & MASKS[length.max(24) - 24];
        }
        Self { words, length: length as u64 }
    }

    /// How many ASCII letters the key starts with and how many of them are upper-case, where at most one more byte
    /// follows; None where more follow or the key is long.
    #[inline]
    pub(crate) fn letters(&self) -> Option<(u64, u64)> {
        const EACH: u64 = 0x0101_0101_0101_0101;
        if self.length > 16 {
            return None;
        }
        let (mut letters, mut upper) = ([0; 2], 0);
        for (letters, &word) in letters.iter_mut().zip(&self.words) {
            let lower = (word & (EACH * 0x7f)) | (EACH * 0x20);
            let (from_a, past_z) = (lower + EACH * (0x80 - 0x61), lower + EACH * (0x80 - 0x7b));
            let found = from_a & !past_z & !word & (EACH * 0x80);
            upper += u64::from((found & !(word << 2)).count_ones());
            // Bytes before the first one that is no letter.
            *letters = u64::from((!found & (EACH * 0x80)).trailing_zeros() / 8);
        }
        let count = if letters[0] == 8 { 8 + letters[1] } else { letters[0] };
        (count + 1 >= self.length).then_some((count, upper))
    }

    #[cold]
    fn of_long(bytes: &[u8]) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_128(bytes);
        Self { words: [hash as u64, (hash >> 64) as u64, 0, 0], length: bytes.len() as u64 }
    }

    /// Writes the bytes of a key of at most `KEY_BYTES` to `out`, with zeros behind them.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8; KEY_BYTES]) {
        out[..8].copy_from_slice(&self.words[0].to_le_bytes());
        out[8..16].copy_from_slice(&self.words[1].to_le_bytes());
        if self.length > 16 {
            out[16..24].copy_from_slice(&self.words[2].to_le_bytes());
            out[24..].copy_from_slice(&self.words[3].to_le_bytes());
        }
    }
}

/// Eight bytes from `at`, the first one lowest; zeros behind the end.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()) {
        Some(eight) => u64::from_le_bytes(eight),
        None => {
            let rest = bytes.get(at..).unwrap_or_default();
            rest.iter().rev().take(8).fold(0, |word, &byte| (word << 8) | u64::from(byte))
        }
    }
}

/// Ones in the lowest bytes, by their number.
const MASKS: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut length = 0;
    while length < 8 {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// Numbers keys in the order of their first appearance: 0, 1, 2 ...
///
/// The hash is seeded at random, so that no text can be made to collide; only the time depends on the seed.
pub(crate) struct Interner {
    /// Lower half of the hash, number plus one; 0 = empty. At most half full.
    slots: Vec<(u32, u32)>,
    keys: Vec<Key>,
    shift: u32,
    seeds: [u64; 4],
}

impl Default for Interner {
    fn default() -> Self {
        let random = RandomState::new();
        let seeds = [0u64, 1, 2, 3].map(|number| random.hash_one(number) | 1);
        let mut new = Self { slots: Vec::new(), keys: Vec::new(), shift: 0, seeds };
        new.reset(0);
        new
    }
}

impl Interner {
    const SMALLEST: usize = 1 << 8;
    /// Keys of a large text that are worth the memory after it.
    const KEPT: usize = 1 << 16;

    /// How many keys are known.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Forgets all keys and makes room for about `keys`.
    pub(crate) fn reset(&mut self, keys: usize) {
        self.keys.clear();
        self.keys.shrink_to(Self::KEPT);
        self.slots.clear();
        self.slots.shrink_to(4 * Self::KEPT);
        self.resize((2 * keys).next_power_of_two().max(Self::SMALLEST));
    }

    fn resize(&mut self, capacity: usize) {
        self.slots.resize(capacity, (0, 0));
        self.shift = 64 - capacity.trailing_zeros();
    }

    /// The number of `key`, which is new if it equals the former `len`.
    #[inline(always)]
    pub(crate) fn intern(&mut self, key: &Key) -> u32 {
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut index = (hash >> self.shift) as usize;
        loop {
            let (tag, number) = self.slots[index & mask];
            if number == 0 {
                return self.add(key, hash, index & mask);
            }
            if tag == hash as u32 && self.keys[number as usize - 1] == *key {
                return number - 1;
            }
            index += 1;
        }
    }

    /// The number of `key`, if it has one.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut index = (hash >> self.shift) as usize;
        loop {
            let (tag, number) = self.slots[index & mask];
            let place = (number as usize).checked_sub(1)?;
            if tag == hash as u32 && self.keys[place] == *key {
                return Some(number - 1);
            }
            index += 1;
        }
    }

    #[inline]
    fn hash(&self, key: &Key) -> u64 {
        let [a, b, c, d] = key.words;
        let [s, t, u, v] = self.seeds;
        let mut hash = fold(a ^ s, b ^ t ^ (key.length << 56));
        if key.length > 16 {
            hash ^= fold(c ^ u, d ^ v);
        }
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn add(&mut self, key: &Key, hash: u64, index: usize) -> u32 {
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX - 1);
        self.keys.push(*key);
        self.slots[index] = (hash as u32, number + 1);
        if 2 * self.keys.len() > self.slots.len() {
            self.grow();
        }
        number
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = 4 * self.slots.len();
        self.slots.clear();
        self.resize(capacity);
        for (number, key) in self.keys.iter().enumerate() {
            let hash = self.hash(key);
            let mut index = (hash >> self.shift) as usize;
            while self.slots[index & (capacity - 1)].1 != 0 {
                index += 1;
            }
            self.slots[index & (capacity - 1)] = (hash as u32, number as u32 + 1);
        }
    }
}

/// Both halves of a product, mixed.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn growing_keeps_numbers() {
        let mut interner = Interner::default();
        for round in 0..2 {
            interner.reset(round * 100);
            for number in 0..20_000u32 {
                let word = number.to_string();
                assert_eq!(
                    interner.intern(&Key::of(word.as_bytes(), 0, word.len())),
                    number,
                    "round {round}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_tell_strings_apart(words in proptest::collection::vec("[ab\0]{1,3}|a{7,9}|[ab]{15,17}|x{30,35}|é{1,20}", 0..80)) {
            let mut interner = Interner::default();
            let mut known: HashMap<&str, u32> = HashMap::new();
            let joined = words.concat();
            let mut start = 0;
            for word in &words {
                let next = known.len() as u32;
                let expected = *known.entry(word).or_insert(next);
                let key = Key::of(joined.as_bytes(), start, start + word.len());
                prop_assert_eq!(interner.intern(&key), expected);
                if word.len() <= KEY_BYTES {
                    let mut out = [0xff; KEY_BYTES];
                    key.write(&mut out);
                    prop_assert_eq!(&out[..word.len()], word.as_bytes());
                }
                start += word.len();
            }
        }
    }
}
