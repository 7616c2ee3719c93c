//! Deduplication kernels: shingles, MinHash signatures, band keys, exact hashes and similarity.
//!
//! A word is a 64-bit hash from its first touch on; a shingle combines the hashes of `ngram` consecutive
//! words. Nothing depends on a random state, a thread count or the order of a hash table.

mod anchors;
mod components;
mod exact;
mod foreign;
mod kernel;
mod repeats;
mod resolve;
mod segments;
mod shingle;
mod signature;
mod similarity;
mod table;
mod words;

pub use anchors::{Anchor, Anchors};
pub use components::{Components, bucket_links};
pub use exact::text_hash;
pub use foreign::{ForeignHasher, Scheme};
pub use repeats::{repeated_spans, without_spans};
pub use resolve::{Measure, Removal, remove_duplicates};
pub use segments::{Segment, Span, segments, spans};
pub use shingle::{
    ShingleWords, for_each_character_shingle, for_each_shingle, for_each_text_shingle, shingle_set,
};
pub use signature::{MinHasher, Signature, band_keys};
pub use similarity::{containment, jaccard, overlap};
pub use words::word_hashes;

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be between {min} and {max}, not {given}")]
pub struct ParameterError {
    /// The parameter's name.
    pub name: &'static str,
    /// Smallest value allowed.
    pub min: usize,
    /// Largest value allowed.
    pub max: usize,
    /// The value given.
    pub given: usize,
}

/// `given`, if it lies in `min..=max`.
pub(crate) fn in_range(
    name: &'static str,
    given: usize,
    min: usize,
    max: usize,
) -> Result<usize, ParameterError> {
    if (min..=max).contains(&given) { Ok(given) } else { Err(ParameterError { name, min, max, given }) }
}

/// The murmur3 finaliser: a bijection of 64 bits in which every input bit reaches every output bit.
pub(crate) fn mix(mut value: u64) -> u64 {
    value ^= value >> 33;
    value = value.wrapping_mul(0xff51_afd7_ed55_8ccd);
    value ^= value >> 33;
    value = value.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}
