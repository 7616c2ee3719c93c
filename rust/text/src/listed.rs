//! Words of a list in texts: the lists of bad words that filters use, one entry per line.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::words::is_unspaced;

/// Finds the entries of a list. Letters count alike in either case; an entry is found only where no letter or digit
/// touches it, unless it is of a script that is written without spaces.
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
            .map(|entry| entry.as_ref().trim().to_lowercase())
            .filter(|e| !e.is_empty())
            .collect();
        let inside = entries.iter().map(|entry| entry.contains(is_unspaced)).collect();
        let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&entries);
        Ok(Self { finder: finder.map_err(|error| error.to_string())?, inside })
    }

    /// How many places of the text hold an entry, overlapping ones included once per end.
    pub fn count(&self, text: &str) -> u64 {
        let text = text.to_lowercase();
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

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    let after = text.get(end..).and_then(|tail| tail.chars().next());
    ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
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
}
