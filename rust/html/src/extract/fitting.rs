//! What fitting the model needs to see of pages: blocks, their numbers, and the tokens on the way to them.

use std::collections::HashMap;

use super::blocks::page;
use super::context::named_attributes;
use super::features::{COLUMNS, measure};
use super::vocabulary::tokens;
use super::weights::Weights;
use crate::tree::{Document, Tag};

/// One block of a page.
#[derive(Debug)]
pub struct Sample {
    /// Its text.
    pub text: String,
    /// Its length in words.
    pub words: u32,
    /// One number per column of [`Samples::columns`].
    pub features: Vec<i32>,
    /// Tokens that name the elements around it, from the root down; each element's end with `|`.
    pub tokens: Vec<String>,
}

/// All blocks of a page.
#[derive(Debug)]
pub struct Samples {
    /// Names of the numbers.
    pub columns: Vec<String>,
    /// In document order.
    pub blocks: Vec<Sample>,
}

/// Cuts a page into blocks and measures them, with the token weights of `table`.
pub fn samples(document: &Document<'_>, table: &str) -> Samples {
    let page = page(document, &Weights::parse(table));
    let mut rows = Vec::with_capacity(page.blocks.len());
    measure(document, &page, |_, row| rows.push(row.to_vec()));
    let mut known: HashMap<u32, Vec<String>> = HashMap::new();
    let blocks = page
        .blocks
        .iter()
        .enumerate()
        .map(|(index, block)| {
            let mut path: Vec<u32> = document.ancestors(block.nodes.start).collect();
            path.reverse();
            let tokens = path
                .iter()
                .flat_map(|&node| known.entry(node).or_insert_with(|| of_element(document, node)).clone())
                .collect();
            Sample {
                text: page.text_of(block).to_owned(),
                words: block.counts.words,
                features: rows.get(index).cloned().unwrap_or_default(),
                tokens,
            }
        })
        .collect();
    Samples { columns: COLUMNS.clone(), blocks }
}

fn of_element(document: &Document<'_>, node: u32) -> Vec<String> {
    let tag = document[node].tag;
    let mut found = Vec::new();
    if tag != Tag::Unknown {
        found.push(format!("<{}>", tag.name()));
    }
    for attribute in named_attributes(document, node) {
        let mut own = Vec::new();
        tokens(attribute, |token| {
            if !own.iter().any(|known| known == token) {
                own.push(token.to_owned());
            }
        });
        found.append(&mut own);
    }
    if !found.is_empty() {
        found.push("|".to_owned());
    }
    found
}
