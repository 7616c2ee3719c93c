//! Content that only an end tag ends.

use super::scan::{find, find2};
use super::token::Raw;
use super::tokenizer::Tokenizer;
use crate::tree::{Builder, Span};

impl<'t> Tokenizer<'t> {
    /// The text from here to the end tag of this name or the end of the page. The end tag is the next token.
    pub(super) fn raw_text(&mut self, tree: &mut Builder<'t>, kind: Raw, name: &str) -> Span {
        let start = self.at;
        let end = match kind {
            Raw::Script => self.script_end(start, name),
            Raw::Rcdata | Raw::Rawtext => self.raw_end(start, name),
        };
        self.at = end;
        let raw = Span { start: start as u32, length: (end - start) as u32 };
        self.clean(tree, raw, (kind == Raw::Rcdata).then_some(false))
    }

    /// Does `start` stand at `at`, followed by this name and what ends the name of a tag?
    fn is_tag(&self, at: usize, start: &[u8], name: &str) -> bool {
        let rest = &self.bytes[at..];
        let after = start.len() + name.len();
        rest.starts_with(start)
            && rest[start.len()..]
                .get(..name.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && rest.get(after).is_some_and(|&byte| super::scan::is_blank(byte) || matches!(byte, b'/' | b'>'))
    }

    fn raw_end(&self, start: usize, name: &str) -> usize {
        let mut at = start;
        loop {
            at = find(self.bytes, at, b'<');
            if at == self.bytes.len() || self.is_tag(at, b"</", name) {
                return at;
            }
            at += 1;
        }
    }

    /// After `<!--`, until `-->`, a `<script>` hides the next `</script>`.
    fn script_end(&self, start: usize, name: &str) -> usize {
        let bytes = self.bytes;
        let (mut at, mut in_comment, mut hidden) = (start, false, false);
        loop {
            at = if in_comment { find2(bytes, at, b'<', b'-') } else { find(bytes, at, b'<') };
            let Some(&byte) = bytes.get(at) else { return at };
            let rest = &bytes[at..];
            if byte == b'-' {
                if rest.starts_with(b"-->") {
                    (in_comment, hidden) = (false, false);
                }
            } else if self.is_tag(at, b"</", name) && !hidden {
                return at;
            } else if in_comment && self.is_tag(at, if hidden { b"</" } else { b"<" }, "script") {
                hidden = !hidden;
            } else if !in_comment && rest.starts_with(b"<!--") {
                in_comment = true;
                at += 1; // its dashes may be those of the end
            }
            at += 1;
        }
    }
}
