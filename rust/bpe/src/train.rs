//! Learning merges: the choices of Hugging Face `BpeTrainer` 0.23, counted in 64 bits.

use std::borrow::Cow;

use ahash::AHashSet;

use crate::byte_level::{self, ALPHABET};
use crate::counts::Counts;
use crate::error::Error;
use crate::learn::{Limits, learn};
use crate::pair_table::Pair;
use crate::pattern::Pattern;
use crate::tokenizer::Tokenizer;

/// What training may do.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// Size of the vocabulary, special tokens and the 256 bytes included.
    pub vocab_size: usize,
    /// Tokens that stand for no text; they get the first ids.
    pub special_tokens: Vec<String>,
    /// Pairs that occur less often are not merged.
    pub min_frequency: u64,
    /// Merges stop strictly below this many bytes, though two bytes are always allowed, as in `BpeTrainer`.
    pub max_token_length: Option<usize>,
}

/// A second phase in which merges may cross what the pattern separates, as in SuperBPE (arXiv 2503.13423).
#[derive(Clone, Copy, Debug)]
pub struct Superwords<'c> {
    /// Pieces of the same corpus by the wider pattern.
    pub counts: &'c Counts,
    /// The wider pattern; it becomes that of the tokenizer.
    pub pattern: &'c Pattern,
    /// Size of the vocabulary at which the second phase begins.
    pub from: usize,
}

/// Learns a tokenizer from counts.
///
/// Ids: special tokens, then the 256 bytes in the order of their byte-level characters, then merges. Each merge
/// is the most frequent pair, ties going to the smallest (left id, right id). Two deliberate differences from
/// `BpeTrainer`: counts do not overflow at 2^31, and a merge that would spell a special token is skipped
/// instead of sharing its id, so that no text can encode to a special token.
pub fn train(counts: &Counts, pattern: Pattern, params: &Params) -> Result<Tokenizer, Error> {
    let mut found = train_sizes(Cow::Borrowed(counts), &pattern, params, &[params.vocab_size], None)?;
    found.pop().ok_or_else(|| Error::Parameter("no vocabulary size".to_owned()))
}

/// Learns once, for the largest size, and returns a tokenizer of each: merges do not depend on how many follow.
/// The size in `params` is ignored. Counts that are handed over are freed before merging begins.
pub fn train_sizes(
    counts: Cow<'_, Counts>,
    pattern: &Pattern,
    params: &Params,
    sizes: &[usize],
    superwords: Option<Superwords<'_>>,
) -> Result<Vec<Tokenizer>, Error> {
    let sized = |vocab_size: usize| Params { vocab_size, ..params.clone() };
    sizes.iter().try_for_each(|&size| check(&sized(size)))?;
    let Some(&largest) = sizes.iter().max() else { return Ok(Vec::new()) };
    let first = superwords.map_or(largest, |second| second.from);
    check(&sized(first))?;
    if let Some(small) = superwords.and_then(|_| sizes.iter().find(|&&size| size < first)) {
        return Err(Error::Parameter(format!("vocab_size {small} ends before superwords begin, at {first}")));
    }
    let (specials, limits) = (params.special_tokens.len(), limits(params));
    let mut merges = learn(counts, &[], first - specials, &limits)?;
    if let Some(second) = superwords {
        merges.extend(learn(Cow::Borrowed(second.counts), &merges, largest - specials, &limits)?);
    }
    let ids = |&(left, right): &Pair| (left + specials as u32, right + specials as u32);
    let merges: Vec<Pair> = merges.iter().map(ids).collect();
    let pattern = superwords.map_or(pattern, |second| second.pattern);
    let fixed = ALPHABET.len() + specials;
    let cut = |&size: &usize| {
        let merges = &merges[..merges.len().min(size - fixed)];
        Tokenizer::from_merges(pattern.clone(), &params.special_tokens, merges)
    };
    sizes.iter().map(cut).collect()
}

fn limits(params: &Params) -> Limits {
    Limits {
        least: i64::try_from(params.min_frequency).unwrap_or(i64::MAX).max(1),
        longest: params.max_token_length.unwrap_or(usize::MAX),
        forbidden: params.special_tokens.iter().filter_map(|token| byte_level::to_bytes(token)).collect(),
        ..Limits::default()
    }
}

fn check(params: &Params) -> Result<(), Error> {
    let smallest = ALPHABET.len() + params.special_tokens.len();
    if params.vocab_size < smallest {
        return Err(Error::Parameter(format!(
            "vocab_size {} is too small: 256 bytes and {} special tokens need {smallest}",
            params.vocab_size,
            params.special_tokens.len()
        )));
    }
    if params.vocab_size > crate::tokenizer::MAX_VOCAB {
        return Err(Error::Parameter(format!("vocab_size is above {}", crate::tokenizer::MAX_VOCAB)));
    }
    let mut seen = AHashSet::new();
    for token in &params.special_tokens {
        if token.is_empty() || !seen.insert(token) {
            return Err(Error::Parameter(format!("special token `{token}` is empty or given twice")));
        }
        if byte_level::to_bytes(token).is_some_and(|bytes| bytes.len() == 1) {
            return Err(Error::Parameter(format!("special token `{token}` is also the name of a byte")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;

    use crate::pattern::SUPERWORDS;
    use crate::split::Splitter;

    /// The textbook loop: recount every pair after every merge, after those that are known already. Follows the
    /// ordering rules, not the code above.
    fn slow(
        words: &[(Vec<u8>, u64)],
        specials: usize,
        known: &[Pair],
        merges: usize,
        least: u64,
    ) -> Vec<Pair> {
        let id = |byte: u8| (specials + ALPHABET.iter().position(|&b| b == byte).unwrap()) as u32;
        let mut words: Vec<(Vec<u32>, u64)> =
            words.iter().map(|(word, count)| (word.iter().map(|&b| id(b)).collect(), *count)).collect();
        let mut learned = Vec::new();
        while learned.len() < merges {
            let mut counts = std::collections::BTreeMap::<Pair, u64>::new();
            for (word, count) in &words {
                for pair in word.windows(2) {
                    *counts.entry((pair[0], pair[1])).or_default() += count;
                }
            }
            let best = counts.iter().max_by_key(|&(&pair, &count)| (count, Reverse(pair)));
            let pair = match (known.get(learned.len()), best) {
                (Some(&pair), _) => pair,
                (None, Some((&pair, &count))) if count >= least.max(1) => pair,
                _ => break,
            };
            let new = (specials + 256 + learned.len()) as u32;
            learned.push(pair);
            for (word, _) in &mut words {
                let mut out = Vec::new();
                let mut at = 0;
                while at < word.len() {
                    if word[at..].starts_with(&[pair.0, pair.1]) {
                        out.push(new);
                        at += 2;
                    } else {
                        out.push(word[at]);
                        at += 1;
                    }
                }
                *word = out;
            }
        }
        learned
    }

    fn learned(counts: &Counts, params: &Params) -> Vec<Pair> {
        let tokenizer = train(counts, Pattern::new("gpt2").unwrap(), params).unwrap();
        tokenizer.merges.iter().map(|merge| (merge.0, merge.1)).collect()
    }

    fn params(vocab_size: usize, specials: &[&str], min_frequency: u64) -> Params {
        Params {
            vocab_size,
            special_tokens: specials.iter().map(|s| (*s).to_owned()).collect(),
            min_frequency,
            max_token_length: None,
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
        #[test]
        fn merges_equal_the_textbook_loop(
            words in proptest::collection::vec(("[abc]{1,12}", 1u64..4), 0..12),
            least in 0u64..4,
        ) {
            let mut counts = Counts::new();
            for (word, count) in &words {
                counts.add(word.as_bytes(), *count);
            }
            let params = params(257 + 20, &["<s>"], least);
            let expected = slow(&counts.sorted(), 1, &[], 20, least);
            proptest::prop_assert_eq!(learned(&counts, &params), expected.clone());
            // Little room: words are read again after nearly every merge; wide numbers from the first or fifth on.
            let small = limits(&params);
            for (room, narrow) in [(0, usize::MAX), (0, 0), (900, 261)] {
                let limits = Limits { room, narrow, ..small.clone() };
                let found = learn(Cow::Owned(counts.clone()), &[], 256 + 20, &limits).unwrap();
                let shifted: Vec<Pair> = found.iter().map(|pair| (pair.0 + 1, pair.1 + 1)).collect();
                proptest::prop_assert_eq!(&shifted, &expected);
                let known = found.len() / 2;
                let rest = learn(Cow::Borrowed(&counts), &found[..known], 256 + 20, &limits).unwrap();
                proptest::prop_assert_eq!(&rest, &found[known..]);
            }
        }

        #[test]
        fn superwords_equal_the_textbook_loop(text in "([abc]{1,3}|[ ,1\n]){1,60}", least in 0u64..4) {
            let (narrow, wide) = (Pattern::new("gpt2").unwrap(), Pattern::new(SUPERWORDS).unwrap());
            let counted = |pattern: &Pattern| {
                let mut counts = Counts::new();
                counts.count(&mut Splitter::default(), pattern, &text).unwrap();
                counts
            };
            let (first, second) = (counted(&narrow), counted(&wide));
            let params = params(0, &["<s>"], least);
            let superwords = Superwords { counts: &second, pattern: &wide, from: 257 + 6 };
            let found = train_sizes(Cow::Borrowed(&first), &narrow, &params, &[257 + 6, 257 + 20], Some(superwords)).unwrap();
            let known = slow(&first.sorted(), 1, &[], 6, least);
            let all = slow(&second.sorted(), 1, &known, 20, least);
            for (tokenizer, merges) in found.iter().zip([&all[..all.len().min(6)], &all]) {
                let learned: Vec<Pair> = tokenizer.merges.iter().map(|merge| (merge.0, merge.1)).collect();
                proptest::prop_assert_eq!(&learned[..], merges);
                proptest::prop_assert_eq!(tokenizer.pattern(), &wide);
            }
        }
    }

    #[test]
    fn a_merge_never_spells_a_special_token() {
        let mut counts = Counts::new();
        counts.add(b"the", 10);
        let params = params(300, &["the"], 0);
        let learned = learned(&counts, &params);
        assert_eq!(learned.len(), 1);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        for params in [
            params(255, &[], 0),
            params(256, &["<s>"], 0),
            params(300, &["a"], 0),
            params(300, &[""], 0),
            params(300, &["<s>", "<s>"], 0),
            params(usize::MAX, &[], 0),
        ] {
            assert!(matches!(
                train(&Counts::new(), Pattern::new("gpt2").unwrap(), &params),
                Err(Error::Parameter(_))
            ));
        }
    }

    #[test]
    fn superwords_begin_before_the_vocabulary_ends() {
        let (counts, pattern) = (Counts::new(), Pattern::new("gpt2").unwrap());
        let superwords = |from| Superwords { counts: &counts, pattern: &pattern, from };
        let sizes = |from| {
            train_sizes(Cow::Borrowed(&counts), &pattern, &params(0, &[], 0), &[300], Some(superwords(from)))
        };
        assert!(sizes(300).is_ok());
        assert!(matches!(sizes(301), Err(Error::Parameter(_))));
        assert!(matches!(sizes(255), Err(Error::Parameter(_))));
    }

    #[test]
    fn counts_beyond_31_bits_do_not_overflow() {
        let mut counts = Counts::new();
        counts.add(b"ab", u64::from(u32::MAX) * 4);
        counts.add(b"cd", 7);
        let params = params(258, &[], 0);
        let learned = learned(&counts, &params);
        assert_eq!(learned.len(), 2);
        assert_eq!(learned[0].0 + 1, learned[0].1);
    }
}
