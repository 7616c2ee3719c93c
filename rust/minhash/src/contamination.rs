//! Finding evaluation items in documents by shared word n-grams.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::shingle::{all_shingles, shingle};
use crate::{ParameterError, ShingleWords, for_each_shingle, in_range};

/// N-grams with fewer different words are not indexed: rows of numbers, laughter, separators. The limit is
/// that of allenai/decon.
const MIN_DISTINCT_WORDS: usize = 4;

/// Places kept per n-gram and item; more only arise where an item repeats itself.
const MAX_PLACES: usize = 4;

/// Words that may be compared per document word to measure how long a match is. Prose needs about one;
/// a document made to be slow ends up with a lower bound of its longest match.
const COMPARISONS_PER_WORD: usize = 64;

/// What a document shares with the evaluation items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Places in the document where an indexed n-gram, or a whole short item, begins.
    pub matches: usize,
    /// Words of the longest run that the document shares with an item, counted from an indexed n-gram on.
    pub longest: usize,
    /// Number of the item with that run; the first one on a tie.
    pub item: usize,
}

/// Where an n-gram stands: item and first word.
type Place = (u32, u32);

/// Word n-grams of evaluation items, and the places where they stand.
#[derive(Clone, Debug)]
pub struct ContaminationIndex {
    ngram: ShingleWords,
    items: Vec<Vec<u64>>,
    /// Knows most n-grams that are in no item.
    filter: Filter,
    /// Places of each n-gram are `places[from..to]`.
    grams: HashMap<u64, (u32, u32), Hashed>,
    places: Vec<Place>,
    /// Items too short for an n-gram, by their length: hash of all words → item.
    short: BTreeMap<usize, HashMap<u64, u32, Hashed>>,
    /// The beginnings of those items: as many words as the shortest has.
    heads: Option<(ShingleWords, Filter)>,
    uncheckable: usize,
    common: usize,
}

impl ContaminationIndex {
    /// Indexes items given as word hashes.
    ///
    /// * N-grams of `ngram` words that stand in more than `max_items` items are boilerplate and left out.
    /// * An item with fewer words is matched as a whole when it has `min_item_words` of them; a shorter one
    ///   cannot be checked.
    ///
    /// # Errors
    /// When `ngram` is zero or above 256, or a limit is zero.
    pub fn new(
        items: Vec<Vec<u64>>,
        ngram: usize,
        min_item_words: usize,
        max_items: usize,
    ) -> Result<Self, ParameterError> {
        let ngram = ShingleWords::new(ngram)?;
        in_range("min_item_words", min_item_words, 1, usize::MAX)?;
        in_range("max_items_per_ngram", max_items, 1, usize::MAX)?;
        in_range("number of items", items.len(), 0, u32::MAX as usize)?;
        let mut all: Vec<(u64, Place)> = Vec::new();
        let mut short = BTreeMap::new();
        let mut uncheckable = 0;
        for (item, words) in (0u32..).zip(&items) {
            if words.len() >= ngram.get() {
                let (mut at, before) = (0, all.len());
                for_each_shingle(words.iter().copied(), ngram, |hash| {
                    if is_telling(&words[at..at + ngram.get()]) {
                        all.push((hash, (item, at as u32)));
                    }
                    at += 1;
                });
                uncheckable += usize::from(all.len() == before);
            } else if words.len() >= min_item_words && is_telling(words) {
                let of_length: &mut HashMap<u64, u32, Hashed> = short.entry(words.len()).or_default();
                of_length.entry(shingle(words)).or_insert(item);
            } else {
                uncheckable += 1;
            }
        }
        let heads = match short.keys().next() {
            Some(&length) => {
                let mut filter = Filter::new(short.values().map(HashMap::len).sum());
                for item in short.values().flat_map(HashMap::values) {
                    filter.insert(shingle(&items[*item as usize][..length]));
                }
                Some((ShingleWords::new(length)?, filter))
            }
            None => None,
        };
        all.sort_unstable();
        let mut index = Self {
            ngram,
            items,
            filter: Filter::new(all.len()),
            grams: HashMap::default(),
            places: Vec::new(),
            short,
            heads,
            uncheckable,
            common: 0,
        };
        for gram in all.chunk_by(|x, y| x.0 == y.0) {
            let by_item = || gram.chunk_by(|x, y| x.1.0 == y.1.0);
            if by_item().count() > max_items {
                index.common += 1;
                continue;
            }
            let from = index.places.len();
            for places in by_item() {
                index.places.extend(places.iter().take(MAX_PLACES).map(|(_, place)| *place));
            }
            index.filter.insert(gram[0].0);
            index.grams.insert(gram[0].0, (from as u32, index.places.len() as u32));
        }
        Ok(index)
    }

    /// Items that were too short, or too monotonous, to be looked for.
    pub fn uncheckable_items(&self) -> usize {
        self.uncheckable
    }

    /// N-grams left out because too many items have them.
    pub fn common_ngrams(&self) -> usize {
        self.common
    }

    /// What a document, given as word hashes, shares with the items; none if nothing. Linear in its words.
    pub fn find(&self, words: &[u64]) -> Option<Match> {
        let mut found = Found { matches: 0, best: None };
        self.find_ngrams(words, &mut found);
        self.find_short(words, &mut found);
        found.best.map(|(longest, item)| Match { matches: found.matches, longest, item: item as usize })
    }

    fn find_short(&self, words: &[u64], found: &mut Found) {
        let Some((head, filter)) = &self.heads else { return };
        if words.len() < head.get() {
            return;
        }
        for (at, hash) in all_shingles(words, *head).into_iter().enumerate() {
            if !filter.may_have(hash) {
                continue;
            }
            for (length, items) in &self.short {
                let Some(run) = words.get(at..at + length) else { break };
                if let Some(item) = items.get(&shingle(run)) {
                    found.add(*length, *item);
                }
            }
        }
    }

    fn find_ngrams(&self, words: &[u64], found: &mut Found) {
        let n = self.ngram.get();
        if words.len() < n {
            return;
        }
        let mut budget = words.len().saturating_mul(COMPARISONS_PER_WORD);
        // Runs measured at the last place and here: an n-gram inside one of them needs no new measurement.
        let mut before: Vec<(Place, usize)> = Vec::new();
        let mut here = Vec::new();
        // first all hashes, then all probes: these do not wait for one another
        for (at, hash) in all_shingles(words, self.ngram).into_iter().enumerate() {
            let places = if self.filter.may_have(hash) { self.grams.get(&hash) } else { None };
            if places.is_none() && before.is_empty() {
                continue;
            }
            if let Some(&(from, to)) = places {
                found.matches += 1;
                for &(item, place) in &self.places[from as usize..to as usize] {
                    let inside = before.iter().find(|((i, p), end)| {
                        *i == item && p.checked_add(1) == Some(place) && *end >= at + n
                    });
                    let end = if let Some((_, end)) = inside {
                        *end
                    } else {
                        let rest = &self.items[item as usize][place as usize + n..];
                        let more = rest.iter().zip(&words[at + n..]).take(budget);
                        let equal = more.take_while(|(x, y)| x == y).count();
                        budget -= equal;
                        found.measure(n + equal, item);
                        at + n + equal
                    };
                    here.push(((item, place), end));
                }
            }
            std::mem::swap(&mut before, &mut here);
            here.clear();
        }
    }
}

/// Two bits per hash in one word: small enough for a cache, where the table of n-grams is not.
#[derive(Clone, Debug)]
struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    /// For so many hashes: 8 to 16 bits for each, at most 16 MiB.
    fn new(hashes: usize) -> Self {
        let words = (hashes / 8).next_power_of_two().clamp(2, 1 << 21);
        Self { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    fn bits(hash: u64) -> u64 {
        1 << (hash & 63) | 1 << (hash >> 6 & 63)
    }

    fn insert(&mut self, hash: u64) {
        self.words[(hash >> self.shift) as usize] |= Self::bits(hash);
    }

    fn may_have(&self, hash: u64) -> bool {
        let bits = Self::bits(hash);
        self.words[(hash >> self.shift) as usize] & bits == bits
    }
}

struct Found {
    matches: usize,
    best: Option<(usize, u32)>,
}

impl Found {
    fn add(&mut self, length: usize, item: u32) {
        self.matches += 1;
        self.measure(length, item);
    }

    fn measure(&mut self, length: usize, item: u32) {
        if self.best.is_none_or(|(longest, first)| length > longest || (length == longest && item < first)) {
            self.best = Some((length, item));
        }
    }
}

fn is_telling(words: &[u64]) -> bool {
    let mut distinct = HashSet::with_capacity(MIN_DISTINCT_WORDS);
    words.iter().any(|word| distinct.insert(word) && distinct.len() >= MIN_DISTINCT_WORDS)
}

/// Keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct AsIs(u64);

type Hashed = BuildHasherDefault<AsIs>;

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word_hash;

    fn words(text: &str) -> Vec<u64> {
        text.split_whitespace().map(word_hash).collect()
    }

    fn index(items: &[&str], ngram: usize, min_item_words: usize, max_items: usize) -> ContaminationIndex {
        let items = items.iter().map(|item| words(item)).collect();
        ContaminationIndex::new(items, ngram, min_item_words, max_items).unwrap()
    }

    #[test]
    fn the_longest_run_and_its_item() {
        let index = index(&["a b c d e f g h", "b c d e f x y z"], 5, 4, 10);
        let found = index.find(&words("1 2 b c d e f g 3")).unwrap();
        assert_eq!(found, Match { matches: 2, longest: 6, item: 0 });
        let found = index.find(&words("b c d e f")).unwrap();
        assert_eq!(found, Match { matches: 1, longest: 5, item: 0 });
        assert_eq!(index.find(&words("b c d e 0 f g h x y")), None);
        assert_eq!(index.find(&[]), None);
    }

    #[test]
    fn short_items_match_as_a_whole_or_not_at_all() {
        let index = index(&["p q r s", "p q r"], 5, 4, 10);
        assert_eq!(index.uncheckable_items(), 1);
        assert_eq!(index.find(&words("0 p q r s 0")), Some(Match { matches: 1, longest: 4, item: 0 }));
        assert_eq!(index.find(&words("p q r 0 s")), None);
        assert_eq!(index.find(&words("p q r s")), Some(Match { matches: 1, longest: 4, item: 0 }));
    }

    #[test]
    fn boilerplate_is_left_out() {
        let items = ["which of these is true a", "which of these is true b", "which of these is true c"];
        let shared = "which of these is true";
        assert_eq!(index(&items, 5, 4, 2).find(&words(shared)), None);
        assert_eq!(index(&items, 5, 4, 2).common_ngrams(), 1);
        assert!(index(&items, 5, 4, 3).find(&words(shared)).is_some());
        assert!(index(&items, 5, 4, 2).find(&words("of these is true b")).is_some());
    }

    #[test]
    fn monotonous_ngrams_are_left_out() {
        let index = index(&["0 0 0 0 0 0 a b c", "0 1 2 0 1 2", "0 0 0 1"], 5, 4, 10);
        assert_eq!(index.find(&words("0 0 0 0 0 0 a")), None);
        assert_eq!(index.find(&words("0 1 2 0 1 2")), None);
        assert_eq!(index.find(&words("0 0 a b c")), Some(Match { matches: 1, longest: 5, item: 0 }));
        assert_eq!(index.uncheckable_items(), 2);
    }

    #[test]
    fn repetition_on_both_sides_stays_within_its_budget() {
        let item = "a b c d ".repeat(500);
        let index = index(&[&item], 5, 4, 10);
        let found = index.find(&words(&"a b c d ".repeat(20_000))).unwrap();
        assert_eq!((found.matches, found.longest), (79_996, 2000));
    }
}
