//! Merging pieces: always the pair of lowest rank first, the leftmost of equals.
//!
//! Three ways by length, all with the same result. Most pieces are short, and what takes time is waiting for
//! the table of pairs; so several are merged side by side, each asking for its entries one round ahead.
//! Longer ones keep the lowest rank of every group of places, the longest use a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[cfg(target_arch = "x86_64")]
use crate::bitmap;
use crate::merges::{BYTES, Merges};
use crate::pairs::{NO_RANK, NOBODY};

/// Most places of a short piece.
const SHORT: usize = 64;
/// Short pieces merged side by side.
const LANES: usize = 8;
/// Places of longer pieces are searched by groups: as many as there are groups of.
const GROUP: usize = 16;
const MEDIUM: usize = GROUP * GROUP;
const PLACE_BITS: u32 = 8;
const PLACE: i32 = (1 << PLACE_BITS) - 1;
/// Signed, since the plainest vector instructions compare signed numbers only.
const NOTHING: i32 = i32::MAX;
const NONE: usize = usize::MAX;

/// Behind the places of a short piece: the neighbour of its last token, then that of its first.
const BEFORE: usize = SHORT + 1;
const WITH_NEIGHBOURS: usize = SHORT + 2;

#[inline(always)]
fn ranked(rank: u32, place: usize) -> i32 {
    if rank == NO_RANK { NOTHING } else { (rank << PLACE_BITS | place as u32).cast_signed() }
}

#[inline(always)]
fn product(best: i32) -> u32 {
    (best >> PLACE_BITS).cast_unsigned() + BYTES
}

/// The lowest of a multiple of eight.
#[inline(always)]
fn lowest(ranks: &[i32]) -> i32 {
    let mut best = [NOTHING; 8];
    for eight in ranks.as_chunks::<8>().0 {
        for (best, &rank) in best.iter_mut().zip(eight) {
            *best = rank.min(*best);
        }
    }
    best.into_iter().fold(NOTHING, i32::min)
}

/// A short piece on its way.
#[derive(Clone, Debug)]
struct Lane {
    symbols: [u32; WITH_NEIGHBOURS],
    /// Rank and place of the pair that starts at each place.
    ranks: [i32; WITH_NEIGHBOURS],
    /// One bit per place where a token starts.
    starts: u64,
    /// Places looked at, a multiple of 8.
    width: usize,
    /// Where a merge happened last, with the places before and behind it; their ranks are to be looked up.
    merged: Option<usize>,
    tag: usize,
}

impl Lane {
    const EMPTY: Self = Self {
        symbols: [NOBODY; WITH_NEIGHBOURS],
        ranks: [NOTHING; WITH_NEIGHBOURS],
        starts: 0,
        width: 8,
        merged: None,
        tag: 0,
    };

    fn load(&mut self, merges: &Merges, first: &[u32], piece: &[u8], tag: usize) {
        let last = first.len() - 1;
        self.symbols[..=last].copy_from_slice(first);
        self.width = first.len().next_multiple_of(8);
        self.ranks[..self.width].fill(NOTHING);
        if first.len() == piece.len() {
            for (place, pair) in piece.windows(2).enumerate() {
                self.ranks[place] = ranked(merges.of_bytes(pair[0], pair[1]), place);
            }
        } else {
            for (place, pair) in first.windows(2).enumerate() {
                self.ranks[place] = ranked(merges.rank(pair[0], pair[1]), place);
            }
        }
        self.starts = u64::MAX >> (63 - last);
        self.merged = None;
        self.tag = tag;
    }

    /// The places before and behind `place`.
    #[inline(always)]
    fn neighbours(&self, place: usize) -> (usize, usize) {
        let before = self.starts & ((1 << place) - 1);
        let behind = self.starts & (u64::MAX << place << 1);
        let before = if before == 0 { BEFORE } else { 63 - before.leading_zeros() as usize };
        (before, behind.trailing_zeros() as usize)
    }

    /// One merge; false when there is nothing to merge.
    #[inline(always)]
    fn step(&mut self, merges: &Merges) -> bool {
        if let Some(place) = self.merged {
            let symbol = self.symbols[place];
            let (before, behind) = self.neighbours(place);
            self.ranks[place] = ranked(merges.rank(symbol, self.symbols[behind]), place);
            self.ranks[before] = ranked(merges.rank(self.symbols[before], symbol), before);
        }
        let best = lowest(&self.ranks[..self.width]);
        if best == NOTHING {
            return false;
        }
        let place = (best & PLACE) as usize % SHORT;
        let symbol = product(best);
        self.symbols[place] = symbol;
        let right = self.neighbours(place).1 % SHORT;
        self.starts &= !(1 << right);
        self.ranks[right] = NOTHING;
        let (before, behind) = self.neighbours(place);
        merges.prefetch(symbol, self.symbols[behind]);
        merges.prefetch(self.symbols[before], symbol);
        self.merged = Some(place);
        true
    }

    fn finish(&self, merges: &Merges, out: &mut Vec<u32>) {
        let mut starts = self.starts;
        while starts != 0 {
            out.push(merges.id(self.symbols[starts.trailing_zeros() as usize]));
            starts &= starts - 1;
        }
    }
}

/// Buffers kept from piece to piece.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What a piece starts from.
    first: Vec<u32>,
    done: Vec<u32>,
    lanes: [Lane; LANES],
    ids: [u32; MEDIUM],
    /// Rank and place of the pair that starts at each place.
    ranks: [i32; MEDIUM],
    /// Neighbours that are left.
    next: [u16; MEDIUM],
    previous: [u16; MEDIUM],
    long: Long,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            done: Vec::new(),
            lanes: [const { Lane::EMPTY }; LANES],
            ids: [0; MEDIUM],
            ranks: [NOTHING; MEDIUM],
            next: [0; MEDIUM],
            previous: [0; MEDIUM],
            long: Long::default(),
        }
    }
}

impl Scratch {
    /// Merges pieces that are not empty; calls `each` with the tag and the ids of each, in any order.
    #[allow(unsafe_code)]
    pub(crate) fn merge_all<'t>(
        &mut self,
        merges: &Merges,
        pieces: impl Iterator<Item = (usize, &'t [u8])>,
        each: impl FnMut(usize, &[u32]),
    ) {
        #[cfg(target_arch = "x86_64")]
        if bitmap::is_wide() {
            // SAFETY: the processor was asked for what the function needs.
            return unsafe { self.merge_wide(merges, pieces, each) };
        }
        self.merge_lanes(merges, pieces, each);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn merge_wide<'t>(
        &mut self,
        merges: &Merges,
        pieces: impl Iterator<Item = (usize, &'t [u8])>,
        each: impl FnMut(usize, &[u32]),
    ) {
        self.merge_lanes(merges, pieces, each);
    }

    #[inline(always)]
    fn merge_lanes<'t>(
        &mut self,
        merges: &Merges,
        mut pieces: impl Iterator<Item = (usize, &'t [u8])>,
        mut each: impl FnMut(usize, &[u32]),
    ) {
        let mut busy = 0;
        while busy < LANES && self.load(merges, &mut pieces, busy, &mut each) {
            busy += 1;
        }
        let (mut at, mut lanes) = (0, std::array::from_fn::<usize, LANES, _>(|lane| lane));
        while busy > 0 {
            if at >= busy {
                at = 0;
            }
            let lane = lanes[at] % LANES;
            if self.lanes[lane].step(merges) {
                at += 1;
                continue;
            }
            self.done.clear();
            self.lanes[lane].finish(merges, &mut self.done);
            each(self.lanes[lane].tag, &self.done);
            if !self.load(merges, &mut pieces, lane, &mut each) {
                busy -= 1;
                lanes.swap(at, busy);
            }
        }
    }

    /// Puts the next short piece into a lane, merging longer ones on the way; false when there is none.
    fn load<'t>(
        &mut self,
        merges: &Merges,
        pieces: &mut impl Iterator<Item = (usize, &'t [u8])>,
        lane: usize,
        each: &mut impl FnMut(usize, &[u32]),
    ) -> bool {
        let mut first = std::mem::take(&mut self.first);
        let found = pieces.find_map(|(tag, piece)| {
            first.clear();
            merges.start(piece, &mut first);
            if first.len() <= SHORT {
                self.lanes[lane].load(merges, &first, piece, tag);
                return Some(());
            }
            let mut done = std::mem::take(&mut self.done);
            done.clear();
            if first.len() <= MEDIUM {
                self.medium(merges, &first, &mut done);
            } else {
                self.long.merge(merges, &first, &mut done);
            }
            each(tag, &done);
            // One huge piece must not keep its memory for ever.
            done.shrink_to(1 << 16);
            first.shrink_to(1 << 16);
            self.done = done;
            None
        });
        self.first = first;
        found.is_some()
    }

    fn medium(&mut self, merges: &Merges, first: &[u32], out: &mut Vec<u32>) {
        let Self { ids, ranks, next, previous, .. } = self;
        let count = first.len();
        let groups = count.div_ceil(GROUP);
        ids[..count].copy_from_slice(first);
        ranks[..groups * GROUP].fill(NOTHING);
        for place in 0..count {
            next[place] = place as u16 + 1;
            previous[place] = (place as u16).wrapping_sub(1);
        }
        for (place, pair) in first.windows(2).enumerate() {
            ranks[place] = ranked(merges.rank(pair[0], pair[1]), place);
        }
        let mut best_of = [NOTHING; GROUP];
        let group_of =
            |ranks: &[i32; MEDIUM], group: usize| lowest(&ranks[group * GROUP..(group + 1) * GROUP]);
        for (group, best) in best_of[..groups].iter_mut().enumerate() {
            *best = group_of(ranks, group);
        }
        loop {
            let best = lowest(&best_of);
            if best == NOTHING {
                break;
            }
            let place = (best & PLACE) as usize;
            let product = product(best);
            ids[place] = product;
            let right = usize::from(next[place]);
            let after = usize::from(next[right]);
            next[place] = after as u16;
            ranks[right] = NOTHING;
            ranks[place] = NOTHING;
            if after < count {
                previous[after] = place as u16;
                ranks[place] = ranked(merges.rank(product, ids[after]), place);
            }
            let before = usize::from(previous[place]);
            if before < MEDIUM {
                ranks[before] = ranked(merges.rank(ids[before], product), before);
                if before / GROUP != place / GROUP {
                    best_of[before / GROUP] = group_of(ranks, before / GROUP);
                }
            }
            best_of[place / GROUP] = group_of(ranks, place / GROUP);
            if right / GROUP != place / GROUP {
                best_of[right / GROUP] = group_of(ranks, right / GROUP);
            }
        }
        let mut at = 0;
        while at < count {
            out.push(merges.id(ids[at]));
            at = usize::from(next[at]);
        }
    }
}

/// Pieces of any length, in n log n steps.
#[derive(Debug, Default)]
struct Long {
    ids: Vec<u32>,
    next: Vec<usize>,
    previous: Vec<usize>,
    heap: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Long {
    fn merge(&mut self, merges: &Merges, symbols: &[u32], out: &mut Vec<u32>) {
        let Self { ids, next, previous, heap } = self;
        ids.clear();
        ids.extend_from_slice(symbols);
        let count = ids.len();
        next.clear();
        next.extend((1..count).chain([NONE]));
        previous.clear();
        previous.extend([NONE].into_iter().chain(0..count - 1));
        let mut first = std::mem::take(heap).into_vec();
        first.clear();
        for (at, pair) in symbols.windows(2).enumerate() {
            let rank = merges.rank(pair[0], pair[1]);
            if rank != NO_RANK {
                first.push(Reverse((rank, at)));
            }
        }
        *heap = first.into();
        while let Some(Reverse((rank, at))) = heap.pop() {
            let right = next[at];
            if right == NONE {
                continue;
            }
            // A place whose pair has changed; tokens only grow, so the same rank means the same pair.
            if merges.rank(ids[at], ids[right]) != rank {
                continue;
            }
            let product = rank + BYTES;
            ids[at] = product;
            let after = next[right];
            next[at] = after;
            next[right] = NONE;
            if after != NONE {
                previous[after] = at;
                let rank = merges.rank(product, ids[after]);
                if rank != NO_RANK {
                    heap.push(Reverse((rank, at)));
                }
            }
            let before = previous[at];
            if before != NONE {
                let rank = merges.rank(ids[before], product);
                if rank != NO_RANK {
                    heap.push(Reverse((rank, before)));
                }
            }
        }
        let mut at = 0;
        while at != NONE {
            out.push(merges.id(ids[at]));
            at = next[at];
        }
        // One huge piece must not keep its memory for ever.
        if self.ids.capacity() > 1 << 16 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;
    use crate::pattern::Pattern;
    use crate::train::{Params, train};

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]
        #[test]
        fn all_ways_agree(
            words in proptest::collection::vec("[abcé漢]{2,9}", 1..9),
            piece in "[abcé漢]{1,80}",
        ) {
            let mut counts = Counts::new();
            words.iter().for_each(|word| counts.add(word.as_bytes(), 1));
            let params = Params { vocab_size: 290, ..Params::default() };
            let tokenizer = train(&counts, Pattern::new("gpt2").unwrap(), &params).unwrap();
            let merges = &tokenizer.merging;
            let mut scratch = Scratch::default();
            let (mut long, mut medium, mut found) = (Vec::new(), Vec::new(), Vec::new());
            let first: Vec<u32> = piece.bytes().map(u32::from).collect();
            scratch.long.merge(merges, &first, &mut long);
            if first.len() <= MEDIUM {
                scratch.medium(merges, &first, &mut medium);
                proptest::prop_assert_eq!(&medium, &long);
            }
            scratch.merge_all(merges, [(0, piece.as_bytes())].into_iter(), |_, ids| found = ids.to_vec());
            proptest::prop_assert_eq!(&found, &long);
            let mut parts = vec![Vec::new(); piece.chars().count()];
            let tails = piece.char_indices().map(|(at, _)| &piece.as_bytes()[at..]).enumerate();
            scratch.merge_all(merges, tails, |tag, ids| parts[tag].extend_from_slice(ids));
            for (part, (at, _)) in parts.iter().zip(piece.char_indices()) {
                let alone = [(0, &piece.as_bytes()[at..])].into_iter();
                scratch.merge_all(merges, alone, |_, ids| found = ids.to_vec());
                proptest::prop_assert_eq!(part, &found);
            }
            proptest::prop_assert_eq!(tokenizer.decode(&long).unwrap(), piece.as_bytes());
        }
    }
}
