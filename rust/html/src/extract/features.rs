//! What is known of each block: numbers about itself, what surrounds it, and the page.
//!
//! All are integers, so that a page is judged alike on every machine. Shares are in thousandths. Bounds keep a number from
//! telling one huge page from another.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use super::blocks::{Block, Container, Page};
use super::context;
use super::kinds::page_kinds;
use super::sums::{Prefixes, Sums, is_prose, share};
use super::weights::Weights;
use crate::tree::{Document, Limits, Tag};

/// Distance to something that is not on the page.
const ABSENT: i32 = -999;

/// Levels of ever larger containers that are measured.
const LEVELS: [&str; 5] = ["around1", "around2", "around3", "around4", "around5"];

/// Blocks before and after that are looked at.
const NEIGHBOURS: [(&str, isize); 6] =
    [("before3", -3), ("before2", -2), ("before1", -1), ("after1", 1), ("after2", 2), ("after3", 3)];

/// Surroundings that are numbers of their own.
const SURROUNDINGS: [(&str, u64); 11] = [
    ("navigation", context::NAVIGATION),
    ("header", context::HEADER),
    ("footer", context::FOOTER),
    ("aside", context::ASIDE),
    ("article", context::ARTICLE),
    ("main", context::MAIN),
    ("form", context::FORM),
    ("dialog", context::DIALOG),
    ("table", context::TABLE),
    ("list", context::LIST),
    ("hidden", context::HIDDEN),
];

/// A small number per kind of block-level element.
fn tag_kind(tag: Tag) -> i32 {
    match tag {
        Tag::P => 1,
        Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6 => 2,
        Tag::Li => 3,
        Tag::Td => 4,
        Tag::Th => 5,
        Tag::Dd => 6,
        Tag::Dt => 7,
        Tag::Blockquote => 8,
        Tag::Pre => 9,
        Tag::Button => 10,
        Tag::Figcaption => 11,
        Tag::Div => 12,
        Tag::Section | Tag::Article | Tag::Main => 13,
        Tag::Header | Tag::Footer | Tag::Nav | Tag::Aside => 14,
        Tag::Body | Tag::Html => 15,
        _ => 0,
    }
}

/// How a text ends: 1 with a sentence, 2 with a closing quote or bracket, 3 with a colon, 4 with a comma, 5 with a
/// digit, 6 with a letter.
fn last_mark(text: &str) -> i32 {
    match text.chars().next_back() {
        Some('.' | '!' | '?' | '。' | '！' | '？' | '।' | '؟' | '۔' | '…') => 1,
        Some('"' | '\u{201d}' | ')' | '»' | '」') => 2,
        Some(':' | '：') => 3,
        Some(',' | ';' | '、') => 4,
        Some(last) if last.is_ascii_digit() => 5,
        Some(last) if last.is_alphabetic() => 6,
        _ => 0,
    }
}

/// One row under construction; names are collected once, for the columns.
#[derive(Default)]
struct Row {
    values: Vec<i32>,
    names: Option<Vec<String>>,
}

impl Row {
    fn put(&mut self, name: &str, value: impl Into<i64>) {
        self.put_at("", name, value);
    }

    fn put_at(&mut self, place: &str, name: &str, value: impl Into<i64>) {
        if let Some(names) = &mut self.names {
            names.push(if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") });
        }
        // Every number is bounded by the page's own counts, which are 32 bits wide.
        self.values.push(value.into() as i32);
    }
}

/// Names of the columns that [`measure`] gives.
pub(crate) static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let document = Document::parse("<p>text", &Limits::default());
    let page = super::blocks::page(&document, &Weights::default());
    let mut row = Row { values: Vec::new(), names: Some(Vec::new()) };
    Measures::of(&document, &page).measure(0, &mut row);
    row.names.unwrap_or_default()
});

/// Measures every block of `page`; `each` gets its index and its row, one number per column.
pub(crate) fn measure(document: &Document<'_>, page: &Page, mut each: impl FnMut(usize, &[i32])) {
    let mut measures = Measures::of(document, page);
    let mut row = Row::default();
    for index in 0..page.blocks.len() {
        row.values.clear();
        measures.measure(index, &mut row);
        each(index, &row.values);
    }
}

/// What is counted once per page.
struct Measures<'a> {
    page: &'a Page,
    prefixes: Prefixes,
    total: Sums,
    /// For each container the nearest around it with at least a third more words.
    larger: Vec<u32>,
    /// Containers of one signature under one parent.
    twins: HashMap<(u32, u64), u32>,
    /// Hash of each block's text.
    hashes: Vec<u64>,
    /// How often each text occurs, and how often it has occurred so far.
    copies: HashMap<u64, (u32, u32)>,
    /// The container whose prose is worth most.
    readable: Range<u32>,
    first_heading: Option<usize>,
    first_prose: Option<usize>,
    last_heading: Option<usize>,
    longest: u32,
    articles: usize,
    kinds: i32,
}

impl<'a> Measures<'a> {
    fn of(document: &Document<'_>, page: &'a Page) -> Self {
        let prefixes = Prefixes::of(page);
        let hashes: Vec<u64> =
            page.blocks.iter().map(|block| xxh3_64(page.text_of(block).as_bytes())).collect();
        let mut copies = HashMap::new();
        for &hash in &hashes {
            copies.entry(hash).or_insert((0, 0)).0 += 1;
        }
        let mut twins = HashMap::new();
        for container in page.containers.iter().skip(1) {
            *twins.entry((container.parent, container.signature)).or_insert(0) += 1;
        }
        let is_in =
            |block: &Block, tag| page.container_of(block).is_some_and(|container| container.tag == tag);
        let readable = readable_container(page, &prefixes);
        Self {
            total: prefixes.total(),
            larger: larger_containers(page, &prefixes),
            readable: page.containers.get(readable).map_or(0..0, |container| container.blocks.clone()),
            first_heading: page.blocks.iter().position(|block| is_in(block, Tag::H1)),
            first_prose: page.blocks.iter().position(is_prose),
            last_heading: None,
            longest: page.blocks.iter().map(|block| block.counts.words).max().unwrap_or(0),
            articles: page.containers.iter().filter(|container| container.tag == Tag::Article).count(),
            kinds: page_kinds(document),
            page,
            prefixes,
            twins,
            hashes,
            copies,
        }
    }

    /// Blocks must be measured in document order.
    fn measure(&mut self, index: usize, row: &mut Row) {
        let page = self.page;
        let Some(block) = page.blocks.get(index) else { return };
        let Some(container) = page.container_of(block) else { return };
        self.itself(index, block, row);
        Self::tree(block, container, row);
        self.surroundings(block, row);
        self.neighbours(index, row);
        self.place(index, row);
        self.whole_page(row);
        if block.context & context::HEADING != 0 {
            self.last_heading = Some(index);
        }
    }

    fn itself(&mut self, index: usize, block: &Block, row: &mut Row) {
        let counts = block.counts;
        row.put("words", counts.words.min(2000));
        row.put("link_share", share(block.link_words.into(), counts.words.into()));
        row.put("capital_share", share(counts.capitals.into(), counts.letters.into()));
        row.put("separators", counts.separators.min(20));
        row.put("last_mark", last_mark(self.page.text_of(block)));
        let hash = self.hashes.get(index).copied().unwrap_or_default();
        let (all, earlier) = self.copies.entry(hash).or_insert((1, 0));
        row.put("copies", (*all).min(20));
        row.put("earlier_copies", (*earlier).min(20));
        *earlier += 1;
    }

    fn tree(block: &Block, container: &Container, row: &mut Row) {
        row.put("tag", tag_kind(container.tag));
        row.put("depth", container.depth.min(100));
        for (name, bit) in SURROUNDINGS {
            row.put_at("in", name, i32::from(block.context & bit != 0));
        }
        row.put_at("path", "sum", block.path.sum);
        row.put_at("path", "lowest", block.path.lowest);
        row.put_at("path", "highest", block.path.highest);
        row.put_at("path", "nearest", block.path.nearest);
    }

    fn surroundings(&self, block: &Block, row: &mut Row) {
        let mut level = block.container;
        for name in LEVELS {
            let (inside, twins) =
                self.page.containers.get(level as usize).map_or((Sums::default(), 1), |around| {
                    let twins = self.twins.get(&(around.parent, around.signature)).copied().unwrap_or(1);
                    (self.prefixes.within(&around.blocks), twins)
                });
            row.put_at(name, "words", inside.words.min(20_000));
            row.put_at(name, "words_per_block", share(inside.words, inside.blocks * 100));
            row.put_at(name, "link_share", share(inside.link_words, inside.words));
            row.put_at(name, "prose_share", share(inside.prose_words, inside.words));
            row.put_at(name, "page_share", share(inside.words, self.total.words));
            row.put_at(name, "headings", inside.headings.min(100));
            row.put_at(name, "twins", twins.min(100));
            row.put_at(name, "images", inside.images.clamp(0, 50));
            level = self.larger.get(level as usize).copied().unwrap_or(0);
        }
    }

    fn neighbours(&self, index: usize, row: &mut Row) {
        for (name, offset) in NEIGHBOURS {
            let other = index.checked_add_signed(offset).and_then(|place| self.page.blocks.get(place));
            row.put_at(name, "path_sum", other.map_or(-1, |other| other.path.sum));
            if offset.abs() == 1 {
                let tag =
                    other.and_then(|other| self.page.container_of(other)).map(|container| container.tag);
                row.put_at(name, "tag", tag.map_or(-1, tag_kind));
            }
        }
        for (name, reach) in [("within5", 5), ("within15", 15)] {
            let window =
                self.prefixes.before(index + reach + 1) - self.prefixes.before(index.saturating_sub(reach));
            row.put_at(name, "words", window.words.min(5000));
            row.put_at(name, "link_share", share(window.link_words, window.words));
            row.put_at(name, "prose_blocks", window.prose_blocks);
        }
        let since = self.last_heading.map_or(99, |place| (index - place).min(98) as i32);
        row.put("since_heading", since);
    }

    fn place(&self, index: usize, row: &mut Row) {
        let before = self.prefixes.before(index);
        row.put("index_share", share(index as i64, self.page.blocks.len() as i64));
        row.put("words_before", before.words.min(20_000));
        row.put("words_before_share", share(before.words, self.total.words));
        row.put("prose_before_share", share(before.prose_words, self.total.prose_words));
        let after = |place: Option<usize>| {
            place.map_or(ABSENT, |place| (index as i32 - place as i32).clamp(-500, 500))
        };
        row.put("after_first_heading", after(self.first_heading));
        row.put("after_first_prose", after(self.first_prose));
        let (place, readable) = (index as i32, &self.readable);
        let inside = self.prefixes.within(readable);
        let distance = (place - readable.start as i32).min(0) + (place + 1 - readable.end as i32).max(0);
        row.put("in_readable", i32::from(distance == 0 && !readable.is_empty()));
        row.put("readable_distance", distance.clamp(-500, 500));
        row.put("readable_share", share(inside.words, self.total.words));
        row.put("readable_words", inside.words.min(20_000));
    }

    fn whole_page(&self, row: &mut Row) {
        let total = self.total;
        row.put_at("page", "words", total.words.min(50_000));
        row.put_at("page", "link_share", share(total.link_words, total.words));
        row.put_at("page", "prose_share", share(total.prose_words, total.words));
        row.put_at("page", "paragraph_share", share(total.paragraph_words, total.words));
        row.put_at("page", "main_share", share(total.main_words, total.words));
        row.put_at("page", "headings", total.headings.min(500));
        row.put_at("page", "articles", self.articles.min(100) as i32);
        row.put_at("page", "longest", self.longest.min(2000));
        row.put_at("page", "kinds", self.kinds);
    }
}

/// The nearest enclosing container that holds at least a third more words, for each container.
fn larger_containers(page: &Page, prefixes: &Prefixes) -> Vec<u32> {
    let words = |index: usize| {
        page.containers.get(index).map_or(0, |container| prefixes.within(&container.blocks).words)
    };
    let mut larger: Vec<u32> = Vec::with_capacity(page.containers.len());
    for (index, container) in page.containers.iter().enumerate() {
        let parent = container.parent as usize;
        let up = if index == 0 || words(parent) * 3 > words(index) * 4 {
            container.parent
        } else {
            larger.get(parent).copied().unwrap_or(0)
        };
        larger.push(up);
    }
    larger
}

/// Container whose prose is worth most, after Arc90's readability: a paragraph's worth goes to its parent and by half
/// to its grandparent, links count against.
fn readable_container(page: &Page, prefixes: &Prefixes) -> usize {
    let mut worth = vec![0i64; page.containers.len()];
    let parent = |index: usize| page.containers.get(index).map_or(0, |container| container.parent as usize);
    for block in &page.blocks {
        let characters = i64::from(block.counts.characters);
        if characters < 25 {
            continue;
        }
        let points = 2 * (1 + i64::from(block.counts.commas) + (characters / 100).min(3));
        let above = parent(block.container as usize);
        for (index, points) in [(above, points), (parent(above), points / 2)] {
            if let Some(score) = worth.get_mut(index) {
                *score += points;
            }
        }
    }
    let mut best = (0, 0);
    for (index, (&points, container)) in worth.iter().zip(&page.containers).enumerate() {
        let inside = prefixes.within(&container.blocks);
        let score = points * (1000 - i64::from(share(inside.link_words, inside.words)));
        if score > best.0 {
            best = (score, index);
        }
    }
    best.1
}
