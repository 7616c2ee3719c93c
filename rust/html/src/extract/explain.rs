//! Why blocks were kept or dropped.

use super::blocks::Page;
use super::features::{COLUMNS, measure};
use super::model::Model;
use crate::tree::{Attr, Document};

/// Numbers named per block.
const REASONS: usize = 5;

/// One block and its judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Its text.
    pub text: String,
    /// Whether it is part of the extracted text.
    pub kept: bool,
    /// How likely it is content, in 1/65536.
    pub chance: u32,
    /// The elements around it, such as `body > main > div.content > p`.
    pub path: String,
    /// The numbers that moved the judgement most: name, value, and change of the logit in ten-thousandths, the
    /// strongest first.
    pub reasons: Vec<(String, i32, i32)>,
}

/// Explains every block of a page.
pub(crate) fn explain(
    document: &Document<'_>,
    page: &Page,
    chances: &[u32],
    kept: &[bool],
    model: &Model,
) -> Vec<Explained> {
    let mut explained = Vec::with_capacity(page.blocks.len());
    measure(document, page, |index, row| {
        let (_, mut effects) = model.explain(row);
        effects.sort_by_key(|&(column, effect)| (-effect.abs(), column));
        let reasons = effects
            .iter()
            .take(REASONS)
            .filter_map(|&(column, effect)| Some((COLUMNS.get(column)?.clone(), *row.get(column)?, effect)))
            .collect();
        let Some(block) = page.blocks.get(index) else { return };
        explained.push(Explained {
            text: page.text_of(block).to_owned(),
            kept: kept.get(index).copied().unwrap_or(false),
            chance: chances.get(index).copied().unwrap_or(0),
            path: path(document, block.nodes.start),
            reasons,
        });
    });
    explained
}

fn path(document: &Document<'_>, node: u32) -> String {
    let mut steps: Vec<String> = document
        .ancestors(node)
        .filter(|&above| document[above].kind.is_element())
        .map(|above| {
            let class =
                document.attr(above, Attr::Class).and_then(|class| class.split_ascii_whitespace().next());
            match class {
                Some(class) => format!("{}.{class}", document.name(above)),
                None => document.name(above).to_owned(),
            }
        })
        .collect();
    // `html` says nothing.
    steps.pop();
    steps.reverse();
    steps.join(" > ")
}
