//! Words of a list in texts: the lists of bad words that filters use, one entry per line.

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::chars::is_space;
use crate::words::is_unspaced;

/// Finds the entries of a list. Case, composition (NFC), the kind of apostrophe and of white space do not matter. An
/// entry is found only where no letter, digit or combining mark touches it; letters of a script that is written without
/// spaces touch nothing, and an entry with such letters may stand inside a word.
pub struct WordList {
    finder: AhoCorasick,
    /// By entry: may stand inside a word.
    inside: Vec<bool>,
}

impl WordList {
    /// A list of words and phrases; empty ones are ignored. The message says why a list is too large.
    pub fn new(entries: &[impl AsRef<str>]) -> Result<Self, String> {
        let entries: Vec<String> = entries
            .iter()
            .map(|entry| folded(entry.as_ref()).trim_matches(' ').to_owned())
            .filter(|e| !e.is_empty())
            .collect();
        let inside = entries.iter().map(|entry| entry.contains(is_unspaced)).collect();
        let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&entries);
        Ok(Self { finder: finder.map_err(|error| error.to_string())?, inside })
    }

    /// How many places of the text hold an entry, overlapping ones included once per end.
    pub fn count(&self, text: &str) -> u64 {
        let text = folded(text);
        let (mut found, mut last_end) = (0, usize::MAX);
        for hit in self.finder.find_overlapping_iter(&text) {
            let inside = self.inside.get(hit.pattern().as_usize()).copied().unwrap_or_default();
            if hit.end() != last_end && (inside || stands_alone(&text, hit.start(), hit.end())) {
                found += 1;
                last_end = hit.end();
            }
        }
        found
    }
}

/// The form in which texts and entries are compared.
fn folded(text: &str) -> String {
    let text = composed(text.to_lowercase());
    if text.is_ascii() && !text.contains("  ") && !text.contains(|c| c != ' ' && is_space(c)) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut after_space = false;
    for c in text.chars() {
        match c {
            _ if is_space(c) => {
                if !after_space {
                    out.push(' ');
                }
            }
            '’' => out.push('\''),
            _ => out.push(c),
        }
        after_space = is_space(c);
    }
    out
}

/// The text in NFC.
fn composed(text: String) -> String {
    // Before U+0300 nothing composes.
    if text.chars().all(|c| c < '\u{300}') || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text;
    }
    text.nfc().collect()
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let after = text.get(end..).and_then(|tail| tail.chars().next());
    if after.is_some_and(|c| is_combining(c) || is_word_part(c)) {
        return false;
    }
    // Marks belong to the character that they follow.
    let before = text.get(..start).and_then(|head| head.chars().rev().find(|&c| !is_combining(c)));
    !before.is_some_and(is_word_part)
}

fn is_word_part(c: char) -> bool {
    (c.is_alphanumeric() && !is_unspaced(c)) || c == '_'
}

fn is_combining(c: char) -> bool {
    c >= '\u{300}' && c.general_category_group() == GeneralCategoryGroup::Mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_scripts() {
        let list = WordList::new(&["bad", "Very Bad Thing", "", " ÄRGER ", "悪い"]).expect("a short list");
        for (text, count) in [
            ("bad", 1),
            ("BAD, bad!", 2),
            ("badly embad _bad bad1", 0),
            ("a very bad thing", 2),
            ("großer Ärger", 1),
            ("ärgerlich", 0),
            ("とても悪いこと", 1),
            ("", 0),
        ] {
            assert_eq!(list.count(text), count, "{text}");
        }
    }

    fn counts(entries: &[&str], text: &str) -> u64 {
        WordList::new(entries).expect("a short list").count(text)
    }

    #[test]
    fn letters_of_scripts_without_spaces_touch_nothing() {
        for (entry, text) in [("sm", "これはsmです"), ("3p", "他们3p了"), ("sm", "ไม่smครับ"), ("bad", "悪bad")]
        {
            assert_eq!(counts(&[entry], text), 1, "{text}");
        }
        assert_eq!(counts(&["sm"], "これはismです、これはsmsです"), 0);
    }

    #[test]
    fn combining_marks_touch() {
        for (entry, text) in [
            ("cafe", "cafe\u{301}"),
            ("भड", "भड़वा"),
            ("गांड", "गांड्स"),
            ("ड", "क्ड"),
            ("bad", "x\u{308}bad"),
            ("sm", "smั"),
        ] {
            assert_eq!(counts(&[entry], text), 0, "{text}");
        }
        assert_eq!(counts(&["गांड", "bad"], "गांड। ❤\u{fe0f}bad"), 2);
    }

    #[test]
    fn composition_does_not_matter() {
        for (entry, text) in [
            ("ärger", "A\u{308}rger"),
            ("a\u{308}rger", "Ärger"),
            ("café", "cafe\u{301}!"),
            ("भड़वा", "भ\u{95c}वा"),
            ("i\u{307}x", "İX"),
            ("씨발", "\u{110a}\u{1175}\u{1107}\u{1161}\u{11af}"),
        ] {
            assert_eq!(counts(&[entry], text), 1, "{text}");
        }
    }

    #[test]
    fn white_space_and_apostrophes_are_of_one_kind() {
        let list = WordList::new(&["very\u{a0}bad\tthing", " don’t\n", "\u{3000}"]).expect("a short list");
        for text in [
            "very bad thing",
            "Very  bad\r\nthing",
            "very\u{a0}bad \u{2028} thing",
            "don't",
            "DON’T",
            "\u{2003}don't\u{2003}",
        ] {
            assert_eq!(list.count(text), 1, "{text:?}");
        }
        assert_eq!(list.count("verybad thing, very-bad thing, dont \u{3000} "), 0);
    }
}
