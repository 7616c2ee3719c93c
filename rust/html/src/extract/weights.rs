//! What class names, ids and roles say about content: one fitted weight per token.

use std::collections::HashMap;

use super::context::named_attributes;
use super::vocabulary::tokens;
use crate::tree::{Document, Tag};

/// Evidence collected on the way from the root to an element, in hundredths of a logit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path {
    /// Sum over all elements.
    pub sum: i32,
    /// Lowest and highest of one element.
    pub lowest: i32,
    /// See `lowest`.
    pub highest: i32,
    /// The innermost that is not zero.
    pub nearest: i32,
}

impl Path {
    /// Goes down to a child with evidence `own`.
    pub fn descend(&mut self, own: i32) {
        self.sum = self.sum.saturating_add(own);
        self.lowest = self.lowest.min(own);
        self.highest = self.highest.max(own);
        if own != 0 {
            self.nearest = own;
        }
    }
}

/// Weight of each known token.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    tokens: HashMap<Box<str>, i32>,
    tags: Vec<i32>,
}

impl Weights {
    /// Reads lines `token <tab> weight <tab> …`, where `<name>` is the token of an element's name; what is no such
    /// line is a heading.
    pub fn parse(table: &str) -> Self {
        let mut weights = Self { tokens: HashMap::new(), tags: vec![0; Tag::COUNT] };
        for line in table.lines() {
            let mut fields = line.split('\t');
            let (Some(token), Some(Ok(weight))) = (fields.next(), fields.next().map(str::parse)) else {
                continue;
            };
            match token.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
                Some(name) => {
                    if let Some(slot) = weights.tags.get_mut(Tag::of(name.as_bytes()) as usize) {
                        *slot = weight;
                    }
                }
                None => {
                    weights.tokens.insert(token.into(), weight);
                }
            }
        }
        weights
    }

    /// Sum of the weights of the distinct tokens that name an element.
    pub fn of_element<'a>(
        &self,
        document: &'a Document<'_>,
        node: u32,
        known: &mut HashMap<&'a str, i32>,
    ) -> i32 {
        let mut sum = self.tags.get(document[node].tag as usize).copied().unwrap_or(0);
        for attribute in named_attributes(document, node) {
            sum += *known.entry(attribute).or_insert_with(|| self.of_attribute(attribute));
        }
        sum
    }

    fn of_attribute(&self, attribute: &str) -> i32 {
        let mut seen: Vec<*const str> = Vec::new();
        let mut sum = 0;
        tokens(attribute, |token| {
            if let Some((name, weight)) = self.tokens.get_key_value(token)
                && !seen.contains(&std::ptr::from_ref::<str>(name))
            {
                seen.push(name.as_ref());
                sum += weight;
            }
        });
        sum
    }
}
