//! All signals of a text, from one split into words and one walk over its lines.
//!
//! The definitions are those of datatrove 0.10.1's Gopher, C4 and FineWeb filters, so that published thresholds mean
//! the same here: Rae et al. 2021 (arXiv 2112.11446, Table A1), Raffel et al. 2020, Penedo et al. 2024 (2406.17557).

use crate::chars::{is_decimal, is_letter, is_space, is_symbol, is_terminal_punctuation, is_web_punctuation};
use crate::lines::{split_at_runs, split_lines, strip};
use crate::ngrams::WordHashes;
use crate::sentences::SentenceCounter;
use crate::signals::TextStats;
use crate::tally::{Seen, Tally};
use crate::words::for_each_token;

/// Gopher's stop words, in lower case as printed.
const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// FineWeb's limit for a short line, in characters.
const SHORT_LINE_CHARS: u64 = 30;

/// Computes signals, reusing its memory from text to text.
#[derive(Default)]
pub struct Measure {
    words: WordHashes,
    tally: Tally,
    seen: Seen,
}

impl Measure {
    /// All signals of `text`. Linear in its length.
    pub fn stats(&mut self, text: &str) -> TextStats {
        let mut stats = TextStats { n_bytes: text.len() as u64, ..TextStats::default() };
        characters(text, &mut stats);
        self.words_and_sentences(text, &mut stats);
        self.repetition(text, &mut stats);
        self.line_shapes(text, &mut stats);
        stats
    }

    fn words_and_sentences(&mut self, text: &str, stats: &mut TextStats) {
        self.words.clear();
        let mut sentences = SentenceCounter::default();
        let (mut word_chars, mut alphabetic, mut stop_words) = (0, 0, 0u8);
        for_each_token(text, |token| {
            sentences.push(token);
            if token.starts_with(is_space) {
                return;
            }
            let chars = count_chars(token);
            self.words.push(token, chars);
            stats.n_words_and_marks += 1;
            alphabetic += u64::from(token.chars().any(is_letter));
            if token.chars().any(|c| !is_symbol(c)) {
                stats.n_words += 1;
                word_chars += chars;
            }
            if let Some(found) = STOP_WORDS.iter().position(|&word| word == token) {
                stop_words |= 1 << found;
            }
        });
        stats.n_sentences = sentences.count();
        stats.stop_words = u64::from(stop_words.count_ones());
        stats.mean_word_chars = ratio(word_chars, stats.n_words);
        stats.alphabetic_word_ratio = ratio(alphabetic, stats.n_words_and_marks);
        let ellipses = text.matches("...").count() + text.matches('…').count();
        stats.ellipsis_per_word = ratio(ellipses as u64, stats.n_words_and_marks);
        stats.hash_per_word = ratio(count_byte(text, b'#'), stats.n_words_and_marks);
        stats.newline_per_word = ratio(count_byte(text, b'\n'), stats.n_words_and_marks);
        let counts = self.words.word_counts(&mut self.tally);
        stats.unique_word_ratio = ratio(counts.len() as u64, stats.n_words_and_marks);
        stats.word_entropy = entropy(&counts, stats.n_words_and_marks);
    }

    fn repetition(&mut self, text: &str, stats: &mut TextStats) {
        let chars = stats.n_chars;
        let paragraphs = self.duplicates(split_at_runs(strip(text), 2));
        stats.n_paragraphs = if strip(text).is_empty() { 0 } else { paragraphs.pieces };
        stats.duplicate_paragraph_ratio = ratio(paragraphs.repeated, paragraphs.pieces);
        stats.duplicate_paragraph_char_ratio = ratio(paragraphs.repeated_chars, chars);
        let lines = self.duplicates(split_at_runs(text, 1));
        stats.duplicate_line_ratio = ratio(lines.repeated, lines.pieces);
        stats.duplicate_line_char_ratio = ratio(lines.repeated_chars, chars);

        let tally = &mut self.tally;
        let mut top = |n| ratio(self.words.top_ngram_chars(n, tally), chars);
        stats.top_2gram_char_ratio = top(2);
        stats.top_3gram_char_ratio = top(3);
        stats.top_4gram_char_ratio = top(4);
        let seen = &mut self.seen;
        let mut duplicate = |n| ratio(self.words.duplicate_ngram_chars(n, seen), chars);
        stats.duplicate_5gram_char_ratio = duplicate(5);
        stats.duplicate_6gram_char_ratio = duplicate(6);
        stats.duplicate_7gram_char_ratio = duplicate(7);
        stats.duplicate_8gram_char_ratio = duplicate(8);
        stats.duplicate_9gram_char_ratio = duplicate(9);
        stats.duplicate_10gram_char_ratio = duplicate(10);
    }

    fn line_shapes(&mut self, text: &str, stats: &mut TextStats) {
        let (mut lines, mut bullets, mut ellipses) = (0, 0, 0);
        for line in split_lines(text) {
            let line = strip(line);
            lines += 1;
            bullets += u64::from(line.starts_with(['•', '-']));
            ellipses += u64::from(line.ends_with("...") || line.ends_with('…'));
        }
        stats.bullet_line_ratio = ratio(bullets, lines);
        stats.ellipsis_line_ratio = ratio(ellipses, lines);

        let filled = || text.split('\n').filter(|line| !strip(line).is_empty());
        let (mut ended, mut short) = (0, 0);
        for line in filled() {
            stats.n_lines += 1;
            ended += u64::from(line.ends_with(is_terminal_punctuation));
            short += u64::from(count_chars(line) <= SHORT_LINE_CHARS);
        }
        stats.terminal_punctuation_line_ratio = ratio(ended, stats.n_lines);
        stats.short_line_ratio = ratio(short, stats.n_lines);
        let repeated = self.duplicates(filled()).repeated_chars;
        stats.repeated_line_char_ratio = ratio(repeated, stats.n_chars - count_byte(text, b'\n'));
        stats.lorem_ipsum = count_lorem_ipsum(text);
        stats.curly_brackets = count_byte(text, b'{');
    }

    /// Which pieces were seen before. Pieces are compared by a keyed 64-bit hash.
    fn duplicates<'t>(&mut self, pieces: impl Iterator<Item = &'t str> + Clone) -> Duplicates {
        let mut found = Duplicates::default();
        self.tally.reset(pieces.clone().count());
        for piece in pieces {
            let seen = self.tally.add(xxhash_rust::xxh3::xxh3_64(piece.as_bytes()), 0) > 0;
            found.pieces += 1;
            if seen {
                found.repeated += 1;
                found.repeated_chars += count_chars(piece);
            }
        }
        found
    }
}

#[derive(Default)]
struct Duplicates {
    pieces: u64,
    repeated: u64,
    repeated_chars: u64,
}

fn characters(text: &str, stats: &mut TextStats) {
    let (mut digits, mut upper, mut marks, mut spaces) = (0, 0, 0, 0);
    for c in text.chars() {
        stats.n_chars += 1;
        digits += u64::from(is_decimal(c));
        upper += u64::from(c.is_uppercase());
        marks += u64::from(is_web_punctuation(c));
        spaces += u64::from(is_space(c));
    }
    stats.digit_ratio = ratio(digits, stats.n_chars);
    stats.upper_case_ratio = ratio(upper, stats.n_chars);
    stats.punctuation_ratio = ratio(marks, stats.n_chars);
    stats.white_space_ratio = ratio(spaces, stats.n_chars);
}

/// Occurrences of "lorem ipsum" in the text in lower case. ASCII case is enough: the only other characters whose
/// lower case has ASCII letters are the Kelvin sign (k) and the dotted İ (i and a combining dot, which ends a match).
fn count_lorem_ipsum(text: &str) -> u64 {
    const PHRASE: &[u8] = b"lorem ipsum";
    let mut found = 0;
    let mut rest = text.as_bytes();
    while let Some(start) = rest.iter().position(|byte| byte | 0x20 == b'l') {
        let here = rest.get(start..).unwrap_or_default();
        let hit = here.get(..PHRASE.len()).is_some_and(|piece| piece.eq_ignore_ascii_case(PHRASE));
        found += u64::from(hit);
        rest = here.get(if hit { PHRASE.len() } else { 1 }..).unwrap_or_default();
    }
    found
}

fn count_chars(text: &str) -> u64 {
    if text.is_ascii() { text.len() as u64 } else { text.chars().count() as u64 }
}

fn count_byte(text: &str, wanted: u8) -> u64 {
    text.bytes().filter(|&byte| byte == wanted).count() as u64
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn entropy(counts: &[u32], total: u64) -> f64 {
    let bits = |&count: &u32| {
        let share = f64::from(count) / total as f64;
        -share * share.log2()
    };
    // A text of one repeated word gives -0.0, which reads oddly.
    counts.iter().map(bits).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stats(text: &str) -> TextStats {
        Measure::default().stats(text)
    }

    #[test]
    fn an_empty_text_is_all_zero() {
        assert_eq!(stats(""), TextStats::default());
    }

    #[test]
    fn counts_of_a_small_text() {
        let s = stats("The cat sat.\nThe cat sat.\n\n- Numbers 12 and # too…\n");
        assert_eq!((s.n_chars, s.n_words, s.n_words_and_marks), (51, 10, 15));
        assert_eq!((s.n_sentences, s.n_lines, s.n_paragraphs, s.stop_words), (3, 3, 2, 1));
        assert_eq!(s.duplicate_line_ratio, 0.25);
        assert_eq!(s.duplicate_line_char_ratio, 12.0 / 51.0);
        assert_eq!(s.repeated_line_char_ratio, 12.0 / 47.0);
        assert_eq!(s.terminal_punctuation_line_ratio, 2.0 / 3.0);
        assert_eq!(s.short_line_ratio, 1.0);
        assert_eq!(s.bullet_line_ratio, 0.25);
        assert_eq!(s.ellipsis_line_ratio, 0.25);
        assert_eq!(s.hash_per_word, 1.0 / 15.0);
        assert_eq!(s.newline_per_word, 4.0 / 15.0);
    }

    #[test]
    fn repetition_of_words() {
        let s = stats("a b a b a b");
        assert_eq!(s.top_2gram_char_ratio, 9.0 / 11.0);
        assert_eq!(s.unique_word_ratio, 2.0 / 6.0);
        assert_eq!(s.word_entropy, 1.0);
        let twelve = "q w e r t y u i o p q w e r t";
        assert_eq!(stats(twelve).duplicate_5gram_char_ratio, 5.0 / 29.0);
    }

    #[test]
    fn lorem_ipsum_in_any_case() {
        for text in [
            "Lorem ipsum LOREM IPSUM lorem  ipsum",
            "é lOrem iPsumlorem ipsum",
            "lorem \u{130}psum",
            "llorem ipsum",
        ] {
            assert_eq!(
                stats(text).lorem_ipsum,
                text.to_lowercase().matches("lorem ipsum").count() as u64,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_has_finite_signals_and_reuse_changes_nothing(texts in proptest::collection::vec("\\PC{0,60}|[ab.\\n ]{0,60}", 3)) {
            let mut measure = Measure::default();
            for text in &texts {
                let reused = measure.stats(text);
                prop_assert_eq!(reused, stats(text));
                for value in reused.values() {
                    if let crate::signals::Value::Real(real) = value {
                        prop_assert!(real.is_finite() && real >= 0.0);
                    }
                }
            }
        }
    }
}
