//! MinHash signatures and band keys.

use crate::{ParameterError, in_range, mix};

/// Bands times rows; OLMo 3 re-hashes giant clusters with 200 × 31 = 6,200 slots, RefinedWeb used 9,000.
const MAX_SLOTS: usize = 65_536;

/// The hash functions of one MinHash scheme: `bands` × `rows` slots drawn from `seed`.
///
/// Slot i keeps the minimum of `a_i·h + b_i mod 2^64` over the shingle hashes h, with `a_i` odd, so that each
/// slot is a bijection. Shingle hashes come fully mixed, which is what makes this family behave
/// min-wise independently; the tests hold its error to the theory's √(J(1−J)/k).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinHasher {
    bands: usize,
    rows: usize,
    multipliers: Vec<u64>,
    offsets: Vec<u64>,
}

impl MinHasher {
    /// A scheme of `bands` bands with `rows` slots each.
    ///
    /// # Errors
    /// When either is zero or their product exceeds 65,536.
    pub fn new(bands: usize, rows: usize, seed: u64) -> Result<Self, ParameterError> {
        in_range("bands", bands, 1, MAX_SLOTS)?;
        in_range("rows", rows, 1, MAX_SLOTS / bands)?;
        let slots = bands * rows;
        let mut state = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15); // a splitmix64 stream
            mix(state)
        };
        let multipliers = (0..slots).map(|_| draw() | 1).collect();
        let offsets = (0..slots).map(|_| draw()).collect();
        Ok(Self { bands, rows, multipliers, offsets })
    }

    /// Slots in a signature.
    pub fn slots(&self) -> usize {
        self.multipliers.len()
    }

    /// Bands in a signature.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Sets a signature to that of no shingles at all.
    pub fn clear(&self, signature: &mut [u64]) {
        signature.fill(u64::MAX);
    }

    /// Adds one shingle to a signature of `slots()` values.
    pub fn add(&self, shingle: u64, signature: &mut [u64]) {
        for ((slot, multiplier), offset) in signature.iter_mut().zip(&self.multipliers).zip(&self.offsets) {
            *slot = (*slot).min(shingle.wrapping_mul(*multiplier).wrapping_add(*offset));
        }
    }

    /// The key of each band of a signature, in order. Equal bands have equal keys; unequal ones differ but
    /// for a chance of 2^-64.
    pub fn band_keys<'a>(&'a self, signature: &'a [u64]) -> impl Iterator<Item = u64> + 'a {
        signature.chunks_exact(self.rows).take(self.bands).enumerate().map(|(band, slots)| {
            slots.iter().fold(mix(band as u64 + 1), |key, slot| mix(key ^ slot).wrapping_add(*slot))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signatures of two random sets whose Jaccard similarity is exactly `shared / (shared + 2·own)`.
    fn pair(hasher: &MinHasher, shared: u64, own: u64, trial: u64) -> (Vec<u64>, Vec<u64>) {
        let element = |i: u64| mix(trial.wrapping_mul(0x1_0000_0001).wrapping_add(i) ^ 0x5555);
        let mut signatures = (vec![0; hasher.slots()], vec![0; hasher.slots()]);
        hasher.clear(&mut signatures.0);
        hasher.clear(&mut signatures.1);
        for i in 0..shared + 2 * own {
            if i < shared + own {
                hasher.add(element(i), &mut signatures.0);
            }
            if i < shared || i >= shared + own {
                hasher.add(element(i), &mut signatures.1);
            }
        }
        signatures
    }

    #[test]
    fn the_estimate_is_as_good_as_theory_and_bands_collide_as_the_formula_says() {
        const TRIALS: u64 = 1500;
        // (shared, own): J = .5, .6, .7, .8, .9 on unions of 30 to 570 shingles
        for (shared, own) in [(10, 5), (100, 50), (60, 20), (140, 30), (160, 20), (90, 5), (540, 30)] {
            let jaccard = shared as f64 / (shared + 2 * own) as f64;
            let (bands, rows) = (14, 8);
            let (mut squares, mut sum, mut candidates) = (0.0, 0.0, 0u64);
            for trial in 0..TRIALS {
                let hasher = MinHasher::new(bands, rows, trial).unwrap();
                let (a, b) = pair(&hasher, shared, own, trial);
                let equal = a.iter().zip(&b).filter(|(x, y)| x == y).count();
                let error = equal as f64 / hasher.slots() as f64 - jaccard;
                sum += error;
                squares += error * error;
                candidates += u64::from(hasher.band_keys(&a).zip(hasher.band_keys(&b)).any(|(x, y)| x == y));
            }
            let theory = (jaccard * (1.0 - jaccard) / 112.0).sqrt();
            let rmse = (squares / TRIALS as f64).sqrt();
            // The standard error of an RMSE over N trials is about 1/√(2N) of it: 1.8 %; three of them are allowed.
            assert!(rmse < theory * 1.055, "J={jaccard}: {rmse} against {theory}");
            let bias = sum / TRIALS as f64;
            assert!(bias.abs() < 3.5 * theory / (TRIALS as f64).sqrt(), "J={jaccard}: bias {bias}");
            let expected = 1.0 - (1.0 - jaccard.powi(rows as i32)).powi(bands as i32);
            let measured = candidates as f64 / TRIALS as f64;
            let slack = 3.5 * (expected * (1.0 - expected) / TRIALS as f64).sqrt() + 1e-3;
            assert!((measured - expected).abs() < slack, "J={jaccard}: {measured} against {expected}");
        }
    }

    #[test]
    fn a_signature_ignores_order_and_repetition() {
        let hasher = MinHasher::new(3, 4, 1).unwrap();
        let sign = |shingles: &[u64]| {
            let mut signature = vec![0; hasher.slots()];
            hasher.clear(&mut signature);
            shingles.iter().for_each(|shingle| hasher.add(*shingle, &mut signature));
            signature
        };
        assert_eq!(sign(&[3, 1, 2]), sign(&[1, 2, 3, 3, 1]));
        assert_ne!(sign(&[1, 2, 3]), sign(&[1, 2, 4]));
    }

    #[test]
    fn the_same_slots_in_another_band_give_another_key() {
        let hasher = MinHasher::new(2, 2, 1).unwrap();
        let keys: Vec<u64> = hasher.band_keys(&[7, 8, 7, 8]).collect();
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn seeds_give_unrelated_schemes() {
        assert_ne!(MinHasher::new(2, 2, 1), MinHasher::new(2, 2, 2));
    }

    #[test]
    fn sizes_outside_the_range_are_refused() {
        for (bands, rows) in [(0, 8), (8, 0), (65_537, 1), (1000, 1000)] {
            assert!(MinHasher::new(bands, rows, 0).is_err(), "{bands} x {rows}");
        }
    }
}
