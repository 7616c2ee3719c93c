//! Text normalisation, words, lines, n-grams and the signals computed from them.

pub mod chars;
pub mod normalize;
