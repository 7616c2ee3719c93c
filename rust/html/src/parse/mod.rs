//! Text to tree.

mod sink;

use std::borrow::Cow;

use crate::tree::{Document, Limits};

impl<'a> Document<'a> {
    /// Parses a page as browsers do that run no scripts. There is no text that is not a page: whatever cannot be
    /// understood is text, and what is cut off or left out because of a limit is told by the flags.
    pub fn parse(html: &'a str, limits: &Limits) -> Document<'a> {
        sink::parse(html, limits).with_text(Cow::Borrowed(html))
    }
}
