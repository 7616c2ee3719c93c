//! The insertion modes of templates, after the body, and of framesets.

use super::construct::{Mode, Next, Parser};
use super::head::is_head_tag;
use super::token::{Start, Token};
use crate::tree::{Span, Tag};

use Next::{Again, Done};

impl Parser<'_> {
    pub(super) fn in_template(&mut self, token: Token) -> Next {
        match token {
            Token::Text(_) | Token::Null | Token::Comment(_) | Token::Doctype(_) => self.in_body(token),
            Token::Start(start) if is_head_tag(start.tag) => self.head_element(&start),
            Token::Start(start) => {
                self.mode = match start.tag {
                    Tag::Caption | Tag::Colgroup | Tag::Tbody | Tag::Tfoot | Tag::Thead => Mode::InTable,
                    Tag::Col => Mode::InColumnGroup,
                    Tag::Tr => Mode::InTableBody,
                    Tag::Td | Tag::Th => Mode::InRow,
                    _ => Mode::InBody,
                };
                self.template_modes.pop();
                self.template_modes.push(self.mode);
                Again
            }
            Token::End(end) if end.tag == Tag::Template => self.end_template(),
            Token::End(_) => Done,
            Token::Eof => {
                if !self.open.has(Tag::Template) {
                    return Done;
                }
                self.leave_template();
                Again
            }
        }
    }

    pub(super) fn after_body(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => self.text_after_body(span),
            Token::Comment(span) => {
                let html = self.open.elements()[0].node;
                self.append_comment(html, span);
                Done
            }
            Token::Doctype(_) | Token::Eof => Done,
            Token::Start(Start { tag: Tag::Html, .. }) => self.in_body(token),
            Token::End(end) if end.tag == Tag::Html => {
                self.mode = Mode::AfterAfterBody;
                Done
            }
            _ => self.back_to_body(),
        }
    }

    pub(super) fn after_after_body(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => self.text_after_body(span),
            Token::Comment(span) => {
                self.append_comment(0, span);
                Done
            }
            Token::Doctype(_) | Token::Eof => Done,
            Token::Start(Start { tag: Tag::Html, .. }) => self.in_body(token),
            _ => self.back_to_body(),
        }
    }

    fn back_to_body(&mut self) -> Next {
        self.mode = Mode::InBody;
        Again
    }

    /// White space after the body stays in it; other text opens it again.
    fn text_after_body(&mut self, span: Span) -> Next {
        let (blank, rest) = self.split_blank(span);
        if let Some(blank) = blank {
            self.in_body(Token::Text(blank));
        }
        if let Some(rest) = rest {
            self.mode = Mode::InBody;
            self.process(Token::Text(rest));
        }
        Done
    }

    /// The white space of a text, where other text is dropped.
    pub(super) fn keep_blanks(&mut self, span: Span, mut keep: impl FnMut(&mut Self, Span)) {
        let (mut at, end) = (span.start, span.end());
        while at < end {
            let rest = self.tree.str(Span { start: at, length: end - at }).as_bytes();
            let blank = super::scan::skip_blanks(rest, 0) as u32;
            let other = rest[blank as usize..].iter().position(|&byte| super::scan::is_blank(byte));
            let other = other.map_or(end - at - blank, |length| length as u32);
            if blank > 0 {
                keep(self, Span { start: at, length: blank });
            }
            at += blank + other;
        }
    }

    pub(super) fn in_frameset(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => self.keep_blanks(span, Self::insert_text),
            Token::Comment(span) => self.insert_comment(span),
            Token::Start(start) => match start.tag {
                Tag::Html => return self.in_body(token),
                Tag::Frameset => {
                    self.insert(&start);
                }
                Tag::Frame => {
                    self.insert_void(&start);
                }
                Tag::Noframes => return self.head_element(&start),
                _ => {}
            },
            Token::End(end)
                if end.tag == Tag::Frameset && !self.ends_folded(end.tag) && self.open.len() > 1 =>
            {
                self.open.pop();
                if !self.open.is_current(Tag::Frameset) {
                    self.mode = Mode::AfterFrameset;
                }
            }
            _ => {}
        }
        Done
    }

    pub(super) fn after_frameset(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => self.keep_blanks(span, Self::insert_text),
            Token::Comment(span) => self.insert_comment(span),
            Token::Start(Start { tag: Tag::Html, .. }) => return self.in_body(token),
            Token::Start(start) if start.tag == Tag::Noframes => return self.head_element(&start),
            Token::End(end) if end.tag == Tag::Html => self.mode = Mode::AfterAfterFrameset,
            _ => {}
        }
        Done
    }

    pub(super) fn after_after_frameset(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => self.keep_blanks(span, |parser, span| {
                parser.in_body(Token::Text(span));
            }),
            Token::Comment(span) => self.append_comment(0, span),
            Token::Start(Start { tag: Tag::Html, .. }) => return self.in_body(token),
            Token::Start(start) if start.tag == Tag::Noframes => return self.head_element(&start),
            _ => {}
        }
        Done
    }
}
