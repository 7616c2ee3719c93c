//! Text normalisation, words, lines, n-grams and the signals computed from them.

mod address;
mod affixes;
pub mod c4;
pub mod chars;
mod letters;
pub mod lines;
mod ngrams;
pub mod normalize;
mod sentences;
pub mod signals;
mod specials;
pub mod stats;
mod tally;
pub mod words;
