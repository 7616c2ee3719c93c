//! The inner loops: of signatures, and of the choice of anchors.

/// Slots lowered together; signatures are filled up to a multiple of it.
pub(crate) const LANES: usize = 16;

/// Lowers each slot to the least of `multiplier · hash + offset` over the hashes. All slices but the last are equally
/// long, a multiple of `LANES`.
#[allow(unsafe_code)]
pub(crate) fn lower(minima: &mut [u32], multipliers: &[u32], offsets: &[u32], hashes: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was just asked whether it has AVX2.
        return unsafe { lower_by_avx2(minima, multipliers, offsets, hashes) };
    }
    lower_portably(minima, multipliers, offsets, hashes);
}

/// The same code, compiled for wider registers and their 32-bit product: 7 instead of 40 nanoseconds per shingle.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn lower_by_avx2(minima: &mut [u32], multipliers: &[u32], offsets: &[u32], hashes: &[u32]) {
    lower_portably(minima, multipliers, offsets, hashes);
}

#[inline(always)]
fn lower_portably(minima: &mut [u32], multipliers: &[u32], offsets: &[u32], hashes: &[u32]) {
    let (blocks, _) = minima.as_chunks_mut::<LANES>();
    let parameters = multipliers.as_chunks::<LANES>().0.iter().zip(offsets.as_chunks::<LANES>().0);
    for (block, (multipliers, offsets)) in blocks.iter_mut().zip(parameters) {
        let mut least = *block;
        for &hash in hashes {
            for lane in 0..LANES {
                let value = hash.wrapping_mul(multipliers[lane]).wrapping_add(offsets[lane]);
                least[lane] = least[lane].min(value);
            }
        }
        *block = least;
    }
}

/// Bytes that decide the rank of a place.
pub(crate) const CORE: usize = 16;

/// Places ranked together.
const STRIP: usize = 256;

/// The rank of every place: a hash of the 16 bytes there, but the last rank where these are all one byte. (Inside a
/// run of one byte every place would be the first; so none is before any other place.) The text goes on for 15 bytes
/// behind the last place at least.
#[allow(unsafe_code)]
pub(crate) fn place_ranks(text: &[u8], ranks: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was just asked whether it has AVX2.
        return unsafe { place_ranks_by_avx2(text, ranks) };
    }
    place_ranks_portably(text, ranks);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn place_ranks_by_avx2(text: &[u8], ranks: &mut [u32]) {
    place_ranks_portably(text, ranks);
}

#[inline(always)]
fn place_ranks_portably(text: &[u8], ranks: &mut [u32]) {
    const QUARTER: usize = CORE / 4;
    let mut words = [0; STRIP + 3 * QUARTER];
    for (strip, ranks) in ranks.chunks_mut(STRIP).enumerate() {
        let words = &mut words[..ranks.len() + 3 * QUARTER];
        for (word, bytes) in words.iter_mut().zip(text[strip * STRIP..].windows(QUARTER)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let (second, third, fourth) = (&words[QUARTER..], &words[2 * QUARTER..], &words[3 * QUARTER..]);
        for ((((rank, &a), &b), &c), &d) in ranks.iter_mut().zip(&*words).zip(second).zip(third).zip(fourth) {
            let is_run = (a ^ b) | (a ^ c) | (a ^ d) | (a ^ a.rotate_left(8)) == 0;
            let sum = a
                .wrapping_mul(0x9e37_79b1)
                .wrapping_add(b.wrapping_mul(0x85eb_ca77))
                .wrapping_add(c.wrapping_mul(0xc2b2_ae3d))
                .wrapping_add(d.wrapping_mul(0x27d4_eb2f));
            let mixed = (sum ^ (sum >> 15)).wrapping_mul(0x2c1b_3c6d);
            let hash = (mixed ^ (mixed >> 12)).min(u32::MAX - 1);
            *rank = if is_run { u32::MAX } else { hash };
        }
    }
}

/// The least rank and the first offset that has it; the last rank for none.
pub(crate) fn first_least(ranks: &[u32]) -> (u32, usize) {
    let least = least(ranks);
    (least, ranks.iter().position(|&rank| rank == least).unwrap_or(0))
}

/// The first rank below a limit, and its offset.
pub(crate) fn first_below(ranks: &[u32], limit: u32) -> Option<(u32, usize)> {
    for (strip, ranks) in ranks.chunks(STRIP).enumerate() {
        if least(ranks) < limit {
            let offset = ranks.iter().position(|&rank| rank < limit)?;
            return Some((ranks[offset], strip * STRIP + offset));
        }
    }
    None
}

#[allow(unsafe_code)]
fn least(ranks: &[u32]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was just asked whether it has AVX2.
        return unsafe { least_by_avx2(ranks) };
    }
    least_portably(ranks)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn least_by_avx2(ranks: &[u32]) -> u32 {
    least_portably(ranks)
}

#[inline(always)]
fn least_portably(ranks: &[u32]) -> u32 {
    ranks.iter().fold(u32::MAX, |least, &rank| least.min(rank))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_are_one(
            hashes in prop::collection::vec(any::<u32>(), 0..70),
            slots in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 48),
        ) {
            let of = |part: fn(&(u32, u32, u32)) -> u32| slots.iter().map(part).collect::<Vec<u32>>();
            let (multipliers, offsets) = (of(|s| s.1), of(|s| s.2));
            let (mut fast, mut slow) = (of(|s| s.0), of(|s| s.0));
            lower(&mut fast, &multipliers, &offsets, &hashes);
            for (slot, (multiplier, offset)) in slow.iter_mut().zip(multipliers.iter().zip(&offsets)) {
                for hash in &hashes {
                    *slot = (*slot).min(hash.wrapping_mul(*multiplier).wrapping_add(*offset));
                }
            }
            prop_assert_eq!(fast, slow);
        }
    }
}
