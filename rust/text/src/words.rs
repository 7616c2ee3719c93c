//! Words, as the counters behind published filter thresholds see them.
//!
//! Agrees with spaCy's blank English tokenizer (datatrove's `split_into_words`) except in scripts written without
//! spaces, where spaCy's English leaves whole sentences in one piece and this finds words with dictionaries.

use std::collections::HashMap;
use std::sync::LazyLock;

use ahash::RandomState;
use icu_segmenter::options::WordBreakInvariantOptions;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};

use crate::address::is_address;
use crate::affixes::{infixes, prefix_length, suffix_length};
use crate::ascii;
use crate::bytes::Bytes;
use crate::chars::{Classes, is_space};
use crate::specials::{ENGLISH, Traits};

/// The words and punctuation marks of a text, in order, without white space. Linear in its length.
pub fn split_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for_each_token(text, |token| {
        if !token.starts_with(is_space) {
            words.push(token);
        }
    });
    words
}

/// Calls `each` with every token, in order. White space other than one space between tokens is a token too
/// (sentence splitting sees it); tokens of words and marks contain none.
pub fn for_each_token<'t>(text: &'t str, mut each: impl FnMut(&'t str)) {
    let mut splitter = Splitter::default();
    let mut rest = text;
    let mut first = true;
    while let Some(c) = rest.chars().next() {
        let spaces = is_space(c);
        let length = if spaces { rest.find(|c| !is_space(c)) } else { end_of_word(rest) };
        let (run, after) = rest.split_at(length.unwrap_or(rest.len()));
        if spaces {
            let shown = if first { run } else { run.strip_prefix(' ').unwrap_or(run) };
            if !shown.is_empty() {
                each(shown);
            }
        } else {
            splitter.split(run, &Bytes::of(Classes::default(), run));
            splitter.tokens.drain(..).for_each(&mut each);
        }
        first = false;
        rest = after;
    }
}

/// Where the run without white space ends, if the text goes on.
fn end_of_word(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let ascii = bytes.iter().position(|&b| b <= b' ' || b >= 0x80)?;
    match bytes.get(ascii) {
        Some(b'\t'..=b'\r' | 0x1c..=b' ') => Some(ascii),
        _ => text.get(ascii..)?.find(is_space).map(|more| ascii + more),
    }
}

/// Scratch space for splitting one run after another.
#[derive(Default)]
pub(crate) struct Splitter<'t> {
    tokens: Vec<&'t str>,
    suffixes: Vec<&'t str>,
}

impl<'t> Splitter<'t> {
    /// The words and marks of the last run; together they are the run.
    pub(crate) fn tokens(&self) -> &[&'t str] {
        &self.tokens
    }

    /// Leaves the tokens of `run`, which has no white space and these bytes, in `self.tokens`.
    pub(crate) fn split(&mut self, run: &'t str, bytes: &Bytes) {
        self.tokens.clear();
        if bytes.are_letters() && ENGLISH.get(run).is_none() {
            self.tokens.push(run);
            return;
        }
        if bytes.are_ascii() {
            ascii::split(run, bytes, &mut self.tokens, &mut self.suffixes);
        } else {
            self.split_affixes(run, true);
        }
        if self.tokens.len() > 1 {
            merge_specials(run, &mut self.tokens);
        }
        if !bytes.are_ascii() && self.tokens.iter().any(|token| token.contains(is_unspaced)) {
            for token in std::mem::take(&mut self.tokens) {
                if token.contains(is_unspaced) {
                    segments(token, &mut self.tokens);
                } else {
                    self.tokens.push(token);
                }
            }
        }
    }

    /// Cuts marks off both ends in turn, then at the marks inside; `specials` are kept as printed.
    pub(crate) fn split_affixes(&mut self, run: &'t str, specials: bool) {
        let special = |word: &str| specials && ENGLISH.get(word).is_some();
        let mut word = run;
        while !word.is_empty() && !special(word) {
            let prefix = prefix_length(word);
            let (head, rest) = word.split_at(prefix);
            if prefix > 0 && special(rest) {
                self.tokens.push(head);
                word = rest;
                break;
            }
            let suffix = suffix_length(rest);
            let (body, tail) = rest.split_at(rest.len() - suffix);
            let without_tail = word.get(..prefix + body.len()).unwrap_or_default();
            if suffix > 0 && special(without_tail) {
                self.suffixes.push(tail);
                word = without_tail;
                break;
            }
            if prefix == 0 && suffix == 0 {
                break;
            }
            if prefix > 0 {
                self.tokens.push(head);
            }
            if suffix > 0 {
                self.suffixes.push(tail);
            }
            word = body;
        }
        self.push_body(word, specials);
        self.tokens.extend(self.suffixes.drain(..).rev());
    }

    fn push_body(&mut self, body: &'t str, specials: bool) {
        if body.is_empty() {
            return;
        }
        if let Some(lengths) = specials.then(|| ENGLISH.get(body)).flatten() {
            self.tokens.extend(parts(body, lengths));
            return;
        }
        if is_address(body) {
            self.tokens.push(body);
            return;
        }
        let mut start = 0;
        for (from, to) in infixes(body).filter(|&(from, _)| from > 0) {
            if from > start {
                self.tokens.extend(body.get(start..from));
            }
            self.tokens.extend(body.get(from..to));
            start = to;
        }
        self.tokens.extend(body.get(start..).filter(|rest| !rest.is_empty()));
    }
}

/// Whether a run is a web or mail address, perhaps with marks around it.
pub(crate) fn is_web_address(run: &str) -> bool {
    let marks: &[char] = &['.', ',', ';', ':', '!', '?', '(', ')', '[', ']', '<', '>', '"', '\''];
    run.contains('.') && is_address(run.trim_matches(marks))
}

pub(crate) fn parts<'t>(word: &'t str, lengths: &[u8]) -> impl Iterator<Item = &'t str> {
    lengths.iter().scan(0, |start, &length| {
        let end = *start + usize::from(length);
        let part = word.get(*start..end);
        *start = end;
        part
    })
}

/// How the special strings that contain marks come out when they are not recognised as such.
struct BrokenSpecials {
    /// The runs of tokens to look for, by the byte lengths of the tokens.
    lengths: HashMap<&'static str, Vec<usize>, RandomState>,
    traits: Traits,
    /// A bit for each pair of the bytes that their first two tokens begin with, by the first of these bytes.
    beginnings: Box<[[u64; 4]; 256]>,
}

impl BrokenSpecials {
    /// False if none begins with tokens that begin with these bytes.
    #[inline]
    fn may_begin(&self, first: u8, second: u8) -> bool {
        self.beginnings[usize::from(first)][usize::from(second / 64)] >> (second % 64) & 1 == 1
    }
}

static BROKEN_SPECIALS: LazyLock<BrokenSpecials> = LazyLock::new(|| {
    let mut lengths = HashMap::with_hasher(RandomState::with_seeds(5, 6, 7, 8));
    let mut traits = Traits::default();
    let mut beginnings = Box::new([[0; 4]; 256]);
    for word in LazyLock::force(&ENGLISH).strings() {
        if prefix_length(word) + suffix_length(word) > 0 || infixes(word).next().is_some() {
            let mut splitter = Splitter::default();
            splitter.split_affixes(word, false);
            if let [first, second, ..] = *splitter.tokens {
                let (first, second) = (first.as_bytes()[0], second.as_bytes()[0]);
                beginnings[usize::from(first)][usize::from(second / 64)] |= 1 << (second % 64);
            }
            lengths.insert(word, splitter.tokens.iter().map(|token| token.len()).collect());
            traits.add(word);
        }
    }
    BrokenSpecials { lengths, traits, beginnings }
});

/// Puts special strings together again that stand inside a run, e.g. the emoticon in `word:)`.
/// The longest match wins, then the leftmost.
fn merge_specials<'t>(run: &'t str, tokens: &mut Vec<&'t str>) {
    let broken = &*BROKEN_SPECIALS;
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut after = 0;
    let bytes = run.as_bytes();
    for (start, first) in tokens.iter().enumerate() {
        let offset = after;
        after += first.len();
        if after >= bytes.len() || !broken.may_begin(bytes[offset], bytes[after]) {
            continue;
        }
        let mut length = first.len();
        for (more, token) in tokens.iter().skip(start + 1).enumerate() {
            length += token.len();
            if length > ENGLISH.longest() {
                break;
            }
            let end = start + more + 2;
            let text = run.get(offset..offset + length).filter(|text| broken.traits.may_have(text));
            let pattern = text.and_then(|text| broken.lengths.get(text));
            let lengths = tokens.get(start..end).into_iter().flatten().map(|token| token.len());
            if pattern.is_some_and(|pattern| lengths.eq(pattern.iter().copied())) {
                found.push((start, end));
            }
        }
    }
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|&(start, end)| (usize::MAX - (end - start), start));
    let mut taken = vec![false; tokens.len()];
    found.retain(|&(start, end)| {
        let free = !taken[start] && !taken[end - 1];
        taken[start..end].fill(true);
        free
    });
    found.sort_unstable();
    let whole = std::mem::take(tokens);
    let mut found = found.into_iter().peekable();
    let (mut index, mut offset) = (0, 0);
    while let Some(token) = whole.get(index) {
        if let Some((start, end)) = found.next_if(|&(start, _)| start == index) {
            let length: usize = whole.get(start..end).into_iter().flatten().map(|token| token.len()).sum();
            let text = run.get(offset..offset + length).unwrap_or_default();
            tokens.extend(parts(text, ENGLISH.get(text).unwrap_or_default()));
            offset += length;
            index = end;
        } else {
            tokens.push(token);
            offset += token.len();
            index += 1;
        }
    }
}

/// A letter of a script written without spaces: Han, Hiragana, Katakana, Thai, Lao, Burmese, Khmer.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ece}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17d3}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// ICU's dictionaries of Chinese and Japanese, Thai, Lao, Burmese and Khmer; Unicode's rules (UAX 29) for the rest.
static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()));

/// The words of a token with letters of such scripts.
fn segments<'t>(token: &'t str, words: &mut Vec<&'t str>) {
    let mut start = 0;
    for end in SEGMENTER.segment_str(token) {
        words.extend(token.get(start..end).filter(|word| !word.is_empty()));
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splitting() {
        for (text, expected) in [
            ("Hello, world!", vec!["Hello", ",", "world", "!"]),
            ("I don't know (yet).", vec!["I", "do", "n't", "know", "(", "yet", ")", "."]),
            (
                "Mr. O'Neil's well-known e.g. dogs'",
                vec!["Mr.", "O'Neil", "'s", "well", "-", "known", "e.g.", "dogs", "'"],
            ),
            ("see https://a.com/b-c, now", vec!["see", "https://a.com/b-c", ",", "now"]),
            ("$5.50 for 10km at 50%", vec!["$", "5.50", "for", "10", "km", "at", "50", "%"]),
            ("fine:) and (so):", vec!["fine", ":)", "and", "(", "so", "):"]),
            ("a\n\n b", vec!["a", "b"]),
            ("東京に hello", vec!["東京", "に", "hello"]),
            ("我们喜欢吃苹果。", vec!["我们", "喜欢", "吃", "苹果", "。"]),
            ("ฉันรักภาษาไทย", vec!["ฉัน", "รัก", "ภาษา", "ไทย"]),
            ("", vec![]),
        ] {
            assert_eq!(split_words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn white_space_tokens() {
        let tokens = |text| {
            let mut all = Vec::new();
            for_each_token(text, |token| all.push(token));
            all
        };
        assert_eq!(tokens(" a b  c\n d "), [" ", "a", "b", " ", "c", "\n ", "d"]);
    }

    proptest! {
        #[test]
        fn words_are_the_text_without_its_spaces(text in "\\PC{0,80}|[ -~\\n]{0,80}|[a-z:;()'.,\\-/@ 0-9]{0,80}") {
            let expected: String = text.chars().filter(|&c| !is_space(c)).collect();
            prop_assert_eq!(split_words(&text).concat(), expected);
        }
    }
}
