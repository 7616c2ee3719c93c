//! Repetition of word n-grams, measured in characters, without counting what cannot be repeated.
//!
//! Small tables of counters, one pass each, give an upper bound of how often any n-gram (or any stretch of 16 bytes)
//! occurs. Only the few that could matter are then counted exactly.

use xxhash_rust::xxh3::xxh3_64;

use crate::runs::{first_bytes, fold, load};
use crate::scan::CHUNK;
use crate::tally::{Marks, Seen, Tally};

/// Counters of n-grams fit the second-level cache, and their places 16 bits.
const MOST_COUNTERS: usize = 1 << 16;

const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f];

/// The words of one text: their numbers, and their bytes one after another.
#[derive(Default)]
pub(crate) struct Words {
    /// The first `count` are words, what follows is room.
    numbers: Vec<u32>,
    /// Where each word starts in `bytes`, the end of the last one, and room.
    starts: Vec<usize>,
    count: usize,
    /// The text without white space, and at least 64 bytes of anything behind it.
    bytes: Vec<u8>,
    /// How many bytes the words have.
    end: usize,
}

impl Words {
    /// Forgets all words and makes room for those of a text of `length` bytes.
    pub(crate) fn clear(&mut self, length: usize) {
        (self.count, self.end) = (0, 0);
        self.grow();
        // What an earlier text left is overwritten or never read.
        if self.bytes.len() < length + 64 {
            self.bytes.resize(length + 64, 0);
        }
    }

    /// Makes room for two words more.
    #[cold]
    fn grow(&mut self) {
        if self.starts.len() < self.count + 3 {
            let length = (2 * self.count).max(1024);
            self.numbers.resize(length, 0);
            self.starts.resize(length, 0);
        }
    }

    /// Puts the bytes of the next words in place, with any bytes behind them.
    #[inline(always)]
    pub(crate) fn write(&mut self, chunk: &[u8; CHUNK]) {
        if let Some(place) = self.bytes.get_mut(self.end..).and_then(<[u8]>::first_chunk_mut) {
            *place = *chunk;
        }
    }

    /// `write` for words of any length.
    pub(crate) fn copy(&mut self, run: &str) {
        if let Some(place) = self.bytes.get_mut(self.end..self.end + run.len()) {
            place.copy_from_slice(run.as_bytes());
        }
    }

    /// Adds `count` of two words, the first of `first` bytes, all together of `length`. Always both are written, as no
    /// processor could predict how many they are; the next ones overwrite what is too much.
    #[inline(always)]
    pub(crate) fn push_few(&mut self, numbers: [u32; 2], count: usize, first: usize, length: usize) {
        let at = self.count;
        if self.starts.len() < at + 3 {
            self.grow();
        }
        if let (Some(words), Some(starts)) =
            (self.numbers.get_mut(at..at + 2), self.starts.get_mut(at + 1..at + 3))
        {
            words.copy_from_slice(&numbers);
            starts.copy_from_slice(&[self.end + first, self.end + length]);
        }
        self.count += count;
        self.end += length;
    }

    /// Adds a word.
    #[inline(always)]
    pub(crate) fn push(&mut self, number: u32, length: usize) {
        self.push_few([number; 2], 1, length, length);
    }

    fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.count).unwrap_or_default()
    }

    /// Where each word starts, and the end of the last one.
    fn starts(&self) -> &[usize] {
        self.starts.get(..=self.count).unwrap_or_default()
    }

    fn places(&self, n: usize) -> usize {
        (self.count + 1).saturating_sub(n)
    }

    fn chars(&self, from: usize, to: usize, ascii: bool) -> u64 {
        let (start, end) = (self.starts[from], self.starts[to]);
        if ascii {
            return (end - start) as u64;
        }
        let stretch = self.bytes.get(start..end).unwrap_or_default();
        stretch.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64
    }
}

/// Of a size that any index of 16 bits fits.
struct Counters(Box<[i16; MOST_COUNTERS]>);

impl Default for Counters {
    fn default() -> Self {
        Self(Box::new([0; MOST_COUNTERS]))
    }
}

/// Tables, reused from text to text.
#[derive(Default)]
pub(crate) struct Repeats {
    counters: Counters,
    /// The counter of each 2-gram.
    slots: Vec<u16>,
    /// At most how often the n-gram at each place occurs, or `i16::MAX` if that is less. With a sign, as processors
    /// compare several such numbers at once.
    most: Vec<i16>,
    marks: Marks,
    /// Where an n-gram starts that could matter.
    places: Vec<u32>,
    /// The mark of each.
    marked: Vec<u32>,
    /// Which of the places start a short n-gram, and the marks of these.
    short: Vec<u32>,
    marked_short: Vec<(u32, u32)>,
    tally: Tally,
    seen: Seen,
}

impl Repeats {
    /// Characters of the most frequent 2-, 3- and 4-gram, words joined by a space, times its occurrences; the earliest
    /// among equally frequent ones; 0 without n-grams.
    pub(crate) fn top(&mut self, words: &Words, ascii: bool) -> [u64; 3] {
        if words.places(2) == 0 {
            return [0; 3];
        }
        self.count_pairs(words.numbers());
        let two = self.top_of::<2>(words, u32::MAX);
        self.lengthen();
        let three = self.top_of::<3>(words, two.0);
        self.lengthen();
        let four = self.top_of::<4>(words, three.0);
        let chars = |(count, first): (u32, usize), n: usize| match words.places(n) {
            0 => 0,
            _ => u64::from(count) * (words.chars(first, first + n, ascii) + n as u64 - 1),
        };
        [chars(two, 2), chars(three, 3), chars(four, 4)]
    }

    /// Leaves in `most` for each 2-gram an upper bound of how often it occurs.
    fn count_pairs(&mut self, numbers: &[u32]) {
        let size = (2 * numbers.len()).next_power_of_two().clamp(1 << 8, MOST_COUNTERS);
        let mask = (size - 1) as u16;
        let counters = &mut self.counters.0;
        counters[..size].fill(0);
        self.slots.clear();
        let seconds = numbers.get(1..).unwrap_or_default();
        self.slots.extend(numbers.iter().zip(seconds).map(|(&first, &second)| {
            let mixed = (u64::from(first) << 32 | u64::from(second)).wrapping_mul(FACTORS[0]);
            let slot = (mixed >> 48) as u16 & mask;
            let counter = &mut counters[usize::from(slot)];
            *counter += i16::from(*counter < i16::MAX);
            slot
        }));
        self.most.clear();
        self.most.extend(self.slots.iter().map(|&slot| counters[usize::from(slot)]));
    }

    /// From the bounds of n-grams to those of n-grams with a word more, which both contain.
    fn lengthen(&mut self) {
        let most = self.most.as_mut_slice();
        for at in 1..most.len() {
            most[at - 1] = most[at - 1].min(most[at]);
        }
        self.most.pop();
    }

    /// How often the most frequent n-gram occurs, which is at most `bound` times, and where it starts first.
    fn top_of<const N: usize>(&mut self, words: &Words, bound: u32) -> (u32, usize) {
        let highest = self.most.iter().copied().max().unwrap_or_default();
        let mut limit = highest.min(i16::try_from(bound).unwrap_or(i16::MAX));
        if N > 2 {
            limit = (limit / 2).max(2);
        }
        while limit > 1 {
            self.places.clear();
            for (block, most) in self.most.chunks(32).enumerate() {
                if most.iter().fold(0, |highest, &most| highest.max(most)) >= limit {
                    let likely = most.iter().zip((32 * block) as u32..).filter(|&(&most, _)| most >= limit);
                    self.places.extend(likely.map(|(_, place)| place));
                }
            }
            self.tally.reset(self.places.len());
            for &place in &self.places {
                let gram = words.numbers().get(place as usize..).and_then(<[u32]>::first_chunk::<N>);
                self.tally.add(key(gram.unwrap_or(&[0; N])), place as usize);
            }
            let best = self.tally.top().unwrap_or((1, 0));
            // Every n-gram with `limit` occurrences was counted, so a best one with as many is the best of all.
            if i64::from(best.0) >= i64::from(limit) {
                return best;
            }
            limit = i16::try_from(best.0.max(2)).unwrap_or(i16::MAX).min(limit - 1);
        }
        (1, 0)
    }

    /// Characters of the 5- to 10-grams whose concatenation occurred before; a duplicate is skipped as a whole, so that
    /// none of its words counts twice.
    pub(crate) fn duplicates(&mut self, words: &Words, ascii: bool) -> [u64; 6] {
        self.repeated_starts(words);
        self.keep_starts(words);
        let five = self.duplicates_of::<5>(words, ascii);
        self.keep_repeated::<6, 20>(words);
        let six = self.duplicates_of::<6>(words, ascii);
        self.keep_repeated::<7, 24>(words);
        let seven = self.duplicates_of::<7>(words, ascii);
        let eight = self.duplicates_of::<8>(words, ascii);
        self.keep_repeated::<9, 32>(words);
        let nine = self.duplicates_of::<9>(words, ascii);
        let ten = self.duplicates_of::<10>(words, ascii);
        [five, six, seven, eight, nine, ten]
    }

    /// Leaves in `places` where a 5-gram or longer one could start that occurs again: where the first `START` bytes do,
    /// and where five words are too short to tell.
    fn repeated_starts(&mut self, words: &Words) {
        const START: usize = 12;
        let Self { marks, marked, places, .. } = self;
        marks.clear(words.places(5));
        marked.clear();
        marked.extend(words.starts().windows(6).map(|starts| {
            let bytes: &[u8; 16] =
                words.bytes.get(starts[0]..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16]);
            let mark = marks.place(hash_of_16([load(bytes, 0), load(bytes, START - 8)]));
            marks.add(mark);
            mark | (u32::from(starts[5] - starts[0] < START) * KEPT)
        }));
        places.clear();
        places.extend(0..marked.len() as u32);
        keep(places, |at, _| is_kept(marked[at], marks));
    }

    /// Of `places`, keeps those whose first `START` bytes other places have too, and those that start a shorter n-gram
    /// whose bytes another one has.
    fn keep_starts(&mut self, words: &Words) {
        const START: usize = 16;
        let Self { marks, marked, places, short, marked_short, .. } = self;
        let starts = words.starts();
        marks.clear(2 * places.len());
        marked.clear();
        marked.extend(places.iter().map(|&place| {
            let mark = marks.place(hash_of_16(first_16(words, starts[place as usize])));
            marks.add(mark);
            mark
        }));
        short.clear();
        short.extend(0..places.len() as u32);
        marked_short.clear();
        for n in 5..=10 {
            keep(short, |_, at| {
                let first = places[at as usize] as usize;
                starts.get(first + n).is_some_and(|end| end - starts[first] < START)
            });
            for &at in &*short {
                let first = places[at as usize] as usize;
                let length = starts[first + n] - starts[first];
                let hash = hash_of_16(first_bytes(first_16(words, starts[first]), length));
                let mark = marks.place(hash ^ (length as u64).wrapping_mul(FACTORS[0]));
                marks.add(mark);
                marked_short.push((at, mark));
            }
        }
        for &(at, mark) in &*marked_short {
            marked[at as usize] |= u32::from(marks.twice(mark)) * KEPT;
        }
        keep(places, |at, _| is_kept(marked[at], marks));
    }

    /// Of `places`, keeps those where an n-gram or a longer one could start that occurs again: those whose first
    /// `STRETCH` bytes do, and those too short to tell.
    fn keep_repeated<const N: usize, const STRETCH: usize>(&mut self, words: &Words) {
        let last = words.places(N);
        let Self { marks, marked, places, .. } = self;
        places.truncate(places.partition_point(|&place| (place as usize) < last));
        marks.clear(places.len());
        marked.clear();
        marked.extend(places.iter().map(|&place| {
            let (start, end) = (words.starts[place as usize], words.starts[place as usize + N]);
            let hash = stretch_hash::<STRETCH>(words, start);
            let mark = marks.place(hash);
            marks.add(mark);
            mark | (u32::from(end - start < STRETCH) * KEPT)
        }));
        keep(places, |at, _| is_kept(marked[at], marks));
    }

    fn duplicates_of<const N: usize>(&mut self, words: &Words, ascii: bool) -> u64 {
        if self.places.is_empty() {
            return 0;
        }
        let places = words.places(N);
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
            let (start, end) = (words.starts[place], words.starts[place + N]);
            if self.seen.add(stretch_key(words, start, end) >> 1) {
                repeated += words.chars(place, place + N, ascii);
                next = place + N;
            }
        }
        repeated
    }
}

/// Set in the mark of a place that is kept, however often the mark occurs. Where too few bytes follow to tell, those
/// behind them are marked all the same: the same bytes may be cut into fewer words elsewhere.
const KEPT: u32 = 1 << 31;

#[inline(always)]
fn is_kept(mark: u32, marks: &Marks) -> bool {
    marks.twice(mark & !KEPT) | (mark >= KEPT)
}

/// Keeps the items that are wanted, by index and value: without a branch, which no processor could predict.
#[inline(always)]
fn keep(items: &mut Vec<u32>, mut wanted: impl FnMut(usize, u32) -> bool) {
    let mut kept = 0;
    for at in 0..items.len() {
        let item = items[at];
        items[kept] = item;
        kept += usize::from(wanted(at, item));
    }
    items.truncate(kept);
}

/// The first 16 bytes from `start`.
#[inline(always)]
fn first_16(words: &Words, start: usize) -> [u64; 2] {
    let bytes: &[u8; 16] = words.bytes.get(start..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16]);
    [load(bytes, 0), load(bytes, 8)]
}

#[inline(always)]
fn hash_of_16([head, tail]: [u64; 2]) -> u64 {
    fold(head ^ FACTORS[0], tail ^ FACTORS[1]).wrapping_mul(FACTORS[2])
}

/// A hash of the first `STRETCH` bytes from `start`.
#[inline]
fn stretch_hash<const STRETCH: usize>(words: &Words, start: usize) -> u64 {
    let bytes: &[u8; 32] = words.bytes.get(start..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 32]);
    let eight = |skip: usize| load(bytes, skip);
    let mut mixed = fold(eight(0) ^ FACTORS[0], eight(STRETCH.min(16) - 8) ^ FACTORS[1]);
    if STRETCH > 16 {
        mixed = fold(mixed ^ FACTORS[2], eight(STRETCH.min(24) - 8) ^ FACTORS[0]);
    }
    if STRETCH > 24 {
        mixed = fold(mixed ^ FACTORS[1], eight(STRETCH - 8) ^ FACTORS[2]);
    }
    mixed.wrapping_mul(FACTORS[0])
}

/// A 64-bit hash of the bytes from `start` to `end`.
#[inline]
fn stretch_key(words: &Words, start: usize, end: usize) -> u64 {
    let length = end - start;
    if length > 64 {
        return xxh3_64(words.bytes.get(start..end).unwrap_or_default());
    }
    let four = |at: usize| {
        let bytes: &[u8; 32] = words.bytes.get(at..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 32]);
        [load(bytes, 0), load(bytes, 8), load(bytes, 16), load(bytes, 24)]
    };
    let halves = |[a, b, c, d]: [u64; 4], seed: u64| {
        fold(a ^ seed, b ^ FACTORS[1]).rotate_left(17) ^ fold(c ^ FACTORS[2], d ^ FACTORS[0])
    };
    // The length is spread over all bits, lest it make up for a difference of the first byte.
    let seed = (length as u64).wrapping_mul(FACTORS[0]);
    if length <= 32 {
        return halves(first_bytes(four(start), length), seed);
    }
    halves(four(start), seed).rotate_left(31) ^ halves(four(end - 32), FACTORS[2])
}

/// The key of 2, 3 or 4 words.
#[inline]
fn key<const N: usize>(gram: &[u32; N]) -> u64 {
    let [a, b, ref more @ ..] = gram[..] else { return 0 };
    let pair = u64::from(a) << 32 | u64::from(b);
    more.iter().fold(pair, |key, &next| {
        (key.wrapping_mul(FACTORS[0]).rotate_left(29) ^ u64::from(next)).wrapping_mul(FACTORS[1])
    })
}
