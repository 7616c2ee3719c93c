//! The insertion mode "in body": WHATWG HTML section 13.2.6.4.7. Here are text and start tags.

use std::collections::HashSet;

use super::classes::{HEADING, SCOPE, SPECIAL};
use super::construct::{Mode, Next, Parser};
use super::token::{Raw, Start, Token};
use crate::tree::{Attr, Kind, Span, Tag};

use Next::Done;

impl Parser<'_> {
    pub(super) fn in_body(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) => {
                self.reconstruct();
                if self.frameset_ok && !self.is_blank(span) {
                    self.frameset_ok = false;
                }
                self.insert_text(span);
                Done
            }
            Token::Start(start) => self.start_in_body(start),
            Token::End(end) => self.end_in_body(end),
            Token::Comment(span) => {
                self.insert_comment(span);
                Done
            }
            Token::Null | Token::Doctype(_) => Done,
            Token::Eof if self.template_modes.is_empty() => Done,
            Token::Eof => self.in_template(token),
        }
    }

    /// Inserts an element that blocks contain: formatting that they closed is opened again.
    fn insert_inline(&mut self, start: &Start) -> Option<u32> {
        self.reconstruct();
        self.insert(start)
    }

    /// Inserts an element that ends a paragraph.
    fn insert_block(&mut self, start: &Start) -> Option<u32> {
        self.close_p();
        self.insert(start)
    }

    fn start_in_body(&mut self, start: Start) -> Next {
        match start.tag {
            Tag::A => {
                self.close_nested_link();
                self.reconstruct();
                self.insert_formatting(&start);
            }
            Tag::B
            | Tag::Big
            | Tag::Code
            | Tag::Em
            | Tag::Font
            | Tag::I
            | Tag::S
            | Tag::Small
            | Tag::Strike
            | Tag::Strong
            | Tag::Tt
            | Tag::U => {
                self.reconstruct();
                self.insert_formatting(&start);
            }
            Tag::Nobr => {
                self.reconstruct();
                if self.open.in_scope(Tag::Nobr, SCOPE) {
                    self.adopt(Tag::Nobr);
                    self.reconstruct();
                }
                self.insert_formatting(&start);
            }
            Tag::Address
            | Tag::Article
            | Tag::Aside
            | Tag::Blockquote
            | Tag::Center
            | Tag::Details
            | Tag::Dialog
            | Tag::Dir
            | Tag::Div
            | Tag::Dl
            | Tag::Fieldset
            | Tag::Figcaption
            | Tag::Figure
            | Tag::Footer
            | Tag::Header
            | Tag::Hgroup
            | Tag::Main
            | Tag::Menu
            | Tag::Nav
            | Tag::Ol
            | Tag::P
            | Tag::Search
            | Tag::Section
            | Tag::Summary
            | Tag::Ul => {
                self.insert_block(&start);
            }
            Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6 => {
                self.close_p();
                if self.open.last().is_some_and(|open| open.classes & HEADING != 0) {
                    self.open.pop();
                }
                self.insert(&start);
            }
            Tag::Li => self.start_item(&start, Tag::Li, Tag::Li),
            Tag::Dd | Tag::Dt => self.start_item(&start, Tag::Dd, Tag::Dt),
            Tag::Area | Tag::Br | Tag::Embed | Tag::Img | Tag::Keygen | Tag::Wbr => {
                self.reconstruct();
                self.insert_void(&start);
                self.frameset_ok = false;
            }
            Tag::Image => return self.start_in_body(Start { tag: Tag::Img, ..start }),
            Tag::Input => self.start_input(&start),
            Tag::Param | Tag::Source | Tag::Track => {
                self.insert_void(&start);
            }
            Tag::Base
            | Tag::Basefont
            | Tag::Bgsound
            | Tag::Link
            | Tag::Meta
            | Tag::Noframes
            | Tag::Script
            | Tag::Style
            | Tag::Template
            | Tag::Title => return self.head_element(&start),
            Tag::Pre | Tag::Listing => {
                self.insert_block(&start);
                self.skip_newline = true;
                self.frameset_ok = false;
            }
            Tag::Form => self.start_form(&start),
            Tag::Button => {
                if self.open.in_scope(Tag::Button, SCOPE) {
                    self.open.close_implied(Tag::Unknown);
                    self.open.pop_until(Tag::Button);
                }
                self.insert_inline(&start);
                self.frameset_ok = false;
            }
            Tag::Table => {
                if !self.tree.flags.quirks {
                    self.close_p();
                }
                self.frameset_ok = false;
                if self.insert(&start).is_some() {
                    self.mode = Mode::InTable;
                }
            }
            Tag::Applet | Tag::Marquee | Tag::Object => {
                if self.insert_inline(&start).is_some() {
                    self.push_marker();
                }
                self.frameset_ok = false;
            }
            Tag::Select | Tag::Hr | Tag::Option | Tag::Optgroup => self.start_in_select(&start),
            Tag::Textarea => {
                self.insert_raw(&start, Raw::Rcdata);
                self.frameset_ok = false;
            }
            Tag::Xmp => {
                self.close_p();
                self.reconstruct();
                self.frameset_ok = false;
                self.insert_raw(&start, Raw::Rawtext);
            }
            Tag::Iframe => {
                self.frameset_ok = false;
                self.insert_raw(&start, Raw::Rawtext);
            }
            Tag::Noembed => self.insert_raw(&start, Raw::Rawtext),
            Tag::Plaintext => {
                self.insert_block(&start);
                self.tokens.plain = true;
            }
            Tag::Rb | Tag::Rtc | Tag::Rp | Tag::Rt => {
                if self.open.in_scope(Tag::Ruby, SCOPE) {
                    let within_rtc = matches!(start.tag, Tag::Rp | Tag::Rt);
                    self.open.close_implied(if within_rtc { Tag::Rtc } else { Tag::Unknown });
                }
                self.insert(&start);
            }
            Tag::Math | Tag::Svg => {
                self.reconstruct();
                self.insert_foreign(&start, if start.tag == Tag::Svg { Kind::Svg } else { Kind::Math });
            }
            Tag::Html | Tag::Body => self.merge(&start),
            Tag::Frameset => self.start_frameset(&start),
            Tag::Caption
            | Tag::Col
            | Tag::Colgroup
            | Tag::Frame
            | Tag::Head
            | Tag::Tbody
            | Tag::Td
            | Tag::Tfoot
            | Tag::Th
            | Tag::Thead
            | Tag::Tr => {}
            _ => {
                self.insert_inline(&start);
            }
        }
        Done
    }

    /// `li`, `dd`, `dt`: closes the item before, unless another list holds it.
    fn start_item(&mut self, start: &Start, one: Tag, other: Tag) {
        self.frameset_ok = false;
        if self.open.has(one) || self.open.has(other) {
            let mut found = None;
            for open in self.open.elements().iter().rev() {
                self.tree.steps += 1;
                if open.is(one) || open.is(other) {
                    found = Some(open.tag);
                    break;
                }
                let passes = matches!(open.tag, Tag::Address | Tag::Div | Tag::P);
                if open.classes & SPECIAL != 0 && !passes {
                    break;
                }
            }
            if let Some(tag) = found {
                self.open.close_implied(tag);
                self.open.pop_until(tag);
            }
        }
        self.insert_block(start);
    }

    fn start_input(&mut self, start: &Start) {
        if self.open.in_scope(Tag::Select, SCOPE) {
            self.open.pop_until(Tag::Select);
        }
        self.reconstruct();
        self.insert_void(start);
        if !self.is_hidden_input(start) {
            self.frameset_ok = false;
        }
    }

    pub(super) fn is_hidden_input(&self, start: &Start) -> bool {
        self.attribute(start, Attr::Type).is_some_and(|value| value.eq_ignore_ascii_case("hidden"))
    }

    fn start_form(&mut self, start: &Start) {
        let in_template = self.open.has(Tag::Template);
        if self.form.is_some() && !in_template {
            return;
        }
        let node = self.insert_block(start);
        if !in_template {
            self.form = node;
        }
    }

    /// `select` and what stands in it.
    fn start_in_select(&mut self, start: &Start) {
        let in_select = self.open.in_scope(Tag::Select, SCOPE);
        match start.tag {
            Tag::Select if in_select => {
                self.open.pop_until(Tag::Select);
                return;
            }
            Tag::Select => self.frameset_ok = false,
            Tag::Hr => {
                self.close_p();
                if in_select {
                    self.open.close_implied(Tag::Unknown);
                }
                self.insert_void(start);
                self.frameset_ok = false;
                return;
            }
            _ if in_select => {
                let within_group = start.tag == Tag::Option;
                self.open.close_implied(if within_group { Tag::Optgroup } else { Tag::Unknown });
            }
            _ => {
                if self.open.is_current(Tag::Option) {
                    self.open.pop();
                }
            }
        }
        self.insert_inline(start);
    }

    fn start_frameset(&mut self, start: &Start) {
        let body = self.open.elements().get(1).filter(|open| open.is(Tag::Body)).map(|open| open.node);
        if let Some(body) = body
            && self.frameset_ok
        {
            self.tree.detach(body);
            self.open.truncate(1);
            self.insert_always(start);
            self.mode = Mode::InFrameset;
        }
    }

    /// Another `html` or `body` tag: its attributes go to the element, save those that it has.
    fn merge(&mut self, start: &Start) {
        let is_body = start.tag == Tag::Body;
        if self.open.has(Tag::Template) {
            return;
        }
        let Some(open) = self.open.elements().get(usize::from(is_body)).filter(|open| open.is(start.tag))
        else {
            return;
        };
        let node = open.node;
        self.frameset_ok &= !is_body;
        let range = |span: Span| span.start as usize..span.end() as usize;
        let own = range(self.tree.data(node));
        let room = usize::from(self.limits.attributes).saturating_sub(own.len());
        if room == 0 || start.attributes.length == 0 {
            self.tree.flags.too_many_attributes |= start.attributes.length > 0;
            return;
        }
        let tree = &self.tree;
        let name_of = |index: usize| {
            let attribute = &tree.attributes[index];
            if attribute.attr == Attr::Unknown { tree.str(attribute.name) } else { attribute.attr.name() }
        };
        let names: &mut HashSet<Box<str>> = self.merged[usize::from(is_body)]
            .get_or_insert_with(|| own.clone().map(|index| name_of(index).into()).collect());
        let mut new: Vec<usize> =
            range(start.attributes).filter(|&index| names.insert(name_of(index).into())).collect();
        if new.len() > room {
            new.truncate(room);
            self.tree.flags.too_many_attributes = true;
        }
        if new.is_empty() {
            return;
        }
        let first = self.tree.attributes.len();
        self.tree.attributes.extend_from_within(own);
        for index in new {
            self.tree.attributes.push(self.tree.attributes[index]);
        }
        let length = (self.tree.attributes.len() - first) as u32;
        self.tree.set_data(node, Span { start: first as u32, length });
    }
}
