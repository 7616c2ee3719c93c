//! Words, labels and n-gram buckets: from text to rows of the input matrix.

use ahash::AHashMap;

use crate::ModelError;
use crate::reader::Reader;

/// The token that ends every line.
const END_OF_LINE: &[u8] = b"</s>";
const LABEL_PREFIX: &str = "__label__";
/// Longer character n-grams than any published model has; bounds the work per character of a hostile model.
const LONGEST_NGRAM: usize = 64;
/// Likewise for word n-grams.
const LONGEST_WORD_NGRAM: usize = 16;
/// Multiplier of the rolling hash of word n-grams.
const WORD_NGRAM_FACTOR: u64 = 116_049_371;
/// What stands between tokens.
static SPACES: [bool; 256] = {
    let mut spaces = [false; 256];
    let all = b" \n\r\t\x0b\x0c\0";
    let mut place = 0;
    while place < all.len() {
        spaces[all[place] as usize] = true;
        place += 1;
    }
    spaces
};
const FNV_OFFSET: u32 = 2_166_136_261;
const FNV_PRIME: u32 = 16_777_619;

/// What the arguments of training say about n-grams.
pub(crate) struct NgramSettings {
    pub(crate) word_ngrams: usize,
    pub(crate) buckets: usize,
    pub(crate) shortest: usize,
    pub(crate) longest: usize,
}

impl NgramSettings {
    pub(crate) fn validate(&self) -> Result<(), ModelError> {
        let uses_buckets = self.longest > 0 || self.word_ngrams > 1;
        if self.longest > LONGEST_NGRAM || self.word_ngrams > LONGEST_WORD_NGRAM {
            return Err(ModelError::LongNgrams { words: LONGEST_WORD_NGRAM, characters: LONGEST_NGRAM });
        }
        if uses_buckets && self.buckets == 0 {
            return Err(ModelError::Invalid { what: "n-gram settings" });
        }
        Ok(())
    }
}

pub(crate) struct Dictionary {
    settings: NgramSettings,
    /// Words to rows; labels to `None`, because a label inside a text is not a feature.
    ids: AHashMap<Box<[u8]>, Option<u32>>,
    words: usize,
    pub(crate) labels: Vec<String>,
    pub(crate) label_counts: Vec<i64>,
    /// After pruning: bucket to row after the words. `None` = every bucket has its own row.
    pruned: Option<Pruned>,
}

/// The buckets that pruning left.
struct Pruned {
    rows: AHashMap<u32, u32>,
    /// A bit per bucket of `rows`, by the lowest bits of its number: most others are ruled out by it.
    present: Vec<u64>,
}

impl Pruned {
    fn new(rows: AHashMap<u32, u32>) -> Self {
        let mut present = vec![0; (rows.len() / 2).next_power_of_two()];
        let mask = present.len() - 1;
        for &bucket in rows.keys() {
            present[(bucket as usize / 64) & mask] |= 1 << (bucket % 64);
        }
        Self { rows, present }
    }

    #[inline]
    fn row(&self, bucket: u32) -> Option<u32> {
        let word = self.present[(bucket as usize / 64) & (self.present.len() - 1)];
        if word >> (bucket % 64) & 1 == 0 { None } else { self.rows.get(&bucket).copied() }
    }
}

#[inline]
fn fnv_step(hash: u32, byte: u8) -> u32 {
    // fastText widens a signed char, so bytes from 0x80 on set the upper 24 bits
    (hash ^ i32::from(byte as i8) as u32).wrapping_mul(FNV_PRIME)
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, &byte| fnv_step(hash, byte))
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

impl Dictionary {
    pub(crate) fn read(reader: &mut Reader, settings: NgramSettings) -> Result<Self, ModelError> {
        const WHAT: &str = "dictionary";
        let size = reader.count_i32(WHAT)?;
        let words = reader.count_i32(WHAT)?;
        let label_count = reader.count_i32(WHAT)?;
        let _tokens = reader.i64(WHAT)?;
        let pruned_size = reader.i64(WHAT)?;
        if words.checked_add(label_count) != Some(size) {
            return Err(ModelError::Invalid { what: WHAT });
        }
        let mut ids = AHashMap::new();
        let mut labels = Vec::new();
        let mut label_counts = Vec::new();
        for entry in 0..size {
            let word = reader.c_string(WHAT)?;
            let count = reader.i64(WHAT)?;
            let is_label = reader.bool(WHAT)?;
            // words stand first, because their position is their row
            if is_label != (entry >= words) {
                return Err(ModelError::Invalid { what: WHAT });
            }
            let id = if is_label {
                let label = String::from_utf8_lossy(word);
                labels.push(label.strip_prefix(LABEL_PREFIX).unwrap_or(&label).to_owned());
                label_counts.push(count);
                None
            } else {
                Some(entry as u32)
            };
            ids.insert(word.into(), id);
        }
        let pruned = match usize::try_from(pruned_size) {
            Err(_) => None,
            Ok(pairs) => {
                let mut rows = AHashMap::new();
                for _ in 0..pairs {
                    let bucket = reader.count_i32(WHAT)? as u32;
                    rows.insert(bucket, reader.count_i32(WHAT)? as u32);
                }
                Some(Pruned::new(rows))
            }
        };
        Ok(Self { settings, ids, words, labels, label_counts, pruned })
    }

    pub(crate) fn is_pruned(&self) -> bool {
        self.pruned.is_some()
    }

    /// Rows that the input matrix must have, so that every feature has one.
    pub(crate) fn rows_needed(&self) -> usize {
        let buckets = match &self.pruned {
            Some(pruned) => pruned.rows.values().map(|&row| row as usize + 1).max().unwrap_or(0),
            None if self.settings.longest > 0 || self.settings.word_ngrams > 1 => self.settings.buckets,
            None => 0,
        };
        self.words.saturating_add(buckets)
    }

    /// The tokens of a text up to and with the end of the line.
    ///
    /// A newline counts as a space, and the end of the line is added, as the usual pipelines around
    /// fastText do. Like there, a literal token `</s>` ends the text.
    pub(crate) fn tokens<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t [u8]> {
        let mut ended = false;
        text.as_bytes()
            .split(|&byte| SPACES[usize::from(byte)])
            .filter(|token| !token.is_empty())
            .chain(std::iter::once(END_OF_LINE))
            .take_while(move |&token| !std::mem::replace(&mut ended, token == END_OF_LINE))
    }

    /// Whether word n-grams are features too.
    pub(crate) fn wants_word_ngrams(&self) -> bool {
        self.settings.word_ngrams > 1
    }

    /// Calls `feature(row)` for the word and the character n-grams of a token; gives its hash if it takes part in
    /// word n-grams.
    pub(crate) fn token_features(
        &self,
        token: &[u8],
        bounded: &mut Vec<u8>,
        feature: &mut impl FnMut(usize),
    ) -> Option<i32> {
        match self.ids.get(token) {
            Some(None) => return None,
            Some(Some(row)) => feature(*row as usize),
            None if token.starts_with(LABEL_PREFIX.as_bytes()) => return None,
            None => {}
        }
        if token != END_OF_LINE {
            self.character_ngrams(token, bounded, feature);
        }
        Some(fnv(token) as i32)
    }

    /// Calls `feature(row)` for every feature of a text, in fastText's order.
    pub(crate) fn features(&self, text: &str, mut feature: impl FnMut(usize)) {
        let mut hashes: Vec<i32> = Vec::new();
        let mut bounded = Vec::new();
        for token in self.tokens(text) {
            hashes.extend(self.token_features(token, &mut bounded, &mut feature));
        }
        self.word_ngrams(&hashes, &mut feature);
    }

    fn character_ngrams(&self, token: &[u8], bounded: &mut Vec<u8>, feature: &mut impl FnMut(usize)) {
        let NgramSettings { buckets, shortest, longest, .. } = self.settings;
        // A count of the file is at most 2^31, and at least 1 where n-grams are used.
        let buckets = u32::try_from(buckets).unwrap_or(u32::MAX).max(1);
        if longest == 0 {
            return;
        }
        bounded.clear();
        bounded.push(b'<');
        bounded.extend_from_slice(token);
        bounded.push(b'>');
        for start in 0..bounded.len() {
            if is_continuation(bounded[start]) {
                continue;
            }
            let mut hash = FNV_OFFSET;
            let mut end = start;
            for length in 1..=longest {
                if end == bounded.len() {
                    break;
                }
                hash = fnv_step(hash, bounded[end]);
                end += 1;
                while end < bounded.len() && is_continuation(bounded[end]) {
                    hash = fnv_step(hash, bounded[end]);
                    end += 1;
                }
                let is_boundary_alone = length == 1 && (start == 0 || end == bounded.len());
                if length >= shortest && !is_boundary_alone {
                    self.bucket(u64::from(hash % buckets), feature);
                }
            }
        }
    }

    /// Calls `feature(row)` for the n-grams of words with these hashes.
    pub(crate) fn word_ngrams(&self, hashes: &[i32], feature: &mut impl FnMut(usize)) {
        for (start, &first) in hashes.iter().enumerate() {
            let mut hash = i64::from(first) as u64;
            for &next in hashes[start + 1..].iter().take(self.settings.word_ngrams.saturating_sub(1)) {
                hash = hash.wrapping_mul(WORD_NGRAM_FACTOR).wrapping_add(i64::from(next) as u64);
                self.bucket(hash % self.settings.buckets as u64, feature);
            }
        }
    }

    #[inline]
    fn bucket(&self, bucket: u64, feature: &mut impl FnMut(usize)) {
        match &self.pruned {
            None => feature(self.words + bucket as usize),
            Some(pruned) => {
                if let Some(row) = pruned.row(bucket as u32) {
                    feature(self.words + row as usize);
                }
            }
        }
    }
}
