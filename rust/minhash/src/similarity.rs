//! Exact similarity of shingle sets, given sorted and without repetition.

use std::cmp::Ordering;

/// Number of values that two sorted sets share.
pub fn overlap(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    shared
}

/// |A ∩ B| / |A ∪ B|; 0 when both are empty, since nothing says that they are alike.
pub fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let shared = overlap(a, b);
    ratio(shared, a.len() + b.len() - shared)
}

/// |A ∩ B| / |A|: the share of A found in B; 0 when A is empty.
pub fn containment(a: &[u64], b: &[u64]) -> f64 {
    ratio(overlap(a, b), a.len())
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        assert_eq!(containment(&[1, 2], &[1, 2, 3, 4]), 1.0);
        assert_eq!(containment(&[1, 2, 3, 4], &[1, 2]), 0.5);
        assert_eq!(jaccard(&[], &[]), 0.0);
        assert_eq!(containment(&[], &[1]), 0.0);
    }

    proptest! {
        #[test]
        fn agrees_with_sets(a: BTreeSet<u8>, b: BTreeSet<u8>) {
            let x: Vec<u64> = a.iter().map(|v| u64::from(*v)).collect();
            let y: Vec<u64> = b.iter().map(|v| u64::from(*v)).collect();
            prop_assert_eq!(overlap(&x, &y), a.intersection(&b).count());
            prop_assert_eq!(jaccard(&x, &y), jaccard(&y, &x));
        }
    }
}
