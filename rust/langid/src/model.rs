//! The model file as a whole.

use std::path::Path;

use crate::dictionary::{Dictionary, NgramSettings};
use crate::loss::Loss;
use crate::matrix::Matrix;
use crate::reader::Reader;

const MAGIC: i32 = 793_712_314;
const SUPERVISED: i32 = 3;
/// Wider hidden layers than any published model has.
const WIDEST: usize = 1 << 16;

/// Why a file is not a usable model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file could not be read.
    #[error("cannot read the model: {0}")]
    Io(#[from] std::io::Error),
    /// The file does not begin as fastText models do.
    #[error("not a fastText model: the file begins with other bytes")]
    NotAModel,
    /// Written by a version of fastText whose format is unknown.
    #[error("fastText model of format version {0}; versions 11 and 12 are supported")]
    Version(i32),
    /// Word vectors cannot classify.
    #[error("not a supervised fastText model: it holds word vectors and no classifier")]
    NotSupervised,
    /// N-grams so long that a text would take a time out of all proportion.
    #[error(
        "fastText model with n-grams of more than {words} words or {characters} characters, which are not supported"
    )]
    LongNgrams {
        /// The most words.
        words: usize,
        /// The most characters.
        characters: usize,
    },
    /// The file ends early, or a length in it is larger than the file.
    #[error("damaged fastText model: the {what} ends after the end of the file")]
    Truncated {
        /// Part of the file.
        what: &'static str,
    },
    /// A value that no model can have.
    #[error("damaged fastText model: impossible values in the {what}")]
    Invalid {
        /// Part of the file.
        what: &'static str,
    },
}

/// A label and how likely it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Index into [`Model::labels`].
    pub label: usize,
    /// From 0 to 1.
    pub probability: f32,
}

/// The bytes of a model file: mapped, so that processes share them and only what is looked at is read, or owned.
enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A fastText classifier. Prediction does not change it, so threads may share it.
pub struct Model {
    /// The file; the matrices are read in place.
    bytes: Bytes,
    dictionary: Dictionary,
    input: Matrix,
    output: Matrix,
    loss: Loss,
}

impl Model {
    /// Maps a `.bin` or `.ftz` file. While the model lives, the file may be replaced (a new file under its name), but
    /// not written to.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let file = std::fs::File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Err(ModelError::NotAModel);
        }
        // SAFETY: the map is read as plain bytes, of which any value is valid; every length that comes from them is
        // checked once and kept outside the map, so that a file changed under our hands, against the contract above,
        // can falsify numbers but not move an access out of bounds.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        Self::read(Bytes::Mapped(map))
    }

    /// Takes the bytes of a `.bin` or `.ftz` file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::read(Bytes::Owned(bytes))
    }

    fn read(bytes: Bytes) -> Result<Self, ModelError> {
        let mut reader = Reader::new(&bytes);
        if reader.i32("header").map_err(|_| ModelError::NotAModel)? != MAGIC {
            return Err(ModelError::NotAModel);
        }
        let version = reader.i32("header")?;
        if !matches!(version, 11 | 12) {
            return Err(ModelError::Version(version));
        }
        const ARGUMENTS: &str = "training arguments";
        let dimension = reader.count_i32(ARGUMENTS)?;
        for _unused in ["window", "epochs", "min count", "negatives"] {
            reader.i32(ARGUMENTS)?;
        }
        let word_ngrams = reader.count_i32(ARGUMENTS)?;
        let loss = reader.i32(ARGUMENTS)?;
        if reader.i32(ARGUMENTS)? != SUPERVISED {
            return Err(ModelError::NotSupervised);
        }
        let buckets = reader.count_i32(ARGUMENTS)?;
        // Negative lengths of character n-grams mean none.
        let shortest = usize::try_from(reader.i32(ARGUMENTS)?).unwrap_or(0);
        let longest = usize::try_from(reader.i32(ARGUMENTS)?).unwrap_or(0);
        reader.i32(ARGUMENTS)?; // learning-rate update rate
        reader.f64(ARGUMENTS)?; // sampling threshold
        // supervised models of version 11 did not use character n-grams, whatever they say
        let longest = if version == 11 { 0 } else { longest };
        let settings = NgramSettings { word_ngrams, buckets, shortest, longest };
        settings.validate()?;
        if dimension == 0 || dimension > WIDEST {
            return Err(ModelError::Invalid { what: ARGUMENTS });
        }

        let dictionary = Dictionary::read(&mut reader, settings)?;
        let quantised = reader.bool("input matrix")?;
        if dictionary.is_pruned() && !quantised {
            return Err(ModelError::Invalid { what: "dictionary" });
        }
        let read = |reader: &mut Reader, quantised, what| match quantised {
            true => Matrix::read_quantised(reader, what),
            false => Matrix::read_dense(reader, what),
        };
        let input = read(&mut reader, quantised, "input matrix")?;
        let output_quantised = reader.bool("output matrix")?;
        let output = read(&mut reader, quantised && output_quantised, "output matrix")?;
        if input.columns() != dimension || input.rows() < dictionary.rows_needed() {
            return Err(ModelError::Invalid { what: "input matrix" });
        }
        let labels = dictionary.labels.len();
        if labels == 0 || output.columns() != dimension || output.rows() < labels {
            return Err(ModelError::Invalid { what: "output matrix" });
        }
        let loss = Loss::new(loss, &dictionary.label_counts)?;
        Ok(Self { bytes, dictionary, input, output, loss })
    }

    /// The labels, without the `__label__` prefix, by falling frequency in the training data.
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// At most `k` labels with a probability of at least `threshold`, best first.
    ///
    /// Newlines count as spaces. Empty when the text has no feature that the model knows. Of many texts, a
    /// [`Predictor`](crate::Predictor) is faster.
    pub fn predict(&self, text: &str, k: usize, threshold: f32) -> Vec<Prediction> {
        crate::Predictor::new(self).predict(text, k, threshold)
    }

    pub(crate) fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    pub(crate) fn dimension(&self) -> usize {
        self.input.columns()
    }

    /// Adds a row of the input matrix.
    #[inline]
    pub(crate) fn add_row(&self, row: usize, vector: &mut [f32]) {
        self.input.add_row(&self.bytes, row, vector);
    }

    /// The best labels for the mean of a text's features.
    pub(crate) fn best(&self, hidden: &[f32], k: usize, threshold: f32) -> Vec<Prediction> {
        self.loss.best(&self.output, &self.bytes, hidden, self.labels().len(), k, threshold)
    }

    /// The plain way, feature by feature in fastText's order: what tests hold [`Predictor`](crate::Predictor) against.
    #[doc(hidden)]
    pub fn predict_plainly(&self, text: &str, k: usize, threshold: f32) -> Vec<Prediction> {
        let mut hidden = vec![0.0; self.dimension()];
        let mut features = 0usize;
        self.dictionary.features(text, |row| {
            self.add_row(row, &mut hidden);
            features += 1;
        });
        if features == 0 || k == 0 {
            return Vec::new();
        }
        let scale = (1.0 / features as f64) as f32;
        for value in &mut hidden {
            *value *= scale;
        }
        self.best(&hidden, k, threshold)
    }
}
