//! The tree as html5ever builds it.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{ParseOpts, QualName, ns, parse_document, tree_builder::TreeBuilderOpts};

use crate::tree::{Attr, Attribute, Builder, DECODED, Kind, Limits, Span, Tag, Tree};

struct Sink<'t> {
    builder: RefCell<Builder<'t>>,
    names: RefCell<Vec<Option<QualName>>>,
    integration: RefCell<Vec<u32>>,
    quirks: Cell<bool>,
}

impl Sink<'_> {
    fn span(&self, text: &str) -> Span {
        let mut builder = self.builder.borrow_mut();
        let start = builder.decoded.len() as u32 | DECODED;
        builder.decoded.push_str(text);
        Span { start, length: text.len() as u32 }
    }

    fn records(&self, attributes: Vec<html5ever::Attribute>, records: &mut Vec<Attribute>) {
        for attribute in attributes {
            let name = match &attribute.name.prefix {
                Some(prefix) => format!("{prefix}:{}", attribute.name.local).to_ascii_lowercase(),
                None => attribute.name.local.to_string().to_ascii_lowercase(),
            };
            let attr = Attr::of(name.as_bytes());
            let name = if attr == Attr::Unknown { self.span(&name) } else { Span::default() };
            records.push(Attribute { attr, name, value: self.span(&attribute.value) });
        }
    }

    fn create(&self, kind: Kind, tag: Tag, data: Span, name: Option<QualName>) -> u32 {
        self.names.borrow_mut().push(name);
        self.builder.borrow_mut().create(kind, tag, data)
    }
}

impl<'t> TreeSink for Sink<'t> {
    type Handle = u32;
    type Output = Self;
    type ElemName<'a>
        = Ref<'a, QualName>
    where
        Self: 'a;

    fn finish(self) -> Self {
        self
    }
    fn parse_error(&self, _: Cow<'static, str>) {}
    fn get_document(&self) -> u32 {
        0
    }
    fn elem_name<'a>(&'a self, &target: &'a u32) -> Ref<'a, QualName> {
        Ref::map(self.names.borrow(), |names| {
            names[target as usize].as_ref().unwrap_or_else(|| unreachable!("only elements are asked"))
        })
    }
    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<html5ever::Attribute>,
        flags: ElementFlags,
    ) -> u32 {
        let lower = name.local.to_ascii_lowercase();
        let tag = Tag::of(lower.as_bytes());
        let kind = match name.ns {
            ns!(svg) => Kind::Svg,
            ns!(mathml) => Kind::Math,
            _ => Kind::Element,
        };
        let mut records = Vec::new();
        if tag == Tag::Unknown {
            let value = self.span(&lower);
            records.push(Attribute { attr: Attr::Unknown, name: Span::default(), value });
        }
        self.records(attributes, &mut records);
        let mut builder = self.builder.borrow_mut();
        let data = Span { start: builder.attributes.len() as u32, length: records.len() as u32 };
        builder.attributes.extend(records);
        drop(builder);
        let id = self.create(kind, tag, data, Some(name));
        if flags.mathml_annotation_xml_integration_point {
            self.integration.borrow_mut().push(id);
        }
        id
    }
    fn create_comment(&self, text: StrTendril) -> u32 {
        let span = self.span(&text);
        self.create(Kind::Comment, Tag::Unknown, span, None)
    }
    fn create_pi(&self, _: StrTendril, data: StrTendril) -> u32 {
        self.create_comment(data)
    }
    fn append(&self, &parent: &u32, child: NodeOrText<u32>) {
        match child {
            NodeOrText::AppendNode(node) => self.builder.borrow_mut().append(parent, node),
            NodeOrText::AppendText(text) => {
                let span = self.span(&text);
                self.builder.borrow_mut().append_text(parent, span);
                self.grow();
            }
        }
    }
    fn append_based_on_parent_node(&self, element: &u32, previous: &u32, child: NodeOrText<u32>) {
        if self.builder.borrow().parent(*element).is_some() {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }
    fn append_doctype_to_document(&self, name: StrTendril, _: StrTendril, _: StrTendril) {
        let span = self.span(&name);
        let id = self.create(Kind::Doctype, Tag::Unknown, span, None);
        self.builder.borrow_mut().append(0, id);
    }
    fn get_template_contents(&self, &target: &u32) -> u32 {
        target
    }
    fn same_node(&self, x: &u32, y: &u32) -> bool {
        x == y
    }
    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.quirks.set(mode == QuirksMode::Quirks);
    }
    fn append_before_sibling(&self, &sibling: &u32, child: NodeOrText<u32>) {
        match child {
            NodeOrText::AppendNode(node) => {
                let mut builder = self.builder.borrow_mut();
                builder.detach(node);
                builder.insert_before(sibling, node);
            }
            NodeOrText::AppendText(text) => {
                let span = self.span(&text);
                self.builder.borrow_mut().insert_text_before(sibling, span);
                self.grow();
            }
        }
    }
    fn add_attrs_if_missing(&self, &target: &u32, attributes: Vec<html5ever::Attribute>) {
        let mut added = Vec::new();
        self.records(attributes, &mut added);
        let mut builder = self.builder.borrow_mut();
        let data = builder.data(target);
        let old = builder.attributes[data.start as usize..data.end() as usize].to_vec();
        let start = builder.attributes.len() as u32;
        builder.attributes.extend_from_slice(&old);
        for new in added {
            let same = |old: &Attribute| {
                old.attr == new.attr
                    && (old.attr != Attr::Unknown || builder.str(old.name) == builder.str(new.name))
            };
            if !old.iter().any(same) {
                builder.attributes.push(new);
            }
        }
        let length = builder.attributes.len() as u32 - start;
        builder.set_data(target, Span { start, length });
    }
    fn remove_from_parent(&self, &target: &u32) {
        self.builder.borrow_mut().detach(target);
    }
    fn reparent_children(&self, &node: &u32, &parent: &u32) {
        self.builder.borrow_mut().move_children(node, parent);
    }
    fn is_mathml_annotation_xml_integration_point(&self, handle: &u32) -> bool {
        self.integration.borrow().contains(handle)
    }
}

impl Sink<'_> {
    /// Text nodes that the builder made have no name.
    fn grow(&self) {
        let length = self.builder.borrow().len();
        self.names.borrow_mut().resize(length, None);
    }
}

pub(super) fn parse(html: &str, _: &Limits) -> Tree {
    let sink = Sink {
        builder: RefCell::new(Builder::new(html)),
        names: RefCell::new(vec![None]),
        integration: RefCell::default(),
        quirks: Cell::default(),
    };
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..Default::default() };
    let sink = parse_document(sink, ParseOpts { tree_builder, ..Default::default() }).one(html);
    let mut builder = sink.builder.into_inner();
    builder.flags.quirks = sink.quirks.get();
    builder.finish()
}
