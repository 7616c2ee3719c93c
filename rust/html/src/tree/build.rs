//! The tree while it grows: linked records, put into document order at the end.

use std::borrow::Cow;

use super::{Attribute, DECODED, Document, Flags, Kind, Node, Span, Tag};

/// No node, no piece.
pub(crate) const NONE: u32 = u32::MAX;

/// A node with its links. A text node of several pieces has their list in `first` and `last`.
#[derive(Debug, Clone, Copy)]
struct Link {
    parent: u32,
    first: u32,
    last: u32,
    previous: u32,
    next: u32,
    data: Span,
    kind: Kind,
    tag: Tag,
}

/// A further piece of a text node.
#[derive(Debug, Clone, Copy)]
struct Piece {
    span: Span,
    next: u32,
}

/// A tree under construction over a text.
pub(crate) struct Builder<'t> {
    text: &'t str,
    links: Vec<Link>,
    pieces: Vec<Piece>,
    /// Text that does not stand in the page as it is.
    pub decoded: String,
    /// Attributes of all elements; those of one element are adjacent.
    pub attributes: Vec<Attribute>,
    pub flags: Flags,
    pub steps: u64,
}

/// A finished tree without its text.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    decoded: String,
    flags: Flags,
    steps: u64,
}

impl Tree {
    pub fn with_text(self, text: Cow<'_, str>) -> Document<'_> {
        let Tree { nodes, attributes, decoded, flags, steps } = self;
        Document { text, decoded, nodes, attributes, flags, steps }
    }
}

impl<'t> Builder<'t> {
    /// A tree of a root alone.
    pub fn new(text: &'t str) -> Self {
        let mut builder = Builder {
            text,
            // Measured on real pages: a node per 20 to 40 bytes, an attribute per 40 to 60.
            links: Vec::with_capacity(text.len() / 24 + 16),
            pieces: Vec::new(),
            decoded: String::new(),
            attributes: Vec::with_capacity(text.len() / 48 + 16),
            flags: Flags::default(),
            steps: 0,
        };
        builder.create(Kind::Document, Tag::Unknown, Span::default());
        builder
    }

    /// Number of nodes made so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    #[inline]
    pub fn create(&mut self, kind: Kind, tag: Tag, data: Span) -> u32 {
        let node = self.links.len() as u32;
        let (parent, first, last, previous, next) = (NONE, NONE, NONE, NONE, NONE);
        self.links.push(Link { parent, first, last, previous, next, data, kind, tag });
        node
    }

    #[inline]
    fn link(&self, node: u32) -> &Link {
        &self.links[node as usize]
    }

    #[inline]
    fn link_mut(&mut self, node: u32) -> &mut Link {
        &mut self.links[node as usize]
    }

    pub fn str(&self, span: Span) -> &str {
        if span.start & DECODED == 0 {
            &self.text[span.start as usize..span.end() as usize]
        } else {
            let start = (span.start & !DECODED) as usize;
            &self.decoded[start..start + span.length as usize]
        }
    }

    pub fn parent(&self, node: u32) -> Option<u32> {
        let parent = self.link(node).parent;
        (parent != NONE).then_some(parent)
    }

    /// Element: the range of its attributes; else the text.
    pub fn data(&self, node: u32) -> Span {
        self.link(node).data
    }

    pub fn set_data(&mut self, node: u32, data: Span) {
        self.link_mut(node).data = data;
    }

    /// Adds a node without a parent as the last child.
    #[inline]
    pub fn append(&mut self, parent: u32, node: u32) {
        let previous = std::mem::replace(&mut self.link_mut(parent).last, node);
        if previous == NONE {
            self.link_mut(parent).first = node;
        } else {
            self.link_mut(previous).next = node;
        }
        let link = self.link_mut(node);
        (link.parent, link.previous, link.next) = (parent, previous, NONE);
    }

    /// Adds a node without a parent before a node that has one.
    pub fn insert_before(&mut self, sibling: u32, node: u32) {
        let Link { parent, previous, .. } = *self.link(sibling);
        self.link_mut(sibling).previous = node;
        if previous == NONE {
            self.link_mut(parent).first = node;
        } else {
            self.link_mut(previous).next = node;
        }
        let link = self.link_mut(node);
        (link.parent, link.previous, link.next) = (parent, previous, sibling);
    }

    /// Takes a node and what is below it out of the tree.
    pub fn detach(&mut self, node: u32) {
        let Link { parent, previous, next, .. } = *self.link(node);
        if parent == NONE {
            return;
        }
        if previous == NONE {
            self.link_mut(parent).first = next;
        } else {
            self.link_mut(previous).next = next;
        }
        if next == NONE {
            self.link_mut(parent).last = previous;
        } else {
            self.link_mut(next).previous = previous;
        }
        let link = self.link_mut(node);
        (link.parent, link.previous, link.next) = (NONE, NONE, NONE);
    }

    /// Moves all children to the end of another node's.
    pub fn move_children(&mut self, from: u32, to: u32) {
        let (first, last) = (self.link(from).first, self.link(from).last);
        if first == NONE {
            return;
        }
        let mut child = first;
        while child != NONE {
            self.steps += 1;
            let link = self.link_mut(child);
            link.parent = to;
            child = link.next;
        }
        let previous = std::mem::replace(&mut self.link_mut(to).last, last);
        self.link_mut(first).previous = previous;
        if previous == NONE {
            self.link_mut(to).first = first;
        } else {
            self.link_mut(previous).next = first;
        }
        let link = self.link_mut(from);
        (link.first, link.last) = (NONE, NONE);
    }

    /// Adds text as the last child; adjacent texts are one node.
    #[inline]
    pub fn append_text(&mut self, parent: u32, span: Span) {
        let last = self.link(parent).last;
        if last != NONE && self.link(last).kind == Kind::Text {
            self.extend_text(last, span);
        } else {
            let text = self.create(Kind::Text, Tag::Unknown, span);
            self.append(parent, text);
        }
    }

    /// Adds text before a node that has a parent.
    pub fn insert_text_before(&mut self, sibling: u32, span: Span) {
        let previous = self.link(sibling).previous;
        if previous != NONE && self.link(previous).kind == Kind::Text {
            self.extend_text(previous, span);
        } else {
            let text = self.create(Kind::Text, Tag::Unknown, span);
            self.insert_before(sibling, text);
        }
    }

    /// Pieces that follow each other in the page or in the decoded text are one; others form a list, so that no
    /// text is copied more than once however often it is continued.
    fn extend_text(&mut self, node: u32, span: Span) {
        let tail = self.link(node).last;
        let last_span = if tail == NONE {
            &mut self.links[node as usize].data
        } else {
            &mut self.pieces[tail as usize].span
        };
        if last_span.end() == span.start {
            last_span.length += span.length;
            return;
        }
        let piece = self.pieces.len() as u32;
        self.pieces.push(Piece { span, next: NONE });
        if tail == NONE {
            self.link_mut(node).first = piece;
        } else {
            self.pieces[tail as usize].next = piece;
        }
        self.link_mut(node).last = piece;
    }

    /// The decoded text of one span, joined from a text node's pieces.
    fn join(&mut self, link: &Link) -> Span {
        let start = self.decoded.len();
        let (mut span, mut next) = (link.data, link.first);
        loop {
            if span.start & DECODED == 0 {
                self.decoded.push_str(&self.text[span.start as usize..span.end() as usize]);
            } else {
                let from = (span.start & !DECODED) as usize;
                self.decoded.extend_from_within(from..from + span.length as usize);
            }
            if next == NONE {
                break;
            }
            let piece = self.pieces[next as usize];
            (span, next) = (piece.span, piece.next);
        }
        Span { start: start as u32 | DECODED, length: (self.decoded.len() - start) as u32 }
    }

    /// Puts the nodes into document order. What is nested deeper than `max_depth` becomes a sibling at that depth.
    pub fn finish(mut self, max_depth: usize) -> Tree {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.links.len());
        let mut path: Vec<u32> = Vec::with_capacity(64);
        let mut at = 0;
        loop {
            let link = *self.link(at);
            let is_text = link.kind == Kind::Text;
            let data = if is_text && link.first != NONE { self.join(&link) } else { link.data };
            let id = nodes.len() as u32;
            let depth = path.len().min(max_depth);
            nodes.push(Node {
                parent: depth.checked_sub(1).map_or(0, |above| path[above]),
                end: id + 1,
                start: data.start,
                length: data.length,
                depth: depth.min(usize::from(u16::MAX)) as u16,
                kind: link.kind,
                tag: link.tag,
            });
            if !is_text && link.first != NONE {
                path.push(id);
                at = link.first;
                continue;
            }
            let mut next = link.next;
            while next == NONE {
                let Some(parent) = path.pop() else {
                    let Builder { attributes, decoded, flags, steps, .. } = self;
                    return Tree { nodes, attributes, decoded, flags, steps };
                };
                if path.len() < max_depth {
                    nodes[parent as usize].end = nodes.len() as u32;
                } else {
                    self.flags.folded_depth = true;
                }
                at = self.link(at).parent;
                next = self.link(at).next;
            }
            at = next;
        }
    }
}
