//! Cuts a page into blocks: runs of text that no block-level boundary interrupts.

use std::collections::HashMap;
use std::ops::Range;

use super::context::{self, Display};
use super::counts::{Counts, count};
use super::weights::{Path, Weights};
use crate::tree::{Attr, Document, Kind, Tag};

/// A block-level element, in document order.
#[derive(Debug)]
pub(crate) struct Container {
    /// Node of the tree.
    pub node: u32,
    /// Index of the enclosing container; the first container is its own parent.
    pub parent: u32,
    /// Number of containers around it.
    pub depth: u32,
    /// Element name.
    pub tag: Tag,
    /// Equal for elements of the same name and class.
    pub signature: u64,
    /// Blocks inside it.
    pub blocks: Range<u32>,
    /// The list item, table row and table cell that hold it, itself included; 0 for none.
    pub item: u32,
    /// See `item`.
    pub row: u32,
    /// See `item`.
    pub cell: u32,
    /// Lists around it.
    pub lists: u32,
    /// Place among the items of its list or the cells of its row, from 0.
    pub ordinal: u32,
}

/// A run of text.
#[derive(Debug)]
pub(crate) struct Block {
    /// Index of the nearest block-level element.
    pub container: u32,
    /// First and last text node.
    pub nodes: Range<u32>,
    /// Place in [`Page::text`].
    pub text: Range<u32>,
    /// What the text consists of.
    pub counts: Counts,
    /// The part of `counts.words` inside links.
    pub link_words: u32,
    /// Surroundings at the first text node: bits of [`context`].
    pub context: u64,
    /// Evidence of names from the root down to the first text node.
    pub path: Path,
}

/// A page cut into blocks.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Text of all blocks, white space collapsed outside `pre`.
    pub text: String,
    /// Blocks in document order.
    pub blocks: Vec<Block>,
    /// Block-level elements in document order; the first stands for the document.
    pub containers: Vec<Container>,
    /// Images met before each block.
    pub images: Vec<u32>,
    /// The page has more than [`MOST_BLOCKS`] blocks; those after them are left out.
    pub is_truncated: bool,
}

impl Page {
    /// The text of a block.
    pub fn text_of(&self, block: &Block) -> &str {
        self.text.get(block.text.start as usize..block.text.end as usize).unwrap_or_default()
    }

    /// The nearest block-level element around a block.
    pub fn container_of(&self, block: &Block) -> Option<&Container> {
        self.containers.get(block.container as usize)
    }
}

/// Blocks looked at per page. Each costs some hundred bytes of memory while its page is judged.
pub(crate) const MOST_BLOCKS: usize = 1 << 18;

struct Frame {
    end: u32,
    is_block: bool,
    is_in_link: bool,
    is_preformatted: bool,
    container: u32,
    context: u64,
    path: Path,
}

struct Builder<'a> {
    document: &'a Document<'a>,
    page: Page,
    open: Option<Block>,
    pending_space: bool,
    images: u32,
}

impl Builder<'_> {
    fn open_container(&mut self, node: u32, parent: u32, members: &mut HashMap<u32, u32>) -> u32 {
        let index = self.page.containers.len() as u32;
        let tag = self.document[node].tag;
        let signature = context::signature(self.document, node);
        let first_block = self.page.blocks.len() as u32;
        let Some(around) = self.page.containers.get(parent as usize) else { return parent };
        let mut container = Container {
            node,
            parent,
            depth: around.depth + 1,
            tag,
            signature,
            blocks: first_block..first_block,
            item: around.item,
            row: around.row,
            cell: around.cell,
            lists: around.lists,
            ordinal: 0,
        };
        match tag {
            Tag::Li => container.item = index,
            Tag::Ul | Tag::Ol => container.lists += 1,
            Tag::Table => (container.row, container.cell) = (0, 0),
            Tag::Tr => (container.row, container.cell) = (index, 0),
            Tag::Td | Tag::Th => container.cell = index,
            _ => {}
        }
        if matches!(tag, Tag::Li | Tag::Td | Tag::Th) {
            let count = members.entry(parent).or_insert(0);
            container.ordinal = *count;
            *count += 1;
        }
        self.page.containers.push(container);
        index
    }

    fn flush(&mut self) {
        self.pending_space = false;
        let Some(mut block) = self.open.take() else { return };
        let start = block.text.start as usize;
        let trimmed = self.page.text.get(start..).map_or(0, |text| text.trim_end().len());
        self.page.text.truncate(start + trimmed);
        self.page.is_truncated |= self.page.blocks.len() == MOST_BLOCKS && block.counts.characters > 0;
        if block.counts.characters == 0 || self.page.is_truncated {
            self.page.text.truncate(start);
            return;
        }
        block.text.end = self.page.text.len() as u32;
        self.page.blocks.push(block);
        self.page.images.push(self.images);
    }

    /// MathML: the LaTeX that it carries as an annotation, else its own text.
    fn formula(&mut self, node: u32, frame: &Frame) {
        let document = self.document;
        let latex = (node + 1..document[node].end).find(|&inner| {
            document[inner].tag == Tag::Annotation
                && document
                    .attr(inner, Attr::Encoding)
                    .is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case("application/x-tex"))
        });
        match latex {
            Some(annotation) => {
                let source = format!("${}$", document.text_content(annotation).trim());
                self.text(node, &source, frame);
            }
            None => {
                let source = document.text_content(node);
                self.text(node, &source, frame);
            }
        }
    }

    fn text(&mut self, node: u32, source: &str, frame: &Frame) {
        let start = self.page.text.len();
        let is_new = self.open.is_none();
        if is_new && source.bytes().all(|byte| byte.is_ascii_whitespace()) {
            return;
        }
        if self.pending_space && !is_new && !self.page.text.ends_with(['\n', ' ']) {
            self.page.text.push(' ');
        }
        self.pending_space = false;
        let from = self.page.text.len();
        if frame.is_preformatted {
            self.page.text.push_str(source.trim_start_matches(if is_new { &['\n', '\r'][..] } else { &[] }));
        } else {
            let ends_in_space = is_new || self.page.text.ends_with(['\n', ' ']);
            self.pending_space = collapse(source, ends_in_space, &mut self.page.text);
        }
        let counts = count(self.page.text.get(from..).unwrap_or_default());
        let block = self.open.get_or_insert_with(|| Block {
            container: frame.container,
            nodes: node..node + 1,
            text: start as u32..start as u32,
            counts: Counts::default(),
            link_words: 0,
            context: frame.context,
            path: frame.path,
        });
        block.nodes.end = node + 1;
        block.counts += counts;
        if frame.is_in_link {
            block.link_words += counts.words;
        }
    }

    fn line_break(&mut self) {
        if self.open.is_none() {
            return;
        }
        // An empty line between two breaks is how old pages part paragraphs.
        if self.page.text.ends_with('\n') {
            self.flush();
            return;
        }
        self.pending_space = false;
        while self.page.text.ends_with(' ') {
            self.page.text.pop();
        }
        self.page.text.push('\n');
    }
}

/// Appends `source` with runs of white space as one space; returns whether it ends in one, not yet written.
fn collapse(source: &str, mut after_space: bool, out: &mut String) -> bool {
    let mut owes_space = false;
    let mut rest = source;
    loop {
        let run = rest.find(|c: char| {
            c.is_ascii_whitespace()
                || matches!(
                    c,
                    '\u{a0}'
                        | '\u{ad}'
                        | '\u{200b}'
                        | '\u{2028}'
                        | '\u{2029}'
                        | '\u{3000}'
                        | '\u{feff}'
                        | '\0'..='\u{1f}'
                )
        });
        let word = rest.get(..run.unwrap_or(rest.len())).unwrap_or_default();
        if !word.is_empty() {
            if owes_space && !after_space {
                out.push(' ');
            }
            owes_space = false;
            after_space = false;
            out.push_str(word);
        }
        let Some(run) = run else { return owes_space };
        rest = rest.get(run..).unwrap_or_default();
        let Some(gap) = rest.chars().next() else { return owes_space };
        // Invisible characters vanish; everything else here parts words.
        owes_space |= !matches!(gap, '\u{ad}' | '\u{200b}' | '\u{feff}');
        rest = rest.get(gap.len_utf8()..).unwrap_or_default();
    }
}

/// Cuts `document` into blocks in time linear in its nodes and text.
pub(crate) fn page(document: &Document<'_>, weights: &Weights) -> Page {
    let root = Container {
        node: 0,
        parent: 0,
        depth: 0,
        tag: Tag::Html,
        signature: 0,
        blocks: 0..0,
        item: 0,
        row: 0,
        cell: 0,
        lists: 0,
        ordinal: 0,
    };
    let mut builder = Builder {
        document,
        page: Page { containers: vec![root], ..Page::default() },
        open: None,
        pending_space: false,
        images: 0,
    };
    let mut named: HashMap<&str, i32> = HashMap::new();
    // Items and cells so far, by their parent.
    let mut members: HashMap<u32, u32> = HashMap::new();
    let mut stack = vec![Frame {
        end: u32::MAX,
        is_block: true,
        is_in_link: false,
        is_preformatted: false,
        container: 0,
        context: 0,
        path: Path::default(),
    }];
    let mut node = 1;
    while node < document.nodes().len() as u32 {
        while let Some(frame) = stack.pop_if(|frame| frame.end <= node) {
            if frame.is_block {
                builder.flush();
                let end = builder.page.blocks.len() as u32;
                if let Some(container) = builder.page.containers.get_mut(frame.container as usize) {
                    container.blocks.end = end;
                }
            }
        }
        let Some(top) = stack.last() else { break };
        match document[node].kind {
            Kind::Text => builder.text(node, document.text(node), top),
            Kind::Element => {
                let tag = document[node].tag;
                let end = document[node].end;
                let display = context::display(tag);
                match display {
                    Display::Skip => {
                        builder.pending_space = true;
                        node = end;
                        continue;
                    }
                    Display::Break => builder.line_break(),
                    Display::Rule => builder.flush(),
                    Display::Image => builder.images += 1,
                    Display::Block | Display::Inline => {
                        let is_block = display == Display::Block;
                        let bits =
                            top.context | context::of_tag(tag) | context::of_attributes(document, node);
                        let mut path = top.path;
                        path.descend(weights.of_element(document, node, &mut named));
                        let is_in_link =
                            top.is_in_link || (tag == Tag::A && document.attr(node, Attr::Href).is_some());
                        let is_preformatted = top.is_preformatted || tag == Tag::Pre;
                        let mut container = top.container;
                        if is_block {
                            builder.flush();
                            container = builder.open_container(node, container, &mut members);
                        }
                        stack.push(Frame {
                            end,
                            is_block,
                            is_in_link,
                            is_preformatted,
                            container,
                            context: bits,
                            path,
                        });
                    }
                }
            }
            Kind::Svg => {
                node = document[node].end;
                continue;
            }
            Kind::Math => {
                builder.formula(node, top);
                node = document[node].end;
                continue;
            }
            Kind::Document | Kind::Comment | Kind::Doctype => {}
        }
        node += 1;
    }
    builder.flush();
    let end = builder.page.blocks.len() as u32;
    for frame in stack.iter().filter(|frame| frame.is_block) {
        if let Some(container) = builder.page.containers.get_mut(frame.container as usize) {
            container.blocks.end = end;
        }
    }
    builder.page
}
