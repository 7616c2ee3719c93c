//! Pre-token counts: all that training needs to know of a corpus.

use ahash::AHashMap;

use crate::error::Error;
use crate::pattern::{Pattern, Splitter};

/// How often each piece occurs. Counts of parts of a corpus add up to the counts of the whole.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    words: AHashMap<Box<[u8]>, u64>,
}

impl Counts {
    /// Nothing counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the pieces of a text.
    pub fn count(&mut self, pattern: &Pattern, text: &str) -> Result<(), Error> {
        Splitter::default().split(pattern, text, |mut start, ends| {
            for &end in ends {
                self.add(&text.as_bytes()[start..end], 1);
                start = end;
            }
        })
    }

    /// Adds `count` occurrences of a piece; an empty piece or a count of 0 adds nothing.
    pub fn add(&mut self, piece: &[u8], count: u64) {
        if piece.is_empty() || count == 0 {
            return;
        }
        match self.words.get_mut(piece) {
            Some(total) => *total = total.saturating_add(count),
            None => {
                self.words.insert(piece.into(), count);
            }
        }
    }

    /// Adds all counts of another part.
    pub fn merge(&mut self, other: &Self) {
        for (piece, &count) in &other.words {
            self.add(piece, count);
        }
    }

    /// Pieces and counts, sorted by the bytes of the piece.
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = self.words.iter().map(|(piece, &count)| (&**piece, count)).collect();
        all.sort_unstable();
        all
    }

    /// Number of distinct pieces.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}
