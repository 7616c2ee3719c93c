//! Tokens that are matched in the text as they stand, before any pattern.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::hir::{Class, ClassUnicode, HirKind};

use crate::error::Error;

/// A token beside the merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedToken {
    /// Its id.
    pub id: u32,
    /// The text it is written as.
    pub content: String,
    /// Whether it is a control token: never produced from text unless the caller allows it.
    pub special: bool,
    /// Whether it is looked for after normalization.
    pub normalized: bool,
    /// Whether it takes the spaces before it.
    pub lstrip: bool,
    /// Whether it takes the spaces behind it.
    pub rstrip: bool,
    /// Whether it is left alone inside a word.
    pub single_word: bool,
}

impl AddedToken {
    /// A control token as most tokenizers have them.
    pub fn special(content: &str, id: u32) -> Self {
        Self {
            id,
            content: content.to_owned(),
            special: true,
            normalized: false,
            lstrip: false,
            rstrip: false,
            single_word: false,
        }
    }
}

/// `\w` of regular expressions.
fn is_word(c: char) -> bool {
    static CLASS: LazyLock<Option<ClassUnicode>> =
        LazyLock::new(|| match regex_syntax::parse(r"\w").map(regex_syntax::hir::Hir::into_kind) {
            Ok(HirKind::Class(Class::Unicode(class))) => Some(class),
            _ => None,
        });
    let ranges = CLASS.as_ref().map_or(&[][..], ClassUnicode::ranges);
    ranges
        .binary_search_by(|range| {
            if range.end() < c {
                std::cmp::Ordering::Less
            } else if range.start() > c {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// Which special tokens a text may spell.
#[derive(Clone, Copy, Debug)]
pub enum Allowed<'a> {
    /// All of them.
    All,
    /// These; the others are ordinary text. The empty list is the safe default for text from outside.
    Only(&'a [String]),
}

/// Which added tokens to look for, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub(crate) raw: Finder,
    pub(crate) normalized: Finder,
}

impl Policy {
    pub(crate) fn new(added: &[AddedToken], allowed: Allowed<'_>) -> Result<Self, Error> {
        if let Allowed::Only(names) = allowed {
            for name in names {
                if !added.iter().any(|token| token.special && token.content == *name) {
                    return Err(Error::UnknownSpecial(name.clone()));
                }
            }
        }
        let wanted = |token: &&AddedToken| match allowed {
            _ if !token.special => true,
            Allowed::All => true,
            Allowed::Only(names) => names.contains(&token.content),
        };
        let of = |normalized| added.iter().filter(wanted).filter(move |token| token.normalized == normalized);
        Ok(Self { raw: Finder::new(of(false))?, normalized: Finder::new(of(true))? })
    }
}

/// A stretch of text between added tokens, or one of them.
pub(crate) enum Part<'t> {
    Text(&'t str),
    /// An added token, with the stretch of text that it takes.
    Token(u32, &'t str),
}

/// Finds added tokens: leftmost first, the longest where several start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finder {
    automaton: Option<AhoCorasick>,
    tokens: Vec<AddedToken>,
}

impl Finder {
    fn new<'a>(tokens: impl Iterator<Item = &'a AddedToken>) -> Result<Self, Error> {
        let tokens: Vec<AddedToken> = tokens.cloned().collect();
        if tokens.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|token| &token.content))
            .map_err(|error| Error::Unsupported(format!("too many added tokens: {error}")))?;
        Ok(Self { automaton: Some(automaton), tokens })
    }

    /// Calls `each` with the parts of `text` in order; texts are never empty.
    pub(crate) fn cut<'t>(
        &self,
        text: &'t str,
        mut each: impl FnMut(Part<'t>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = 0;
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text) {
                let token = &self.tokens[found.pattern().as_usize()];
                let (before, behind) = (&text[..found.start()], &text[found.end()..]);
                if token.single_word
                    && (before.chars().next_back().is_some_and(is_word)
                        || behind.chars().next().is_some_and(is_word))
                {
                    continue;
                }
                // Spaces that the token before has taken stay with it.
                let from = if token.lstrip { before.trim_end().len() } else { before.len() }.max(start);
                let spaces = if token.rstrip { behind.len() - behind.trim_start().len() } else { 0 };
                let end = (found.end() + spaces).max(from);
                if from > start {
                    each(Part::Text(&text[start..from]))?;
                }
                each(Part::Token(token.id, &text[from..end]))?;
                start = end;
            }
        }
        if start < text.len() {
            each(Part::Text(&text[start..]))?;
        }
        Ok(())
    }
}
