//! Prediction of many texts: the features of a word are summed once.

use ahash::AHashMap;

use crate::{Model, Prediction};

/// Floats of the word vectors that are kept; 4 MiB.
const MOST_FLOATS: usize = 1 << 20;
/// Bytes of the longest word whose vector is kept.
const LONGEST_WORD: usize = 64;

/// Labels texts, remembering what the words of earlier ones add to the hidden layer. What is remembered does not
/// show in the result: a text's vector is always the sum of its words' vectors in the order of the words.
pub struct Predictor<'m> {
    model: &'m Model,
    words: AHashMap<Box<[u8]>, Word>,
    /// Vectors of the words, `dimension` floats each; after them room for one more.
    vectors: Vec<f32>,
    hidden: Vec<f32>,
    bounded: Vec<u8>,
    hashes: Vec<i32>,
}

/// The sum of a word's features.
#[derive(Clone, Copy)]
struct Word {
    /// Where its vector starts.
    vector: usize,
    features: usize,
    /// What it is in word n-grams; None = it takes no part.
    hash: Option<i32>,
}

impl<'m> Predictor<'m> {
    /// One that remembers nothing yet.
    pub fn new(model: &'m Model) -> Self {
        let hidden = vec![0.0; model.dimension()];
        let (bounded, hashes) = (Vec::new(), Vec::new());
        Self { model, words: AHashMap::new(), vectors: Vec::new(), hidden, bounded, hashes }
    }

    /// The model that is asked.
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// At most `k` labels with a probability of at least `threshold`, best first.
    ///
    /// Newlines count as spaces. Empty when the text has no feature that the model knows.
    pub fn predict(&mut self, text: &str, k: usize, threshold: f32) -> Vec<Prediction> {
        let dictionary = self.model.dictionary();
        self.hidden.fill(0.0);
        self.hashes.clear();
        let mut features = 0;
        for token in dictionary.tokens(text) {
            let word = match self.words.get(token) {
                Some(&word) => word,
                None => self.sum(token),
            };
            features += word.features;
            let vector = self.vectors.get(word.vector..word.vector + self.hidden.len());
            for (sum, value) in self.hidden.iter_mut().zip(vector.unwrap_or_default()) {
                *sum += value;
            }
            if dictionary.wants_word_ngrams() {
                self.hashes.extend(word.hash);
            }
        }
        let (model, hidden) = (self.model, &mut self.hidden);
        dictionary.word_ngrams(&self.hashes, &mut |row| {
            model.add_row(row, hidden);
            features += 1;
        });
        if features == 0 || k == 0 {
            return Vec::new();
        }
        let scale = (1.0 / features as f64) as f32;
        for value in hidden.iter_mut() {
            *value *= scale;
        }
        model.best(hidden, k, threshold)
    }

    /// Sums the features of a word that is not known; keeps the sum if the word is short.
    #[cold]
    fn sum(&mut self, token: &[u8]) -> Word {
        let dimension = self.hidden.len();
        if (self.words.len() + 2) * dimension > MOST_FLOATS {
            self.words.clear();
        }
        let vector = self.words.len() * dimension;
        self.vectors.truncate(vector);
        self.vectors.resize(vector + dimension, 0.0);
        let mut features = 0;
        let (model, sum) = (self.model, self.vectors.get_mut(vector..).unwrap_or_default());
        let hash = model.dictionary().token_features(token, &mut self.bounded, &mut |row| {
            model.add_row(row, sum);
            features += 1;
        });
        let word = Word { vector, features, hash };
        if token.len() <= LONGEST_WORD {
            self.words.insert(token.into(), word);
        }
        word
    }
}
