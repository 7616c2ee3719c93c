//! Byte-level BPE: pre-tokenization, training, encoding, decoding and file formats.
//!
//! Exactness is the contract: merges equal those of Hugging Face `tokenizers` 0.23 `BpeTrainer`, ids equal
//! those of `tokenizers` for a `tokenizer.json` and those of `tiktoken` for a `.tiktoken` file.

mod added;
mod bitmap;
mod boundaries;
mod byte_level;
mod cache;
mod characters;
mod classes;
mod count_tables;
mod counts;
mod deepseek;
mod encode;
mod ends;
mod error;
mod huge;
mod json;
mod learn;
mod merge;
mod merges;
mod pair_table;
mod pairs;
mod pattern;
mod sample;
mod scan;
mod split;
mod tiktoken;
mod tokenizer;
mod train;
mod words;

pub use added::{AddedToken, Allowed, Policy};
pub use classes::UNICODE_VERSION;
pub use counts::Counts;
pub use encode::Encoder;
pub use error::Error;
pub use huge::reserve;
pub use pattern::{Pattern, SUPERWORDS};
pub use sample::in_sample;
pub use split::Splitter;
pub use tokenizer::Tokenizer;
pub use train::{Params, Superwords, train, train_sizes};
