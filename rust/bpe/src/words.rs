//! The words that merges are learned from, as tokens, in little memory.
//!
//! One slot per byte at first, and a slot behind every word. A merge takes away the start of its right token, so
//! slots keep their numbers; now and then what is left moves together, and words of one token disappear, since
//! there is nothing more to learn from them. Words of the same count stand together: a count is kept once.

use std::borrow::Cow;

use ahash::AHashMap;

use crate::byte_level::ALPHABET;
use crate::counts::Counts;
use crate::error::Error;
use crate::merge::Scratch;
use crate::merges::Merges;

/// A token in a slot: one more than its number.
pub(crate) trait Symbol: Copy + Eq + From<u8> {
    /// The token with a number, which must fit.
    fn of(token: u32) -> Self;
    /// Its number.
    fn token(self) -> u32;
    /// What stands before the first and after every word.
    fn boundary() -> Self {
        Self::from(0)
    }
}

impl Symbol for u16 {
    fn of(token: u32) -> Self {
        token as Self + 1
    }

    fn token(self) -> u32 {
        u32::from(self) - 1
    }
}

impl Symbol for u32 {
    fn of(token: u32) -> Self {
        token + 1
    }

    fn token(self) -> u32 {
        self - 1
    }
}

/// Words that occur equally often, from a slot on.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    count: i64,
}

/// Bytes are numbered in the order of their characters.
#[derive(Debug)]
pub(crate) struct Words<S> {
    symbols: Vec<S>,
    /// One bit per slot: a token starts there, or it is a boundary.
    starts: Vec<u64>,
    /// By start.
    runs: Vec<Run>,
}

impl<S: Symbol> Words<S> {
    /// All bytes apart. Counts that are handed over are freed on the way.
    pub(crate) fn new(mut counts: Cow<'_, Counts>) -> Result<Self, Error> {
        let mut slots = 1;
        counts.for_each(|word, _| slots += word.len() + 1);
        if slots >= u32::MAX as usize || counts.bytes() > i64::MAX as u128 {
            return Err(Error::Parameter(
                "more than 4 GiB of distinct words, or 2^63 bytes in all".to_owned(),
            ));
        }
        let mut words = Self { symbols: vec![S::boundary()], starts: Vec::new(), runs: Vec::new() };
        words.place(|each| counts.for_each_short(each));
        if let Cow::Owned(counts) = &mut counts {
            counts.forget_short();
        }
        words.place(|each| counts.for_each_long(each));
        words.starts = vec![u64::MAX; slots / 64 + 1];
        Ok(words)
    }

    /// Appends words. The order of those of one count does not change what is learned.
    fn place(&mut self, for_each: impl Fn(&mut dyn FnMut(&[u8], u64))) {
        let mut slots_of = AHashMap::<u64, usize>::new();
        for_each(&mut |word, count| *slots_of.entry(count).or_default() += word.len() + 1);
        let mut sizes: Vec<(u64, usize)> = slots_of.into_iter().collect();
        sizes.sort_unstable();
        let (mut at, mut next) = (self.symbols.len(), AHashMap::new());
        for &(count, size) in &sizes {
            self.runs.push(Run { start: at as u32, count: count as i64 });
            next.insert(count, at);
            at += size;
        }
        let mut numbers = [S::boundary(); 256];
        for (number, &byte) in (0..).zip(&ALPHABET) {
            numbers[usize::from(byte)] = S::of(number);
        }
        self.symbols.reserve_exact(at - self.symbols.len());
        self.symbols.resize(at, S::boundary());
        for_each(&mut |word, count| {
            if let Some(at) = next.get_mut(&count) {
                for (slot, &byte) in self.symbols[*at..].iter_mut().zip(word) {
                    *slot = numbers[usize::from(byte)];
                }
                *at += word.len() + 1;
            }
        });
    }

    /// The same words with room for other numbers of tokens.
    pub(crate) fn converted<T: Symbol>(mut self) -> Words<T> {
        self.compact();
        let symbol =
            |&symbol: &S| if symbol == S::boundary() { T::boundary() } else { T::of(symbol.token()) };
        let symbols = self.symbols.iter().map(symbol).collect();
        Words { symbols, starts: self.starts, runs: self.runs }
    }

    /// Applies merges to words whose bytes are all apart.
    pub(crate) fn encode(&mut self, merges: &Merges) {
        let (mut scratch, mut word) = (Scratch::default(), Vec::new());
        for slot in 1..self.symbols.len() {
            if self.symbols[slot] != S::boundary() {
                word.push(ALPHABET[self.symbols[slot].token() as usize]);
                continue;
            }
            let start = slot - word.len();
            scratch.merge_all(merges, std::iter::once((start, &word[..])), |start, found| {
                for (symbol, &number) in self.symbols[start..].iter_mut().zip(found) {
                    *symbol = S::of(number);
                }
                (start + found.len()..slot).for_each(|free| self.starts[free / 64] &= !(1 << (free % 64)));
            });
            word.clear();
        }
    }

    /// Number of slots.
    pub(crate) fn len(&self) -> usize {
        self.symbols.len()
    }

    #[inline]
    pub(crate) fn symbol(&self, slot: usize) -> S {
        self.symbols[slot]
    }

    #[inline]
    pub(crate) fn is_start(&self, slot: usize) -> bool {
        self.starts[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Where the token or boundary behind the token at `slot` starts.
    #[inline]
    pub(crate) fn after(&self, slot: usize) -> usize {
        let (mut at, bit) = ((slot + 1) / 64, (slot + 1) % 64);
        let mut bits = self.starts[at] & u64::MAX << bit;
        while bits == 0 {
            at += 1;
            bits = self.starts[at];
        }
        at * 64 + bits.trailing_zeros() as usize
    }

    /// Where the token or boundary before the token at `slot` starts.
    #[inline]
    pub(crate) fn before(&self, slot: usize) -> usize {
        let (mut at, bit) = ((slot - 1) / 64, (slot - 1) % 64);
        let mut bits = self.starts[at] & u64::MAX >> (63 - bit);
        while bits == 0 {
            at -= 1;
            bits = self.starts[at];
        }
        at * 64 + 63 - bits.leading_zeros() as usize
    }

    /// Makes one token of that at `left` and of its neighbour at `right`.
    #[inline]
    pub(crate) fn join(&mut self, left: usize, right: usize, token: S) {
        self.symbols[left] = token;
        self.starts[right / 64] &= !(1 << (right % 64));
    }

    /// How often the word at `slot` occurs. `run` is where the search begins; it only moves on.
    #[inline]
    pub(crate) fn count(&self, slot: usize, run: &mut usize) -> i64 {
        let behind = &self.runs[*run + 1..];
        if behind.first().is_some_and(|next| next.start as usize <= slot) {
            *run += behind.partition_point(|next| next.start as usize <= slot);
        }
        self.runs[*run].count
    }

    /// Calls `each` with every two neighbours, the slot of the first and the count of the word, in the order of
    /// slots. All tokens must have moved together.
    #[inline]
    pub(crate) fn for_each_pair(&self, mut each: impl FnMut(u32, u32, u32, i64)) {
        for (number, run) in self.runs.iter().enumerate() {
            let end = self.runs.get(number + 1).map_or(self.symbols.len(), |next| next.start as usize);
            for (slot, pair) in (run.start..).zip(self.symbols[run.start as usize..end].windows(2)) {
                if pair[0] != S::boundary() && pair[1] != S::boundary() {
                    each(pair[0].token(), pair[1].token(), slot, run.count);
                }
            }
        }
    }

    /// Moves tokens together and forgets words of one token.
    pub(crate) fn compact(&mut self) {
        let Self { symbols, starts, runs } = self;
        let (mut kept, mut old) = (0, std::mem::take(runs).into_iter().peekable());
        let (mut word, mut to) = (1, 1);
        for (at, &bits) in starts.iter().enumerate() {
            let mut bits = if at == 0 { bits & !1 } else { bits };
            while bits != 0 {
                let slot = at * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(&symbol) = symbols.get(slot) else { break };
                if let Some(run) = old.next_if(|run| run.start as usize == slot) {
                    // In place of a run of which nothing is left.
                    runs.truncate(kept);
                    runs.push(Run { start: to as u32, ..run });
                }
                symbols[to] = symbol;
                to += 1;
                if symbol == S::boundary() {
                    if to - word == 2 {
                        to = word;
                    }
                    kept = if to > word { runs.len() } else { kept };
                    word = to;
                }
            }
        }
        runs.truncate(kept);
        symbols.truncate(to);
        symbols.shrink_to_fit();
        starts.clear();
        starts.resize(to / 64 + 1, u64::MAX);
        starts.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed<S: Symbol>(words: &Words<S>) -> Vec<(Vec<u32>, i64)> {
        let (mut found, mut word, mut run, mut at) = (Vec::new(), Vec::new(), 0, 0);
        while at + 1 < words.len() {
            at = words.after(at);
            if words.symbol(at) != S::boundary() {
                word.push(words.symbol(at).token());
                continue;
            }
            found.push((std::mem::take(&mut word), words.count(at, &mut run)));
        }
        found
    }

    proptest::proptest! {
        #[test]
        fn joining_and_moving_together_keep_what_words_say(
            words in proptest::collection::btree_map("[abc]{1,90}", 1u64..4, 0..9),
            joins in proptest::collection::vec((0usize..600, proptest::bool::ANY), 0..300),
        ) {
            let mut counts = Counts::new();
            words.iter().for_each(|(word, &count)| counts.add(word.as_bytes(), count));
            let mut narrow = Words::<u16>::new(Cow::Borrowed(&counts)).unwrap();
            proptest::prop_assert_eq!(
                listed(&narrow).iter().map(|(word, count)| word.len() as i64 * count).sum::<i64>() as u128,
                counts.bytes()
            );
            // A token is numbered by its length here.
            for slot in 0..narrow.len() {
                if narrow.symbol(slot) != u16::boundary() {
                    narrow.symbols[slot] = u16::of(1);
                }
            }
            let lengths = |found: &[(Vec<u32>, i64)]| -> Vec<(u32, i64)> {
                found.iter().map(|(word, count)| (word.iter().sum(), *count)).collect()
            };
            let all = lengths(&listed(&narrow));
            for (slot, compact) in joins {
                let slot = slot % narrow.len();
                if narrow.is_start(slot) && narrow.symbol(slot) != u16::boundary() {
                    let right = narrow.after(slot);
                    proptest::prop_assert_eq!(narrow.before(right), slot);
                    if narrow.symbol(right) != u16::boundary() {
                        let length = narrow.symbol(slot).token() + narrow.symbol(right).token();
                        narrow.join(slot, right, u16::of(length));
                    }
                }
                if compact && slot.is_multiple_of(8) {
                    let mut expected = listed(&narrow);
                    expected.retain(|(word, _)| word.len() > 1);
                    narrow.compact();
                    proptest::prop_assert_eq!(listed(&narrow), expected);
                }
            }
            let left = listed(&narrow);
            let mut missing = all;
            for found in lengths(&left) {
                let at = missing.iter().position(|known| *known == found);
                proptest::prop_assert!(at.is_some());
                missing.swap_remove(at.unwrap());
            }
            let mut expected = left;
            expected.retain(|(word, _)| word.len() > 1);
            let wide = narrow.converted::<u32>();
            proptest::prop_assert_eq!(listed(&wide), expected.clone());
            let mut pairs = Vec::new();
            wide.for_each_pair(|left, right, _, count| pairs.push((left, right, count)));
            let of = |(word, count): &(Vec<u32>, i64)| {
                word.windows(2).map(|pair| (pair[0], pair[1], *count)).collect::<Vec<_>>()
            };
            proptest::prop_assert_eq!(pairs, expected.iter().flat_map(of).collect::<Vec<_>>());
        }
    }
}
