//! A bounded cache from short pieces to their ids: most pieces of natural text repeat.

/// Longest piece that is remembered, in bytes.
const KEY_BYTES: usize = 15;
/// Most ids that are remembered of a piece.
const IDS: usize = 3;
const SLOTS_LOG2: u32 = 15;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Bytes of the piece, its length in the top byte; 0 = free, since no piece is empty.
    key: u128,
    ids: [u32; IDS],
    count: u8,
}

/// Direct-mapped: a newer piece takes the slot of an older one.
#[derive(Debug)]
pub(crate) struct Cache(Vec<Slot>);

impl Default for Cache {
    fn default() -> Self {
        Self(vec![Slot::default(); 1 << SLOTS_LOG2])
    }
}

impl Cache {
    /// The key of a piece; `None` for one that is too long.
    #[inline]
    pub(crate) fn key(piece: &[u8]) -> Option<u128> {
        if piece.len() > KEY_BYTES {
            return None;
        }
        let mut bytes = [0; KEY_BYTES + 1];
        bytes[..piece.len()].copy_from_slice(piece);
        bytes[KEY_BYTES] = piece.len() as u8;
        Some(u128::from_le_bytes(bytes))
    }

    #[inline]
    fn slot(key: u128) -> usize {
        let folded = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (key >> 64) as u64;
        (folded.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - SLOTS_LOG2)) as usize
    }

    #[inline]
    pub(crate) fn get(&self, key: u128) -> Option<&[u32]> {
        let slot = &self.0[Self::slot(key)];
        (slot.key == key).then(|| &slot.ids[..usize::from(slot.count)])
    }

    pub(crate) fn put(&mut self, key: u128, found: &[u32]) {
        if found.len() <= IDS {
            let mut ids = [0; IDS];
            ids[..found.len()].copy_from_slice(found);
            self.0[Self::slot(key)] = Slot { key, ids, count: found.len() as u8 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_differ_in_trailing_zeros_have_different_keys() {
        assert_ne!(Cache::key(b"a"), Cache::key(b"a\0"));
        assert_ne!(Cache::key(b"\0"), Cache::key(b"\0\0"));
        assert!(Cache::key(&[0; 15]).is_some());
        assert!(Cache::key(&[0; 16]).is_none());
    }

    #[test]
    fn what_was_put_comes_back_unless_it_is_long() {
        let mut cache = Cache::default();
        let key = |piece: &[u8]| Cache::key(piece).unwrap();
        assert_eq!(cache.get(key(b"a")), None);
        cache.put(key(b"a"), &[1, 2, 3]);
        cache.put(key(b"b"), &[1, 2, 3, 4]);
        assert_eq!(cache.get(key(b"a")), Some(&[1, 2, 3][..]));
        assert_eq!(cache.get(key(b"b")), None);
    }
}
