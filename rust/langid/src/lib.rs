//! Inference of fastText supervised models, quantised or not.
//!
//! Reads the `.bin` and `.ftz` files that `fasttext supervised` and `fasttext quantize` write (format
//! versions 11 and 12) and computes the same labels and, within rounding, the same probabilities:
//! words and character n-grams, word n-grams, dictionary pruning, product quantisation of either matrix,
//! and the four losses (hierarchical softmax, negative sampling, softmax, one-vs-all).
//!
//! The format and the arithmetic are those of fastText 0.9.2 (Joulin et al. 2017, "Bag of Tricks for
//! Efficient Text Classification", arXiv:1607.01759; quantisation: arXiv:1612.03651).

mod best;
mod dictionary;
mod lines;
mod loss;
mod matrix;
mod model;
mod predictor;
mod reader;
mod script;

pub use lines::LabelShare;
pub use model::{Model, ModelError, Prediction};
pub use predictor::Predictor;
pub use script::{ScriptShare, dominant_script};
