//! The attributes of a tag.

use std::collections::HashSet;

use super::scan::{find, find2};
use super::tokenizer::Tokenizer;
use crate::tree::{Attr, Attribute, Builder, Span};

/// Ends the name of a tag: white space, `/`, `>`.
pub(super) const TAG_END: u8 = 1;
/// Ends the name of an attribute beyond that: `=`.
const EQUALS: u8 = 2;
/// Is written otherwise in a name: a capital letter becomes a small one, NUL U+FFFD.
pub(super) const UPPER: u8 = 4;

/// The classes of each byte.
pub(super) const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\n' | b'\t' | 0x0c | b'\r' | b'/' | b'>' => TAG_END,
            b'=' => EQUALS,
            0 | b'A'..=b'Z' => UPPER,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Unknown names of one element that are compared one by one; more go through a set.
const FEW: usize = 16;

// The known names of one element are a set of bits.
const _: () = assert!(Attr::COUNT <= 128);

/// The unknown names of an element that has many.
#[derive(Default)]
pub(super) struct Many(HashSet<Box<str>>);

/// Where the parts of one attribute stand.
pub(super) struct Parts {
    name_start: usize,
    name_end: usize,
    has_upper: bool,
    value: Span,
    has_reference: bool,
}

impl<'t> Tokenizer<'t> {
    /// The next attribute of the tag; `Err` with its being self-closing where the tag ends, `None` where the text
    /// does.
    #[inline]
    pub(super) fn attribute_parts(&mut self) -> Option<Result<Parts, bool>> {
        let mut slash = false;
        loop {
            let byte = self.byte(self.at);
            match byte {
                Some(b'>') => {
                    self.at += 1;
                    return Some(Err(slash));
                }
                Some(byte) if CLASSES[usize::from(byte)] & TAG_END != 0 => slash = byte == b'/',
                Some(_) => break,
                None => return None,
            }
            self.at += 1;
        }
        let name_start = self.at;
        // A leading `=` belongs to the name.
        let (name_end, has_upper) = match self.bytes[name_start] {
            b'=' => self.name_end(name_start + 1, TAG_END | EQUALS),
            _ => self.name_end(name_start, TAG_END | EQUALS),
        };
        let mut parts =
            Parts { name_start, name_end, has_upper, value: Span::default(), has_reference: false };
        self.at = self.skip_blanks(name_end);
        if self.byte(self.at) != Some(b'=') {
            return Some(Ok(parts));
        }
        let start = self.skip_blanks(self.at + 1);
        let (start, end) = match self.byte(start) {
            Some(b'>') => (start, start),
            Some(quote @ (b'"' | b'\'')) => {
                let start = start + 1;
                let mut end = find2(self.bytes, start, quote, b'&');
                if self.byte(end) == Some(b'&') {
                    parts.has_reference = true;
                    end = find(self.bytes, end, quote);
                }
                self.at = end + 1;
                (start, end)
            }
            _ => {
                let mut end = start;
                while let Some(byte) = self.byte(end) {
                    if byte == b'>' || super::scan::is_blank(byte) {
                        break;
                    }
                    parts.has_reference |= byte == b'&';
                    end += 1;
                }
                (start, end)
            }
        };
        if end == self.bytes.len() {
            self.at = end;
            return None;
        }
        self.at = self.at.max(end);
        parts.value = Span { start: start as u32, length: (end - start) as u32 };
        Some(Ok(parts))
    }

    /// Reads the attributes of a start tag into the arena; returns whether the tag closes itself, `None` where the
    /// text ends inside it.
    pub(super) fn attributes(&mut self, tree: &mut Builder<'t>) -> Option<bool> {
        let first = tree.attributes.len();
        let (mut known, mut count, mut unknown) = (0u128, 0u16, 0usize);
        loop {
            let parts = match self.attribute_parts()? {
                Ok(parts) => parts,
                Err(self_closing) => return Some(self_closing),
            };
            let attr = Attr::of(&self.bytes[parts.name_start..parts.name_end]);
            if attr != Attr::Unknown && known & 1 << attr as u32 != 0 {
                continue; // the first of repeated attributes counts
            }
            if count == self.limits.attributes {
                tree.flags.too_many_attributes = true;
                continue;
            }
            let mut name = Span::default();
            if attr == Attr::Unknown {
                name = self.lower_name(tree, parts.name_start, parts.name_end, parts.has_upper);
                if self.is_repeated(tree, first, unknown, name) {
                    continue;
                }
                unknown += 1;
            } else {
                known |= 1 << attr as u32;
            }
            let value = self.value(tree, &parts);
            tree.attributes.push(Attribute { attr, name, value });
            count += 1;
        }
    }

    fn value(&mut self, tree: &mut Builder<'t>, parts: &Parts) -> Span {
        let mut raw = parts.value;
        if raw.length > self.limits.attribute_bytes {
            tree.flags.long_attribute = true;
            raw.length = self.limits.attribute_bytes;
            while !self.text.is_char_boundary(raw.end() as usize) {
                raw.length -= 1;
            }
        }
        if parts.has_reference || self.nul_from(raw.start as usize) < raw.end() as usize {
            self.clean(tree, raw, Some(true))
        } else {
            raw
        }
    }

    /// Has the element whose attributes begin at `first`, `unknown` of them with an unknown name, one of this name?
    fn is_repeated(&mut self, tree: &Builder<'t>, first: usize, unknown: usize, name: Span) -> bool {
        let name = tree.str(name);
        // The name of an unknown tag lies before `first`.
        let mut others = tree.attributes[first..].iter().filter(|other| other.attr == Attr::Unknown);
        if unknown < FEW {
            return others.any(|other| tree.str(other.name) == name);
        }
        let names = &mut self.many.0;
        if unknown == FEW {
            names.clear();
            names.extend(others.map(|other| Box::from(tree.str(other.name))));
        }
        !names.insert(Box::from(name))
    }
}
