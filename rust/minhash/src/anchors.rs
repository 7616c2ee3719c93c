//! Few places of a text such that every repeated stretch of a given length holds one of them in all its copies.

use xxhash_rust::xxh3::xxh3_64;

use crate::{ParameterError, in_range, kernel};

/// Places whose ranks are computed together, at least.
const LEAST_BLOCK: usize = 8192;

/// A place of a text, with the hashes of what surrounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its byte.
    pub at: usize,
    /// Hashes of the text with the reach before it, and with the reach behind it; none where the text ends within.
    pub keys: [Option<u64>; 2],
}

/// How anchors are chosen for repeats of a least length.
///
/// Of every `window` adjoining places the one with the smallest hash of the 16 bytes there is an anchor
/// (winnowing, Schleimer et al. 2003). A repeat of `min_bytes` holds the windows of its inside, so all its copies
/// hold the same anchor with the same `inner` bytes after it, and either `reach` bytes before or `reach` bytes
/// more behind: so they share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchors {
    min_bytes: usize,
    inner: usize,
    reach: usize,
    window: usize,
}

impl Anchors {
    /// For repeats of at least `min_bytes`.
    ///
    /// # Errors
    /// When that is below 64 or above a million.
    pub fn new(min_bytes: usize) -> Result<Self, ParameterError> {
        in_range("min_bytes", min_bytes, 64, 1_000_000)?;
        let inner = min_bytes / 4;
        let (reach, window) = ((min_bytes - inner).div_ceil(2), min_bytes - inner + 1);
        Ok(Self { min_bytes, inner, reach, window })
    }

    /// Least length of a repeat.
    pub fn min_bytes(&self) -> usize {
        self.min_bytes
    }

    /// Calls `each` with the anchors of a text in order. Memory: 8 bytes per place of a window, 64 KiB at least.
    pub fn of(&self, text: &[u8], mut each: impl FnMut(Anchor)) {
        if text.len() < self.min_bytes {
            return;
        }
        let mut emit = |at| each(Anchor { at, keys: self.keys(text, at) });
        let places = text.len() - self.inner + 1;
        let block = self.window.max(LEAST_BLOCK);
        // Of two adjoining blocks of places; the first one begins at `origin`.
        let mut ranks: Vec<u32> = Vec::new();
        let mut at = self.window - 1;
        // The first place of least rank in the window that ends before `at`, if it is in the one that ends there.
        let mut best: Option<(u32, usize)> = None;
        for start in (0..places).step_by(block) {
            let end = places.min(start + block);
            ranks.drain(..ranks.len().saturating_sub(block));
            let origin = start - ranks.len();
            let known = ranks.len();
            ranks.resize(end - origin, 0);
            kernel::place_ranks(&text[start..], &mut ranks[known..]);
            while at < end {
                let window_start = at + 1 - self.window;
                let Some((rank, chosen)) = best.filter(|best| best.1 >= window_start) else {
                    let (rank, offset) = kernel::first_least(&ranks[window_start - origin..=at - origin]);
                    // In a window all within a run of one byte its end is chosen: the places chosen in a run are
                    // at distances from its beginning.
                    let chosen = if rank == u32::MAX { at } else { window_start + offset };
                    best = Some((rank, chosen));
                    emit(chosen);
                    at += 1;
                    continue;
                };
                let limit = end.min(chosen + self.window);
                match kernel::first_below(&ranks[at - origin..limit - origin], rank) {
                    Some((rank, offset)) => {
                        best = Some((rank, at + offset));
                        emit(at + offset);
                        at += offset + 1;
                    }
                    None => at = limit,
                }
            }
        }
    }

    fn keys(&self, text: &[u8], at: usize) -> [Option<u64>; 2] {
        let behind = text.get(at..at + self.inner + self.reach);
        let before = at.checked_sub(self.reach).and_then(|start| text.get(start..at + self.inner));
        [before.map(|part| xxh3_64(part) ^ 1), behind.map(|part| xxh3_64(part) & !1)]
    }

    /// Whether every repeat that holds this anchor lies within `start..end` of a text of that length.
    pub(crate) fn is_covered(&self, at: usize, start: usize, end: usize, length: usize) -> bool {
        start <= (at + self.inner).saturating_sub(self.min_bytes) && end >= length.min(at + self.min_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_outside_the_range_are_refused() {
        assert!(Anchors::new(63).is_err());
        assert!(Anchors::new(1_000_001).is_err());
    }

    #[test]
    fn a_small_share_of_the_places() {
        let text: Vec<u8> = (0..200_000u64).map(|i| crate::mix(i) as u8).collect();
        let mut anchors = 0;
        Anchors::new(500).unwrap().of(&text, |_| anchors += 1);
        let share = anchors as f64 / text.len() as f64;
        assert!((1.0 / 200.0..1.0 / 180.0).contains(&share), "{share}");
        anchors = 0;
        Anchors::new(500).unwrap().of(&[b'a'; 200_000], |_| anchors += 1);
        assert!(anchors < 1000);
    }

    /// Window by window, each searched anew; in a run of one byte, every `window` places from its beginning.
    fn slow(text: &[u8], anchors: &Anchors) -> Vec<usize> {
        let count = (text.len() + 1).saturating_sub(anchors.inner.max(anchors.min_bytes));
        let rank = |at: usize| {
            let mut rank = [0];
            kernel::place_ranks(&text[at..], &mut rank);
            rank[0]
        };
        let ranks: Vec<u32> = (0..=text.len().saturating_sub(anchors.inner)).map(rank).collect();
        let mut chosen = Vec::new();
        for start in 0..count.min(ranks.len()) {
            let window = &ranks[start..start + anchors.window];
            let (offset, &least) = window.iter().enumerate().min_by_key(|(_, rank)| **rank).unwrap();
            let run =
                ranks[..start + anchors.window].iter().rev().take_while(|rank| **rank == u32::MAX).count();
            if least < u32::MAX {
                chosen.extend((!chosen.contains(&(start + offset))).then_some(start + offset));
            } else if run.is_multiple_of(anchors.window) {
                chosen.push(start + anchors.window - 1);
            }
        }
        chosen
    }

    proptest! {
        #[test]
        fn the_first_place_of_least_rank_of_every_window(
            pieces in prop::collection::vec("[ab]{1,90}|[a-z ]{1,90}|a{30,400}|é{10,200}|(word ){3,60}", 0..12),
            min_bytes in 64usize..120,
        ) {
            let (text, anchors) = (pieces.concat(), Anchors::new(min_bytes).unwrap());
            let mut found = Vec::new();
            anchors.of(text.as_bytes(), |anchor| found.push(anchor.at));
            prop_assert_eq!(found, slow(text.as_bytes(), &anchors));
        }

        #[test]
        fn copies_of_a_repeat_share_a_key(
            repeat in "[ab ]{100,140}|[a-z ]{100,140}|a{100,120}b{0,20}|[x-z]{1}[- ]{99,120}",
            heads in ("[ab]{0,300}", "[a-z]{0,300}"), tails in ("[ab]{0,300}", "[a-z]{0,300}"),
        ) {
            let anchors = Anchors::new(100).unwrap();
            let keys = |head: &str, tail: &str| {
                let mut found = Vec::new();
                anchors.of(format!("{head}{repeat}{tail}").as_bytes(), |a| found.extend(a.keys.into_iter().flatten()));
                found
            };
            let (a, b) = (keys(&heads.0, &tails.0), keys(&heads.1, &tails.1));
            prop_assert!(a.iter().any(|key| b.contains(key)));
        }
    }
}
