//! Text to tree, as browsers do that run no scripts: the parsing algorithm of the HTML standard.
//!
//! Every loop whose length the page decides is counted, bounded by the depth limit or by a constant, or pays with
//! what it takes off a stack or a list, so the cost of a page is linear in its length.

mod after;
mod attributes;
mod body;
mod body_end;
mod classes;
#[cfg(test)]
mod conformance;
mod construct;
mod foreign;
mod formatting;
mod head;
mod markup;
mod quirks;
mod raw_text;
mod references;
mod scan;
mod stack;
mod table;
mod token;
mod tokenizer;

use std::borrow::Cow;

use memchr::memchr_iter;

use crate::tree::{Document, Limits};

/// Offsets of text have 31 bits, and decoded text may be longer than the page.
const MAX_BYTES: usize = 1 << 29;

/// Nodes are at most this much deeper than the limit: the parts of a table at the limit and their content. End tags that
/// close an element from outside, as those of forms do, could nest the tree deeper than what is open at a time.
const DEPTH_ABOVE_LIMIT: usize = 8;

impl<'a> Document<'a> {
    /// Parses a page. There is no text that is not a page: what cannot be understood is passed over as the standard
    /// says, and what is cut off or left out because of a limit is told by the flags.
    pub fn parse(html: &'a str, limits: &Limits) -> Document<'a> {
        let mut length = html.len().min(limits.bytes).min(MAX_BYTES);
        while !html.is_char_boundary(length) {
            length -= 1;
        }
        let text = normalize_newlines(&html[..length]);
        let mut builder = construct::Parser::new(&text, limits).run();
        builder.flags.truncated_bytes = length < html.len();
        builder.finish(usize::from(limits.depth) + DEPTH_ABOVE_LIMIT).with_text(text)
    }
}

/// CR and CR LF become LF.
fn normalize_newlines(text: &str) -> Cow<'_, str> {
    let mut returns = memchr_iter(b'\r', text.as_bytes()).peekable();
    if returns.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut done = 0;
    for at in returns {
        normal.push_str(&text[done..at]);
        normal.push('\n');
        done = at + 1 + usize::from(text.as_bytes().get(at + 1) == Some(&b'\n'));
    }
    normal.push_str(&text[done..]);
    Cow::Owned(normal)
}
