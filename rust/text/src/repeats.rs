//! Repetition of word n-grams, measured in characters, without counting what cannot be repeated.
//!
//! Small tables of counters, one pass each, give an upper bound of how often any n-gram occurs. Only the few that could
//! be the most frequent are then counted exactly.

use crate::duplicates::{Duplicates, keep_if};
use crate::scan::CHUNK;
use crate::tally::{FACTORS, Tally};

/// Counters of n-grams fit the second-level cache, and their places 16 bits.
const MOST_COUNTERS: usize = 1 << 16;

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

    /// Bytes of all words.
    pub(crate) fn length(&self) -> usize {
        self.end
    }

    /// Makes room for two words more.
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
        let words = self.numbers.get_mut(at..).and_then(<[u32]>::first_chunk_mut);
        let starts = self.starts.get_mut(at..).and_then(<[usize]>::first_chunk_mut);
        let (Some(words), Some([_, second, after])) = (words, starts) else {
            return self.push_growing(numbers, count, first, length);
        };
        *words = numbers;
        (*second, *after) = (self.end + first, self.end + length);
        self.count += count;
        self.end += length;
    }

    #[cold]
    fn push_growing(&mut self, numbers: [u32; 2], count: usize, first: usize, length: usize) {
        self.grow();
        self.push_few(numbers, count, first, length);
    }

    /// Adds a word.
    #[inline(always)]
    pub(crate) fn push(&mut self, number: u32, length: usize) {
        self.push_few([number; 2], 1, length, length);
    }

    /// Equal words have equal numbers.
    fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.count).unwrap_or_default()
    }

    /// Where each word starts, and the end of the last one.
    pub(crate) fn starts(&self) -> &[usize] {
        self.starts.get(..=self.count).unwrap_or_default()
    }

    /// The words one after another, and at least 64 bytes of anything behind them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of n-grams.
    pub(crate) fn places(&self, n: usize) -> usize {
        (self.count + 1).saturating_sub(n)
    }

    /// Characters of the words of a range.
    pub(crate) fn chars(&self, from: usize, to: usize, ascii: bool) -> u64 {
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
    /// The counter of each n-gram that is counted.
    slots: Vec<u16>,
    /// At most how often the n-gram at each place occurs, or `i16::MAX` if that is less. With a sign, as processors
    /// compare several such numbers at once.
    most: Vec<i16>,
    /// Where an n-gram starts that could matter.
    places: Vec<u32>,
    tally: Tally,
    duplicates: Duplicates,
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
        let few = numbers.len() < i16::MAX as usize;
        self.slots.extend(numbers.iter().zip(seconds).map(|(&first, &second)| {
            let mixed = (u64::from(first) << 32 | u64::from(second)).wrapping_mul(FACTORS[0]);
            let slot = (mixed >> 48) as u16 & mask;
            let counter = &mut counters[usize::from(slot)];
            *counter = if few { *counter + 1 } else { counter.saturating_add(1) };
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

    /// Lowers the bounds of n-grams that are at least `limit`, by counting these n-grams themselves; gives the highest.
    fn refine<const N: usize>(&mut self, words: &Words, limit: i16) -> i16 {
        let numbers = words.numbers();
        self.find_frequent(limit);
        let Self { counters: Counters(counters), slots, most, places, .. } = self;
        let few = places.len() < i16::MAX as usize;
        let size = (4 * places.len()).next_power_of_two().clamp(1 << 8, MOST_COUNTERS);
        let mask = (size - 1) as u16;
        counters[..size].fill(0);
        slots.clear();
        slots.extend(places.iter().map(|&place| {
            let gram = numbers.get(place as usize..).and_then(<[u32]>::first_chunk::<N>);
            let slot = (key(gram.unwrap_or(&[0; N])) >> 48) as u16 & mask;
            let counter = &mut counters[usize::from(slot)];
            *counter = if few { *counter + 1 } else { counter.saturating_add(1) };
            slot
        }));
        let mut highest = 0;
        for (&place, &slot) in places.iter().zip(&*slots) {
            let most = &mut most[place as usize];
            *most = counters[usize::from(slot)].min(*most);
            highest = highest.max(*most);
        }
        highest
    }

    /// Leaves in `places` where n-grams start that could occur `limit` times: few, so that most blocks have none.
    fn find_frequent(&mut self, limit: i16) {
        let Self { most, places, .. } = self;
        places.clear();
        places.resize(most.len() + 1, 0);
        let mut count = 0;
        for (block, most) in most.chunks(32).enumerate() {
            if most.iter().fold(0, |highest, &most| highest.max(most)) >= limit {
                for (&most, place) in most.iter().zip((32 * block) as u32..) {
                    places[count] = place;
                    count += usize::from(most >= limit);
                }
            }
        }
        places.truncate(count);
    }

    /// How often the most frequent n-gram occurs, which is at most `bound` times, and where it starts first.
    fn top_of<const N: usize>(&mut self, words: &Words, bound: u32) -> (u32, usize) {
        let highest = self.most.iter().copied().max().unwrap_or_default();
        let mut limit = highest.min(i16::try_from(bound).unwrap_or(i16::MAX));
        if N == 2 {
            self.find_frequent(limit);
        } else {
            // An n-gram with a word more is seldom as frequent.
            let mut least = limit;
            loop {
                least = (least / 2).max(2);
                limit = self.refine::<N>(words, least);
                if limit >= least || least == 2 {
                    break;
                }
            }
            let most = &self.most;
            keep_if(&mut self.places, |_, place| most[place as usize] >= limit);
        }
        while limit > 1 {
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
            self.find_frequent(limit);
        }
        (1, 0)
    }

    /// Characters of the 5- to 10-grams that occurred before.
    pub(crate) fn duplicates(&mut self, words: &Words, ascii: bool) -> [u64; 6] {
        self.duplicates.chars(words, ascii)
    }
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
