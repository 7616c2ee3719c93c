//! Numbers for strings: equal strings of one text have equal numbers.

use ahash::RandomState;

/// Bytes of the longest run that is remembered.
pub(crate) const KEY_BYTES: usize = 32;

/// Bytes of the longest string that is compared as it is; longer ones by a 127-bit hash.
pub(crate) const EXACT_BYTES: usize = 15;

/// A run or word: its bytes padded with zeros and its length in the last byte, or their hash, which has the highest bit.
#[derive(Clone, Copy, Default)]
pub(crate) struct Key([u64; 2]);

impl PartialEq for Key {
    /// With one branch instead of two.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        (self.0[0] ^ other.0[0]) | (self.0[1] ^ other.0[1]) == 0
    }
}

impl Key {
    /// The key of no string.
    const NONE: Self = Self([0, Self::length(127)]);

    const HASH: u64 = 1 << 63;

    const fn length(length: usize) -> u64 {
        (length as u64) << 56
    }

    /// The key of a string of at most 15 bytes, with zeros behind it.
    #[inline(always)]
    pub(crate) fn short([head, tail]: [u64; 2], length: usize) -> Self {
        Self([head, tail | Self::length(length)])
    }

    /// The key of `bytes.get(start..end)`.
    #[inline]
    pub(crate) fn of(bytes: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        if length > EXACT_BYTES {
            return Self::of_long(bytes.get(start..end).unwrap_or_default());
        }
        Self::short(first_bytes([load(bytes, start), load(bytes, start + 8)], length), length)
    }

    /// The key of the first bytes of a string that is at most 15 bytes long.
    #[inline(always)]
    pub(crate) fn first(&self, length: usize) -> Self {
        Self::short(first_bytes(self.0, length), length)
    }

    /// The byte at a place of a string of at most 15 bytes; 0 behind its end.
    #[inline(always)]
    pub(crate) fn byte(&self, at: usize) -> u8 {
        let [head, tail] = self.0;
        let bytes = (u128::from(tail & !Self::length(255)) << 64) | u128::from(head);
        (bytes >> (8 * at)) as u8
    }

    /// Whether a string of at most 15 bytes has this length.
    #[inline(always)]
    pub(crate) fn has_length(&self, length: usize) -> bool {
        self.0[1] >> 56 == length as u64
    }

    /// A number of so many bits that differs for most keys.
    #[inline(always)]
    pub(crate) fn spread(&self, bits: u32) -> usize {
        let [head, tail] = self.0;
        let mixed = (head ^ tail.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - bits)) as usize
    }

    /// Whether the string starts with "ipsum" in any case.
    #[inline(always)]
    pub(crate) fn is_ipsum(&self) -> bool {
        const LETTERS: u64 = u64::from_le_bytes(*b"ipsum\0\0\0");
        (self.0[0] | 0x20_2020_2020) & 0xff_ffff_ffff == LETTERS
    }

    /// How many ASCII letters the key starts with and how many of them are upper-case, where at most one more byte
    /// follows; None where more follow or the key is long.
    #[inline]
    pub(crate) fn letters(&self) -> Option<(u64, u64)> {
        const EACH: u64 = 0x0101_0101_0101_0101;
        let [head, tail] = self.0;
        if tail & Self::HASH != 0 {
            return None;
        }
        let (mut letters, mut upper) = ([0; 2], 0);
        for (letters, word) in letters.iter_mut().zip([head, tail & !Self::length(255)]) {
            let lower = (word & (EACH * 0x7f)) | (EACH * 0x20);
            let (from_a, past_z) = (lower + EACH * (0x80 - 0x61), lower + EACH * (0x80 - 0x7b));
            let found = from_a & !past_z & !word & (EACH * 0x80);
            upper += u64::from((found & !(word << 2)).count_ones());
            // Bytes before the first one that is no letter.
            *letters = u64::from((!found & (EACH * 0x80)).trailing_zeros() / 8);
        }
        let count = if letters[0] == 8 { 8 + letters[1] } else { letters[0] };
        (count + 1 >= tail >> 56).then_some((count, upper))
    }

    fn of_long(bytes: &[u8]) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_128(bytes);
        Self([hash as u64, (hash >> 64) as u64 | Self::HASH])
    }
}

/// Eight bytes from `at`, the first one lowest; zeros behind the end.
#[inline(always)]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()) {
        Some(eight) => u64::from_le_bytes(eight),
        None => {
            let rest = bytes.get(at..).unwrap_or_default();
            rest.iter().rev().take(8).fold(0, |word, &byte| (word << 8) | u64::from(byte))
        }
    }
}

/// Ones in the lowest of 32 bytes, by their number.
static MASKS: [[u64; 4]; 33] = {
    let mut masks = [[0; 4]; 33];
    let mut length = 1;
    while length < masks.len() {
        masks[length] = masks[length - 1];
        masks[length][(length - 1) / 8] |= 0xff << (8 * ((length - 1) % 8));
        length += 1;
    }
    masks
};

/// The first `length` of the bytes of some words, zeros behind them.
#[inline(always)]
pub(crate) fn first_bytes<const N: usize>(mut words: [u64; N], length: usize) -> [u64; N] {
    let masks = &MASKS[length.min(MASKS.len() - 1)];
    for (word, mask) in words.iter_mut().zip(masks) {
        *word &= mask;
    }
    words
}

/// Something that is found by its key.
pub(crate) trait Keyed {
    /// A new one.
    fn new(key: Key) -> Self;
    /// Its key.
    fn key(&self) -> &Key;
}

/// Numbers keys in the order of their first appearance: 1, 2, 3 ..., and keeps an entry for each.
///
/// The hash is seeded at random, so that no text can be made to collide; only the time depends on the seed.
pub(crate) struct Interner<E> {
    /// Numbers; 0 = empty. At most a quarter full, so that most keys stand where they are looked for first.
    slots: Vec<u32>,
    /// The first one is of no key, so that an empty slot can be compared like any other.
    pub(crate) entries: Vec<E>,
    seeds: [u64; 2],
}

impl<E: Keyed> Default for Interner<E> {
    fn default() -> Self {
        let random = RandomState::new();
        let seeds = [0u64, 1].map(|number| random.hash_one(number) | 1);
        Self { slots: vec![0; Self::SMALLEST], entries: vec![E::new(Key::NONE)], seeds }
    }
}

impl<E> Interner<E> {
    const SMALLEST: usize = 1 << 10;
    /// Slots whose memory is not given back.
    const LARGE: usize = 1 << 17;
}

impl<E: Keyed> Interner<E> {
    /// Numbers the entries, which were changed, as they stand.
    pub(crate) fn number_again(&mut self) {
        self.resize((8 * self.entries.len()).next_power_of_two().max(Self::SMALLEST));
    }

    /// The number of some key, most often of `key` if it has one: what is asked early is not waited for.
    #[inline(always)]
    pub(crate) fn guess(&self, key: &Key) -> u32 {
        self.slots[self.hash(key) as usize & (self.slots.len() - 1)]
    }

    /// The number of `key`, perhaps `guess`.
    #[inline(always)]
    pub(crate) fn intern_guessed(&mut self, key: &Key, guess: u32) -> u32 {
        if self.entries[guess as usize].key() == key { guess } else { self.intern(key) }
    }

    /// The number of `key`, which is new if it equals the former number of entries.
    #[inline(always)]
    pub(crate) fn intern(&mut self, key: &Key) -> u32 {
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        loop {
            let number = self.slots[index];
            if self.entries[number as usize].key() == key {
                return number;
            }
            if number == 0 {
                return self.add(key, index);
            }
            index = (index + 1) & mask;
        }
    }

    /// The number of `key`, if it has one.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        loop {
            let number = self.slots[index];
            if self.entries[number as usize].key() == key {
                return Some(number);
            }
            if number == 0 {
                return None;
            }
            index = (index + 1) & mask;
        }
    }

    #[inline(always)]
    fn hash(&self, key: &Key) -> u64 {
        let ([head, tail], [one, other]) = (key.0, self.seeds);
        fold(head ^ one, tail ^ other)
    }

    #[inline(never)]
    fn add(&mut self, key: &Key, index: usize) -> u32 {
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(E::new(*key));
        self.slots[index] = number;
        if 4 * self.entries.len() > self.slots.len() {
            self.grow();
        }
        number
    }

    #[cold]
    fn grow(&mut self) {
        self.resize(4 * self.slots.len());
    }

    fn resize(&mut self, capacity: usize) {
        self.slots.clear();
        self.slots.shrink_to(Self::LARGE.max(capacity));
        self.slots.resize(capacity, 0);
        for (number, entry) in self.entries.iter().enumerate().skip(1) {
            let hash = self.hash(entry.key());
            let mut index = hash as usize & (capacity - 1);
            while self.slots[index] != 0 {
                index = (index + 1) & (capacity - 1);
            }
            self.slots[index] = number as u32;
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

    impl Keyed for Key {
        fn new(key: Key) -> Self {
            key
        }

        fn key(&self) -> &Key {
            self
        }
    }

    #[test]
    fn growing_keeps_numbers() {
        let mut interner = Interner::<Key>::default();
        for round in 0..2 {
            interner.entries.truncate(1);
            interner.number_again();
            for number in 1..20_000u32 {
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
            let mut interner = Interner::<Key>::default();
            let mut known: HashMap<&str, u32> = HashMap::new();
            let joined = words.concat();
            let mut start = 0;
            for word in &words {
                let next = known.len() as u32 + 1;
                let expected = *known.entry(word).or_insert(next);
                let key = Key::of(joined.as_bytes(), start, start + word.len());
                prop_assert_eq!(interner.intern(&key), expected);
                prop_assert_eq!(interner.find(&key), Some(expected));
                start += word.len();
            }
        }
    }
}
