//! The insertion modes of tables: WHATWG HTML sections 13.2.6.4.9 to 13.2.6.4.15.

use super::classes::{BODY_CONTEXT, FOSTERING, ROW_CONTEXT, TABLE_SCOPE};
use super::construct::{Mode, Next, Parser};
use super::token::{Start, Token};
use crate::tree::Tag;

use Next::{Again, Done};

impl Parser<'_> {
    pub(super) fn in_table(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) if self.holds_no_text() => self.table_text.push(span),
            Token::Null if self.holds_no_text() => {}
            Token::Comment(span) => self.insert_comment(span),
            Token::Doctype(_) => {}
            Token::Start(start) => match start.tag {
                Tag::Caption => {
                    self.open.clear_back_to(TABLE_SCOPE);
                    self.push_marker();
                    self.insert_always(&start);
                    self.mode = Mode::InCaption;
                }
                Tag::Colgroup => {
                    self.open.clear_back_to(TABLE_SCOPE);
                    self.insert_always(&start);
                    self.mode = Mode::InColumnGroup;
                }
                Tag::Col => {
                    self.open.clear_back_to(TABLE_SCOPE);
                    self.insert_implied(Tag::Colgroup);
                    self.mode = Mode::InColumnGroup;
                    return Again;
                }
                Tag::Tbody | Tag::Tfoot | Tag::Thead => {
                    self.open.clear_back_to(TABLE_SCOPE);
                    self.insert_always(&start);
                    self.mode = Mode::InTableBody;
                }
                Tag::Td | Tag::Th | Tag::Tr => {
                    self.open.clear_back_to(TABLE_SCOPE);
                    self.insert_implied(Tag::Tbody);
                    self.mode = Mode::InTableBody;
                    return Again;
                }
                Tag::Table => return if self.end_table() { Again } else { Done },
                Tag::Style | Tag::Script | Tag::Template => return self.head_element(&start),
                Tag::Input if self.is_hidden_input(&start) => {
                    self.insert_void(&start);
                }
                Tag::Form => {
                    if self.form.is_none() && !self.open.has(Tag::Template) {
                        self.form = Some(self.insert_void(&start));
                    }
                }
                _ => return self.foster(token),
            },
            Token::End(end) => match end.tag {
                Tag::Table => {
                    self.end_table();
                }
                Tag::Template => return self.end_template(),
                Tag::Body
                | Tag::Caption
                | Tag::Col
                | Tag::Colgroup
                | Tag::Html
                | Tag::Tbody
                | Tag::Td
                | Tag::Tfoot
                | Tag::Th
                | Tag::Thead
                | Tag::Tr => {}
                _ => return self.foster(token),
            },
            Token::Eof => return self.in_body(token),
            _ => return self.foster(token),
        }
        Done
    }

    fn holds_no_text(&self) -> bool {
        self.open.last().is_some_and(|open| open.classes & FOSTERING != 0 || open.is(Tag::Template))
    }

    /// By the rules of the body, before the table.
    fn foster(&mut self, token: Token) -> Next {
        self.fostering = true;
        let next = self.in_body(token);
        self.fostering = false;
        next
    }

    /// Text inside a table stays if it is blank and goes before it otherwise.
    pub(super) fn flush_table_text(&mut self) {
        let texts = std::mem::take(&mut self.table_text);
        let blank = texts.iter().all(|&span| self.is_blank(span));
        for &span in &texts {
            if blank {
                self.insert_text(span);
            } else {
                self.foster(Token::Text(span));
            }
        }
        self.table_text = texts;
        self.table_text.clear();
    }

    fn end_table(&mut self) -> bool {
        let in_scope = self.open.in_scope(Tag::Table, TABLE_SCOPE);
        if in_scope {
            self.open.pop_until(Tag::Table);
            self.reset_mode();
        }
        in_scope
    }

    /// The mode that the open elements ask for.
    pub(super) fn reset_mode(&mut self) {
        let mut mode = Mode::InBody;
        for (index, open) in self.open.elements().iter().enumerate().rev() {
            self.tree.steps += 1;
            if open.kind != crate::tree::Kind::Element {
                continue;
            }
            mode = match open.tag {
                Tag::Td | Tag::Th if index > 0 => Mode::InCell,
                Tag::Tr => Mode::InRow,
                Tag::Tbody | Tag::Thead | Tag::Tfoot => Mode::InTableBody,
                Tag::Caption => Mode::InCaption,
                Tag::Colgroup => Mode::InColumnGroup,
                Tag::Table => Mode::InTable,
                Tag::Template => self.template_modes.last().copied().unwrap_or(Mode::InBody),
                Tag::Head if index > 0 => Mode::InHead,
                Tag::Body => Mode::InBody,
                Tag::Frameset => Mode::InFrameset,
                Tag::Html if self.head.is_none() => Mode::BeforeHead,
                Tag::Html => Mode::AfterHead,
                _ => continue,
            };
            break;
        }
        self.mode = mode;
    }

    pub(super) fn in_caption(&mut self, token: Token) -> Next {
        let closes = match token {
            Token::Start(start) => is_table_part(start.tag),
            Token::End(end) => match end.tag {
                Tag::Caption => {
                    self.end_caption();
                    return Done;
                }
                Tag::Table => true,
                Tag::Body
                | Tag::Col
                | Tag::Colgroup
                | Tag::Html
                | Tag::Tbody
                | Tag::Td
                | Tag::Tfoot
                | Tag::Th
                | Tag::Thead
                | Tag::Tr => return Done,
                _ => false,
            },
            _ => false,
        };
        match closes {
            false => self.in_body(token),
            true if self.end_caption() => Again,
            true => Done,
        }
    }

    fn end_caption(&mut self) -> bool {
        let in_scope = self.open.in_scope(Tag::Caption, TABLE_SCOPE);
        if in_scope {
            self.open.close_implied(Tag::Unknown);
            self.open.pop_until(Tag::Caption);
            self.clear_to_marker();
            self.mode = Mode::InTable;
        }
        in_scope
    }

    pub(super) fn in_column_group(&mut self, token: Token) -> Next {
        match token {
            Token::Text(span) if self.open.is_current(Tag::Colgroup) => {
                let (blank, rest) = self.split_blank(span);
                if let Some(blank) = blank {
                    self.insert_text(blank);
                }
                if let Some(rest) = rest {
                    self.leave_column_group();
                    self.process(Token::Text(rest));
                }
                return Done;
            }
            // In a template there may be columns without a group.
            Token::Text(span) => {
                self.keep_blanks(span, Self::insert_text);
                return Done;
            }
            Token::Comment(span) => {
                self.insert_comment(span);
                return Done;
            }
            Token::Doctype(_) => return Done,
            Token::Start(start) => match start.tag {
                Tag::Html => return self.in_body(token),
                Tag::Col => {
                    self.insert_void(&start);
                    return Done;
                }
                Tag::Template => return self.head_element(&start),
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Colgroup => {
                    self.leave_column_group();
                    return Done;
                }
                Tag::Col => return Done,
                Tag::Template => return self.end_template(),
                _ => {}
            },
            Token::Eof => return self.in_body(token),
            Token::Null => {}
        }
        if self.leave_column_group() { Again } else { Done }
    }

    fn leave_column_group(&mut self) -> bool {
        let is_current = self.open.is_current(Tag::Colgroup);
        if is_current {
            self.open.pop();
            self.mode = Mode::InTable;
        }
        is_current
    }

    pub(super) fn in_table_body(&mut self, token: Token) -> Next {
        match token {
            Token::Start(start) => match start.tag {
                Tag::Tr => {
                    self.open.clear_back_to(BODY_CONTEXT);
                    self.insert_always(&start);
                    self.mode = Mode::InRow;
                    return Done;
                }
                Tag::Th | Tag::Td => {
                    self.open.clear_back_to(BODY_CONTEXT);
                    self.insert_implied(Tag::Tr);
                    self.mode = Mode::InRow;
                    return Again;
                }
                tag if is_table_part(tag) => return self.end_table_body(),
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Tbody | Tag::Tfoot | Tag::Thead => {
                    if self.open.in_scope(end.tag, TABLE_SCOPE) {
                        self.open.clear_back_to(BODY_CONTEXT);
                        self.open.pop();
                        self.mode = Mode::InTable;
                    }
                    return Done;
                }
                Tag::Table => return self.end_table_body(),
                Tag::Body
                | Tag::Caption
                | Tag::Col
                | Tag::Colgroup
                | Tag::Html
                | Tag::Td
                | Tag::Th
                | Tag::Tr => return Done,
                _ => {}
            },
            _ => {}
        }
        self.in_table(token)
    }

    fn end_table_body(&mut self) -> Next {
        let is_body = |tag| matches!(tag, Tag::Tbody | Tag::Thead | Tag::Tfoot);
        if !self.open.find_in_scope(TABLE_SCOPE, |open| is_body(open.tag) && open.is(open.tag)) {
            return Done;
        }
        self.open.clear_back_to(BODY_CONTEXT);
        self.open.pop();
        self.mode = Mode::InTable;
        Again
    }

    pub(super) fn in_row(&mut self, token: Token) -> Next {
        match token {
            Token::Start(start) => match start.tag {
                Tag::Th | Tag::Td => {
                    self.open.clear_back_to(ROW_CONTEXT);
                    self.insert_always(&start);
                    self.mode = Mode::InCell;
                    self.push_marker();
                    return Done;
                }
                tag if is_table_part(tag) => return if self.end_row() { Again } else { Done },
                _ => {}
            },
            Token::End(end) => match end.tag {
                Tag::Tr => {
                    self.end_row();
                    return Done;
                }
                Tag::Table => return if self.end_row() { Again } else { Done },
                Tag::Tbody | Tag::Tfoot | Tag::Thead => {
                    let closes = self.open.in_scope(end.tag, TABLE_SCOPE) && self.end_row();
                    return if closes { Again } else { Done };
                }
                Tag::Body | Tag::Caption | Tag::Col | Tag::Colgroup | Tag::Html | Tag::Td | Tag::Th => {
                    return Done;
                }
                _ => {}
            },
            _ => {}
        }
        self.in_table(token)
    }

    fn end_row(&mut self) -> bool {
        let in_scope = self.open.in_scope(Tag::Tr, TABLE_SCOPE);
        if in_scope {
            self.open.clear_back_to(ROW_CONTEXT);
            self.open.pop();
            self.mode = Mode::InTableBody;
        }
        in_scope
    }

    pub(super) fn in_cell(&mut self, token: Token) -> Next {
        match token {
            Token::Start(Start { tag, .. }) if is_table_part(tag) => {
                if self.open.has(Tag::Td) || self.open.has(Tag::Th) {
                    let is_cell = |tag| matches!(tag, Tag::Td | Tag::Th);
                    if self.open.find_in_scope(TABLE_SCOPE, |open| is_cell(open.tag) && open.is(open.tag)) {
                        self.close_cell();
                        return Again;
                    }
                }
                Done
            }
            Token::End(end) => match end.tag {
                Tag::Td | Tag::Th => {
                    if self.open.in_scope(end.tag, TABLE_SCOPE) {
                        self.open.close_implied(Tag::Unknown);
                        self.open.pop_until(end.tag);
                        self.clear_to_marker();
                        self.mode = Mode::InRow;
                    }
                    Done
                }
                Tag::Body | Tag::Caption | Tag::Col | Tag::Colgroup | Tag::Html => Done,
                Tag::Table | Tag::Tbody | Tag::Tfoot | Tag::Thead | Tag::Tr => {
                    if self.open.in_scope(end.tag, TABLE_SCOPE) {
                        self.close_cell();
                        return Again;
                    }
                    Done
                }
                _ => self.in_body(token),
            },
            _ => self.in_body(token),
        }
    }

    fn close_cell(&mut self) {
        self.open.close_implied(Tag::Unknown);
        while let Some(open) = self.open.pop() {
            if open.is(Tag::Td) || open.is(Tag::Th) {
                break;
            }
        }
        self.clear_to_marker();
        self.mode = Mode::InRow;
    }
}

/// Tags that end what is open in a table.
fn is_table_part(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Caption
            | Tag::Col
            | Tag::Colgroup
            | Tag::Tbody
            | Tag::Td
            | Tag::Tfoot
            | Tag::Th
            | Tag::Thead
            | Tag::Tr
    )
}
