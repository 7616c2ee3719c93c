//! Text normalisation, words, lines, n-grams and the signals computed from them.

mod address;
mod affixes;
pub mod chars;
mod letters;
pub mod normalize;
mod specials;
pub mod words;
