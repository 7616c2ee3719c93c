//! Tables from pieces to counts: one for pieces that fit a key, one for longer ones.

use std::alloc::{Layout, handle_alloc_error};

use memmap2::MmapMut;
use xxhash_rust::xxh3::xxh3_64;

use crate::cache::{Key, hash};
use crate::huge::prefetch;

/// Parts of a table, by the first bits of the hash.
const PARTS_LOG2: u32 = 4;
/// Slots of a part at first.
const FEWEST: usize = 1 << 8;
/// A slot: two halves of a key, and its count.
const SLOT: usize = 24;

/// Pieces of up to fifteen bytes. In parts that grow one at a time, so that little is there twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Short([Part; 1 << PARTS_LOG2]);

impl Short {
    /// The number of the part of a hash, and the rest of it.
    #[inline]
    fn cut(hash: u64) -> (usize, u64) {
        ((hash >> (64 - PARTS_LOG2)) as usize, hash << PARTS_LOG2)
    }

    /// Starts fetching what `add` will look at.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) {
        let (part, rest) = Self::cut(hash(key));
        let part = &self.0[part];
        prefetch(&part.slots()[part.home(rest)]);
    }

    #[inline]
    pub(crate) fn add(&mut self, key: Key, count: u64) {
        let (part, rest) = Self::cut(hash(key));
        self.0[part].add(rest, key, count);
    }

    /// Keys and counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, u64)> {
        self.0.iter().flat_map(Part::iter)
    }

    pub(crate) fn for_each_count(&mut self, change: impl Fn(u64) -> u64) {
        self.0.iter_mut().for_each(|part| part.for_each_count(&change));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|part| part.filled).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(Part::clear);
    }
}

/// Open addressing, at most four fifths full; it grows by half, since doubling leaves most of it empty. Mapped, not
/// allocated: what allocators keep of tables that were outgrown would be more than the table that is left.
#[derive(Debug)]
struct Part {
    map: MmapMut,
    filled: usize,
}

impl Default for Part {
    fn default() -> Self {
        Self::of(FEWEST)
    }
}

impl Clone for Part {
    fn clone(&self) -> Self {
        let mut copy = Self::of(self.slots().len());
        copy.map.copy_from_slice(&self.map);
        Self { filled: self.filled, ..copy }
    }
}

/// Low and high half of a key, and its count.
#[inline]
fn read(slot: &[u8; SLOT]) -> [u64; 3] {
    [0, 8, 16].map(|at| u64::from_ne_bytes(slot[at..at + 8].try_into().unwrap_or_default()))
}

#[inline]
fn write(slot: &mut [u8; SLOT], values: [u64; 3]) {
    for (part, value) in slot.as_chunks_mut().0.iter_mut().zip(values) {
        *part = value.to_ne_bytes();
    }
}

impl Part {
    fn of(slots: usize) -> Self {
        match MmapMut::map_anon(slots * SLOT) {
            Ok(map) => Self { map, filled: 0 },
            Err(_) => handle_alloc_error(Layout::new::<[u8; SLOT]>()),
        }
    }

    fn slots(&self) -> &[[u8; SLOT]] {
        self.map.as_chunks().0
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots().len() as u128) >> 64) as usize
    }

    #[inline]
    fn add(&mut self, hash: u64, key: Key, count: u64) {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let mut at = self.home(hash);
        let slots = self.map.as_chunks_mut::<SLOT>().0;
        loop {
            let slot = &mut slots[at];
            let [found_low, found_high, total] = read(slot);
            if found_low == low && found_high == high {
                return write(slot, [low, high, total.saturating_add(count)]);
            }
            // The upper half holds the length, which is never 0.
            if found_high == 0 {
                write(slot, [low, high, count]);
                self.filled += 1;
                if self.filled > slots.len() / 5 * 4 {
                    self.grow();
                }
                return;
            }
            at = if at + 1 == slots.len() { 0 } else { at + 1 };
        }
    }

    #[cold]
    fn grow(&mut self) {
        let old = std::mem::replace(self, Self::of(self.slots().len() / 2 * 3));
        old.iter().for_each(|(key, count)| self.add(Short::cut(hash(key)).1, key, count));
    }

    fn iter(&self) -> impl Iterator<Item = (Key, u64)> {
        let used = self.slots().iter().map(read).filter(|slot| slot[1] != 0);
        used.map(|[low, high, count]| (Key::from(high) << 64 | Key::from(low), count))
    }

    fn for_each_count(&mut self, change: &impl Fn(u64) -> u64) {
        for slot in self.map.as_chunks_mut().0 {
            let [low, high, count] = read(slot);
            if high != 0 {
                write(slot, [low, high, change(count)]);
            }
        }
    }

    fn clear(&mut self) {
        self.map.fill(0);
        self.filled = 0;
    }
}

/// No piece stands in this slot.
const EMPTY: u32 = u32::MAX;

/// Pieces of any length, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Long {
    bytes: Vec<u8>,
    /// Where each piece ends, and its count.
    pieces: Vec<(usize, u64)>,
    /// Numbers of pieces; open addressing, at most half full.
    slots: Vec<u32>,
}

impl Long {
    fn piece(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.pieces[before].0);
        &self.bytes[start..self.pieces[number].0]
    }

    fn slot(&self, piece: &[u8]) -> usize {
        let last = self.slots.len() - 1;
        let mut at = xxh3_64(piece) as usize & last;
        while self.slots[at] != EMPTY && self.piece(self.slots[at] as usize) != piece {
            at = (at + 1) & last;
        }
        at
    }

    pub(crate) fn add(&mut self, piece: &[u8], count: u64) {
        if self.pieces.len() >= self.slots.len() / 2 {
            self.slots = vec![EMPTY; (self.slots.len() * 2).max(64)];
            for number in 0..self.pieces.len() {
                let slot = self.slot(self.piece(number));
                self.slots[slot] = number as u32;
            }
        }
        let slot = self.slot(piece);
        if let Some((_, total)) = self.pieces.get_mut(self.slots[slot] as usize) {
            *total = total.saturating_add(count);
            return;
        }
        self.slots[slot] = self.pieces.len() as u32;
        self.bytes.extend_from_slice(piece);
        self.pieces.push((self.bytes.len(), count));
    }

    /// Pieces and counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.pieces.iter().enumerate().map(|(number, &(_, count))| (self.piece(number), count))
    }

    pub(crate) fn for_each_count(&mut self, change: impl Fn(u64) -> u64) {
        self.pieces.iter_mut().for_each(|piece| piece.1 = change(piece.1));
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.slots.fill(EMPTY);
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }
}
