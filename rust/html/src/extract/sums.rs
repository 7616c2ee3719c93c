//! Sums over ranges of blocks, each the difference of two prefixes.

use std::ops::{Range, Sub};

use super::blocks::{Block, Page};
use super::context;
use crate::tree::Tag;

/// Words from which a block with few links reads like prose.
const PROSE_WORDS: u32 = 20;

/// Whether a block reads like prose.
pub(crate) fn is_prose(block: &Block) -> bool {
    block.counts.words >= PROSE_WORDS && block.link_words * 3 < block.counts.words
}

/// What a range of blocks holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub blocks: i64,
    pub words: i64,
    pub link_words: i64,
    pub prose_words: i64,
    pub prose_blocks: i64,
    /// Words directly in `p`.
    pub paragraph_words: i64,
    /// Words in `main`.
    pub main_words: i64,
    /// Blocks in headings.
    pub headings: i64,
    /// Pictures before the last block's end.
    pub images: i64,
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            blocks: self.blocks - other.blocks,
            words: self.words - other.words,
            link_words: self.link_words - other.link_words,
            prose_words: self.prose_words - other.prose_words,
            prose_blocks: self.prose_blocks - other.prose_blocks,
            paragraph_words: self.paragraph_words - other.paragraph_words,
            main_words: self.main_words - other.main_words,
            headings: self.headings - other.headings,
            images: self.images - other.images,
        }
    }
}

/// Prefix sums of a page.
#[derive(Debug)]
pub(crate) struct Prefixes(Vec<Sums>);

impl Prefixes {
    /// One pass over the blocks.
    pub fn of(page: &Page) -> Self {
        let mut running = Sums::default();
        let mut prefixes = Vec::with_capacity(page.blocks.len() + 1);
        prefixes.push(running);
        for (block, &images) in page.blocks.iter().zip(&page.images) {
            let words = i64::from(block.counts.words);
            running.blocks += 1;
            running.words += words;
            running.link_words += i64::from(block.link_words);
            if is_prose(block) {
                running.prose_words += words;
                running.prose_blocks += 1;
            }
            if page.containers.get(block.container as usize).is_some_and(|container| container.tag == Tag::P)
            {
                running.paragraph_words += words;
            }
            if block.context & context::MAIN != 0 {
                running.main_words += words;
            }
            running.headings += i64::from(block.context & context::HEADING != 0);
            running.images = i64::from(images);
            prefixes.push(running);
        }
        Self(prefixes)
    }

    /// Sums of the blocks before `index`; of all from the last on.
    pub fn before(&self, index: usize) -> Sums {
        self.0.get(index.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// Sums of the blocks in `range`.
    pub fn within(&self, range: &Range<u32>) -> Sums {
        self.before(range.end as usize) - self.before(range.start as usize)
    }

    /// Sums of the whole page.
    pub fn total(&self) -> Sums {
        self.before(usize::MAX)
    }
}

/// `part` of `whole` in thousandths; 0 of nothing.
pub(crate) fn share(part: i64, whole: i64) -> i32 {
    if whole <= 0 { 0 } else { (part * 1000 / whole) as i32 }
}
