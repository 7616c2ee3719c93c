//! Word n-grams as 64-bit hashes.

use curate_text::normalize::{normalize, words};

use crate::words::word_hashes;
use crate::{ParameterError, in_range, mix};

/// Multiplier of the rolling polynomial; odd, so that no word's bits are lost.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Longest n-gram, in words.
const MAX_NGRAM: usize = 256;

/// How many words make a shingle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShingleWords {
    words: usize,
    /// `BASE` to the power of `words`: the weight of the word that leaves the window.
    leaving: u64,
}

impl ShingleWords {
    /// Shingles of `words` words.
    ///
    /// # Errors
    /// When it is zero or above 256.
    pub fn new(words: usize) -> Result<Self, ParameterError> {
        in_range("ngram", words, 1, MAX_NGRAM)?;
        Ok(Self { words, leaving: (0..words).fold(1, |power: u64, _| power.wrapping_mul(BASE)) })
    }

    /// Words per shingle.
    pub fn get(self) -> usize {
        self.words
    }
}

/// Calls `each` with the hash of every run of `ngram` words, in order, in memory for one window.
///
/// A text with fewer words than that has one shingle of all its words, so that short texts are
/// compared as a whole and two different ones share nothing. A text without words has none.
pub fn for_each_shingle(
    words: impl IntoIterator<Item = u64>,
    ngram: ShingleWords,
    mut each: impl FnMut(u64),
) {
    let mut shingles = Shingles::new(ngram);
    for word in words {
        shingles.push(word, &mut each);
    }
    shingles.finish(&mut each);
}

/// The window over the last words, and its rolling hash.
struct Shingles {
    ngram: ShingleWords,
    window: [u64; MAX_NGRAM],
    place: usize,
    sum: u64,
    seen: usize,
}

impl Shingles {
    fn new(ngram: ShingleWords) -> Self {
        Self { ngram, window: [0; MAX_NGRAM], place: 0, sum: 0, seen: 0 }
    }

    fn push(&mut self, word: u64, each: &mut impl FnMut(u64)) {
        let left = std::mem::replace(&mut self.window[self.place], word);
        self.place = if self.place + 1 == self.ngram.words { 0 } else { self.place + 1 };
        // The first `words` steps subtract zeros.
        let kept = self.sum.wrapping_mul(BASE).wrapping_sub(left.wrapping_mul(self.ngram.leaving));
        self.sum = kept.wrapping_add(word);
        self.seen += 1;
        if self.seen >= self.ngram.words {
            each(mix(self.sum));
        }
    }

    fn finish(self, each: &mut impl FnMut(u64)) {
        if self.seen > 0 && self.seen < self.ngram.words {
            each(mix(self.sum.wrapping_add(self.seen as u64)));
        }
    }
}

/// Calls `each` with the hash of every shingle of a text, see [`word_hashes`] and [`for_each_shingle`].
pub fn for_each_text_shingle(text: &str, ngram: ShingleWords, mut each: impl FnMut(u64)) {
    let mut shingles = Shingles::new(ngram);
    word_hashes(text, |word| shingles.push(word, &mut each));
    shingles.finish(&mut each);
}

/// Calls `each` with the hash of every run of characters of a text, normalised and with one blank between words. A
/// shorter text has one of all its characters; a text without words none.
pub fn for_each_character_shingle(text: &str, ngram: ShingleWords, mut each: impl FnMut(u64)) {
    let mut shingles = Shingles::new(ngram);
    for (number, word) in words(&normalize(text)).enumerate() {
        let gap = (number > 0).then_some(' ');
        gap.into_iter().chain(word.chars()).for_each(|c| shingles.push(mix(u64::from(c) + 1), &mut each));
    }
    shingles.finish(&mut each);
}

/// Makes `shingles` a set: sorted, without repetition.
pub fn shingle_set(shingles: &mut Vec<u64>) {
    shingles.sort_unstable();
    shingles.dedup();
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use curate_text::word_scan::hash_word;
    use proptest::prelude::*;

    use super::*;

    fn shingles(words: &[u64], ngram: usize) -> Vec<u64> {
        let mut found = Vec::new();
        for_each_shingle(words.iter().copied(), ShingleWords::new(ngram).unwrap(), |hash| found.push(hash));
        found
    }

    #[test]
    fn counts_by_length() {
        for (words, expected) in [(0, 0), (1, 1), (4, 1), (5, 1), (6, 2), (100, 96)] {
            assert_eq!(shingles(&vec![3; words], 5).len(), expected, "{words} words");
        }
    }

    #[test]
    fn order_and_length_matter() {
        assert_ne!(shingles(&[1, 2], 5), shingles(&[2, 1], 5));
        assert_ne!(shingles(&[1, 2, 3, 4, 5], 5), shingles(&[5, 4, 3, 2, 1], 5));
        assert_ne!(shingles(&[0], 5), shingles(&[0, 0], 5));
    }

    #[test]
    fn texts_are_compared_without_case_punctuation_and_numbers() {
        let of = |text: &str| {
            let (mut shingles, mut words) = (Vec::new(), Vec::new());
            for_each_text_shingle(text, ShingleWords::new(3).unwrap(), |hash| shingles.push(hash));
            word_hashes(text, |hash| words.push(hash));
            (shingles, words)
        };
        assert_eq!(of("Crème, brûlée: 12 Euro!"), of("creme brulee 7 euro"));
        assert_ne!(of("creme brulee 7 euro"), of("creme brulee 7 dollar"));
        assert_eq!(of(" ,;- "), (vec![], vec![]));
    }

    #[test]
    fn characters() {
        let of = |text: &str, ngram| {
            let mut found = Vec::new();
            let ngram = ShingleWords::new(ngram).unwrap();
            for_each_character_shingle(text, ngram, |hash| found.push(hash));
            found
        };
        assert_eq!(of("Ash, ELM!", 3), of("ash  elm", 3));
        assert_eq!(of("ash elm", 3).len(), 5);
        assert_eq!(of("世界 ab", 2).len(), 5);
        assert_eq!(of("ab", 3).len(), 1);
        assert_ne!(of("ab", 3), of("ba", 3));
        assert!(of("?!", 3).is_empty());
    }

    #[test]
    fn sizes_outside_the_range_are_refused() {
        assert!(ShingleWords::new(0).is_err());
        assert!(ShingleWords::new(257).is_err());
    }

    proptest! {
        #[test]
        fn equal_windows_and_only_they_have_equal_hashes(
            words in prop::collection::vec(0u64..4, 0..60), ngram in 1usize..7,
        ) {
            let words: Vec<u64> = words.into_iter().map(|w| hash_word(w.to_string().as_bytes())).collect();
            let hashes = shingles(&words, ngram);
            prop_assume!(words.len() >= ngram);
            let windows: Vec<&[u64]> = words.windows(ngram).collect();
            prop_assert_eq!(hashes.len(), windows.len());
            let by_window: BTreeMap<_, _> = windows.iter().zip(&hashes).collect();
            let distinct: BTreeSet<_> = hashes.iter().collect();
            prop_assert_eq!(by_window.len(), distinct.len());
            for (window, hash) in windows.iter().zip(&hashes) {
                prop_assert_eq!(by_window[window], hash);
            }
        }
    }
}
