//! The rules for SVG and MathML: WHATWG HTML section 13.2.6.5.

use super::classes::{BREAKOUT, HTML_POINT, TEXT_POINT, classes};
use super::construct::{Next, Parser};
use super::token::{End, Start, Token};
use crate::tree::{Attr, DECODED, Kind, Span, Tag};

use Next::Done;

impl Parser<'_> {
    pub(super) fn foreign(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => {
                if self.frameset_ok && !self.is_blank(span) {
                    self.frameset_ok = false;
                }
                self.insert_text(span);
            }
            Token::Null => {
                let start = self.tree.decoded.len() as u32 | DECODED;
                self.tree.decoded.push(char::REPLACEMENT_CHARACTER);
                self.insert_text(Span { start, length: char::REPLACEMENT_CHARACTER.len_utf8() as u32 });
            }
            Token::Comment(span) => self.insert_comment(span),
            Token::Doctype(_) | Token::Eof => {}
            Token::Start(start) if self.ends_foreign(&start) => return self.leave_foreign(token),
            Token::Start(start) => {
                let kind = self.open.last().map_or(Kind::Svg, |open| open.kind);
                self.insert_foreign(&start, kind);
            }
            Token::End(end) if matches!(end.tag, Tag::Br | Tag::P) => return self.leave_foreign(token),
            Token::End(end) => return self.end_foreign(&end),
        }
        Done
    }

    fn ends_foreign(&self, start: &Start) -> bool {
        let is_html_font = || {
            [Attr::Color, Attr::Face, Attr::Size]
                .into_iter()
                .any(|attr| self.attribute(start, attr).is_some())
        };
        classes(start.tag) & BREAKOUT != 0 || (start.tag == Tag::Font && is_html_font())
    }

    /// Closes foreign elements up to one that holds HTML; the tag then follows the rules of the mode.
    fn leave_foreign(&mut self, token: Token) -> Next {
        while self
            .open
            .last()
            .is_some_and(|open| open.kind != Kind::Element && open.classes & (HTML_POINT | TEXT_POINT) == 0)
        {
            self.open.pop();
        }
        self.step(self.mode, token)
    }

    fn end_foreign(&mut self, end: &End) -> Next {
        if self.ends_folded(end.tag) {
            return Done;
        }
        for index in (1..self.open.len()).rev() {
            let open = self.open.elements()[index];
            self.tree.steps += 1;
            if open.kind == Kind::Element {
                return self.step(self.mode, Token::End(*end));
            }
            if open.tag == end.tag && (end.tag != Tag::Unknown || self.is_named(open.node, end.name)) {
                self.open.truncate(index);
                return Done;
            }
        }
        Done
    }
}
