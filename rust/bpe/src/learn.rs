//! The loop of learning: the most frequent pair becomes a token.
//!
//! Only pairs above a limit are followed: their counts, and where they occur. What a merge brings forth is counted
//! when it happens, and counts of a pair that is there already only fall; so as long as one that is followed is
//! left, it is the most frequent of all. When none is left, or places take too much memory, all words are
//! read again, and the limit is set so that what is followed then fits.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ahash::AHashSet;

use crate::byte_level::ALPHABET;
use crate::counts::Counts;
use crate::error::Error;
use crate::merges::Merges;
use crate::pair_table::{Pair, PairTable, Stretch, hash};
use crate::words::{Symbol, Words};

/// What follows pairs takes at most so many bytes for each slot of the words at first, and more only where a
/// single count does.
const BYTES_PER_SLOT: f64 = 1.0;
/// As many bytes are there for small inputs too.
const LEAST_BYTES: usize = 1 << 20;
/// What a pair takes beside its places: its entry, two slots, and its turn in the heap, with room to grow.
const PAIR_BYTES: usize = 96;

/// What merges and memory are bounded by.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Pairs that occur less often are not merged.
    pub least: i64,
    /// Tokens that are merged have fewer bytes, unless it is two.
    pub longest: usize,
    /// What no merge may spell.
    pub forbidden: AHashSet<Vec<u8>>,
    /// Bytes for what follows pairs that are always there.
    pub room: usize,
    /// Most tokens that are numbered by two bytes.
    pub narrow: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let forbidden = AHashSet::new();
        Self { least: 1, longest: usize::MAX, forbidden, room: LEAST_BYTES, narrow: usize::from(u16::MAX) }
    }
}

/// Learns merges until there are `size` tokens, or no pair occurs often enough. Tokens are numbered from the
/// bytes on, in the order of their characters; `known` merges come first and are not repeated in the result.
pub(crate) fn learn(
    counts: Cow<'_, Counts>,
    known: &[Pair],
    size: usize,
    limits: &Limits,
) -> Result<Vec<Pair>, Error> {
    let tokens = Tokens::new(known);
    let words = Words::<u16>::new(counts)?;
    let mut learner = if tokens.len() > limits.narrow {
        return Ok(Learner::new(words.converted::<u32>(), tokens, known, limits).learn(size));
    } else {
        Learner::new(words, tokens, known, limits)
    };
    let mut merges = learner.learn(size.min(limits.narrow));
    if size > limits.narrow {
        let (words, tokens) = learner.into_parts();
        merges.extend(Learner::new(words.converted::<u32>(), tokens, &[], limits).learn(size));
    }
    Ok(merges)
}

/// The bytes of tokens.
#[derive(Debug)]
struct Tokens {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Tokens {
    fn new(merges: &[Pair]) -> Self {
        let mut tokens = Self { bytes: ALPHABET.to_vec(), ends: (1..=ALPHABET.len()).collect() };
        merges.iter().for_each(|&pair| tokens.add(pair));
        tokens
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, token: u32) -> &[u8] {
        &self.bytes[self.start(token)..self.ends[token as usize]]
    }

    fn start(&self, token: u32) -> usize {
        (token as usize).checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn length(&self, token: u32) -> usize {
        self.ends[token as usize] - self.start(token)
    }

    /// What a merge makes.
    fn add(&mut self, pair: Pair) {
        for token in [pair.0, pair.1] {
            self.bytes.extend_from_within(self.start(token)..self.ends[token as usize]);
        }
        self.ends.push(self.bytes.len());
    }

    fn product(&self, pair: Pair) -> Vec<u8> {
        [self.get(pair.0), self.get(pair.1)].concat()
    }

    /// All tokens as `Merges` expects them.
    fn merging(&self, merges: &[Pair]) -> Merges {
        let mut byte_ids = [0; 256];
        for (number, &byte) in (0..).zip(&ALPHABET) {
            byte_ids[usize::from(byte)] = number;
        }
        let made = (ALPHABET.len() as u32..).zip(merges);
        let merges: Vec<_> = made.map(|(product, &(left, right))| (left, right, product)).collect();
        let tokens: Vec<_> = (0..self.len() as u32).map(|token| Some(self.get(token).into())).collect();
        Merges::new(&byte_ids, &merges, &tokens)
    }
}

/// What a merge brings forth beside one neighbour.
#[derive(Clone, Copy, Debug)]
struct New {
    pair: Pair,
    count: i64,
    places: Stretch,
    /// Its number if it is followed.
    number: Option<usize>,
}

struct Learner<'l, S> {
    words: Words<S>,
    tokens: Tokens,
    limits: &'l Limits,
    pairs: PairTable,
    heap: BinaryHeap<(i64, Reverse<Pair>, u32)>,
    /// Pairs that would spell what is forbidden.
    skipped: AHashSet<Pair>,
    /// All pairs that occur so often are followed; 0 before the words have been read.
    limit: i64,
    /// Bytes for what follows pairs, and from how many on words are read again.
    room: usize,
    full: usize,
    /// Where the last merge happened.
    merged: Vec<u32>,
    new: Vec<New>,
    /// Of every token, one more than its place in `new` as a neighbour before, and as one behind.
    beside: [Vec<u32>; 2],
}

impl<'l, S: Symbol> Learner<'l, S> {
    fn new(mut words: Words<S>, tokens: Tokens, known: &[Pair], limits: &'l Limits) -> Self {
        let room = limits.room.max((words.len() as f64 * BYTES_PER_SLOT) as usize);
        if !known.is_empty() {
            words.encode(&tokens.merging(known));
        }
        Self {
            words,
            tokens,
            limits,
            pairs: PairTable::new(),
            heap: BinaryHeap::new(),
            skipped: AHashSet::new(),
            limit: 0,
            room,
            full: room,
            merged: Vec::new(),
            new: Vec::new(),
            beside: [Vec::new(), Vec::new()],
        }
    }

    fn into_parts(self) -> (Words<S>, Tokens) {
        (self.words, self.tokens)
    }

    fn learn(&mut self, size: usize) -> Vec<Pair> {
        let mut merges = Vec::new();
        while self.tokens.len() < size {
            if self.bytes() > self.full {
                self.read();
            }
            let Some((count, Reverse(pair), number)) = self.heap.pop() else {
                if self.limit == self.limits.least {
                    break;
                }
                self.read();
                continue;
            };
            let now = self.pairs.get(number as usize).count;
            if now != count {
                if now >= self.limit {
                    self.heap.push((now, Reverse(pair), number));
                }
                continue;
            }
            if !self.limits.forbidden.is_empty() && self.limits.forbidden.contains(&self.tokens.product(pair))
            {
                self.skipped.insert(pair);
                continue;
            }
            self.tokens.add(pair);
            merges.push(pair);
            self.merge(pair, number as usize);
        }
        merges
    }

    /// What follows pairs takes.
    fn bytes(&self) -> usize {
        self.pairs.bytes() + self.pairs.len() * PAIR_BYTES
    }

    /// Whether a pair may become a token.
    fn fits(tokens: &Tokens, longest: usize, left: u32, right: u32) -> bool {
        let bytes = ALPHABET.len() as u32;
        left.max(right) < bytes || tokens.length(left) + tokens.length(right) < longest
    }

    /// Replaces every occurrence of `pair` by the youngest token, left to right.
    fn merge(&mut self, pair: Pair, number: usize) {
        let Self { words, pairs, merged, .. } = self;
        let id = self.tokens.len() as u32 - 1;
        let (left, right, joined) = (S::of(pair.0), S::of(pair.1), S::of(id));
        merged.clear();
        let (mut places, mut run) = (pairs.places(number), 0);
        while let Some(place) = pairs.next_place(&mut places) {
            let at = place as usize;
            // Out of date: the left token has grown, or was taken by a merge further left.
            if !words.is_start(at) || words.symbol(at) != left {
                continue;
            }
            let middle = words.after(at);
            if words.symbol(middle) != right {
                continue;
            }
            let count = words.count(at, &mut run);
            let before = words.symbol(words.before(at));
            if before != S::boundary() {
                pairs.lose((before.token(), pair.0), count);
            }
            let after = words.symbol(words.after(middle));
            if after != S::boundary() {
                pairs.lose((pair.1, after.token()), count);
            }
            words.join(at, middle, joined);
            merged.push(place);
        }
        self.count_new(id);
    }

    /// Counts the pairs that a token now forms with its neighbours, and follows those above the limit.
    fn count_new(&mut self, id: u32) {
        let Self { words, tokens, pairs, heap, merged, new, beside, .. } = self;
        let (limit, longest) = (self.limit, self.limits.longest);
        beside.iter_mut().for_each(|beside| beside.resize(tokens.len(), 0));
        let mut run = 0;
        for &place in merged.iter() {
            let count = words.count(place as usize, &mut run);
            each_beside(words, id, place, |side, pair, place| {
                let at = &mut beside[side][if side == 0 { pair.0 } else { pair.1 } as usize];
                if *at == 0 {
                    new.push(New { pair, count: 0, places: Stretch::default(), number: None });
                    *at = new.len() as u32;
                }
                let new = &mut new[*at as usize - 1];
                new.count += count;
                new.places.measure(place);
            });
        }
        let mut any = false;
        for new in new.iter_mut() {
            let (left, right) = new.pair;
            if new.count >= limit && Self::fits(tokens, longest, left, right) {
                let number = pairs.follow(new.pair, new.count, new.places);
                heap.push((new.count, Reverse(new.pair), number as u32));
                (new.number, any) = (Some(number), true);
            }
        }
        if any {
            for &place in merged.iter() {
                each_beside(words, id, place, |side, pair, place| {
                    let at = beside[side][if side == 0 { pair.0 } else { pair.1 } as usize];
                    if let Some(number) = new[at as usize - 1].number {
                        pairs.write(number, place);
                    }
                });
            }
        }
        for New { pair, .. } in new.drain(..) {
            beside[0][pair.0 as usize] = 0;
            beside[1][pair.1 as usize] = 0;
        }
    }

    /// Reads all words, sets the limit, and follows the pairs above it.
    fn read(&mut self) {
        self.words.compact();
        self.heap.clear();
        self.pairs.clear();
        let estimate = Estimate::new(&self.words);
        let mut limit = estimate.limit(self.room / 2).max(self.limits.least);
        loop {
            self.count_above(&estimate, limit);
            if self.pairs.len() > 0 || limit == self.limits.least {
                break;
            }
            limit = (limit / 2).max(self.limits.least);
        }
        self.limit = limit;
        drop(estimate);
        for number in 0..self.pairs.len() {
            self.pairs.make_room(number);
            let followed = self.pairs.get(number);
            self.heap.push((followed.count, Reverse(followed.pair), number as u32));
        }
        let Self { words, pairs, .. } = self;
        words.for_each_pair(|left, right, place, _| {
            if let Some(number) = pairs.number((left, right)) {
                pairs.write(number, place);
            }
        });
        // A single count can take more than there is room for; merges come before the next reading all the same.
        self.full = self.room.max(self.bytes() + self.room / 2);
    }

    /// Exact counts of all pairs that occur at least `limit` times.
    fn count_above(&mut self, estimate: &Estimate, limit: i64) {
        let Self { words, pairs, tokens, limits, skipped, .. } = self;
        words.for_each_pair(|left, right, place, count| {
            if estimate.may_reach((left, right), limit) {
                let entry = pairs.entry((left, right));
                entry.count += count;
                entry.places.measure(place);
            }
        });
        pairs.retain(|entry| {
            let (left, right) = entry.pair;
            entry.count >= limit
                && Self::fits(tokens, limits.longest, left, right)
                && !skipped.contains(&entry.pair)
        });
    }
}

/// Calls `each` with the pairs of the token at `place` and its neighbours, and with the place of the pair; side 0
/// is before the token, 1 behind it. A pair of two such tokens belongs to the one behind.
#[inline(always)]
fn each_beside<S: Symbol>(words: &Words<S>, id: u32, place: u32, mut each: impl FnMut(usize, Pair, u32)) {
    let before = words.before(place as usize);
    if words.symbol(before) != S::boundary() {
        each(0, (words.symbol(before).token(), id), before as u32);
    }
    let after = words.symbol(words.after(place as usize));
    if after != S::boundary() && after != S::of(id) {
        each(1, (id, after.token()), place);
    }
}

/// What pairs take together, in few numbers: never too low for one of them.
struct Estimate {
    /// Of the pairs that share a hash, all occurrences and all places.
    shared: Vec<(u32, u32)>,
    shift: u32,
}

/// Steps of an estimate from one power of two to the next.
const STEPS_LOG2: u32 = 3;

impl Estimate {
    fn new<S: Symbol>(words: &Words<S>) -> Self {
        let log2 = (words.len() / 4).max(1).ilog2().clamp(10, 19);
        let (mut shared, shift) = (vec![(0u32, 0u32); 1 << log2], 64 - log2);
        words.for_each_pair(|left, right, _, count| {
            let (counts, places) = &mut shared[(hash((left, right)) >> shift) as usize];
            *counts = counts.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            *places += 1;
        });
        Self { shared, shift }
    }

    fn may_reach(&self, pair: Pair, limit: i64) -> bool {
        let counts = self.shared[(hash(pair) >> self.shift) as usize].0;
        counts == u32::MAX || i64::from(counts) >= limit
    }

    /// The lowest limit with which the pairs above it fit into `bytes`, but not above all of them.
    fn limit(&self, bytes: usize) -> i64 {
        let mut sizes = vec![0; 33 << STEPS_LOG2];
        for &(counts, places) in self.shared.iter().filter(|shared| shared.1 > 0) {
            // A place takes two bytes at most where there are many.
            sizes[step(counts)] += places as usize * 2 + PAIR_BYTES;
        }
        let highest = sizes.iter().rposition(|&size| size > 0).unwrap_or(0);
        let (mut taken, mut lowest) = (sizes[highest], highest);
        while lowest > 0 && taken + sizes[lowest - 1] <= bytes {
            lowest -= 1;
            taken += sizes[lowest];
        }
        edge(lowest)
    }
}

/// The number of the step to which a count belongs.
fn step(count: u32) -> usize {
    let log2 = count.max(1).ilog2();
    let within = u64::from(count) << STEPS_LOG2 >> log2;
    (log2 << STEPS_LOG2) as usize + within as usize - (1 << STEPS_LOG2)
}

/// The lowest count of a step.
fn edge(step: usize) -> i64 {
    let (log2, within) = (step >> STEPS_LOG2, step as u64 & ((1 << STEPS_LOG2) - 1));
    (((1 << STEPS_LOG2) + within) << log2).div_ceil(1 << STEPS_LOG2).cast_signed()
}
