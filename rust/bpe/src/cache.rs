//! A bounded memory of pieces and their ids: most pieces of natural text repeat.
//!
//! Pieces of up to fifteen bytes stand in a two-way set-associative table, a set to a cache line; longer ones
//! are found by a hash and compared in full. Ids never depend on what is remembered.

use crate::huge::{Huge, prefetch};
use xxhash_rust::xxh3::xxh3_64;

/// Longest piece of the table, in bytes.
pub(crate) const KEY_BYTES: usize = 15;
/// Longest piece that is remembered at all.
const LONGEST: usize = 256;
/// Most ids of an entry.
const IDS: usize = 4;
/// Sets of the table of all pieces at first and at most, and of the small one in front of it that stays in the
/// second-level cache.
const FEWEST_LOG2: u32 = 6;
const MOST_LOG2: u32 = 18;
const NEAR_LOG2: u32 = 12;
/// Slots for longer pieces, at most.
const LONG_LOG2: u32 = 17;
/// Ids and bytes kept beside the tables; when they are full, everything learned is forgotten.
const ARENA: usize = 1 << 23;

/// Of an entry, the first id with the number of ids above it.
const COUNT_SHIFT: u32 = 28;
const FIRST: u32 = (1 << COUNT_SHIFT) - 1;
/// In place of the number of ids: they stand in the arena, from `ids[1]` on, `ids[2]` of them.
const IN_ARENA: u32 = 5;
/// The same, but in what is forgotten first.
const PASSING: u32 = 6;

/// Bytes of a piece with its length above them; 0 stands for nothing, since no piece is empty.
pub(crate) type Key = u128;
/// What is remembered of a key.
pub(crate) type Entry = [u32; IDS];
const NOTHING: Entry = [0; IDS];

/// The two youngest pieces of a set, the younger one first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Set {
    keys: [Key; 2],
    entries: [Entry; 2],
}

/// Pieces of up to fifteen bytes.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    sets: Huge<Set>,
    shift: u32,
    /// Entries, those that have been pushed out not counted.
    filled: usize,
}

impl Table {
    fn of(log2: u32) -> Self {
        Self { sets: Huge::new(1 << log2, Set::default()), shift: 64 - log2, filled: 0 }
    }

    /// Where a key stands, if anywhere, by its hash.
    #[inline]
    fn set(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Entry {
        self.sets.as_slice()[self.set(hash(key))].get(key)
    }

    /// Starts fetching what `get` will look at.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) {
        self.sets.prefetch(self.set(hash(key)));
    }

    #[inline]
    pub(crate) fn insert(&mut self, key: Key, entry: Entry) {
        let at = self.set(hash(key));
        let set = &mut self.sets.as_mut_slice()[at];
        self.filled += usize::from(set.keys[1] == 0 && set.keys[0] != key);
        set.insert(key, entry);
    }

    /// A table four times as large for one that begins to push out what it should keep.
    fn make_room(&mut self) {
        let sets = self.sets.as_slice();
        if self.filled <= sets.len() / 4 * 3 || sets.len() >= 1 << MOST_LOG2 {
            return;
        }
        let mut larger = Self::of((64 - self.shift + 2).min(MOST_LOG2));
        for set in sets {
            for way in [1, 0] {
                if set.keys[way] != 0 {
                    larger.insert(set.keys[way], set.entries[way]);
                }
            }
        }
        *self = larger;
    }
}

impl Set {
    /// What is remembered of `key`, else [`NOTHING`]; without a branch, so that many look-ups overlap.
    #[inline]
    fn get(&self, key: Key) -> Entry {
        let second = self.keys[1] == key;
        let mut entry = self.entries[usize::from(second)];
        if !(second | (self.keys[0] == key)) {
            entry[0] = 0;
        }
        entry
    }

    #[inline]
    fn insert(&mut self, key: Key, entry: Entry) {
        if self.keys[0] != key {
            self.keys[1] = self.keys[0];
            self.entries[1] = self.entries[0];
        }
        self.keys[0] = key;
        self.entries[0] = entry;
    }
}

/// A table of a size that never changes, for what is looked up most.
#[derive(Debug)]
pub(crate) struct Near(Box<[Set; 1 << NEAR_LOG2]>);

impl Near {
    fn new() -> Self {
        Self(Box::new([Set::default(); 1 << NEAR_LOG2]))
    }

    /// Where a key stands, if anywhere; it will soon be looked at.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) -> u32 {
        let place = hash(key) >> (64 - NEAR_LOG2);
        prefetch(&self.0[place as usize]);
        place as u32
    }

    #[inline]
    pub(crate) fn get(&self, key: Key, place: u32) -> Entry {
        self.0[place as usize % (1 << NEAR_LOG2)].get(key)
    }

    #[inline]
    pub(crate) fn insert(&mut self, key: Key, entry: Entry) {
        self.0[(hash(key) >> (64 - NEAR_LOG2)) as usize].insert(key, entry);
    }
}

#[inline]
pub(crate) fn hash(key: Key) -> u64 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xD6E8_FEB8_6659_FD93);
    product as u64 ^ (product >> 64) as u64
}

/// The entry of up to four ids.
pub(crate) fn inline(ids: &[u32]) -> Option<Entry> {
    let mut entry = NOTHING;
    entry.get_mut(..ids.len())?.copy_from_slice(ids);
    entry[0] |= (ids.len() as u32) << COUNT_SHIFT;
    Some(entry)
}

/// The ids of an entry and how many there are; `None` where they are not all in it.
#[inline]
pub(crate) fn unpack(entry: Entry) -> Option<([u32; IDS], usize)> {
    let count = (entry[0] >> COUNT_SHIFT) as usize;
    (count.wrapping_sub(1) < IDS).then_some(([entry[0] & FIRST, entry[1], entry[2], entry[3]], count))
}

/// Whether nothing is remembered.
#[inline]
pub(crate) fn is_nothing(entry: Entry) -> bool {
    entry[0] == 0
}

/// The key of the piece from `start` to `end`; 0 for one that is too long.
#[inline]
pub(crate) fn key(text: &[u8], start: usize, end: usize) -> Key {
    let length = end - start;
    if length > KEY_BYTES {
        return 0;
    }
    let bytes = match text.get(start..start + 16) {
        Some(bytes) => bytes.try_into().unwrap_or_default(),
        None => padded(&text[start..end]),
    };
    u128::from_le_bytes(bytes) & MASKS[length].0 | MASKS[length].1
}

/// The bytes of a piece of each length, and the length above them.
const MASKS: [(u128, u128); KEY_BYTES + 1] = {
    let mut masks = [(0, 0); KEY_BYTES + 1];
    let mut length = 1;
    while length <= KEY_BYTES {
        masks[length] = (u128::MAX >> (128 - 8 * length), (length as u128) << (8 * KEY_BYTES));
        length += 1;
    }
    masks
};

#[cold]
fn padded(piece: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..piece.len()].copy_from_slice(piece);
    bytes
}

#[derive(Clone, Copy, Debug, Default)]
struct LongSlot {
    hash: u32,
    bytes: u32,
    ids: u32,
    length: u16,
    count: u16,
}

/// Tables, longer pieces, and the ids that do not fit an entry.
#[derive(Debug)]
pub(crate) struct Cache {
    /// The youngest pieces.
    pub near: Near,
    pub table: Table,
    long: Vec<LongSlot>,
    /// Hashes of long pieces that were met: most are never met again, so only the second time is remembered.
    met: Vec<u32>,
    bytes: Vec<u8>,
    ids: Vec<u32>,
    passing: Vec<u32>,
}

impl Cache {
    /// A cache that knows the pieces of a vocabulary.
    pub(crate) fn new(vocabulary: &[(Key, Entry)]) -> Self {
        let log2 = (vocabulary.len().next_power_of_two().trailing_zeros() + 1).clamp(FEWEST_LOG2, MOST_LOG2);
        let long = vec![LongSlot::default(); 1 << log2.min(LONG_LOG2)];
        let (near, table) = (Near::new(), Table::of(log2));
        let (met, bytes, ids, passing) = (vec![0; long.len()], Vec::new(), Vec::new(), Vec::new());
        let mut cache = Self { near, table, long, met, bytes, ids, passing };
        cache.learn(vocabulary);
        cache
    }

    fn learn(&mut self, vocabulary: &[(Key, Entry)]) {
        for &(key, entry) in vocabulary {
            self.table.insert(key, entry);
        }
    }

    /// The ids of an entry that `unpack` could not tell.
    #[inline]
    pub(crate) fn in_arena(&self, entry: Entry) -> &[u32] {
        let arena = if entry[0] >> COUNT_SHIFT == PASSING { &self.passing } else { &self.ids };
        &arena[entry[1] as usize..entry[1] as usize + entry[2] as usize]
    }

    /// The place and the hash of a long piece; `None` for one that is not remembered.
    pub(crate) fn place(&self, piece: &[u8]) -> Option<(usize, u32)> {
        if piece.len() <= KEY_BYTES || piece.len() > LONGEST {
            return None;
        }
        let hash = xxh3_64(piece);
        Some(((hash >> 32) as usize & (self.long.len() - 1), hash as u32))
    }

    /// What is remembered of a long piece, else [`NOTHING`].
    pub(crate) fn get_long(&self, piece: &[u8]) -> Entry {
        let Some((place, hash)) = self.place(piece) else { return NOTHING };
        let slot = self.long[place];
        let start = slot.bytes as usize;
        let same = slot.hash == hash
            && usize::from(slot.length) == piece.len()
            && self.bytes[start..start + piece.len()] == *piece;
        if same { [IN_ARENA << COUNT_SHIFT, slot.ids, u32::from(slot.count), 0] } else { NOTHING }
    }

    /// Remembers a piece, a long one if it has been met before; returns its entry, which holds until
    /// [`Cache::forget_passing`].
    pub(crate) fn put(&mut self, key: Key, piece: &[u8], ids: &[u32]) -> Entry {
        if key != 0 {
            let entry = inline(ids).unwrap_or_else(|| self.keep(ids));
            self.table.insert(key, entry);
            self.table.make_room();
            self.near.insert(key, entry);
            return entry;
        }
        match self.place(piece) {
            Some((place, hash)) if self.met[place] == hash => {
                let entry = self.keep(ids);
                let (bytes, count) = (self.bytes.len() as u32, ids.len() as u16);
                self.long[place] = LongSlot { hash, bytes, ids: entry[1], length: piece.len() as u16, count };
                self.bytes.extend_from_slice(piece);
                entry
            }
            place => {
                if let Some((place, hash)) = place {
                    self.met[place] = hash;
                }
                let at = self.passing.len();
                self.passing.extend_from_slice(ids);
                [PASSING << COUNT_SHIFT, at as u32, ids.len() as u32, 0]
            }
        }
    }

    /// Forgets the ids of long pieces that were met for the first time.
    #[inline]
    pub(crate) fn forget_passing(&mut self) {
        self.passing.clear();
        // One huge piece must not keep its memory for ever.
        self.passing.shrink_to(ARENA);
    }

    fn keep(&mut self, ids: &[u32]) -> Entry {
        let at = self.ids.len();
        self.ids.extend_from_slice(ids);
        [IN_ARENA << COUNT_SHIFT, at as u32, ids.len() as u32, 0]
    }

    /// Whether nothing more should be put in before [`Cache::forget`].
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.ids.len() + self.bytes.len() > ARENA
    }

    /// Back to what a new cache knows.
    pub(crate) fn forget(&mut self, vocabulary: &[(Key, Entry)]) {
        self.near.0.fill(Set::default());
        self.table.sets.as_mut_slice().fill(Set::default());
        self.table.filled = 0;
        self.learn(vocabulary);
        self.long.fill(LongSlot::default());
        self.met.fill(0);
        self.bytes.clear();
        self.ids.clear();
        // One text of many pieces must not keep its memory for ever.
        self.ids.shrink_to(2 * ARENA);
        self.bytes.shrink_to(2 * ARENA);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(piece: &[u8]) -> Key {
        key(piece, 0, piece.len())
    }

    fn get(table: &Table, piece: &[u8]) -> Entry {
        table.get(key_of(piece))
    }

    #[test]
    fn a_key_tells_pieces_apart_and_does_not_depend_on_what_follows() {
        assert_ne!(key_of(b"a"), key_of(b"a\0"));
        assert_ne!(key_of(b"\0"), key_of(b"\0\0"));
        assert_ne!(key_of(&[0; 15]), 0);
        assert_eq!(key_of(&[1; 16]), 0);
        for length in 1..=15 {
            let text: Vec<u8> = (1..60).collect();
            for start in 0..59 - length {
                assert_eq!(key(&text, start, start + length), key_of(&text[start..start + length]));
            }
        }
    }

    #[test]
    fn what_was_put_comes_back() {
        let mut cache = Cache::new(&[]);
        assert!(is_nothing(get(&cache.table, b"a")));
        cache.put(key_of(b"a"), b"a", &[1, 2, 3, 4]);
        cache.put(key_of(b"b"), b"b", &[FIRST, 2, 3, 4, 5]);
        assert_eq!(unpack(get(&cache.table, b"a")), Some(([1, 2, 3, 4], 4)));
        let entry = get(&cache.table, b"b");
        assert_eq!(unpack(entry), None);
        assert_eq!(cache.in_arena(entry), [FIRST, 2, 3, 4, 5]);
        for ids in [&[9; 10][..], &[8; 2]] {
            let piece = [7; 40];
            assert!(is_nothing(cache.get_long(&piece)));
            let entry = cache.put(0, &piece, ids);
            assert_eq!((unpack(entry), cache.in_arena(entry)), (None, ids));
            cache.forget_passing();
            assert!(is_nothing(cache.get_long(&piece)));
            cache.put(0, &piece, ids);
            assert_eq!(cache.in_arena(cache.get_long(&piece)), ids);
            assert!(is_nothing(cache.get_long(&[7; 39])));
            cache.forget(&[]);
            assert!(is_nothing(cache.get_long(&piece)));
        }
        assert!(is_nothing(get(&cache.table, b"a")));
        let huge = [0; LONGEST + 1];
        assert!(cache.place(&huge).is_none());
        let entry = cache.put(0, &huge, &[3; 7]);
        assert_eq!(cache.in_arena(entry), [3; 7]);
    }

    #[test]
    fn a_set_keeps_its_two_youngest() {
        let mut table = Table::of(8);
        let home = table.set(hash(key_of(b"x")));
        let same: Vec<Key> = (0u32..)
            .map(|n| key_of(&n.to_le_bytes()))
            .filter(|&key| table.set(hash(key)) == home)
            .take(3)
            .collect();
        for (id, &key) in same.iter().enumerate() {
            let entry = inline(&[id as u32]).unwrap();
            table.insert(key, entry);
            table.insert(key, entry);
        }
        let found: Vec<_> = same.iter().map(|&key| unpack(table.get(key)).map(|(ids, _)| ids[0])).collect();
        assert_eq!(found, [None, Some(1), Some(2)]);
    }

    #[test]
    fn a_cache_grows_and_keeps_nearly_all() {
        let vocabulary = [(key_of(b"known"), inline(&[9]).unwrap())];
        let mut cache = Cache::new(&vocabulary);
        let pieces: Vec<Vec<u8>> = (0..20_000).map(|n| format!(" w{n}").into_bytes()).collect();
        for (id, piece) in pieces.iter().enumerate() {
            cache.put(key_of(piece), piece, &[id as u32]);
        }
        let ids = |cache: &Cache, piece: &[u8]| unpack(get(&cache.table, piece)).map(|(ids, _)| ids[0]);
        let kept = (0..).zip(&pieces).filter(|(id, piece)| ids(&cache, piece) == Some(*id)).count();
        assert!(kept > 18_000, "{kept}");
        cache.forget(&vocabulary);
        assert_eq!(ids(&cache, b"known"), Some(9));
        assert_eq!(ids(&cache, &pieces[0]), None);
    }
}
