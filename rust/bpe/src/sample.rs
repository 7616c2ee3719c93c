//! Choosing a share of documents by their identity alone.

use xxhash_rust::xxh3::xxh3_64;

/// Whether the document `id` belongs to a sample of `share` (0 to 1) of all documents.
///
/// Depends on nothing but its arguments; a larger share contains every smaller one.
pub fn in_sample(id: &str, share: f64) -> bool {
    // The upper 53 bits are a float in [0, 1) without rounding.
    let position = (xxh3_64(id.as_bytes()) >> 11) as f64 / (1u64 << 53) as f64;
    position < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_nested_and_of_the_right_size() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("doc-{n}")).collect();
        let size = |share| ids.iter().filter(|id| in_sample(id, share)).count();
        assert_eq!((size(0.0), size(1.0)), (0, ids.len()));
        assert!((1_800..2_200).contains(&size(0.1)));
        assert!(ids.iter().all(|id| !in_sample(id, 0.1) || in_sample(id, 0.3)));
    }
}
