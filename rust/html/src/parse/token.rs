//! What the tokenizer hands to the tree construction.

use crate::tree::{Span, Tag};

/// One token. Attributes are already in the tree's arena, text is a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Text without a NUL, never empty.
    Text(Span),
    /// U+0000, which contexts treat differently.
    Null,
    Comment(Span),
    Doctype(Doctype),
    Start(Start),
    End(End),
    Eof,
}

/// A start tag. Where the tag is unknown, the first of the attributes is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub tag: Tag,
    pub self_closing: bool,
    pub attributes: Span,
}

/// An end tag; the name is text where it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub tag: Tag,
    pub name: Span,
}

/// A document type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Doctype {
    pub name: Option<Span>,
    pub public: Option<Span>,
    pub system: Option<Span>,
    pub force_quirks: bool,
}

/// The kinds of content that only an end tag ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// Character references are decoded: `title`, `textarea`.
    Rcdata,
    /// `style`, `iframe`, `xmp` …
    Rawtext,
    /// As raw text, save that comments may hide an end tag.
    Script,
}
