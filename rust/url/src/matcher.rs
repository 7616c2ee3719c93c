//! Block lists: is this URL on one, or does it read as if it should be?

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use xxhash_rust::xxh3::xxh3_64;

use crate::host::{host, registered_domain};

/// Why a URL is refused, in the order in which the rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its registered domain or its host is listed.
    Domain,
    /// The URL itself is listed, with or without its scheme.
    Url,
    /// A banned word is among its words.
    BannedWord,
    /// Too many soft words are among its words.
    SoftWords,
    /// A banned substring is in its letters and digits, read without a gap.
    BannedSubstring,
}

impl Fault {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Domain, Self::Url, Self::BannedWord, Self::SoftWords, Self::BannedSubstring];

    /// Name of the fault in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "blocked_domain",
            Self::Url => "blocked_url",
            Self::BannedWord => "banned_word",
            Self::SoftWords => "soft_words",
            Self::BannedSubstring => "banned_substring",
        }
    }
}

/// Every fault of one URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

impl Faults {
    fn add(&mut self, fault: Fault, present: bool) {
        self.0 |= u8::from(present) << fault as u8;
    }

    /// The faults in order.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |&fault| self.0 >> fault as u8 & 1 == 1)
    }
}

/// The substrings cannot be searched for together.
#[derive(Debug, thiserror::Error)]
#[error("the banned substrings are too many to search for: {0}")]
pub struct ListError(#[from] aho_corasick::BuildError);

/// What to match against. Each text is a file of one entry per line; lines that begin with `#` are comments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lists<'a> {
    /// Domains and hosts, in any case.
    pub domains: &'a [&'a [u8]],
    /// Whole URLs.
    pub urls: &'a [&'a [u8]],
    /// Words of letters and digits; other characters in them are ignored, as is case.
    pub banned_words: &'a [&'a [u8]],
    /// The same, for words that are only suspicious together.
    pub soft_words: &'a [&'a [u8]],
    /// Substrings of letters and digits.
    pub substrings: &'a [&'a [u8]],
}

/// Compiled lists. Domains and URLs are kept as sorted 64-bit hashes, eight bytes each, because published
/// lists hold millions: a URL that is on none is taken for a listed one once in 10^12 times.
pub struct Matcher {
    domains: Vec<u64>,
    urls: Vec<u64>,
    banned_words: HashSet<Vec<u8>>,
    soft_words: HashSet<Vec<u8>>,
    substrings: Option<AhoCorasick>,
    max_soft_words: usize,
}

impl Matcher {
    /// Compiles the lists; more than `max_soft_words` different soft words are a fault.
    ///
    /// # Errors
    /// The substrings are too many for one automaton.
    pub fn new(lists: &Lists<'_>, max_soft_words: usize) -> Result<Self, ListError> {
        let substrings: HashSet<Vec<u8>> = entries(lists.substrings).map(letters_and_digits).collect();
        let mut substrings: Vec<Vec<u8>> = substrings.into_iter().filter(|text| !text.is_empty()).collect();
        substrings.sort_unstable();
        let automaton = if substrings.is_empty() {
            None
        } else {
            Some(AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&substrings)?)
        };
        Ok(Self {
            domains: hashes(entries(lists.domains).map(|domain| domain.to_ascii_lowercase())),
            urls: hashes(entries(lists.urls).map(<[u8]>::to_vec)),
            banned_words: words(lists.banned_words),
            soft_words: words(lists.soft_words),
            substrings: automaton,
            max_soft_words,
        })
    }

    /// Every rule that the URL breaks.
    pub fn faults(&self, url: &str) -> Faults {
        let url = url.trim();
        let mut faults = Faults::default();
        if let Some(host) = host(url).filter(|_| !self.domains.is_empty()) {
            let registered = registered_domain(&host);
            let listed = holds(&self.domains, &host)
                || registered.is_some_and(|domain| domain != host && holds(&self.domains, domain));
            faults.add(Fault::Domain, listed);
        }
        if !self.urls.is_empty() {
            let without_scheme = url.split_once("://").map(|(_, rest)| rest);
            let listed = holds(&self.urls, url) || without_scheme.is_some_and(|rest| holds(&self.urls, rest));
            faults.add(Fault::Url, listed);
        }
        let lower = url.to_ascii_lowercase();
        let mut soft: Vec<&[u8]> = Vec::new();
        let tokens = lower.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
        for token in tokens.filter(|token| !token.is_empty()) {
            faults.add(Fault::BannedWord, self.banned_words.contains(token));
            if self.soft_words.contains(token) && soft.len() <= self.max_soft_words && !soft.contains(&token)
            {
                soft.push(token);
            }
        }
        faults.add(Fault::SoftWords, soft.len() > self.max_soft_words);
        if let Some(automaton) = &self.substrings {
            faults.add(Fault::BannedSubstring, automaton.is_match(&letters_and_digits(lower.as_bytes())));
        }
        faults
    }
}

fn entries<'a>(files: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    files
        .iter()
        .flat_map(|file| file.split(|&byte| byte == b'\n'))
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn letters_and_digits(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

fn words(files: &[&[u8]]) -> HashSet<Vec<u8>> {
    entries(files).map(letters_and_digits).filter(|word| !word.is_empty()).collect()
}

fn hashes(entries: impl Iterator<Item = Vec<u8>>) -> Vec<u64> {
    let mut hashes: Vec<u64> = entries.map(|entry| xxh3_64(&entry)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.shrink_to_fit();
    hashes
}

fn holds(sorted: &[u64], text: &str) -> bool {
    sorted.binary_search(&xxh3_64(text.as_bytes())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher() -> Matcher {
        let lists = Lists {
            domains: &[b"# a comment\nBad.example\r\n\nsub.fine.com\n10.0.0.1\n"],
            urls: &[b"http://fine.com/bad\nfine.org/worse"],
            banned_words: &[b"banned\nmixed-Case"],
            soft_words: &[b"one\ntwo\nthree"],
            substrings: &[b"needle\nnot-split"],
        };
        Matcher::new(&lists, 1).unwrap()
    }

    #[test]
    fn each_fault_and_its_neighbour() {
        let matcher = matcher();
        for (url, expected) in [
            ("http://sub.fine.com/", vec![Fault::Domain]),
            ("http://SUB.fine.com:80/", vec![Fault::Domain]),
            ("http://www.sub.fine.com/", vec![]),
            ("http://10.0.0.1/x", vec![Fault::Domain]),
            ("http://fine.com/bad", vec![Fault::Url]),
            ("https://fine.com/bad", vec![]),
            ("https://fine.org/worse", vec![Fault::Url]),
            ("https://fine.org/worse/", vec![]),
            ("http://fine.com/a-BANNED-b", vec![Fault::BannedWord]),
            ("http://fine.com/banneds", vec![]),
            ("http://fine.com/mixedcase", vec![Fault::BannedWord]),
            ("http://fine.com/one/two", vec![Fault::SoftWords]),
            ("http://fine.com/one/one", vec![]),
            ("http://fine.com/hayNEED-LEhay", vec![Fault::BannedSubstring]),
            ("http://fine.com/notsplit", vec![Fault::BannedSubstring]),
            ("http://fine.com/needl", vec![]),
            ("fine.org/worse", vec![Fault::Url]),
            (
                "not a url: banned one two needle",
                vec![Fault::BannedWord, Fault::SoftWords, Fault::BannedSubstring],
            ),
            ("", vec![]),
        ] {
            assert_eq!(matcher.faults(url).iter().collect::<Vec<_>>(), expected, "{url}");
        }
    }

    #[test]
    fn empty_lists_refuse_nothing() {
        let matcher = Matcher::new(&Lists::default(), 0).unwrap();
        assert_eq!(matcher.faults("http://porn.example/sex"), Faults::default());
    }
}
