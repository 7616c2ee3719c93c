//! Any text has a tree that keeps its promises: document order, ranges, limits, text in the order of the page.
#![no_main]

#[path = "../../html/tests/support/soup.rs"]
mod soup;

use curate_html::{Document, Kind, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let html = if kind % 2 == 0 { String::from_utf8_lossy(rest).into_owned() } else { soup::page(rest) };
    let tight = Limits { bytes: 4000, nodes: 500, depth: 8, attributes: 3, attribute_bytes: 9, steps: 5000 };
    for limits in [Limits::default(), tight] {
        check(&Document::parse(&html, &limits), &limits, &html);
    }
});

fn check(document: &Document<'_>, limits: &Limits, html: &str) {
    curate_html::metadata(document);
    let nodes = document.nodes();
    assert_eq!((nodes[0].end as usize, nodes[0].kind, nodes[0].depth), (nodes.len(), Kind::Document, 0));
    let flags = document.flags;
    assert!(flags.too_many_nodes || nodes.len() as u64 <= u64::from(limits.nodes));
    assert!(nodes.len() <= 2 * html.len() + 2048);
    assert!(document.steps <= 600 * html.len() as u64 + 10_000, "{} steps", document.steps);
    let mut previous_text = None;
    for id in 1..nodes.len() as u32 {
        let node = document[id];
        let parent = document[node.parent];
        assert!(node.parent < id && id < node.end && node.end <= parent.end);
        assert!(parent.kind.is_element() || (parent.kind == Kind::Document && node.kind != Kind::Text));
        assert_eq!(node.depth, parent.depth + 1);
        assert!(node.depth <= limits.depth + 8);
        assert!(node.kind.is_element() || node.end == id + 1);
        if node.kind == Kind::Text {
            assert!(!document.text(id).is_empty());
            assert!(previous_text != Some((node.parent, id - 1)) || flags.folded_depth, "adjacent texts");
            previous_text = Some((node.parent, id));
        }
        let attributes: Vec<_> = document.attributes(id).collect();
        assert!(attributes.len() <= usize::from(limits.attributes));
        for (index, (attr, name, value)) in attributes.iter().enumerate() {
            assert!(attributes[..index].iter().all(|(_, other, _)| other != name), "{name} is repeated");
            assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
            assert!(document.attr(id, *attr).is_some());
            assert!(value.len() <= limits.attribute_bytes as usize * 3 || !flags.long_attribute);
        }
        assert!(document.next_sibling(id).is_none_or(|next| document.prev_sibling(next) == Some(id)));
    }
}
