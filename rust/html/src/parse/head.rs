//! The insertion modes up to the body.

use super::construct::{Mode, Next, Parser};
use super::quirks::is_quirky;
use super::token::{Raw, Start, Token};
use crate::tree::{Kind, Span, Tag};

use Next::{Again, Done};

impl Parser<'_> {
    fn starts_blank(&self, span: Span) -> bool {
        self.tree.str(span).bytes().next().is_some_and(super::scan::is_blank)
    }

    /// Text in a mode that drops leading white space.
    fn skip_blank(&mut self, span: Span) -> Next {
        if let Some(rest) = self.split_blank(span).1 {
            self.process(Token::Text(rest));
        }
        Done
    }

    pub(super) fn initial(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) if self.starts_blank(span) => return self.skip_blank(span),
            Token::Comment(span) => {
                self.append_comment(0, span);
                return Done;
            }
            Token::Doctype(doctype) => {
                self.tree.flags.quirks = is_quirky(&doctype, &self.tree);
                let node = self.tree.create(Kind::Doctype, Tag::Unknown, doctype.name.unwrap_or_default());
                self.tree.append(0, node);
                self.mode = Mode::BeforeHtml;
                return Done;
            }
            _ => self.tree.flags.quirks = true,
        }
        self.mode = Mode::BeforeHtml;
        Again
    }

    pub(super) fn before_html(&mut self, token: Token) -> Next {
        match token {
            Token::Doctype(_) => return Done,
            Token::Text(span) if self.starts_blank(span) => return self.skip_blank(span),
            Token::Comment(span) => {
                self.append_comment(0, span);
                return Done;
            }
            Token::Start(start) if start.tag == Tag::Html => {
                self.insert_always(&start);
                self.mode = Mode::BeforeHead;
                return Done;
            }
            Token::End(end) if !matches!(end.tag, Tag::Head | Tag::Body | Tag::Html | Tag::Br) => {
                return Done;
            }
            _ => {}
        }
        self.insert_implied(Tag::Html);
        self.mode = Mode::BeforeHead;
        Again
    }

    pub(super) fn before_head(&mut self, token: Token) -> Next {
        match token {
            Token::Doctype(_) => return Done,
            Token::Text(span) if self.starts_blank(span) => return self.skip_blank(span),
            Token::Comment(span) => {
                self.insert_comment(span);
                return Done;
            }
            Token::Start(Start { tag: Tag::Html, .. }) => return self.in_body(token),
            Token::Start(start) if start.tag == Tag::Head => {
                self.head = Some(self.insert_always(&start));
                self.mode = Mode::InHead;
                return Done;
            }
            Token::End(end) if !matches!(end.tag, Tag::Head | Tag::Body | Tag::Html | Tag::Br) => {
                return Done;
            }
            _ => {}
        }
        self.head = Some(self.insert_implied(Tag::Head));
        self.mode = Mode::InHead;
        Again
    }

    /// Text in a mode that keeps white space and leaves the rest to another: inserts the former, returns the latter.
    fn text_after_blank(&mut self, span: Span) -> Option<Token> {
        let (blank, rest) = self.split_blank(span);
        if let Some(blank) = blank {
            self.insert_text(blank);
        }
        rest.map(Token::Text)
    }

    /// Leaves a mode with text whose leading white space is already inserted.
    fn leave_with_text(&mut self, rest: Option<Token>, leave: impl FnOnce(&mut Self)) -> Next {
        if let Some(rest) = rest {
            leave(self);
            self.process(rest);
        }
        Done
    }

    pub(super) fn in_head(&mut self, token: Token) -> Next {
        let leave = |parser: &mut Self| {
            parser.open.pop();
            parser.mode = Mode::AfterHead;
        };
        match token {
            Token::Text(span) => {
                let rest = self.text_after_blank(span);
                return self.leave_with_text(rest, leave);
            }
            Token::Comment(span) => {
                self.insert_comment(span);
                return Done;
            }
            Token::Doctype(_) => return Done,
            Token::Start(start) => match start.tag {
                Tag::Html => return self.in_body(token),
                Tag::Noscript => {
                    self.insert_always(&start);
                    self.mode = Mode::InHeadNoscript;
                    return Done;
                }
                Tag::Head => return Done,
                tag if is_head_tag(tag) => return self.head_element(&start),
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Head => {
                    leave(self);
                    return Done;
                }
                Tag::Template => return self.end_template(),
                Tag::Body | Tag::Html | Tag::Br => {}
                _ => return Done,
            },
            _ => {}
        }
        leave(self);
        Again
    }

    /// An element of the head, wherever it stands.
    pub(super) fn head_element(&mut self, start: &Start) -> Next {
        match start.tag {
            Tag::Title => self.insert_raw(start, Raw::Rcdata),
            Tag::Noframes | Tag::Style => self.insert_raw(start, Raw::Rawtext),
            Tag::Script => self.insert_raw(start, Raw::Script),
            Tag::Template => {
                if self.insert(start).is_some() {
                    self.push_marker();
                    self.frameset_ok = false;
                    self.mode = Mode::InTemplate;
                    self.template_modes.push(Mode::InTemplate);
                }
            }
            _ => {
                self.insert_void(start);
            }
        }
        Done
    }

    pub(super) fn end_template(&mut self) -> Next {
        if self.open.has(Tag::Template) {
            self.open.close_implied_thoroughly();
            self.leave_template();
        }
        Done
    }

    pub(super) fn leave_template(&mut self) {
        self.open.pop_until(Tag::Template);
        self.clear_to_marker();
        self.template_modes.pop();
        self.reset_mode();
    }

    pub(super) fn in_head_noscript(&mut self, token: Token) -> Next {
        let leave = |parser: &mut Self| {
            parser.open.pop();
            parser.mode = Mode::InHead;
        };
        match token {
            Token::Doctype(_) => return Done,
            Token::Text(span) => {
                let rest = self.text_after_blank(span);
                return self.leave_with_text(rest, leave);
            }
            Token::Comment(_) => return self.in_head(token),
            Token::Start(start) => match start.tag {
                Tag::Html => return self.in_body(token),
                Tag::Basefont | Tag::Bgsound | Tag::Link | Tag::Meta | Tag::Noframes | Tag::Style => {
                    return self.head_element(&start);
                }
                Tag::Head | Tag::Noscript => return Done,
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Noscript => {
                    leave(self);
                    return Done;
                }
                Tag::Br => {}
                _ => return Done,
            },
            _ => {}
        }
        leave(self);
        Again
    }

    pub(super) fn after_head(&mut self, token: Token) -> Next {
        let leave = |parser: &mut Self| {
            parser.insert_implied(Tag::Body);
            parser.mode = Mode::InBody;
        };
        match token {
            Token::Text(span) => {
                let rest = self.text_after_blank(span);
                return self.leave_with_text(rest, leave);
            }
            Token::Comment(span) => {
                self.insert_comment(span);
                return Done;
            }
            Token::Doctype(_) => return Done,
            Token::Start(start) => match start.tag {
                Tag::Html => return self.in_body(token),
                Tag::Body => {
                    self.insert_always(&start);
                    self.frameset_ok = false;
                    self.mode = Mode::InBody;
                    return Done;
                }
                Tag::Frameset => {
                    self.insert_always(&start);
                    self.mode = Mode::InFrameset;
                    return Done;
                }
                Tag::Head => return Done,
                tag if is_head_tag(tag) => return self.late_head_element(&start),
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Template => return self.end_template(),
                Tag::Body | Tag::Html | Tag::Br => {}
                _ => return Done,
            },
            _ => {}
        }
        leave(self);
        Again
    }

    /// An element between head and body goes into the head.
    fn late_head_element(&mut self, start: &Start) -> Next {
        if let Some(node) = self.head {
            let classes = super::classes::classes(Tag::Head);
            self.open.push(super::stack::Open { node, kind: Kind::Element, tag: Tag::Head, classes });
            self.head_element(start);
            if let Some(index) = self.open.position(node) {
                self.open.remove(index);
            }
        }
        Done
    }
}

/// Elements that belong into the head.
pub(super) fn is_head_tag(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Base
            | Tag::Basefont
            | Tag::Bgsound
            | Tag::Link
            | Tag::Meta
            | Tag::Noframes
            | Tag::Script
            | Tag::Style
            | Tag::Template
            | Tag::Title
    )
}
