//! Tokens to tree: WHATWG HTML section 13.2.6. Here is what the insertion modes share.

use super::classes::{FOSTERING, HTML_POINT, SCOPE, SPECIAL, TEXT_POINT, classes, foreign_classes};
use super::stack::{Open, Stack};
use super::token::{End, Raw, Start, Token};
use super::tokenizer::Tokenizer;
use crate::tree::{Attr, Builder, Kind, Limits, Span, Tag};

/// The insertion modes. Text that only an end tag ends is read at once, and text inside tables is held back by
/// [`Parser::table_text`], so neither is a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Initial,
    BeforeHtml,
    BeforeHead,
    InHead,
    InHeadNoscript,
    AfterHead,
    InBody,
    InTable,
    InCaption,
    InColumnGroup,
    InTableBody,
    InRow,
    InCell,
    InTemplate,
    AfterBody,
    InFrameset,
    AfterFrameset,
    AfterAfterBody,
    AfterAfterFrameset,
}

/// What becomes of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is dealt with.
    Done,
    /// It is to be dealt with in the mode that holds now.
    Again,
}

/// Where a node goes: to the end of a parent's children, or before a node.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Last(u32),
    Before(u32),
}

/// The state of the tree construction.
pub(super) struct Parser<'t> {
    pub tokens: Tokenizer<'t>,
    pub tree: Builder<'t>,
    pub limits: Limits,
    pub mode: Mode,
    pub open: Stack,
    pub active: Vec<super::formatting::Active>,
    pub template_modes: Vec<Mode>,
    pub head: Option<u32>,
    pub form: Option<u32>,
    /// A `frameset` may still take the place of the body.
    pub frameset_ok: bool,
    /// What tables cannot hold goes before them.
    pub fostering: bool,
    /// The next newline is part of the markup.
    pub skip_newline: bool,
    /// Text inside a table, held back until it is known whether it is blank.
    pub table_text: Vec<Span>,
    /// Clones of formatting elements that may still be made.
    pub clones_left: usize,
    /// Elements at the depth limit whose end tags are still to come, by name.
    pub folded: Vec<u32>,
    /// Names of the attributes of `html` and `body`, once there are several such tags.
    pub merged: [Option<std::collections::HashSet<Box<str>>>; 2],
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str, limits: &Limits) -> Self {
        Parser {
            tokens: Tokenizer::new(text, limits),
            tree: Builder::new(text),
            limits: *limits,
            mode: Mode::Initial,
            open: Stack::new(),
            active: Vec::new(),
            template_modes: Vec::new(),
            head: None,
            form: None,
            frameset_ok: true,
            fostering: false,
            skip_newline: false,
            table_text: Vec::new(),
            clones_left: text.len() + 1024,
            folded: Vec::new(),
            merged: [None, None],
        }
    }

    /// Builds the tree of the whole text.
    pub fn run(mut self) -> Builder<'t> {
        loop {
            let cdata = self.open.last().is_some_and(|open| open.kind != Kind::Element);
            let token = self.tokens.next(&mut self.tree, cdata);
            self.process(token);
            if token == Token::Eof {
                break;
            }
            let too_many_nodes = self.tree.len() > self.limits.nodes as usize;
            if too_many_nodes || self.steps() > self.limits.steps {
                self.tree.flags.too_many_nodes = too_many_nodes;
                self.tree.flags.out_of_steps = !too_many_nodes;
                self.process(Token::Eof);
                break;
            }
        }
        self.tree.steps = self.steps();
        self.tree
    }

    fn steps(&self) -> u64 {
        self.tree.steps + self.open.steps
    }

    /// Deals with a token.
    pub fn process(&mut self, token: Token) {
        let mut token = token;
        if self.skip_newline {
            self.skip_newline = false;
            if let Token::Text(span) = token
                && self.tree.str(span).starts_with('\n')
            {
                if span.length == 1 {
                    return;
                }
                token = Token::Text(Span { start: span.start + 1, length: span.length - 1 });
            }
        }
        if !self.table_text.is_empty() && !matches!(token, Token::Text(_) | Token::Null) {
            self.flush_table_text();
        }
        loop {
            let next =
                if self.is_foreign(&token) { self.foreign(token) } else { self.step(self.mode, token) };
            if next == Next::Done {
                break;
            }
        }
    }

    /// Deals with a token by the rules of a mode.
    pub fn step(&mut self, mode: Mode, token: Token) -> Next {
        match mode {
            Mode::InBody => self.in_body(token),
            Mode::Initial => self.initial(token),
            Mode::BeforeHtml => self.before_html(token),
            Mode::BeforeHead => self.before_head(token),
            Mode::InHead => self.in_head(token),
            Mode::InHeadNoscript => self.in_head_noscript(token),
            Mode::AfterHead => self.after_head(token),
            Mode::InTable => self.in_table(token),
            Mode::InCaption => self.in_caption(token),
            Mode::InColumnGroup => self.in_column_group(token),
            Mode::InTableBody => self.in_table_body(token),
            Mode::InRow => self.in_row(token),
            Mode::InCell => self.in_cell(token),
            Mode::InTemplate => self.in_template(token),
            Mode::AfterBody => self.after_body(token),
            Mode::InFrameset => self.in_frameset(token),
            Mode::AfterFrameset => self.after_frameset(token),
            Mode::AfterAfterBody => self.after_after_body(token),
            Mode::AfterAfterFrameset => self.after_after_frameset(token),
        }
    }

    /// Do the rules of foreign content hold for this token?
    #[inline]
    fn is_foreign(&self, token: &Token) -> bool {
        let Some(open) = self.open.last() else { return false };
        if open.kind == Kind::Element {
            return false;
        }
        let is_point = match token {
            Token::Start(start) => {
                (open.classes & TEXT_POINT != 0 && !matches!(start.tag, Tag::Mglyph | Tag::Malignmark))
                    || (open.tag == Tag::AnnotationXml && open.kind == Kind::Math && start.tag == Tag::Svg)
                    || open.classes & HTML_POINT != 0
            }
            Token::Text(_) | Token::Null => open.classes & (TEXT_POINT | HTML_POINT) != 0,
            Token::Eof => true,
            _ => false,
        };
        !is_point
    }

    /// Where a child of `target` goes: tables have what they cannot hold put before them.
    pub fn place_in(&mut self, target: Open) -> Place {
        if !self.fostering || target.classes & FOSTERING == 0 {
            return Place::Last(target.node);
        }
        let elements = self.open.elements();
        self.tree.steps += elements.len() as u64;
        let table = elements.iter().rposition(|open| open.is(Tag::Table));
        let template = elements.iter().rposition(|open| open.is(Tag::Template));
        match (table, template) {
            (_, Some(template)) if table.is_none_or(|table| table < template) => {
                Place::Last(elements[template].node)
            }
            (Some(table), _) => match self.tree.parent(elements[table].node) {
                Some(_) => Place::Before(elements[table].node),
                None => Place::Last(elements[table - 1].node),
            },
            _ => Place::Last(elements[0].node),
        }
    }

    /// Where the next node goes.
    #[inline]
    fn place(&mut self) -> Place {
        match self.open.last() {
            Some(&open) => self.place_in(open),
            None => Place::Last(0),
        }
    }

    #[inline]
    pub fn put(&mut self, place: Place, node: u32) {
        match place {
            Place::Last(parent) => self.tree.append(parent, node),
            Place::Before(sibling) => self.tree.insert_before(sibling, node),
        }
    }

    /// Adds text at the current place.
    #[inline]
    pub fn insert_text(&mut self, span: Span) {
        match self.place() {
            Place::Last(parent) => self.tree.append_text(parent, span),
            Place::Before(sibling) => self.tree.insert_text_before(sibling, span),
        }
    }

    /// Adds a comment to the current node.
    pub fn insert_comment(&mut self, span: Span) {
        let node = self.tree.create(Kind::Comment, Tag::Unknown, span);
        let place = self.place();
        self.put(place, node);
    }

    /// Adds a comment to the end of a node.
    pub fn append_comment(&mut self, parent: u32, span: Span) {
        let node = self.tree.create(Kind::Comment, Tag::Unknown, span);
        self.tree.append(parent, node);
    }

    /// Adds an HTML element at the current place.
    #[inline]
    fn add(&mut self, start: &Start) -> Open {
        let node = self.tree.create(Kind::Element, start.tag, start.attributes);
        let place = self.place();
        self.put(place, node);
        Open { node, kind: Kind::Element, tag: start.tag, classes: classes(start.tag) }
    }

    /// Inserts an HTML element that has no content.
    pub fn insert_void(&mut self, start: &Start) -> u32 {
        self.add(start).node
    }

    /// Inserts an HTML element whatever the depth: those that make up the page and tables.
    pub fn insert_always(&mut self, start: &Start) -> u32 {
        let open = self.add(start);
        self.open.push(open);
        open.node
    }

    /// Inserts an HTML element and makes it the current node. At the depth limit it stays empty, `None`, and what it
    /// should hold follows it.
    #[inline]
    pub fn insert(&mut self, start: &Start) -> Option<u32> {
        let open = self.add(start);
        if self.open.len() >= usize::from(self.limits.depth) {
            self.fold(start.tag);
            return None;
        }
        self.open.push(open);
        Some(open.node)
    }

    /// Inserts an element without a tag in the page.
    pub fn insert_implied(&mut self, tag: Tag) -> u32 {
        self.insert_always(&Start { tag, self_closing: false, attributes: Span::default() })
    }

    /// Inserts a foreign element.
    pub fn insert_foreign(&mut self, start: &Start, kind: Kind) {
        let node = self.tree.create(kind, start.tag, start.attributes);
        let place = self.place();
        self.put(place, node);
        if start.self_closing {
            return;
        }
        if self.open.len() >= usize::from(self.limits.depth) {
            self.fold(start.tag);
            return;
        }
        let mut classes = foreign_classes(kind, start.tag);
        if kind == Kind::Math && start.tag == Tag::AnnotationXml {
            let is_html = self.attribute(start, Attr::Encoding).is_some_and(|encoding| {
                encoding.eq_ignore_ascii_case("text/html")
                    || encoding.eq_ignore_ascii_case("application/xhtml+xml")
            });
            classes |= if is_html { HTML_POINT } else { 0 };
        }
        self.open.push(Open { node, kind, tag: start.tag, classes });
    }

    fn fold(&mut self, tag: Tag) {
        self.tree.flags.folded_depth = true;
        self.folded.resize(Tag::COUNT, 0);
        self.folded[tag as usize] += 1;
    }

    /// Does this end tag belong to an element that was folded? Those count while the stack is at its limit.
    #[inline]
    pub fn ends_folded(&mut self, tag: Tag) -> bool {
        if self.folded.is_empty() {
            return false;
        }
        if self.open.len() < usize::from(self.limits.depth) {
            self.folded.clear();
            return false;
        }
        let count = &mut self.folded[tag as usize];
        let ends = *count > 0;
        *count -= u32::from(ends);
        ends
    }

    /// Inserts an element and its text up to its end tag.
    pub fn insert_raw(&mut self, start: &Start, kind: Raw) {
        let node = self.insert_void(start);
        let mut span = self.tokens.raw_text(&mut self.tree, kind, start.tag.name());
        if start.tag == Tag::Textarea && self.tree.str(span).starts_with('\n') {
            span = Span { start: span.start + 1, length: span.length - 1 };
        }
        if span.length > 0 {
            self.tree.append_text(node, span);
        }
        // Its end tag, or the end of the page, which is found again.
        self.tokens.next(&mut self.tree, false);
    }

    /// The value of a start tag's attribute.
    pub fn attribute(&self, start: &Start, attr: Attr) -> Option<&str> {
        let range = start.attributes.start as usize..start.attributes.end() as usize;
        let found = self.tree.attributes[range].iter().find(|attribute| attribute.attr == attr)?;
        Some(self.tree.str(found.value))
    }

    /// Is all of it white space?
    pub fn is_blank(&self, span: Span) -> bool {
        self.tree.str(span).bytes().all(super::scan::is_blank)
    }

    /// Splits white space off the start of text.
    pub fn split_blank(&self, span: Span) -> (Option<Span>, Option<Span>) {
        let length = super::scan::skip_blanks(self.tree.str(span).as_bytes(), 0) as u32;
        let blank = Span { start: span.start, length };
        let rest = Span { start: span.start + length, length: span.length - length };
        ((length > 0).then_some(blank), (rest.length > 0).then_some(rest))
    }

    /// Closes `p` if it is open in button scope.
    #[inline]
    pub fn close_p(&mut self) {
        if self.open.in_scope(Tag::P, SCOPE | super::classes::BUTTON) {
            self.open.close_implied(Tag::P);
            self.open.pop_until(Tag::P);
        }
    }

    /// The end tag of an element without rules of its own.
    pub fn close_other(&mut self, end: &End) {
        if !self.open.has(end.tag) {
            // Counting every name of its own would cost more than it saves: unknown ones count together.
            return;
        }
        for index in (0..self.open.len()).rev() {
            let open = self.open.elements()[index];
            self.tree.steps += 1;
            if open.is(end.tag) && (end.tag != Tag::Unknown || self.is_named(open.node, end.name)) {
                // Unknown elements are not implied, so the exception needs no name.
                self.open.close_implied(end.tag);
                self.open.truncate(index);
                return;
            }
            if open.classes & SPECIAL != 0 {
                return;
            }
        }
    }

    /// Has an unknown element this name?
    pub fn is_named(&self, node: u32, name: Span) -> bool {
        let own = self.tree.attributes[self.tree.data(node).start as usize].value;
        self.tree.str(own) == self.tree.str(name)
    }
}
