//! Tokens that are matched in the text as they stand, before any pattern.

use aho_corasick::{AhoCorasick, MatchKind};

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
    Token(u32),
}

/// Finds added tokens: leftmost first, the longest where several start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finder {
    automaton: Option<AhoCorasick>,
    ids: Vec<u32>,
}

impl Finder {
    fn new<'a>(tokens: impl Iterator<Item = &'a AddedToken>) -> Result<Self, Error> {
        let (contents, ids): (Vec<&str>, Vec<u32>) =
            tokens.map(|token| (token.content.as_str(), token.id)).unzip();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(contents)
            .map_err(|error| Error::Unsupported(format!("too many added tokens: {error}")))?;
        Ok(Self { automaton: Some(automaton), ids })
    }

    /// Calls `each` with the parts of `text` in order; texts are never empty.
    pub(crate) fn cut(
        &self,
        text: &str,
        mut each: impl FnMut(Part<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = 0;
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text) {
                if found.start() > start {
                    each(Part::Text(&text[start..found.start()]))?;
                }
                each(Part::Token(self.ids[found.pattern().as_usize()]))?;
                start = found.end();
            }
        }
        if start < text.len() {
            each(Part::Text(&text[start..]))?;
        }
        Ok(())
    }
}
