//! The insertion mode "in body": end tags.

use super::classes::{BUTTON, HEADING, LIST, SCOPE};
use super::construct::{Mode, Next, Parser};
use super::token::{End, Start};
use crate::tree::{Span, Tag};

use Next::{Again, Done};

impl Parser<'_> {
    pub(super) fn end_in_body(&mut self, end: End) -> Next {
        if self.ends_folded(end.tag) {
            return Done;
        }
        match end.tag {
            Tag::A
            | Tag::B
            | Tag::Big
            | Tag::Code
            | Tag::Em
            | Tag::Font
            | Tag::I
            | Tag::Nobr
            | Tag::S
            | Tag::Small
            | Tag::Strike
            | Tag::Strong
            | Tag::Tt
            | Tag::U => self.adopt(end.tag),
            Tag::P => {
                if !self.open.in_scope(Tag::P, SCOPE | BUTTON) {
                    let start = Start { tag: Tag::P, self_closing: false, attributes: Span::default() };
                    self.insert(&start);
                }
                self.close_p();
            }
            Tag::Address
            | Tag::Article
            | Tag::Aside
            | Tag::Blockquote
            | Tag::Button
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
            | Tag::Listing
            | Tag::Main
            | Tag::Menu
            | Tag::Nav
            | Tag::Ol
            | Tag::Pre
            | Tag::Search
            | Tag::Section
            | Tag::Select
            | Tag::Summary
            | Tag::Ul => {
                self.end_block(end.tag, SCOPE, Tag::Unknown);
            }
            Tag::Li => {
                self.end_block(Tag::Li, SCOPE | LIST, Tag::Li);
            }
            Tag::Dd | Tag::Dt => {
                self.end_block(end.tag, SCOPE, end.tag);
            }
            Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6 => {
                if self.open.find_in_scope(SCOPE, |open| open.classes & HEADING != 0) {
                    self.open.clear_back_to(HEADING);
                    self.open.pop();
                }
            }
            Tag::Applet | Tag::Marquee | Tag::Object => {
                if self.end_block(end.tag, SCOPE, Tag::Unknown) {
                    self.clear_to_marker();
                }
            }
            Tag::Form => self.end_form(),
            Tag::Template => return self.end_template(),
            Tag::Br => {
                let start = Start { tag: Tag::Br, self_closing: false, attributes: Span::default() };
                self.reconstruct();
                self.insert_void(&start);
                self.frameset_ok = false;
            }
            Tag::Body | Tag::Html => {
                if self.open.in_scope(Tag::Body, SCOPE) {
                    self.mode = Mode::AfterBody;
                    return if end.tag == Tag::Html { Again } else { Done };
                }
            }
            _ => self.close_other(&end),
        }
        Done
    }

    /// Closes an element that is in scope, and what is open in it; says whether it was.
    fn end_block(&mut self, tag: Tag, scope: u16, except: Tag) -> bool {
        let in_scope = self.open.in_scope(tag, scope);
        if in_scope {
            self.open.close_implied(except);
            self.open.pop_until(tag);
        }
        in_scope
    }

    fn end_form(&mut self) {
        if self.open.has(Tag::Template) {
            self.end_block(Tag::Form, SCOPE, Tag::Unknown);
            return;
        }
        let Some(node) = self.form.take() else { return };
        if self.open.find_in_scope(SCOPE, |open| open.node == node) {
            self.open.close_implied(Tag::Unknown);
            if let Some(index) = self.open.position(node) {
                self.open.remove(index);
            }
        }
    }
}
