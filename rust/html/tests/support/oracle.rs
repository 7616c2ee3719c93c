//! The tree as html5ever builds it, in the outline in which trees are compared: one line per node.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use curate_html::{Document, Kind};
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{Attribute, ParseOpts, QualName, ns, parse_document};

/// The outline of a tree of ours, and whether the page is in quirks mode.
pub fn ours(document: &Document<'_>) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    for id in 1..document.nodes().len() as u32 {
        let node = document[id];
        let mut line = format!("{:>1$}", "", usize::from(node.depth));
        match node.kind {
            Kind::Document => unreachable!(),
            Kind::Text => line += &format!("{:?}", document.text(id)),
            Kind::Comment => line += &format!("!{:?}", document.text(id)),
            Kind::Doctype => line += &format!("doctype {}", document.text(id)),
            Kind::Element | Kind::Svg | Kind::Math => {
                line += match node.kind {
                    Kind::Svg => "svg:",
                    Kind::Math => "math:",
                    _ => "",
                };
                line += document.name(id);
                for (_, name, value) in document.attributes(id) {
                    line += &format!(" {name}={value:?}");
                }
            }
        }
        lines.push(line);
    }
    (lines, document.flags.quirks)
}

/// The outline of html5ever's tree.
pub fn theirs(html: &str) -> (Vec<String>, bool) {
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..Default::default() };
    let sink = parse_document(Sink::default(), ParseOpts { tree_builder, ..Default::default() }).one(html);
    (sink.outline(), sink.quirks.get())
}

#[derive(Default)]
struct Node {
    parent: Option<usize>,
    children: Vec<usize>,
    name: Option<QualName>,
    attributes: Vec<Attribute>,
    /// The line of a node that is no element; text stands here as it is.
    line: String,
    is_text: bool,
    is_point: bool,
}

struct Sink {
    nodes: RefCell<Vec<Node>>,
    quirks: Cell<bool>,
}

impl Default for Sink {
    fn default() -> Self {
        Sink { nodes: RefCell::new(vec![Node::default()]), quirks: Cell::default() }
    }
}

impl Sink {
    fn outline(&self) -> Vec<String> {
        let nodes = self.nodes.borrow();
        let mut lines = Vec::new();
        let mut open: Vec<(usize, usize)> = nodes[0].children.iter().rev().map(|&child| (child, 1)).collect();
        while let Some((id, depth)) = open.pop() {
            let node = &nodes[id];
            let mut line = format!("{:>1$}", "", depth);
            if let Some(name) = &node.name {
                line += match name.ns {
                    ns!(svg) => "svg:",
                    ns!(mathml) => "math:",
                    _ => "",
                };
                line += &name.local.to_ascii_lowercase();
                for attribute in &node.attributes {
                    let local = attribute.name.local.to_string().to_ascii_lowercase();
                    let name = match &attribute.name.prefix {
                        Some(prefix) if !prefix.is_empty() => format!("{prefix}:{local}"),
                        _ => local,
                    };
                    line += &format!(" {name}={:?}", &*attribute.value);
                }
            } else if node.is_text {
                line += &format!("{:?}", node.line);
            } else {
                line += &node.line;
            }
            lines.push(line);
            open.extend(node.children.iter().rev().map(|&child| (child, depth + 1)));
        }
        lines
    }

    fn add(&self, node: Node) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(node);
        nodes.len() - 1
    }

    fn insert(&self, parent: usize, index: usize, child: NodeOrText<usize>) {
        let child = match child {
            NodeOrText::AppendNode(node) => {
                self.remove_from_parent(&node);
                node
            }
            NodeOrText::AppendText(text) => {
                let mut nodes = self.nodes.borrow_mut();
                let before = index.checked_sub(1).map(|index| nodes[parent].children[index]);
                if let Some(before) = before.filter(|&before| nodes[before].is_text) {
                    nodes[before].line.push_str(&text);
                    return;
                }
                drop(nodes);
                self.add(Node { line: text.to_string(), is_text: true, ..Node::default() })
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        nodes[child].parent = Some(parent);
        nodes[parent].children.insert(index, child);
    }

    fn index_of(&self, child: usize) -> Option<(usize, usize)> {
        let nodes = self.nodes.borrow();
        let parent = nodes[child].parent?;
        Some((parent, nodes[parent].children.iter().rposition(|&other| other == child)?))
    }
}

impl TreeSink for Sink {
    type Handle = usize;
    type Output = Self;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Self {
        self
    }
    fn parse_error(&self, _: Cow<'static, str>) {}
    fn get_document(&self) -> usize {
        0
    }
    fn elem_name<'a>(&'a self, &target: &'a usize) -> Ref<'a, QualName> {
        Ref::map(self.nodes.borrow(), |nodes| nodes[target].name.as_ref().unwrap())
    }
    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> usize {
        let is_point = flags.mathml_annotation_xml_integration_point;
        self.add(Node { name: Some(name), attributes, is_point, ..Node::default() })
    }
    fn create_comment(&self, text: StrTendril) -> usize {
        self.add(Node { line: format!("!{:?}", &*text), ..Node::default() })
    }
    fn create_pi(&self, _: StrTendril, _: StrTendril) -> usize {
        unreachable!("HTML has none")
    }
    fn append(&self, &parent: &usize, child: NodeOrText<usize>) {
        let end = self.nodes.borrow()[parent].children.len();
        self.insert(parent, end, child);
    }
    fn append_based_on_parent_node(&self, element: &usize, previous: &usize, child: NodeOrText<usize>) {
        if self.nodes.borrow()[*element].parent.is_some() {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }
    fn append_doctype_to_document(&self, name: StrTendril, _: StrTendril, _: StrTendril) {
        let doctype = self.add(Node { line: format!("doctype {name}"), ..Node::default() });
        self.append(&0, NodeOrText::AppendNode(doctype));
    }
    fn get_template_contents(&self, &target: &usize) -> usize {
        target
    }
    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }
    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.quirks.set(mode == QuirksMode::Quirks);
    }
    fn append_before_sibling(&self, &sibling: &usize, child: NodeOrText<usize>) {
        if let NodeOrText::AppendNode(node) = child {
            self.remove_from_parent(&node);
        }
        let (parent, index) = self.index_of(sibling).unwrap();
        self.insert(parent, index, child);
    }
    fn add_attrs_if_missing(&self, &target: &usize, attributes: Vec<Attribute>) {
        let own = &mut self.nodes.borrow_mut()[target].attributes;
        for attribute in attributes {
            if own.iter().all(|other| other.name != attribute.name) {
                own.push(attribute);
            }
        }
    }
    fn remove_from_parent(&self, &target: &usize) {
        if let Some((parent, index)) = self.index_of(target) {
            let mut nodes = self.nodes.borrow_mut();
            nodes[parent].children.remove(index);
            nodes[target].parent = None;
        }
    }
    fn reparent_children(&self, &node: &usize, &parent: &usize) {
        let mut nodes = self.nodes.borrow_mut();
        let children = std::mem::take(&mut nodes[node].children);
        for &child in &children {
            nodes[child].parent = Some(parent);
        }
        nodes[parent].children.extend(children);
    }
    fn is_mathml_annotation_xml_integration_point(&self, &target: &usize) -> bool {
        self.nodes.borrow()[target].is_point
    }
    fn allow_declarative_shadow_roots(&self, _: &usize) -> bool {
        false
    }
}
