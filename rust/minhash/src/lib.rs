//! Shingles, MinHash signatures, band keys, exact hashes and similarity.
