//! The tree of a page: flat, in document order, without an allocation per node.

mod attribute;
mod build;
mod limits;
mod names;
mod node;
mod tag;

use std::borrow::Cow;
use std::ops::Index;

pub use attribute::Attr;
pub(crate) use build::Builder;
pub use limits::{Flags, Limits};
pub(crate) use node::{Attribute, DECODED, Span};
pub use node::{Kind, Node};
pub use tag::Tag;

/// A parsed page. Nodes are named by their place in document order, the root is 0, and a node's subtree is the
/// range `id..document[id].end`.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    text: Cow<'a, str>,
    decoded: String,
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// Limits met, and the mode of the page.
    pub flags: Flags,
    /// Steps taken in loops whose length the page decides.
    pub steps: u64,
}

impl Index<u32> for Document<'_> {
    type Output = Node;

    #[inline]
    fn index(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }
}

impl Document<'_> {
    /// All nodes in document order.
    #[inline]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    #[inline]
    fn str(&self, span: Span) -> &str {
        if span.start & DECODED == 0 {
            &self.text[span.start as usize..span.end() as usize]
        } else {
            let start = (span.start & !DECODED) as usize;
            &self.decoded[start..start + span.length as usize]
        }
    }

    /// The text of a text node, the content of a comment, the name of a doctype; empty for everything else.
    #[inline]
    pub fn text(&self, id: u32) -> &str {
        let node = &self[id];
        match node.kind {
            Kind::Text | Kind::Comment | Kind::Doctype => {
                self.str(Span { start: node.start, length: node.length })
            }
            _ => "",
        }
    }

    /// The name of an element in lower case, also of one that is no [`Tag`] and in SVG and MathML.
    #[inline]
    pub fn name(&self, id: u32) -> &str {
        let node = &self[id];
        if node.tag == Tag::Unknown && node.kind.is_element() {
            self.str(self.attributes[node.start as usize].value)
        } else {
            node.tag.name()
        }
    }

    #[inline]
    fn attribute_records(&self, id: u32) -> &[Attribute] {
        let node = &self[id];
        if !node.kind.is_element() {
            return &[];
        }
        let records = &self.attributes[node.start as usize..][..node.length as usize];
        if node.tag == Tag::Unknown { &records[1..] } else { records }
    }

    /// The value of an attribute.
    #[inline]
    pub fn attr(&self, id: u32, attr: Attr) -> Option<&str> {
        let found = self.attribute_records(id).iter().find(|record| record.attr == attr)?;
        Some(self.str(found.value))
    }

    /// The attributes of an element in their order: name as [`Attr`], name in lower case, value.
    pub fn attributes(&self, id: u32) -> impl Iterator<Item = (Attr, &str, &str)> {
        self.attribute_records(id).iter().map(|record| {
            let name = if record.attr == Attr::Unknown { self.str(record.name) } else { record.attr.name() };
            (record.attr, name, self.str(record.value))
        })
    }

    /// The first child.
    #[inline]
    pub fn first_child(&self, id: u32) -> Option<u32> {
        (self[id].end > id + 1).then_some(id + 1)
    }

    /// The child that ends where its parent ends; as many steps as it is nested.
    pub fn last_child(&self, id: u32) -> Option<u32> {
        self.first_child(id)?;
        Some(self.child_above(id, self[id].end - 1))
    }

    /// The next node with the same parent.
    #[inline]
    pub fn next_sibling(&self, id: u32) -> Option<u32> {
        let node = &self[id];
        (id != 0 && node.end < self[node.parent].end).then_some(node.end)
    }

    /// The previous node with the same parent; as many steps as its subtree is deep.
    pub fn prev_sibling(&self, id: u32) -> Option<u32> {
        let parent = self[id].parent;
        (id > parent + 1).then(|| self.child_above(parent, id - 1))
    }

    /// The child of `parent` that is `descendant` or holds it.
    fn child_above(&self, parent: u32, mut descendant: u32) -> u32 {
        while self[descendant].parent != parent {
            descendant = self[descendant].parent;
        }
        descendant
    }

    /// The children in order.
    pub fn children(&self, id: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.first_child(id), |&child| self.next_sibling(child))
    }

    /// Parent, grandparent and so on up to the root.
    pub fn ancestors(&self, id: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(id), |&node| (node != 0).then(|| self[node].parent)).skip(1)
    }

    /// All text below a node, scripts and styles included, as it stands.
    pub fn text_content(&self, id: u32) -> String {
        (id..self[id].end).filter(|&node| self[node].kind == Kind::Text).map(|node| self.text(node)).collect()
    }

    /// The `html` element.
    pub fn html(&self) -> Option<u32> {
        self.children(0).find(|&child| self[child].tag == Tag::Html)
    }

    /// The `head` element.
    pub fn head(&self) -> Option<u32> {
        self.children(self.html()?).find(|&child| self[child].tag == Tag::Head)
    }

    /// The `body` element; a page of frames has none.
    pub fn body(&self) -> Option<u32> {
        self.children(self.html()?).find(|&child| self[child].tag == Tag::Body)
    }
}
