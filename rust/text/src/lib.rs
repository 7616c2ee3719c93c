//! Text normalisation, words, lines, n-grams and the signals computed from them.

mod address;
mod affixes;
mod ascii;
mod bytes;
pub mod c4;
pub mod chars;
mod describe;
mod duplicates;
mod letters;
mod line_stats;
pub mod lines;
pub mod listed;
pub mod normalize;
pub mod offsets;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
#[cfg(any(test, feature = "oracle"))]
mod oracle_ngrams;
mod repeats;
mod runs;
mod scan;
mod sentences;
pub mod signals;
mod specials;
pub mod stats;
mod tally;
mod totals;
mod vocabulary;
mod walk;
mod word_blocks;
mod word_characters;
pub mod word_scan;
pub mod words;
