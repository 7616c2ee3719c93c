//! C4's line rules: which lines of a text stay (Raffel et al. 2020, as datatrove's filter applies them).

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::chars::is_space;
use crate::lines::{split_lines, strip};

/// Phrases of cookie notices and legal notes.
pub const POLICY_PHRASES: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

/// Which lines go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineRules {
    /// A line must end in terminal punctuation (`. ? ! " '`, but not `...`).
    pub terminal_punctuation: bool,
    /// Fewest words, cut at white space.
    pub min_words: usize,
    /// Most characters in any word.
    pub max_word_chars: usize,
    /// Drop lines that mention JavaScript.
    pub javascript: bool,
    /// Drop lines with one of `POLICY_PHRASES`.
    pub policy: bool,
    /// Remove `[1]`, `[edit]` and `[citation needed]`.
    pub citations: bool,
}

impl Default for LineRules {
    /// FineWeb's settings.
    fn default() -> Self {
        Self {
            terminal_punctuation: false,
            min_words: 3,
            max_word_chars: 1000,
            javascript: true,
            policy: true,
            citations: true,
        }
    }
}

/// Lines dropped, by rule. A line counts under the first rule that it breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// A word over the limit.
    pub long_word: u32,
    /// No terminal punctuation.
    pub no_terminal_punctuation: u32,
    /// Too few words.
    pub few_words: u32,
    /// Mentions JavaScript.
    pub javascript: u32,
    /// A policy phrase.
    pub policy: u32,
}

/// The lines of `text` that stay, joined by line feeds, and how many went.
///
/// A line that condemns its document (with "lorem ipsum" or a curly bracket, found before the rules on JavaScript and
/// policies look) stays, so that the document rules see it.
pub fn c4_lines(text: &str, rules: &LineRules) -> (String, Dropped) {
    let mut kept = String::with_capacity(text.len());
    let mut dropped = Dropped::default();
    for line in split_lines(text).map(strip) {
        if let Some(count) = first_broken(line, rules, &mut kept, &mut dropped) {
            *count = count.saturating_add(1);
        }
    }
    let stripped = strip(&kept);
    if stripped.len() != kept.len() {
        kept = stripped.to_owned();
    }
    (kept, dropped)
}

/// Appends `line` to `kept`, or gives the count of the rule it breaks.
fn first_broken<'d>(
    line: &str,
    rules: &LineRules,
    kept: &mut String,
    dropped: &'d mut Dropped,
) -> Option<&'d mut u32> {
    let words = || line.split(is_space).filter(|word| !word.is_empty());
    if words().any(|word| word.len() > rules.max_word_chars && word.chars().count() > rules.max_word_chars) {
        return Some(&mut dropped.long_word);
    }
    let start = kept.len();
    if start > 0 {
        kept.push('\n');
    }
    let line_start = kept.len();
    push_line(line, rules.citations, kept);
    let edited = kept.get(line_start..).unwrap_or_default();
    let broken = if rules.terminal_punctuation
        && (!edited.ends_with(['.', '?', '!', '"', '\'']) || edited.ends_with("..."))
    {
        Some(&mut dropped.no_terminal_punctuation)
    } else if words().take(rules.min_words).count() < rules.min_words {
        Some(&mut dropped.few_words)
    } else {
        let found = Phrases::of(edited);
        if found.lorem_ipsum {
            None
        } else if rules.javascript && found.javascript {
            Some(&mut dropped.javascript)
        } else if rules.policy && found.policy && !edited.contains('{') {
            Some(&mut dropped.policy)
        } else {
            None
        }
    };
    if broken.is_some() {
        kept.truncate(start);
    }
    broken
}

fn push_line(line: &str, citations: bool, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find('[').filter(|_| citations) {
        let (before, mark) = rest.split_at(at);
        let length = citation_length(mark);
        out.push_str(before);
        if length == 0 {
            out.push('[');
        }
        rest = mark.get(length.max(1)..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// Bytes of the citation mark at the start of `text`; 0 = there is none.
fn citation_length(text: &str) -> usize {
    for fixed in ["[edit]", "[citation needed]"] {
        if text.starts_with(fixed) {
            return fixed.len();
        }
    }
    let inside = text.get(1..).unwrap_or_default();
    let digits: usize = inside.chars().take_while(|&c| crate::chars::is_decimal(c)).map(char::len_utf8).sum();
    if inside.get(digits..).is_some_and(|rest| rest.starts_with(']')) { digits + 2 } else { 0 }
}

#[derive(Default)]
struct Phrases {
    lorem_ipsum: bool,
    javascript: bool,
    policy: bool,
}

/// "lorem ipsum", "javascript", then the policy phrases.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let phrases = ["lorem ipsum", "javascript"].into_iter().chain(POLICY_PHRASES);
    let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(phrases);
    finder.expect("eight short phrases are far below the limits of the automaton")
});

impl Phrases {
    fn of(line: &str) -> Self {
        // A few letters outside ASCII have an ASCII lower case (the Kelvin sign), so such lines are lowered first.
        let lowered = (!line.is_ascii()).then(|| line.to_lowercase());
        let line = lowered.as_deref().unwrap_or(line);
        let mut found = Self::default();
        for phrase in FINDER.find_overlapping_iter(line) {
            match phrase.pattern().as_usize() {
                0 => found.lorem_ipsum = true,
                1 => found.javascript = true,
                _ => found.policy = true,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> (String, Dropped) {
        c4_lines(text, &LineRules::default())
    }

    #[test]
    fn each_rule_and_its_neighbour() {
        let long = format!("a b {}", "x".repeat(1001));
        let fits = format!("a b {}", "é".repeat(1000));
        for (line, dropped) in [
            ("two words", Dropped { few_words: 1, ..Dropped::default() }),
            ("now three words", Dropped::default()),
            ("please enable JavaScript now", Dropped { javascript: 1, ..Dropped::default() }),
            ("please enable java script", Dropped::default()),
            ("we value Privacy Policy here", Dropped { policy: 1, ..Dropped::default() }),
            ("this is private policy here", Dropped::default()),
            (long.as_str(), Dropped { long_word: 1, ..Dropped::default() }),
            (fits.as_str(), Dropped::default()),
            ("lorem ipsum and javascript", Dropped::default()),
            ("if { use cookies", Dropped::default()),
        ] {
            let (kept, counts) = lines(line);
            assert_eq!(counts, dropped, "{line}");
            assert_eq!(kept.is_empty(), dropped != Dropped::default(), "{line}");
        }
    }

    #[test]
    fn terminal_punctuation_is_an_option() {
        let rules = LineRules { terminal_punctuation: true, ..LineRules::default() };
        let (kept, dropped) = c4_lines("it ends here.\nit trails off...\nno end here", &rules);
        assert_eq!((kept.as_str(), dropped.no_terminal_punctuation), ("it ends here.", 2));
    }

    #[test]
    fn citation_marks_go() {
        let (kept, _) = lines("Water[1] is[edit] wet[citation needed][] but [a] and [12 stay.");
        assert_eq!(kept, "Water is wet but [a] and [12 stay.");
    }

    #[test]
    fn line_breaks_of_all_kinds_become_line_feeds() {
        assert_eq!(lines(" a b c \r\n\n d e f\u{2028}g h i").0, "a b c\nd e f\ng h i");
    }

    proptest! {
        #[test]
        fn conserves_lines(text in "([a-z]{1,3}( [a-z]{1,3}){0,4}\n){0,20}") {
            let (kept, dropped) = lines(&text);
            let left = kept.lines().count() + dropped.few_words as usize;
            prop_assert_eq!(left, text.lines().count());
            let again = lines(&kept);
            prop_assert_eq!(again, (kept, Dropped::default()));
        }
    }
}
