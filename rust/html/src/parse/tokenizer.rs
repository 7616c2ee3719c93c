//! Text to tokens: WHATWG HTML section 13.2.5. The states of the standard are places in the code here.

use super::references;
use super::scan::{find, find2, skip_blanks};
use super::token::{End, Start, Token};
use crate::tree::{Attr, Attribute, Builder, DECODED, Limits, Span, Tag};

/// The tokenizer's place in the text.
pub(super) struct Tokenizer<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    /// The first NUL at or after some earlier place; the text's length where there is none.
    next_nul: usize,
    /// Everything from here on is text.
    pub(super) plain: bool,
    /// The end of the CDATA section at hand; 0 outside of one.
    pub(super) cdata_end: usize,
    pub(super) limits: Limits,
    pub(super) many: super::attributes::Many,
}

impl<'t> Tokenizer<'t> {
    pub fn new(text: &'t str, limits: &Limits) -> Self {
        let bytes = text.as_bytes();
        let next_nul = find(bytes, 0, 0);
        let many = super::attributes::Many::default();
        Tokenizer { text, bytes, at: 0, next_nul, plain: false, cdata_end: 0, limits: *limits, many }
    }

    #[inline]
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The first NUL at or after `from`; all calls together scan the text once.
    #[inline]
    pub(super) fn nul_from(&mut self, from: usize) -> usize {
        if self.next_nul < from {
            self.next_nul = find(self.bytes, from, 0);
        }
        self.next_nul
    }

    /// The next token. `cdata` says that the current node is foreign, where CDATA sections are text.
    #[inline]
    pub fn next(&mut self, tree: &mut Builder<'t>, cdata: bool) -> Token {
        if self.plain {
            return self.plain_text(tree);
        }
        if self.cdata_end > 0
            && let Some(token) = self.cdata_part()
        {
            return token;
        }
        loop {
            match self.byte(self.at) {
                None => return Token::Eof,
                Some(b'<') => {}
                Some(0) => {
                    self.at += 1;
                    return Token::Null;
                }
                Some(_) => return self.text_run(tree),
            }
            match self.byte(self.at + 1) {
                Some(byte) if byte.is_ascii_alphabetic() => return self.start_tag(tree),
                Some(b'/') => match self.byte(self.at + 2) {
                    Some(byte) if byte.is_ascii_alphabetic() => return self.end_tag(tree),
                    Some(b'>') => self.at += 3,
                    Some(_) => return self.bogus_comment(tree, self.at + 2),
                    None => return self.text_run(tree),
                },
                Some(b'!') => match self.declaration(tree, cdata) {
                    Some(token) => return token,
                    None => continue,
                },
                Some(b'?') => return self.bogus_comment(tree, self.at + 1),
                _ => return self.text_run(tree),
            }
        }
    }

    /// Text up to the next markup or NUL; the byte at hand belongs to it.
    fn text_run(&mut self, tree: &mut Builder<'t>) -> Token {
        let start = self.at;
        let nul = self.nul_from(start);
        let bytes = &self.bytes[..nul];
        let mut has_reference = self.bytes[start] == b'&';
        let mut at = start + 1;
        loop {
            at = find2(bytes, at, b'<', b'&');
            match bytes.get(at) {
                None => break,
                Some(b'&') => has_reference = true,
                Some(_) => match bytes.get(at + 1) {
                    Some(b'/') if at + 2 == self.bytes.len() => {}
                    Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!' | b'?') => break,
                    _ => {}
                },
            }
            at += 1;
        }
        self.at = at;
        let raw = Span { start: start as u32, length: (at - start) as u32 };
        Token::Text(if has_reference { self.clean(tree, raw, Some(false)) } else { raw })
    }

    /// A span of the text with its character references decoded, if asked for (`Some` says whether inside an
    /// attribute), and NUL replaced; the same span where there is nothing to change.
    pub(super) fn clean(&mut self, tree: &mut Builder<'t>, raw: Span, references: Option<bool>) -> Span {
        let (start, end) = (raw.start as usize, raw.end() as usize);
        if references.is_none() && self.nul_from(start) >= end {
            return raw;
        }
        let bytes = &self.bytes[..end];
        let decoded_start = tree.decoded.len();
        let (mut at, mut done) = (start, start);
        loop {
            at = find2(bytes, at, if references.is_some() { b'&' } else { 0 }, 0);
            let (length, first, second) = match (bytes.get(at), references) {
                (None, _) => break,
                (Some(b'&'), Some(in_attribute)) => match references::decode(&bytes[at..], in_attribute) {
                    Some(found) => (found.length, found.first, found.second),
                    None => {
                        at += 1;
                        continue;
                    }
                },
                _ => (1, char::REPLACEMENT_CHARACTER, None),
            };
            tree.decoded.push_str(&self.text[done..at]);
            tree.decoded.push(first);
            tree.decoded.extend(second);
            at += length;
            done = at;
        }
        if done == start {
            return raw;
        }
        tree.decoded.push_str(&self.text[done..end]);
        let length = (tree.decoded.len() - decoded_start) as u32;
        Span { start: decoded_start as u32 | DECODED, length }
    }

    /// All that is left.
    fn plain_text(&mut self, tree: &mut Builder<'t>) -> Token {
        let start = std::mem::replace(&mut self.at, self.bytes.len());
        if start == self.bytes.len() {
            return Token::Eof;
        }
        let raw = Span { start: start as u32, length: (self.at - start) as u32 };
        Token::Text(self.clean(tree, raw, None))
    }

    /// The end of the name that starts at `start`, and whether it is not in lower case.
    #[inline]
    pub(super) fn name_end(&self, start: usize, end_classes: u8) -> (usize, bool) {
        let (mut at, mut classes) = (start, 0);
        while let Some(byte) = self.byte(at) {
            let class = super::attributes::CLASSES[usize::from(byte)];
            if class & end_classes != 0 {
                break;
            }
            classes |= class;
            at += 1;
        }
        (at, classes & super::attributes::UPPER != 0)
    }

    /// The span of a name in lower case.
    pub(super) fn lower_name(
        &self,
        tree: &mut Builder<'t>,
        start: usize,
        end: usize,
        has_upper: bool,
    ) -> Span {
        if !has_upper {
            return Span { start: start as u32, length: (end - start) as u32 };
        }
        let lower = self.text[start..end].to_ascii_lowercase().replace('\0', "\u{fffd}");
        let decoded_start = tree.decoded.len() as u32;
        tree.decoded.push_str(&lower);
        Span { start: decoded_start | DECODED, length: lower.len() as u32 }
    }

    fn start_tag(&mut self, tree: &mut Builder<'t>) -> Token {
        let start = self.at + 1;
        let (end, has_upper) = self.name_end(start, super::attributes::TAG_END);
        let tag = Tag::of(&self.bytes[start..end]);
        let first = tree.attributes.len();
        if tag == Tag::Unknown {
            let value = self.lower_name(tree, start, end, has_upper);
            tree.attributes.push(Attribute { attr: Attr::Unknown, name: Span::default(), value });
        }
        self.at = end;
        let self_closing = match self.byte(end) {
            Some(b'>') => {
                self.at = end + 1;
                false
            }
            _ => match self.attributes(tree) {
                Some(self_closing) => self_closing,
                None => return Token::Eof,
            },
        };
        let length = (tree.attributes.len() - first) as u32;
        Token::Start(Start { tag, self_closing, attributes: Span { start: first as u32, length } })
    }

    fn end_tag(&mut self, tree: &mut Builder<'t>) -> Token {
        let start = self.at + 2;
        let (end, has_upper) = self.name_end(start, super::attributes::TAG_END);
        let tag = Tag::of(&self.bytes[start..end]);
        let name = match tag {
            Tag::Unknown => self.lower_name(tree, start, end, has_upper),
            _ => Span::default(),
        };
        self.at = end;
        match self.byte(end) {
            Some(b'>') => self.at = end + 1,
            _ if self.skip_attributes() => {}
            _ => return Token::Eof,
        }
        Token::End(End { tag, name })
    }

    /// Passes over the attributes of an end tag; false at the end of the text.
    fn skip_attributes(&mut self) -> bool {
        while let Some(part) = self.attribute_parts() {
            if part.is_err() {
                return true;
            }
        }
        false
    }

    /// The place after white space.
    #[inline]
    pub(super) fn skip_blanks(&self, at: usize) -> usize {
        skip_blanks(self.bytes, at)
    }
}
