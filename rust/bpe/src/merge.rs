//! Merging one piece: by scanning when it is short, with a heap when it is long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::tokenizer::Tokenizer;

/// Pieces of up to this many bytes are scanned for the lowest rank after every merge.
const SHORT: usize = 64;
const NO_RANK: (u32, u32) = (u32::MAX, 0);
const NONE: usize = usize::MAX;

/// Buffers kept from piece to piece.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ids: Vec<u32>,
    ranks: Vec<(u32, u32)>,
    next: Vec<usize>,
    previous: Vec<usize>,
    heap: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Tokenizer {
    fn rank(&self, left: u32, right: u32) -> (u32, u32) {
        self.pairs.get(&(left, right)).copied().unwrap_or(NO_RANK)
    }
}

impl Scratch {
    /// Appends the ids of `piece`: always the pair of lowest rank first, the leftmost of equals.
    pub(crate) fn merge(&mut self, tokenizer: &Tokenizer, piece: &[u8], out: &mut Vec<u32>) {
        self.ids.clear();
        self.ids.extend(piece.iter().map(|&byte| tokenizer.byte_ids[usize::from(byte)]));
        if piece.len() <= SHORT {
            self.merge_short(tokenizer);
            out.extend_from_slice(&self.ids);
        } else {
            self.merge_long(tokenizer, out);
        }
    }

    fn merge_short(&mut self, tokenizer: &Tokenizer) {
        let Self { ids, ranks, .. } = self;
        ranks.clear();
        ranks.extend(ids.windows(2).map(|pair| tokenizer.rank(pair[0], pair[1])));
        loop {
            let mut best = (NO_RANK, 0);
            for (at, &rank) in ranks.iter().enumerate() {
                if rank.0 < best.0.0 {
                    best = (rank, at);
                }
            }
            let ((rank, product), at) = best;
            if rank == NO_RANK.0 {
                return;
            }
            ids[at] = product;
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = tokenizer.rank(ids[at - 1], product);
            }
            if at < ranks.len() {
                ranks[at] = tokenizer.rank(product, ids[at + 1]);
            }
        }
    }

    fn merge_long(&mut self, tokenizer: &Tokenizer, out: &mut Vec<u32>) {
        let Self { ids, next, previous, heap, ranks: _ } = self;
        let count = ids.len();
        next.clear();
        next.extend((1..count).chain([NONE]));
        previous.clear();
        previous.extend([NONE].into_iter().chain(0..count - 1));
        heap.clear();
        for at in 0..count - 1 {
            let (rank, _) = tokenizer.rank(ids[at], ids[at + 1]);
            if rank != NO_RANK.0 {
                heap.push(Reverse((rank, at)));
            }
        }
        while let Some(Reverse((rank, at))) = heap.pop() {
            let right = next[at];
            if right == NONE {
                continue;
            }
            let (now, product) = tokenizer.rank(ids[at], ids[right]);
            // A place whose pair has changed; tokens only grow, so the same rank means the same pair.
            if now != rank {
                continue;
            }
            ids[at] = product;
            let after = next[right];
            next[at] = after;
            next[right] = NONE;
            if after != NONE {
                previous[after] = at;
                let (rank, _) = tokenizer.rank(product, ids[after]);
                if rank != NO_RANK.0 {
                    heap.push(Reverse((rank, at)));
                }
            }
            let before = previous[at];
            if before != NONE {
                let (rank, _) = tokenizer.rank(ids[before], product);
                if rank != NO_RANK.0 {
                    heap.push(Reverse((rank, before)));
                }
            }
        }
        let mut at = 0;
        while at != NONE {
            out.push(ids[at]);
            at = next[at];
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
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
        #[test]
        fn the_heap_and_the_scan_agree(words in proptest::collection::vec("[abc]{2,9}", 1..9), piece in "[abc]{2,200}") {
            let mut counts = Counts::new();
            words.iter().for_each(|word| counts.add(word.as_bytes(), 1));
            let params = Params {
                vocab_size: 290,
                special_tokens: Vec::new(),
                min_frequency: 0,
                max_token_length: None,
            };
            let tokenizer = train(&counts, Pattern::new("gpt2").unwrap(), &params).unwrap();
            let ids = piece.bytes().map(|byte| tokenizer.byte_ids[usize::from(byte)]).collect();
            let mut scratch = Scratch { ids, ..Scratch::default() };
            let mut long = Vec::new();
            scratch.merge_long(&tokenizer, &mut long);
            scratch.ids = piece.bytes().map(|byte| tokenizer.byte_ids[usize::from(byte)]).collect();
            scratch.merge_short(&tokenizer);
            proptest::prop_assert_eq!(&scratch.ids, &long);
            proptest::prop_assert_eq!(tokenizer.decode(&long).unwrap(), piece.as_bytes());
        }
    }
}
