//! Byte-level BPE: pre-tokenization, training, encoding, decoding and file formats.
//!
//! Exactness is the contract: merges equal those of Hugging Face `tokenizers` 0.23 `BpeTrainer`, ids equal
//! those of `tokenizers` for a `tokenizer.json` and those of `tiktoken` for a `.tiktoken` file.

mod added;
mod byte_level;
mod cache;
mod classes;
mod counts;
mod encode;
mod error;
mod json;
mod merge;
mod pattern;
mod scan;
mod tiktoken;
mod tokenizer;
mod train;

pub use added::{AddedToken, Allowed, Policy};
pub use classes::UNICODE_VERSION;
pub use counts::Counts;
pub use encode::Encoder;
pub use error::Error;
pub use pattern::Pattern;
pub use tokenizer::Tokenizer;
pub use train::{Params, train};
