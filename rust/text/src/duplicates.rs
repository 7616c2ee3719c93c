//! Word n-grams whose bytes, joined without spaces, occurred before.
//!
//! Most words start no stretch of bytes that the text has twice. Small tables of marks, one pass each, tell which could:
//! only these are looked up.

use xxhash_rust::xxh3::xxh3_64;

use crate::repeats::Words;
use crate::runs::{first_bytes, fold, load};
use crate::tally::{FACTORS, Room, Seen};

/// Tables, reused from text to text.
#[derive(Default)]
pub(crate) struct Duplicates {
    room: Room,
    /// Where an n-gram starts that could occur elsewhere too.
    places: Vec<u32>,
    /// The mark of each.
    marked: Vec<u32>,
    /// Which of the places start a short n-gram, and the marks of these.
    short: Vec<u32>,
    marked_short: Vec<u32>,
    seen: Seen,
}

impl Duplicates {
    /// Characters of the 5- to 10-grams whose concatenation occurred before; a duplicate is skipped as a whole, so that
    /// none of its words counts twice.
    pub(crate) fn chars(&mut self, words: &Words, ascii: bool) -> [u64; 6] {
        self.repeated_starts(words);
        self.keep_starts::<5, 16>(words);
        let five = self.chars_of::<5>(words, ascii);
        let six = self.chars_of::<6>(words, ascii);
        self.keep_starts::<7, 24>(words);
        let seven = self.chars_of::<7>(words, ascii);
        let eight = self.chars_of::<8>(words, ascii);
        let nine = self.chars_of::<9>(words, ascii);
        let ten = self.chars_of::<10>(words, ascii);
        [five, six, seven, eight, nine, ten]
    }

    /// Leaves in `places` where a 5-gram or longer one could start that occurs again: where the first `START` bytes do,
    /// and where five words are too short to tell.
    fn repeated_starts(&mut self, words: &Words) {
        const START: usize = 10;
        let Self { room, marked, places, .. } = self;
        let count = words.places(5);
        let mut marks = room.marks(count);
        marked.clear();
        marked.resize(count, 0);
        let bytes = words.bytes();
        for (starts, marked) in words.starts().windows(6).zip(marked.iter_mut()) {
            let Some(first) = bytes.get(starts[0]..).and_then(<[u8]>::first_chunk::<16>) else { break };
            let mark = marks.add(hash_of_16([load(first, 0), load(first, START - 8)]));
            *marked = if starts[5] - starts[0] < START { marks.often() } else { mark };
        }
        places.clear();
        places.resize(count, 0);
        let mut kept = 0;
        for (place, &mark) in marked.iter().enumerate() {
            places[kept] = place as u32;
            kept += usize::from(marks.twice(mark));
        }
        places.truncate(kept);
    }

    /// Of `places`, keeps those where an n-gram or a longer one could start that occurs again: those whose first
    /// `STRETCH` bytes do, and those that start a shorter n-gram whose bytes another one has.
    fn keep_starts<const N: usize, const STRETCH: usize>(&mut self, words: &Words) {
        let Self { room, marked, places, short, marked_short, .. } = self;
        let (starts, bytes) = (words.starts(), words.bytes());
        places.truncate(places.partition_point(|&place| (place as usize) < words.places(N)));
        let mut marks = room.marks(2 * places.len());
        marked.clear();
        marked.resize(places.len(), 0);
        short.clear();
        short.resize(places.len(), 0);
        let mut count = 0;
        for (at, (&place, marked)) in places.iter().zip(marked.iter_mut()).enumerate() {
            let Some([start, .., end]) = starts.get(place as usize..place as usize + N + 1) else { break };
            let Some(first) = bytes.get(*start..).and_then(<[u8]>::first_chunk) else { break };
            *marked = marks.add(hash_of_first::<STRETCH>(first, STRETCH));
            short[count] = at as u32;
            count += usize::from(end - start < STRETCH);
        }
        short.truncate(count);
        for n in N..=10 {
            if short.is_empty() {
                break;
            }
            marked_short.clear();
            marked_short.extend(short.iter().map(|&at| {
                let place = places[at as usize] as usize;
                let (start, length) = (starts[place], starts[place + n] - starts[place]);
                let first = bytes.get(start..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 32]);
                marks.add(hash_of_first::<STRETCH>(first, length) ^ (n as u64).wrapping_mul(FACTORS[2]))
            }));
            for (&at, &mark) in short.iter().zip(&*marked_short) {
                let marked = &mut marked[at as usize];
                *marked = if marks.twice(mark) { mark } else { *marked };
            }
            keep_if(short, |_, at| {
                let place = places[at as usize] as usize;
                starts.get(place + n + 1).is_some_and(|end| end - starts[place] < STRETCH)
            });
        }
        let marked = &marked[..places.len()];
        keep_if(places, |at, _| marks.twice(marked[at]));
    }

    fn chars_of<const N: usize>(&mut self, words: &Words, ascii: bool) -> u64 {
        if self.places.is_empty() {
            return 0;
        }
        let (places, starts) = (words.places(N), words.starts());
        self.seen.reset(self.places.len());
        let (mut next, mut repeated) = (0, 0);
        for &place in &self.places {
            let place = place as usize;
            if place < next {
                continue;
            }
            if place >= places {
                break;
            }
            if self.seen.add(stretch_key(words, starts[place], starts[place + N]) >> 1) {
                repeated += words.chars(place, place + N, ascii);
                next = place + N;
            }
        }
        repeated
    }
}

/// Keeps the items that are wanted, by index and value: without a branch, which no processor could predict.
#[inline(always)]
pub(crate) fn keep_if(items: &mut Vec<u32>, mut wanted: impl FnMut(usize, u32) -> bool) {
    let all = items.as_mut_slice();
    let mut kept = 0;
    for at in 0..all.len() {
        let item = all[at];
        all[kept] = item;
        kept += usize::from(wanted(at, item));
    }
    items.truncate(kept);
}

#[inline(always)]
fn hash_of_16([head, tail]: [u64; 2]) -> u64 {
    head.wrapping_mul(FACTORS[0]) ^ tail.wrapping_mul(FACTORS[1])
}

/// A hash of the first `length` bytes, of which there are `MOST` at most: 16 or 24.
#[inline(always)]
fn hash_of_first<const MOST: usize>(bytes: &[u8; 32], length: usize) -> u64 {
    let words = first_bytes([load(bytes, 0), load(bytes, 8), load(bytes, 16)], length);
    let mut hash = hash_of_16([words[0], words[1]]) ^ (length as u64).wrapping_mul(FACTORS[2]);
    if MOST > 16 {
        hash = (hash ^ hash >> 32).wrapping_mul(FACTORS[0]) ^ words[2].wrapping_mul(FACTORS[2]);
    }
    hash
}

/// A 64-bit hash of the bytes from `start` to `end`.
#[inline]
fn stretch_key(words: &Words, start: usize, end: usize) -> u64 {
    let length = end - start;
    if length > 64 {
        return xxh3_64(words.bytes().get(start..end).unwrap_or_default());
    }
    let bytes: &[u8; 64] = words.bytes().get(start..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 64]);
    let four = |at: usize| [load(bytes, at), load(bytes, at + 8), load(bytes, at + 16), load(bytes, at + 24)];
    let halves = |[a, b, c, d]: [u64; 4], seed: u64| {
        fold(a ^ seed, b ^ FACTORS[1]).rotate_left(17) ^ fold(c ^ FACTORS[2], d ^ FACTORS[0])
    };
    // The length is spread over all bits, lest it make up for a difference of the first byte.
    let seed = (length as u64).wrapping_mul(FACTORS[0]);
    // Whether a stretch has more than 32 bytes is hard to predict.
    let (first, second) = (first_bytes(four(0), length), first_bytes(four(32), length.saturating_sub(32)));
    halves(first, seed).rotate_left(31) ^ halves(second, FACTORS[2])
}

#[cfg(test)]
mod tests {
    use crate::oracle::Oracle;
    use crate::stats::Measure;
    use proptest::prelude::*;

    /// `letters` again and again, cut into words of these lengths.
    fn recut(letters: &str, lengths: &[usize]) -> String {
        let mut rest = letters.chars().cycle();
        let words = lengths.iter().map(|&length| rest.by_ref().take(length).collect::<String>());
        words.collect::<Vec<_>>().join(" ")
    }

    proptest! {
        /// The same bytes in other words: n-grams of few and of many bytes, some equal and some not.
        #[test]
        fn bytes_are_compared_and_not_words(
            letters in "[ab]{1,4}|[a-z]{20,90}",
            lengths in prop_oneof![
                proptest::collection::vec(1..4usize, 0..400),
                proptest::collection::vec(1..9usize, 0..400),
                proptest::collection::vec(prop_oneof![Just(3usize), Just(4), Just(4), Just(4)], 0..400),
                proptest::collection::vec(prop_oneof![1..12usize, 20..40usize], 0..200),
            ],
        ) {
            let text = recut(&letters, &lengths);
            prop_assert_eq!(Measure::default().stats(&text), Oracle::default().stats(&text), "{}", text);
        }
    }
}
