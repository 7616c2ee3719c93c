//! The records a tree is made of.

use super::{Attr, Tag};

/// What a node is; an element's kind is its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The root, node 0.
    Document,
    /// `<!doctype …>`; its text is the name.
    Doctype,
    /// A comment.
    Comment,
    /// Text, character references decoded; also the content of `script` and `style`.
    Text,
    /// An element of HTML.
    Element,
    /// An element of SVG.
    Svg,
    /// An element of MathML.
    Math,
}

impl Kind {
    /// An element of whichever namespace.
    #[inline]
    pub fn is_element(self) -> bool {
        self >= Kind::Element
    }
}

/// One node; 20 bytes. Nodes lie in document order, so a subtree is the range from a node to its `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The parent; the root is its own.
    pub parent: u32,
    /// One past the last descendant.
    pub end: u32,
    /// Text: a [`Span`]; element: the range of its attributes.
    pub(super) start: u32,
    pub(super) length: u32,
    /// Nodes above this one; 0 for the root.
    pub depth: u16,
    /// What it is.
    pub kind: Kind,
    /// The name of an element; `Unknown` for everything else.
    pub tag: Tag,
}

/// A piece of text: a range of the page, or of the decoded text where `start` has its highest bit set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub length: u32,
}

/// Marks a span of the decoded text.
pub(crate) const DECODED: u32 = 1 << 31;

impl Span {
    #[inline]
    pub fn end(self) -> u32 {
        self.start + self.length
    }
}

/// One attribute; the name is text where it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub attr: Attr,
    pub name: Span,
    pub value: Span,
}
