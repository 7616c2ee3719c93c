//! How text is cut into pieces before any merge.

use fancy_regex::{Regex, RegexBuilder};

use crate::error::Error;
use crate::scan::Scanner;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

const NAMED: [(&str, &str, Kind); 4] = [
    ("gpt2", GPT2, Kind::Gpt2),
    ("cl100k", CL100K, Kind::Cl100k),
    ("o200k", O200K, Kind::O200k),
    ("qwen2", QWEN2, Kind::Qwen2),
];

/// Backtracking steps a custom pattern may take to find one piece.
const BACKTRACK_LIMIT: usize = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gpt2,
    Cl100k,
    O200k,
    Qwen2,
}

/// A pre-tokenization pattern: a published one by name, or any regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Named(Kind),
    Custom(Box<Regex>),
}

impl Pattern {
    /// A pattern by its name (`gpt2`, `cl100k`, `o200k`, `qwen2`) or as a regular expression.
    ///
    /// The regular expression of a named pattern is recognised as such.
    pub fn new(given: &str) -> Result<Self, Error> {
        if let Some(&(_, _, kind)) = NAMED.iter().find(|(name, regex, _)| *name == given || *regex == given) {
            return Ok(Self(Inner::Named(kind)));
        }
        let fault = |problem: String| Error::Pattern { pattern: given.to_owned(), problem };
        if given.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(fault("no such name".to_owned()));
        }
        let built = RegexBuilder::new(given).backtrack_limit(BACKTRACK_LIMIT).build();
        Ok(Self(Inner::Custom(Box::new(built.map_err(|error| fault(error.to_string()))?))))
    }

    /// The name of a published pattern, the regular expression of any other.
    pub fn name(&self) -> &str {
        match &self.0 {
            Inner::Named(kind) => named(*kind).0,
            Inner::Custom(regex) => regex.as_str(),
        }
    }

    /// The regular expression.
    pub fn regex(&self) -> &str {
        match &self.0 {
            Inner::Named(kind) => named(*kind).1,
            Inner::Custom(regex) => regex.as_str(),
        }
    }

    /// Calls `each` with every piece of `text`; the pieces are never empty and cover the text.
    ///
    /// What a custom pattern does not match is a piece of its own. Only a custom pattern can fail.
    pub fn split<'t>(&self, text: &'t str, mut each: impl FnMut(&'t [u8])) -> Result<(), Error> {
        let kind = match &self.0 {
            Inner::Named(kind) => *kind,
            Inner::Custom(regex) => return split_by_regex(regex, text, each),
        };
        let scanner = Scanner::new(text);
        let bytes = text.as_bytes();
        let mut scan = |next: &dyn Fn(usize) -> usize| {
            let mut at = 0;
            while at < bytes.len() {
                let end = next(at);
                each(&bytes[at..end]);
                at = end;
            }
        };
        match kind {
            Kind::Gpt2 => scan(&|at| scanner.gpt2(at)),
            Kind::Cl100k => scan(&|at| scanner.cl100k(at, 3)),
            Kind::O200k => scan(&|at| scanner.o200k(at)),
            Kind::Qwen2 => scan(&|at| scanner.cl100k(at, 1)),
        }
        Ok(())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex() == other.regex()
    }
}

fn named(kind: Kind) -> (&'static str, &'static str) {
    NAMED.iter().find(|entry| entry.2 == kind).map_or(("gpt2", GPT2), |entry| (entry.0, entry.1))
}

fn split_by_regex<'t>(regex: &Regex, text: &'t str, mut each: impl FnMut(&'t [u8])) -> Result<(), Error> {
    let mut covered = 0;
    let mut piece = |range: std::ops::Range<usize>| {
        if !range.is_empty() {
            each(&text.as_bytes()[range]);
        }
    };
    for found in regex.find_iter(text) {
        let found = found.map_err(|error| Error::Backtracking {
            pattern: regex.as_str().to_owned(),
            bytes: text.len(),
            problem: error.to_string(),
        })?;
        piece(covered..found.start());
        piece(found.start()..found.end());
        covered = found.end();
    }
    piece(covered..text.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn pieces(pattern: &Pattern, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        pattern.split(text, |piece| out.push(String::from_utf8(piece.to_vec()).unwrap())).unwrap();
        out
    }

    static ORACLES: LazyLock<Vec<(Pattern, Regex)>> = LazyLock::new(|| {
        NAMED.iter().map(|(name, regex, _)| (Pattern::new(name).unwrap(), Regex::new(regex).unwrap())).collect()
    });

    fn by_regex(regex: &Regex, text: &str) -> Vec<String> {
        regex.find_iter(text).map(|found| found.unwrap().as_str().to_owned()).collect()
    }

    /// One or two characters of every class the patterns tell apart, and of every UTF-8 length.
    const REPRESENTATIVES: &[&str] = &[
        "a", "s", "S", "\u{17F}", "r", "e", "L", "Z", "é", "É", "ǅ", "ʰ", "漢", "\u{301}", "\u{20DD}", "1",
        "٣", "½", "𝟙", " ", "\t", "\n", "\r", "\u{85}", "\u{A0}", "\u{3000}", "\u{1C}", "\u{200B}",
        "\u{FEFF}", "'", "!", "/", "😀", "\u{0}", "𐐀", "𐐨",
    ];

    #[test]
    fn all_short_strings_of_class_representatives_split_as_the_regex_does() {
        for (pattern, oracle) in ORACLES.iter() {
            let check = |text: &str| {
                assert_eq!(pieces(pattern, text), by_regex(oracle, text), "{} {text:?}", pattern.name());
            };
            for a in REPRESENTATIVES {
                for b in REPRESENTATIVES {
                    check(&format!("{a}{b}"));
                    for c in REPRESENTATIVES {
                        check(&format!("{a}{b}{c}"));
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn long_strings_split_as_the_regex_does(text in prop::collection::vec(
            prop_oneof![4 => prop::sample::select(REPRESENTATIVES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)],
            0..40,
        )) {
            let text = text.concat();
            for (pattern, oracle) in ORACLES.iter() {
                prop_assert_eq!(pieces(pattern, &text), by_regex(oracle, &text));
            }
        }
    }

    #[test]
    fn what_a_pattern_leaves_out_is_kept() {
        let letters = Pattern::new(r"\p{L}+").unwrap();
        assert_eq!(pieces(&letters, "ab 12 cd."), ["ab", " 12 ", "cd", "."]);
        assert_eq!(pieces(&letters, ""), Vec::<String>::new());
        assert_eq!(pieces(&Pattern::new("x*").unwrap(), "axb"), ["a", "x", "b"]);
    }

    #[test]
    fn names_and_their_regexes_are_the_same_pattern() {
        for (name, regex, _) in NAMED {
            assert_eq!(Pattern::new(regex).unwrap().name(), name);
            assert_eq!(Pattern::new(name).unwrap().regex(), regex);
        }
        assert!(matches!(Pattern::new("gpt-2"), Err(Error::Pattern { .. })));
        assert!(matches!(Pattern::new("(a"), Err(Error::Pattern { .. })));
        assert!(matches!(Pattern::new(""), Err(Error::Pattern { .. })));
    }

    #[test]
    fn long_runs_are_linear() {
        for (name, ..) in NAMED {
            let pattern = Pattern::new(name).unwrap();
            for unit in ["a", "A", "'", " ", "\n", " \n", "\n ", "漢A", "'A", "\u{301}A", "1"] {
                let text = unit.repeat(1_000_000 / unit.len());
                let mut bytes = 0;
                pattern.split(&text, |piece| bytes += piece.len()).unwrap();
                assert_eq!(bytes, text.len());
            }
        }
    }
}
