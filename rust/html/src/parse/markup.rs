//! What starts with `<!` or `<?`: comments, document types, CDATA sections.

use memchr::memmem;

use super::scan::find;
use super::token::{Doctype, Token};
use super::tokenizer::Tokenizer;
use crate::tree::{Builder, Span};

impl<'t> Tokenizer<'t> {
    /// `<!…`. Nothing for an empty CDATA section.
    pub(super) fn declaration(&mut self, tree: &mut Builder<'t>, cdata: bool) -> Option<Token> {
        let start = self.at + 2;
        let rest = &self.bytes[start..];
        let is = |word: &[u8]| rest.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
        if rest.starts_with(b"--") {
            Some(self.comment(tree, start + 2))
        } else if is(b"doctype") {
            self.at = start + 7;
            Some(Token::Doctype(self.doctype(tree)))
        } else if cdata && rest.starts_with(b"[CDATA[") {
            self.begin_cdata(start + 7);
            self.cdata_part()
        } else {
            Some(self.bogus_comment(tree, start))
        }
    }

    fn span(start: usize, end: usize) -> Span {
        Span { start: start as u32, length: (end - start) as u32 }
    }

    fn comment_of(&mut self, tree: &mut Builder<'t>, start: usize, end: usize) -> Token {
        Token::Comment(self.clean(tree, Self::span(start, end), None))
    }

    /// Up to the next `>`.
    pub(super) fn bogus_comment(&mut self, tree: &mut Builder<'t>, start: usize) -> Token {
        let end = find(self.bytes, start, b'>');
        self.at = self.bytes.len().min(end + 1);
        self.comment_of(tree, start, end)
    }

    fn comment(&mut self, tree: &mut Builder<'t>, start: usize) -> Token {
        let bytes = self.bytes;
        let mut from = start;
        loop {
            let at = find(bytes, from, b'>');
            let content = &bytes[start..at];
            if at == bytes.len() {
                self.at = at;
                // What could have begun the end does not count.
                let dropped = match content {
                    [.., b'-', b'-', b'!'] => 3,
                    [.., b'-', b'-'] => 2,
                    [.., b'-'] => 1,
                    _ => 0,
                };
                return self.comment_of(tree, start, at - dropped);
            }
            // The dashes of the start may be those of the end: `<!-->`, `<!--->`.
            let end = match content {
                b"" | b"-" => Some(start),
                _ if content.ends_with(b"--") => Some(at - 2),
                _ if content.ends_with(b"--!") => Some(at - 3),
                _ => None,
            };
            if let Some(end) = end {
                self.at = at + 1;
                return self.comment_of(tree, start, end);
            }
            from = at + 1;
        }
    }

    /// The text of a CDATA section, in which NULs are tokens as elsewhere.
    pub(super) fn begin_cdata(&mut self, start: usize) {
        let length = memmem::find(&self.bytes[start..], b"]]>");
        self.cdata_end = length.map_or(self.bytes.len(), |length| start + length);
        self.at = start;
    }

    /// The next part of a CDATA section; nothing at its end.
    pub(super) fn cdata_part(&mut self) -> Option<Token> {
        let start = self.at;
        if start == self.cdata_end {
            self.at = self.bytes.len().min(start + 3);
            self.cdata_end = 0;
            return None;
        }
        let nul = self.nul_from(start).min(self.cdata_end);
        if nul == start {
            self.at = start + 1;
            return Some(Token::Null);
        }
        self.at = nul;
        Some(Token::Text(Self::span(start, nul)))
    }

    fn doctype(&mut self, tree: &mut Builder<'t>) -> Doctype {
        let mut doctype = Doctype { force_quirks: true, ..Doctype::default() };
        self.at = self.skip_blanks(self.at);
        let start = self.at;
        let mut has_upper = false;
        while let Some(byte) = self.byte(self.at).filter(|&byte| byte != b'>' && !super::scan::is_blank(byte))
        {
            has_upper |= byte.is_ascii_uppercase() || byte == 0;
            self.at += 1;
        }
        if self.at > start {
            doctype.name = Some(self.lower_name(tree, start, self.at, has_upper));
        }
        self.at = self.skip_blanks(self.at);
        match self.byte(self.at) {
            None => return doctype,
            Some(b'>') => doctype.force_quirks = doctype.name.is_none(),
            Some(_) => {
                let word = self.bytes.get(self.at..self.at + 6).unwrap_or_default();
                let is_public = word.eq_ignore_ascii_case(b"public");
                if is_public || word.eq_ignore_ascii_case(b"system") {
                    self.at += 6;
                    self.identifiers(tree, is_public, &mut doctype);
                }
            }
        }
        // Whatever is left of it says nothing.
        let end = find(self.bytes, self.at, b'>');
        self.at = self.bytes.len().min(end + 1);
        doctype
    }

    /// The public and the system identifier; ends at the doctype's `>` or at what does not belong there.
    fn identifiers(&mut self, tree: &mut Builder<'t>, is_public: bool, doctype: &mut Doctype) {
        let mut closed = true;
        if is_public {
            (doctype.public, closed) = self.identifier(tree);
            if closed && self.byte(self.skip_blanks(self.at)) == Some(b'>') {
                doctype.force_quirks = false;
                return;
            }
        }
        if closed {
            (doctype.system, closed) = self.identifier(tree);
            doctype.force_quirks = !closed || self.skip_blanks(self.at) == self.bytes.len();
        }
    }

    /// A quoted identifier, and whether there is one and its quotes are closed: a `>` inside ends it and the doctype.
    fn identifier(&mut self, tree: &mut Builder<'t>) -> (Option<Span>, bool) {
        self.at = self.skip_blanks(self.at);
        let Some(quote @ (b'"' | b'\'')) = self.byte(self.at) else { return (None, false) };
        let start = self.at + 1;
        let end = super::scan::find2(self.bytes, start, quote, b'>');
        let closed = self.byte(end) == Some(quote);
        self.at = end + usize::from(closed);
        (Some(self.clean(tree, Self::span(start, end), None)), closed)
    }
}
