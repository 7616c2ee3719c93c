//! All signals of a text, from one walk over its runs and one over its lines.
//!
//! The definitions are those of datatrove 0.10.1's Gopher, C4 and FineWeb filters, so that published thresholds mean
//! the same here: Rae et al. 2021 (arXiv 2112.11446, Table A1), Raffel et al. 2020, Penedo et al. 2024 (2406.17557).

use crate::chars::is_terminal_punctuation;
use crate::line_stats::line_stats;
use crate::lines::{split_at_runs, split_lines, strip};
use crate::repeats::{Repeats, Words};
use crate::scan::Spaces;
use crate::signals::{LineStats, TextStats};
use crate::tally::Tally;
use crate::totals::Totals;
use crate::vocabulary::Vocabulary;
use crate::walk::walk;

/// Gopher's stop words, in lower case as printed.
pub const STOP_WORDS: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// FineWeb's limit for a short line, in characters.
pub(crate) const SHORT_LINE_CHARS: usize = 30;

/// Computes signals, reusing its memory from text to text.
#[derive(Default)]
pub struct Measure {
    vocabulary: Vocabulary,
    words: Words,
    repeats: Repeats,
    tally: Tally,
    spaces: Spaces,
    longest: usize,
}

impl Measure {
    /// Bytes of the longest text so far, with which the memory in use grows.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The signals of `text`, with English stop words. Linear in its length.
    pub fn stats(&mut self, text: &str) -> TextStats {
        self.stats_with(text, &STOP_WORDS)
    }

    /// The signals of `text` and those of its lines.
    pub fn all_stats(&mut self, text: &str, stop_words: &[impl AsRef<str>]) -> (TextStats, LineStats) {
        let stats = self.stats_with(text, stop_words);
        let occurrences = stop_words.iter().map(|word| self.vocabulary.uses_of(word.as_ref())).sum();
        let lines = line_stats(text, &stats, occurrences);
        (stats, lines)
    }

    /// The signals of `text`, with these stop words.
    pub fn stats_with(&mut self, text: &str, stop_words: &[impl AsRef<str>]) -> TextStats {
        self.longest = self.longest.max(text.len());
        let (totals, sentences) = walk(text, &mut self.vocabulary, &mut self.words, &mut self.spaces);
        let (spaces, space_bytes) = (&self.spaces, (text.len() - self.words.length()) as u64);
        let n_chars = totals.chars + space_bytes - spaces.more_bytes;
        let mut stats = TextStats { n_bytes: text.len() as u64, n_chars, ..TextStats::default() };
        stats.n_sentences = sentences;
        from_totals(&totals, spaces, &mut stats);
        frequencies(self.vocabulary.uses(), &mut stats);
        let found = stop_words.iter().filter(|word| self.vocabulary.uses_of(word.as_ref()) > 0);
        stats.stop_words = found.count() as u64;
        let repeated_lines = self.lines(text, &mut stats);
        self.paragraphs(text, repeated_lines, &mut stats);
        self.repetition(&mut stats);
        stats.lorem_ipsum = if totals.ipsum == 0 { 0 } else { count_lorem_ipsum(text) };
        stats
    }

    /// Paragraphs are what stands between runs of line feeds, without white space around them all. None is repeated
    /// where no line is, unless that white space made the difference between two lines.
    fn paragraphs(&mut self, text: &str, repeated_lines: bool, stats: &mut TextStats) {
        let stripped = strip(text);
        if stripped.is_empty() {
            return;
        }
        let (start, end) = (text.trim_start_matches('\n'), text.trim_end_matches('\n'));
        let (before, after) = (text.len() - start.len(), text.len() - end.len());
        let paragraphs = if stripped.len() + before + after < text.len() {
            self.duplicates(split_at_runs(stripped, 2))
        } else if repeated_lines {
            let blank: Vec<_> = self.spaces.blank_lines(before, after).collect();
            let starts = std::iter::once(before).chain(blank.iter().map(|lines| lines.end));
            let ends = blank.iter().map(|lines| lines.start).chain([text.len() - after]);
            self.duplicates(starts.zip(ends).map(|(start, end)| text.get(start..end).unwrap_or_default()))
        } else {
            Duplicates {
                pieces: 1 + self.spaces.blank_lines(before, after).count() as u64,
                ..Duplicates::default()
            }
        };
        stats.n_paragraphs = paragraphs.pieces;
        stats.duplicate_paragraph_ratio = ratio(paragraphs.repeated, paragraphs.pieces);
        stats.duplicate_paragraph_char_ratio = ratio(paragraphs.repeated_chars, stats.n_chars);
    }

    /// Signals of n-grams.
    fn repetition(&mut self, stats: &mut TextStats) {
        let chars = stats.n_chars;
        let ascii = stats.n_chars == stats.n_bytes;
        let [two, three, four] = self.repeats.top(&self.words, ascii).map(|top| ratio(top, chars));
        stats.top_2gram_char_ratio = two;
        stats.top_3gram_char_ratio = three;
        stats.top_4gram_char_ratio = four;
        let duplicate = self.repeats.duplicates(&self.words, ascii).map(|repeated| ratio(repeated, chars));
        [
            stats.duplicate_5gram_char_ratio,
            stats.duplicate_6gram_char_ratio,
            stats.duplicate_7gram_char_ratio,
            stats.duplicate_8gram_char_ratio,
            stats.duplicate_9gram_char_ratio,
            stats.duplicate_10gram_char_ratio,
        ] = duplicate;
    }

    /// Signals of lines: as Gopher cuts them (between runs of line feeds), as Python's `splitlines` does, and as
    /// FineWeb does (at line feeds, without blank ones). Is a line repeated?
    fn lines(&mut self, text: &str, stats: &mut TextStats) -> bool {
        let mut shapes = Shapes::default();
        let (mut found, mut filled_chars) = (Duplicates::default(), 0);
        let (mut ended, mut short) = (0, 0);
        let ascii = stats.n_chars == stats.n_bytes;
        let newlines = &self.spaces.newlines;
        self.tally.reset(newlines.len() + 1);
        let mut start = 0;
        for end in newlines.iter().copied().chain((!text.ends_with('\n')).then_some(text.len())) {
            let line = text.get(start..end).unwrap_or_default();
            start = end + 1;
            shapes.lines += 1;
            if line.is_empty() {
                continue;
            }
            let seen = self.tally.add(xxhash_rust::xxh3::xxh3_64(line.as_bytes()), 0) > 0;
            let repeated_chars = if seen { count_chars(line) } else { 0 };
            found.pieces += 1;
            found.repeated += u64::from(seen);
            found.repeated_chars += repeated_chars;
            let stripped = strip(line);
            if stripped.is_empty() {
                continue;
            }
            shapes.count(stripped);
            filled_chars += repeated_chars;
            stats.n_lines += 1;
            ended += u64::from(ends_sentence(line));
            short += u64::from(is_short(line, ascii));
        }
        let any_repeated = found.repeated > 0;
        // Between runs of line feeds there are empty pieces at the ends.
        let ends = u64::from(text.starts_with('\n')) + u64::from(text.ends_with('\n'));
        found.pieces += if text.is_empty() { 1 } else { ends };
        found.repeated += u64::from(ends == 2);
        if text.is_empty() {
            shapes = Shapes::default();
        }
        if self.spaces.other_breaks > 0 {
            shapes = Shapes::default();
            for line in split_lines(text) {
                shapes.lines += 1;
                shapes.count(strip(line));
            }
        }
        stats.duplicate_line_ratio = ratio(found.repeated, found.pieces);
        stats.duplicate_line_char_ratio = ratio(found.repeated_chars, stats.n_chars);
        stats.bullet_line_ratio = ratio(shapes.bullets, shapes.lines);
        stats.ellipsis_line_ratio = ratio(shapes.ellipses, shapes.lines);
        stats.terminal_punctuation_line_ratio = ratio(ended, stats.n_lines);
        stats.short_line_ratio = ratio(short, stats.n_lines);
        stats.repeated_line_char_ratio = ratio(filled_chars, stats.n_chars - newlines.len() as u64);
        any_repeated
    }

    /// Which pieces were seen before. Pieces are compared by a 64-bit hash.
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

/// What follows from how often each word occurs.
fn frequencies(uses: impl Iterator<Item = u32>, stats: &mut TextStats) {
    const FEW: usize = 256;
    let mut words_with = [0u32; FEW];
    let mut many = Vec::new();
    for count in uses {
        match words_with.get_mut(count as usize) {
            Some(words) => *words += 1,
            None => many.push(count),
        }
    }
    many.sort_unstable();
    let total = stats.n_words_and_marks;
    let few = words_with.iter().enumerate().skip(1).filter(|&(_, &words)| words > 0);
    let distinct = few.clone().map(|(_, &words)| u64::from(words)).sum::<u64>() + many.len() as u64;
    stats.unique_word_ratio = ratio(distinct, total);
    let few = few.map(|(count, &words)| (count as u32, words));
    let many = many.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32));
    stats.word_entropy = entropy(few.chain(many), total);
}

/// The entropy of words in bits, from pairs of how often words occur (growing) and how many words do so.
pub(crate) fn entropy(frequencies: impl Iterator<Item = (u32, u32)>, total: u64) -> f64 {
    let bits = |(count, words): (u32, u32)| {
        let share = f64::from(count) / total as f64;
        f64::from(words) * -share * share.log2()
    };
    // A text of one repeated word gives -0.0, which reads oddly.
    frequencies.map(bits).sum::<f64>().max(0.0)
}

/// Counts over the lines of `str.splitlines`.
#[derive(Default)]
struct Shapes {
    lines: u64,
    bullets: u64,
    ellipses: u64,
}

impl Shapes {
    fn count(&mut self, stripped: &str) {
        // The bytes of `•` and `…`.
        self.bullets += u64::from(matches!(stripped.as_bytes(), [b'-', ..] | [0xe2, 0x80, 0xa2, ..]));
        self.ellipses +=
            u64::from(matches!(stripped.as_bytes(), [.., b'.', b'.', b'.'] | [.., 0xe2, 0x80, 0xa6]));
    }
}

#[derive(Default)]
struct Duplicates {
    pieces: u64,
    repeated: u64,
    repeated_chars: u64,
}

fn from_totals(totals: &Totals, spaces: &Spaces, stats: &mut TextStats) {
    stats.n_words = totals.words;
    stats.n_words_and_marks = totals.words_and_marks;
    stats.mean_word_chars = ratio(totals.word_chars, totals.words);
    stats.alphabetic_word_ratio = ratio(totals.alphabetic, totals.words_and_marks);
    stats.ellipsis_per_word = ratio(totals.ellipses, totals.words_and_marks);
    stats.hash_per_word = ratio(totals.hashes, totals.words_and_marks);
    stats.newline_per_word = ratio(spaces.newlines.len() as u64, totals.words_and_marks);
    stats.curly_brackets = totals.curly_brackets;
    stats.digit_ratio = ratio(totals.digits, stats.n_chars);
    stats.upper_case_ratio = ratio(totals.upper, stats.n_chars);
    stats.punctuation_ratio = ratio(totals.marks + spaces.marks, stats.n_chars);
    stats.white_space_ratio = ratio(stats.n_chars - totals.chars, stats.n_chars);
}

/// Occurrences of "lorem ipsum" in the text in lower case. ASCII case is enough: the only other characters whose
/// lower case has ASCII letters are the Kelvin sign (k) and the dotted İ (i and a combining dot, which ends a match).
pub(crate) fn count_lorem_ipsum(text: &str) -> u64 {
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

/// Whether a line has at most `SHORT_LINE_CHARS` characters.
fn is_short(line: &str, ascii: bool) -> bool {
    let most = SHORT_LINE_CHARS;
    line.len() <= most || (!ascii && line.len() <= 4 * most && count_chars(line) <= most as u64)
}

fn ends_sentence(line: &str) -> bool {
    match line.as_bytes().last() {
        Some(last) if last.is_ascii() => matches!(last, b'.' | b'!' | b'?'),
        _ => line.ends_with(is_terminal_punctuation),
    }
}

pub(crate) fn count_chars(text: &str) -> u64 {
    if text.is_ascii() { text.len() as u64 } else { text.chars().count() as u64 }
}

pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
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

    /// Seven words twice, of which six have 20 bytes in one place and fewer in the other.
    #[test]
    fn repeated_bytes_cut_into_other_words() {
        let bytes = b"0\x80\x93=V\x94\xe2\x80c\x93V=V\x94\xe2\x80c\x93V=";
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(stats(&text), crate::oracle::Oracle::default().stats(&text));
        assert!(stats(&text).duplicate_7gram_char_ratio > 0.0);
    }

    /// More runs than are kept from text to text, of one, two and more words.
    #[test]
    fn what_is_kept_of_earlier_texts_changes_nothing() {
        let mut measure = Measure::default();
        for number in 0..16 {
            // `u1z)` is one word of `u1z)…x`, which all texts have, and two by itself.
            let common = (0..200).map(|one| format!("u{one}z)…x w{one} w{one}, (w{one})"));
            let once = (0..200).filter(|_| number == 0).map(|one| format!("u{one}z)"));
            let rare = (0..700).map(|one| format!("v{number}w{one} v{number}w{one}; v{number}/w{one}"));
            let text = common.chain(once).chain(rare).collect::<Vec<_>>().join(" ");
            assert_eq!(measure.stats(&text), crate::oracle::Oracle::default().stats(&text));
        }
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

    /// Pieces of text that rules look at.
    const PIECES: &str = "(the|of|ipsum|lorem|Lorem|cat|a|b|ab|bb|A1|[#{.…!?,-]|\\.\\.\\.|don't|e\\.g\\.|x-y|1|11|é|Äöü|あ|あい。|\
        ъжik|[ \n\r\t\x0b\x1c\u{a0}\u{3000}\u{2028}\u{85}]|  |\n\n|\n\n\n| |\\PC|[a-z]{30,40}|[а-я]{10,20}|\\x00)";

    fn texts() -> impl Strategy<Value = String> {
        let join = |pieces: Vec<String>| pieces.concat();
        let words = "[ab]{1,2}|[ab]{4}| |, |\\. |\n|1";
        prop_oneof![
            proptest::collection::vec(PIECES, 0..80).prop_map(join),
            proptest::collection::vec(PIECES, 0..80).prop_map(|pieces| pieces.join(" ")),
            proptest::collection::vec(words, 0..300).prop_map(|pieces| pieces.join(" ")),
            proptest::collection::vec("[a-d]{4,6}", 0..300).prop_map(|pieces| pieces.join(" ")),
            ("[a-d ]{10,200}", 1..40usize, "\\PC{0,20}")
                .prop_map(|(text, times, more)| text.repeat(times) + &more),
        ]
    }

    proptest! {
        #[test]
        fn the_fast_signals_are_the_plain_ones(texts in proptest::collection::vec(texts(), 1..4)) {
            let mut measure = Measure::default();
            for text in &texts {
                prop_assert_eq!(measure.stats(text), crate::oracle::Oracle::default().stats(text), "{:?}", text);
            }
        }

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
