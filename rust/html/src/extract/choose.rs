//! Which blocks to keep, given how likely each is content: the set with the highest expected F-measure.
//!
//! Word F-measure of a page is `(1 + b²)·|kept ∩ truth| / (|kept| + b²·|truth|)`. With independent blocks its
//! expectation is close to the same ratio of expectations (Jansche 2007; Nan et al. 2012, "Optimizing
//! F-measures"), and for such a ratio the best set holds the most likely blocks: it is enough to try every prefix
//! of the blocks in falling order of probability.

/// One whole, in the unit of probabilities.
pub(crate) const ONE: u32 = 1 << 16;

/// Chooses blocks to keep.
///
/// `blocks` gives each block's probability (in 1/65536) and its length in words; `beta_squared` weighs recall
/// against precision, in quarters: 4 is the plain F-measure. Returns the lowest probability that is kept, and `None` where keeping
/// nothing is best.
pub(crate) fn threshold(blocks: &[(u32, u32)], beta_squared_quarters: u64) -> Option<u32> {
    let mut order: Vec<(u32, u32)> =
        blocks.iter().copied().filter(|&(chance, words)| chance > 0 && words > 0).collect();
    order.sort_unstable_by(|left, right| right.cmp(left));
    let truth: u64 = blocks.iter().map(|&(chance, words)| u64::from(chance) * u64::from(words)).sum();
    let (mut shared, mut kept) = (0u64, 0u64);
    let mut best: Option<(u64, u64, u32)> = None;
    let mut next = 0;
    while let Some(&(chance, _)) = order.get(next) {
        while let Some(&(same, words)) = order.get(next)
            && same == chance
        {
            shared += u64::from(same) * u64::from(words);
            kept += u64::from(ONE) * u64::from(words);
            next += 1;
        }
        let whole = 4 * kept + beta_squared_quarters * truth;
        // shared / whole > best, without division.
        let better = best.is_none_or(|(best_shared, best_whole, _)| {
            u128::from(shared) * u128::from(best_whole) > u128::from(best_shared) * u128::from(whole)
        });
        if better {
            best = Some((shared, whole, chance));
        }
    }
    best.map(|(_, _, chance)| chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected_f(blocks: &[(u32, u32)], kept: u32) -> f64 {
        let (mut shared, mut size, mut truth) = (0.0, 0.0, 0.0);
        for (index, &(chance, words)) in blocks.iter().enumerate() {
            let chance = f64::from(chance) / f64::from(ONE);
            truth += chance * f64::from(words);
            if kept >> index & 1 == 1 {
                shared += chance * f64::from(words);
                size += f64::from(words);
            }
        }
        if size + truth == 0.0 { 0.0 } else { 2.0 * shared / (size + truth) }
    }

    #[test]
    fn no_other_set_is_better() {
        let mut state = 1u64;
        let mut random = |bound: u32| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u32 % bound
        };
        for _ in 0..200 {
            let blocks: Vec<(u32, u32)> = (0..8).map(|_| (random(ONE), random(50) + 1)).collect();
            let chosen = threshold(&blocks, 4).map_or(0, |least| {
                blocks
                    .iter()
                    .enumerate()
                    .filter(|(_, block)| block.0 >= least)
                    .map(|(index, _)| 1 << index)
                    .sum()
            });
            let best = (0..256).map(|set| expected_f(&blocks, set)).fold(0.0, f64::max);
            assert!((expected_f(&blocks, chosen) - best).abs() < 1e-9);
        }
    }

    #[test]
    fn nothing_to_keep() {
        assert_eq!(threshold(&[], 4), None);
        assert_eq!(threshold(&[(0, 10)], 4), None);
        assert_eq!(threshold(&[(1, 0)], 4), None);
    }
}
