//! Counting of 64-bit keys: the bounded, reusable table behind duplicate and n-gram signals.

/// Odd numbers that spread keys over slots and mix hashes.
pub(crate) const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f];

#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    count: u32,
    first: u32,
}

/// Open addressing with linear probing; never more than half full. Reusing it reuses its memory.
#[derive(Default)]
pub(crate) struct Tally {
    slots: Vec<Slot>,
    shift: u32,
    /// The most frequent key so far, the earliest among equals.
    best: Slot,
}

impl Tally {
    /// Forgets everything and makes room for `keys` distinct keys.
    pub(crate) fn reset(&mut self, keys: usize) {
        let capacity = (2 * keys.max(4)).next_power_of_two();
        self.slots.clear();
        self.slots.resize(capacity, Slot::default());
        self.shift = 64 - capacity.trailing_zeros();
        self.best = Slot::default();
    }

    /// Counts one occurrence; `position` is remembered for the first one and grows. Gives the occurrences before this one.
    pub(crate) fn add(&mut self, key: u64, position: usize) -> u32 {
        let mask = self.slots.len() - 1;
        let mut index = (key.wrapping_mul(FACTORS[0]) >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[index];
            if slot.count == 0 {
                *slot = Slot { key, count: 1, first: u32::try_from(position).unwrap_or(u32::MAX) };
                if self.best.count == 0 {
                    self.best = *slot;
                }
                return 0;
            }
            if slot.key == key {
                let before = slot.count;
                slot.count = before.saturating_add(1);
                if (slot.count, u32::MAX - slot.first) > (self.best.count, u32::MAX - self.best.first) {
                    self.best = *slot;
                }
                return before;
            }
            index = (index + 1) & mask;
        }
    }

    /// Count and first position of the most frequent key, the earliest among equals; None if empty.
    pub(crate) fn top(&self) -> Option<(u32, usize)> {
        (self.best.count > 0).then_some((self.best.count, self.best.first as usize))
    }

    /// Counts of all keys, in the order of their first positions.
    #[cfg(any(test, feature = "oracle"))]
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut used: Vec<_> = self.slots.iter().filter(|slot| slot.count > 0).collect();
        used.sort_unstable_by_key(|slot| slot.first);
        used.into_iter().map(|slot| slot.count).collect()
    }
}

/// A set of keys, in half the memory of a `Tally`: of long texts, the time goes into waiting for memory.
#[derive(Default)]
pub(crate) struct Seen {
    /// Keys plus one; 0 = empty.
    slots: Vec<u64>,
    shift: u32,
}

impl Seen {
    /// Forgets everything and makes room for `keys` distinct keys, each below `u64::MAX`.
    pub(crate) fn reset(&mut self, keys: usize) {
        let capacity = (2 * keys.max(4)).next_power_of_two();
        self.slots.clear();
        self.slots.resize(capacity, 0);
        self.shift = 64 - capacity.trailing_zeros();
    }

    /// Adds a key; was it there already?
    pub(crate) fn add(&mut self, key: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut index = (key.wrapping_mul(FACTORS[0]) >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[index];
            if *slot == 0 {
                *slot = key + 1;
                return false;
            }
            if *slot == key + 1 {
                return true;
            }
            index = (index + 1) & mask;
        }
    }
}

/// Memory for `Marks`.
#[derive(Default)]
pub(crate) struct Room(Vec<u8>);

impl Room {
    /// Places that the second-level cache holds: where this is too few, misses cost more than places that are shared.
    const NEAR: usize = 1 << 20;
    /// The tables of long texts shall not grow without limit.
    const MOST: usize = 1 << 22;

    /// Marks for so many hashes, of which one in twelve falls on the place of another, in long texts one in six.
    pub(crate) fn marks(&mut self, hashes: usize) -> Marks<'_> {
        let wanted = (8 * hashes).min(Self::NEAR.max(4 * hashes));
        let places = wanted.next_power_of_two().clamp(64, Self::MOST);
        self.0.clear();
        self.0.resize(places, 0);
        self.0.push(u8::MAX);
        Marks { occurrences: &mut self.0, shift: 64 - places.trailing_zeros() }
    }
}

/// Which hashes occur more than once, or share their place with another one.
pub(crate) struct Marks<'t> {
    /// A byte for each place, which gets a bit for each occurrence: fewer steps than two bits would take. The last place
    /// is of no hash, and counts as marked often.
    occurrences: &'t mut [u8],
    shift: u32,
}

impl Marks<'_> {
    /// Marks the place of a hash, which its upper bits tell; gives the place.
    #[inline(always)]
    pub(crate) fn add(&mut self, hash: u64) -> u32 {
        let place = (hash >> self.shift) as u32;
        let occurrences = &mut self.occurrences[place as usize];
        *occurrences = (*occurrences << 1) | 1;
        place
    }

    /// A place that counts as marked more than once.
    #[inline(always)]
    pub(crate) fn often(&self) -> u32 {
        self.occurrences.len() as u32 - 1
    }

    /// Whether a place was marked more than once.
    #[inline(always)]
    pub(crate) fn twice(&self, place: u32) -> bool {
        self.occurrences[place as usize] & 2 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn counts_like_a_map(keys in proptest::collection::vec(0u64..20, 0..100)) {
            let mut tally = Tally::default();
            tally.reset(keys.len());
            let mut seen = Seen::default();
            seen.reset(keys.len());
            let mut map: BTreeMap<u64, (u32, usize)> = BTreeMap::new();
            for (position, &key) in keys.iter().enumerate() {
                let entry = map.entry(key).or_insert((0, position));
                prop_assert_eq!(tally.add(key, position), entry.0);
                prop_assert_eq!(seen.add(key), entry.0 > 0);
                entry.0 += 1;
            }
            let top = map.values().copied().max_by_key(|&(count, first)| (count, usize::MAX - first));
            prop_assert_eq!(tally.top(), top);
            let mut all: Vec<_> = map.into_values().collect();
            all.sort_by_key(|&(_, first)| first);
            prop_assert_eq!(tally.counts(), all.into_iter().map(|(count, _)| count).collect::<Vec<_>>());
        }
    }
}
