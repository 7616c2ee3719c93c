//! From equal band keys to candidate pairs.

/// Candidate pairs of one band, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Pairs of document numbers, the better one first.
    pub pairs: Vec<(usize, usize)>,
    /// Documents in the largest bucket.
    pub largest_bucket: usize,
    /// Buckets over the limit, of which not all pairs are listed.
    pub limited_buckets: usize,
}

/// In a bucket over the limit every document is paired with this many of the best ones.
const STAR_CENTRES: usize = 8;

/// The pairs that one band nominates. `keys[i]` is the band key of document i; documents are numbered from
/// the most worth keeping downwards.
///
/// A bucket (documents of one key) of up to `max_bucket` documents gives all its pairs. A larger one would
/// grow quadratically: there each document is paired with the 8 best of the bucket and with its
/// neighbour in keeper order, and the bucket is counted in `limited_buckets`.
pub fn candidate_pairs(keys: &[u64], max_bucket: usize) -> Candidates {
    let mut order: Vec<(u64, usize)> = keys.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut found = Candidates::default();
    for bucket in order.chunk_by(|x, y| x.0 == y.0) {
        found.largest_bucket = found.largest_bucket.max(bucket.len());
        let centres = if bucket.len() > max_bucket { STAR_CENTRES } else { bucket.len() };
        found.limited_buckets += usize::from(bucket.len() > max_bucket);
        for (place, &(_, document)) in bucket.iter().enumerate() {
            found.pairs.extend(bucket[..place.min(centres)].iter().map(|&(_, better)| (better, document)));
            if place > centres {
                found.pairs.push((bucket[place - 1].1, document));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_buckets_give_all_pairs_the_better_first() {
        let found = candidate_pairs(&[5, 9, 5, 9, 5, 1], 10);
        assert_eq!(found.pairs, [(0, 2), (0, 4), (2, 4), (1, 3)]);
        assert_eq!((found.largest_bucket, found.limited_buckets), (3, 0));
    }

    #[test]
    fn a_bucket_over_the_limit_is_a_star_and_a_chain_and_is_counted() {
        let found = candidate_pairs(&[7; 1000], 64);
        assert_eq!((found.largest_bucket, found.limited_buckets), (1000, 1));
        assert_eq!(found.pairs.len(), (1..8).sum::<usize>() + 992 * 8 + 991);
        assert!(found.pairs.iter().all(|(better, worse)| better < worse));
        for document in 1..1000 {
            assert!(found.pairs.contains(&(0, document)));
            assert!(found.pairs.contains(&(document - 1, document)));
        }
    }

    #[test]
    fn the_limit_itself_is_within_the_limit() {
        assert_eq!(candidate_pairs(&[7; 64], 64).pairs.len(), 64 * 63 / 2);
        assert_eq!(candidate_pairs(&[], 64), Candidates::default());
    }
}
