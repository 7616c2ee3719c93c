//! How often pairs of neighbours occur, and where: only of the pairs that are followed.

/// Two neighbouring tokens.
pub(crate) type Pair = (u32, u32);

const FIRST_LOG2: u32 = 12;
/// No pair stands in this slot.
const EMPTY: u32 = u32::MAX;

/// Counts and places by pair; pairs are numbered as they are first seen.
#[derive(Debug)]
pub(crate) struct PairTable {
    /// Numbers; open addressing, at most half full.
    slots: Vec<u32>,
    shift: u32,
    entries: Vec<Followed>,
    /// Places of each pair as distances, seven bits to a byte, the lowest first.
    places: Vec<u8>,
}

/// A pair that is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    pub pair: Pair,
    pub count: i64,
    /// Where its places stand, and how many bytes they take.
    pub places: Stretch,
}

/// Where a list of places stands. Places are measured first and written afterwards, in the same rising order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stretch {
    start: usize,
    bytes: u32,
    last: u32,
}

impl Stretch {
    /// Adds the bytes that another place will take.
    #[inline]
    pub(crate) fn measure(&mut self, place: u32) {
        let distance = place - self.last;
        self.bytes += (38 - (distance | 1).leading_zeros()) / 7;
        self.last = place;
    }
}

impl PairTable {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![EMPTY; 1 << FIRST_LOG2],
            shift: 64 - FIRST_LOG2,
            entries: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.slots.fill(EMPTY);
        self.places.clear();
    }

    /// Bytes of places.
    pub(crate) fn bytes(&self) -> usize {
        self.places.len()
    }

    /// The slot of a pair, or the free one where it belongs.
    #[inline]
    fn slot(&self, pair: Pair) -> usize {
        let last = self.slots.len() - 1;
        let mut at = (hash(pair) >> self.shift) as usize;
        loop {
            let number = self.slots[at];
            if number == EMPTY || self.entries[number as usize].pair == pair {
                return at;
            }
            at = (at + 1) & last;
        }
    }

    /// The entry of a pair, a new one if it has none.
    #[inline]
    pub(crate) fn entry(&mut self, pair: Pair) -> &mut Followed {
        let slot = self.slot(pair);
        let number = match self.slots[slot] {
            EMPTY => self.start(slot, pair),
            number => number as usize,
        };
        &mut self.entries[number]
    }

    fn start(&mut self, slot: usize, pair: Pair) -> usize {
        self.slots[slot] = self.entries.len() as u32;
        self.entries.push(Followed { pair, count: 0, places: Stretch::default() });
        if self.entries.len() > self.slots.len() / 2 {
            self.shift -= 1;
            self.slots = vec![EMPTY; self.slots.len() * 2];
            self.fill_slots();
        }
        self.entries.len() - 1
    }

    fn fill_slots(&mut self) {
        for number in 0..self.entries.len() {
            let slot = self.slot(self.entries[number].pair);
            self.slots[slot] = number as u32;
        }
    }

    /// Forgets pairs that have no places yet.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Followed) -> bool) {
        self.entries.retain(keep);
        self.slots.fill(EMPTY);
        self.fill_slots();
    }

    /// An occurrence less, if the pair is followed.
    #[inline]
    pub(crate) fn lose(&mut self, pair: Pair, count: i64) {
        let number = self.slots[self.slot(pair)];
        if number != EMPTY {
            self.entries[number as usize].count -= count;
        }
    }

    /// The number of a pair that is followed.
    #[inline]
    pub(crate) fn number(&self, pair: Pair) -> Option<usize> {
        let number = self.slots[self.slot(pair)];
        (number != EMPTY).then_some(number as usize)
    }

    pub(crate) fn get(&self, number: usize) -> &Followed {
        &self.entries[number]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Follows another pair, whose places have been measured and are written next; returns its number.
    pub(crate) fn follow(&mut self, pair: Pair, count: i64, measured: Stretch) -> usize {
        let entry = self.entry(pair);
        (entry.count, entry.places) = (count, measured);
        let number = self.entries.len() - 1;
        self.make_room(number);
        number
    }

    /// Makes room for the measured places of a pair.
    pub(crate) fn make_room(&mut self, number: usize) {
        let measured = self.entries[number].places.bytes as usize;
        self.entries[number].places = Stretch { start: self.places.len(), bytes: 0, last: 0 };
        self.places.resize(self.places.len() + measured, 0);
    }

    /// Writes a place that was measured.
    #[inline]
    pub(crate) fn write(&mut self, number: usize, place: u32) {
        let stretch = &mut self.entries[number].places;
        let mut distance = place - stretch.last;
        stretch.last = place;
        let mut at = stretch.start + stretch.bytes as usize;
        while distance > 0x7F {
            self.places[at] = distance as u8 | 0x80;
            distance >>= 7;
            at += 1;
        }
        self.places[at] = distance as u8;
        stretch.bytes = (at + 1 - stretch.start) as u32;
    }

    /// What `next_place` reads the places of a pair from.
    pub(crate) fn places(&self, number: usize) -> Places {
        let Stretch { start, bytes, .. } = self.entries[number].places;
        Places { at: start, end: start + bytes as usize, last: 0 }
    }

    /// The next place, in rising order; some are out of date.
    #[inline]
    pub(crate) fn next_place(&self, from: &mut Places) -> Option<u32> {
        let (mut distance, mut shift) = (0, 0);
        while from.at < from.end {
            let byte = self.places[from.at];
            from.at += 1;
            distance |= u32::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                from.last += distance;
                return Some(from.last);
            }
        }
        None
    }
}

/// Places that are still to be read.
#[derive(Debug)]
pub(crate) struct Places {
    at: usize,
    end: usize,
    last: u32,
}

/// Spreads pairs over 64 bits; the upper ones are the best.
#[inline]
pub(crate) fn hash(pair: Pair) -> u64 {
    (u64::from(pair.0) << 32 | u64::from(pair.1)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest::proptest! {
        #[test]
        fn places_come_back(
            places in proptest::collection::btree_map((0u32..80, 0u32..80), proptest::collection::btree_set(proptest::num::u32::ANY, 1..40), 0..200),
        ) {
            let mut table = PairTable::new();
            let all: BTreeSet<(u32, Pair)> =
                places.iter().flat_map(|(&pair, places)| places.iter().map(move |&place| (place, pair))).collect();
            for &(place, pair) in &all {
                let entry = table.entry(pair);
                entry.count += 1;
                entry.places.measure(place);
            }
            table.retain(|entry| entry.count >= 3);
            let kept: BTreeMap<_, _> = places.into_iter().filter(|(_, places)| places.len() >= 3).collect();
            proptest::prop_assert_eq!(table.len(), kept.len());
            (0..table.len()).for_each(|number| table.make_room(number));
            for (place, pair) in all {
                if let Some(number) = table.number(pair) {
                    table.write(number, place);
                }
            }
            for (pair, places) in kept {
                table.lose(pair, 2);
                let number = table.number(pair).unwrap();
                proptest::prop_assert_eq!(table.get(number).count, places.len() as i64 - 2);
                let mut from = table.places(number);
                let found: Vec<u32> = std::iter::from_fn(|| table.next_place(&mut from)).collect();
                proptest::prop_assert_eq!(found, places.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
