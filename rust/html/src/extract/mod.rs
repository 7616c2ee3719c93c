//! The main content of a page.
//!
//! A page is cut into blocks of text (`blocks`), each block is measured (`features`) and judged by boosted trees
//! (`model`), and the set of blocks with the highest expected F-measure is kept (`choose`) and written (`render`).
//! One analysis serves every profile and format. Everything is integer arithmetic over counts, so that a page gives
//! the same text on every machine, and linear in the size of the page.

mod blocks;
mod choose;
mod context;
mod counts;
mod explain;
mod features;
mod kinds;
mod model;
mod render;
mod sums;
mod vocabulary;
mod weights;

pub mod fitting;

use std::sync::LazyLock;

pub use self::explain::Explained;
pub use self::render::Format;

use self::blocks::Page;
use self::model::{Model, probability};
use self::weights::Weights;
use crate::tree::Document;

static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::parse(include_str!("weights.tsv")));

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    // A table that does not fit its columns is a mistake of the build, and caught by a test.
    Model::parse(include_str!("model.txt"), &features::COLUMNS).unwrap_or_default()
});

/// How much text is wanted where it is doubtful.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Less, but surer: precision counts twice as much as recall.
    Precision,
    /// Both alike.
    #[default]
    Balanced,
    /// More: recall counts twice as much as precision.
    Recall,
    /// Every block of the page.
    AllText,
}

impl Profile {
    /// Weight of recall against precision, squared, in quarters. Balanced is a little below one: expected
    /// precision is overestimated by choosing what looks most likely.
    fn beta_squared_quarters(self) -> Option<u64> {
        match self {
            Self::Precision => Some(1),
            Self::Balanced => Some(3),
            Self::Recall => Some(16),
            Self::AllText => None,
        }
    }
}

/// A page, cut into blocks that are judged.
#[derive(Debug)]
pub struct Analysis<'a> {
    document: &'a Document<'a>,
    page: Page,
    /// How likely each block is content, in 1/65536.
    chances: Vec<u32>,
}

impl<'a> Analysis<'a> {
    /// Judges the blocks of a page.
    pub fn of(document: &'a Document<'a>) -> Self {
        let page = blocks::page(document, &WEIGHTS);
        let mut chances = Vec::with_capacity(page.blocks.len());
        let mut scratch = Vec::new();
        features::measure(document, &page, |_, row| {
            chances.push(probability(MODEL.score(row, &mut scratch)))
        });
        Self { document, page, chances }
    }

    /// Whether a limit on bytes, nodes, steps or blocks cut the page.
    pub fn is_truncated(&self) -> bool {
        let flags = self.document.flags;
        self.page.is_truncated || flags.truncated_bytes || flags.too_many_nodes || flags.out_of_steps
    }

    fn kept(&self, profile: Profile) -> Vec<bool> {
        let Some(beta) = profile.beta_squared_quarters() else { return vec![true; self.chances.len()] };
        let blocks: Vec<(u32, u32)> = self
            .chances
            .iter()
            .zip(&self.page.blocks)
            .map(|(&chance, block)| (chance, block.counts.words))
            .collect();
        match choose::threshold(&blocks, beta) {
            Some(least) => self.chances.iter().map(|&chance| chance >= least).collect(),
            None => vec![false; blocks.len()],
        }
    }

    /// The text that `profile` keeps.
    pub fn text(&self, profile: Profile, format: Format) -> String {
        render::render(self.document, &self.page, &self.kept(profile), format)
    }

    /// What happened to each block, and why.
    pub fn explain(&self, profile: Profile) -> Vec<Explained> {
        explain::explain(self.document, &self.page, &self.chances, &self.kept(profile), &MODEL)
    }
}
