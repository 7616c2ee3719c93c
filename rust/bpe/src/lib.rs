//! Byte-level BPE: pre-tokenization, training, encoding, decoding and file formats.
