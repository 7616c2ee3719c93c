//! Repetition of word n-grams, measured in characters.
//!
//! Every word gets a polynomial hash modulo the Mersenne prime 2^61 - 1, and prefix sums of these make the hash of
//! any n-gram's concatenation one multiplication: linear in the words, whatever their lengths.

use crate::tally::{Seen, Tally};

const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x0f3a_91c7_5e2b_84d9;
const INVERSE: u64 = power(BASE, PRIME - 2);

const fn times(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    let folded = (product as u64 & PRIME) + (product >> 61) as u64;
    if folded >= PRIME { folded - PRIME } else { folded }
}

const fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

const fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    result
}

/// Powers of BASE and of INVERSE, for the lengths that words have.
static POWERS: [(u64, u64); 32] = {
    let mut powers = [(1, 1); 32];
    let mut length = 1;
    while length < powers.len() {
        powers[length] = (times(powers[length - 1].0, BASE), times(powers[length - 1].1, INVERSE));
        length += 1;
    }
    powers
};

fn powers(length: usize) -> (u64, u64) {
    let known = POWERS.get(length).copied();
    known.unwrap_or_else(|| (power(BASE, length as u64), power(INVERSE, length as u64)))
}

/// The words of one text, reduced to what n-gram signals need.
pub(crate) struct WordHashes {
    /// Hash of each word.
    words: Vec<u64>,
    /// Hash of the concatenation of the words before each place, and one past the end.
    prefixes: Vec<u64>,
    /// INVERSE to the number of bytes before each word.
    unshifts: Vec<u64>,
    /// Characters before each place, and one past the end.
    chars: Vec<u64>,
    shift: u64,
}

impl Default for WordHashes {
    fn default() -> Self {
        Self { words: Vec::new(), prefixes: vec![0], unshifts: vec![1], chars: vec![0], shift: 1 }
    }
}

impl WordHashes {
    /// Forgets all words, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.prefixes.truncate(1);
        self.unshifts.truncate(1);
        self.chars.truncate(1);
        self.shift = 1;
    }

    /// Appends a word of `chars` characters.
    pub(crate) fn push(&mut self, word: &str, chars: u64) {
        let hash = word.bytes().rev().fold(0, |hash, byte| plus(times(hash, BASE), u64::from(byte) + 1));
        self.words.push(hash);
        let last = |values: &[u64]| values.last().copied().unwrap_or_default();
        self.prefixes.push(plus(last(&self.prefixes), times(hash, self.shift)));
        self.chars.push(last(&self.chars) + chars);
        let (shift, unshift) = powers(word.len());
        self.shift = times(self.shift, shift);
        self.unshifts.push(times(last(&self.unshifts), unshift));
    }

    /// How often each distinct word occurs, in the order of first occurrence.
    pub(crate) fn word_counts(&self, tally: &mut Tally) -> Vec<u32> {
        tally.reset(self.words.len());
        for (position, &word) in self.words.iter().enumerate() {
            tally.add(word, position);
        }
        tally.counts()
    }

    /// Characters of the most frequent n-gram, words joined by a space, times its occurrences; 0 without n-grams.
    pub(crate) fn top_ngram_chars(&self, n: usize, tally: &mut Tally) -> u64 {
        tally.reset((self.words.len() + 1).saturating_sub(n));
        for (position, words) in self.words.windows(n).enumerate() {
            tally.add(words.iter().fold(0, |hash, &word| mix(hash, word)), position);
        }
        let chars = |first: usize| self.chars_between(first, first + n) + n as u64 - 1;
        tally.top().map_or(0, |(count, first)| u64::from(count) * chars(first))
    }

    /// Characters of the n-grams whose concatenation occurred before; a duplicate is skipped as a whole, so that
    /// none of its words counts twice.
    pub(crate) fn duplicate_ngram_chars(&self, n: usize, seen: &mut Seen) -> u64 {
        let places = (self.words.len() + 1).saturating_sub(n);
        seen.reset(places);
        let (mut at, mut repeated) = (0, 0);
        while at < places {
            let difference = plus(self.prefixes[at + n], PRIME - self.prefixes[at]);
            if seen.add(times(difference, self.unshifts[at])) {
                repeated += self.chars_between(at, at + n);
                at += n;
            } else {
                at += 1;
            }
        }
        repeated
    }

    fn chars_between(&self, from: usize, to: usize) -> u64 {
        self.chars[to] - self.chars[from]
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    fn hashes(words: &[String]) -> WordHashes {
        let mut all = WordHashes::default();
        words.iter().for_each(|word| all.push(word, word.chars().count() as u64));
        all
    }

    proptest! {
        #[test]
        fn same_as_counting_strings(words in proptest::collection::vec("[abé]{1,2}", 0..60), n in 2usize..6) {
            let all = hashes(&words);
            let mut tally = Tally::default();

            let mut seen = HashSet::new();
            let (mut at, mut repeated) = (0, 0);
            while at + n <= words.len() {
                let joined = words[at..at + n].concat();
                let chars = joined.chars().count() as u64;
                let new = seen.insert(joined);
                repeated += if new { 0 } else { chars };
                at += if new { 1 } else { n };
            }
            prop_assert_eq!(all.duplicate_ngram_chars(n, &mut Seen::default()), repeated);

            let grams: Vec<String> = words.windows(n).map(|gram| gram.join(" ")).collect();
            let mut counts: HashMap<&str, u64> = HashMap::new();
            grams.iter().for_each(|gram| *counts.entry(gram).or_default() += 1);
            let most = counts.values().copied().max().unwrap_or(0);
            let first = grams.iter().find(|gram| counts[gram.as_str()] == most);
            let expected = first.map_or(0, |gram| gram.chars().count() as u64 * most);
            prop_assert_eq!(all.top_ngram_chars(n, &mut tally), expected);
        }
    }
}
