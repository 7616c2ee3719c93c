//! The tree of small pages, and what holds of every tree.

use curate_html::{Attr, Document, Kind, Limits, Tag};
use proptest::prelude::*;

/// One line per node: indentation by depth, elements with attributes, text in quotes.
fn outline(html: &str) -> String {
    let document = Document::parse(html, &Limits::default());
    let mut lines = String::new();
    for id in 1..document.nodes().len() as u32 {
        let node = document[id];
        lines.push_str(&"  ".repeat(usize::from(node.depth) - 1));
        match node.kind {
            Kind::Text => lines.push_str(&format!("{:?}", document.text(id))),
            Kind::Comment => lines.push_str(&format!("<!--{}-->", document.text(id))),
            Kind::Doctype => lines.push_str(&format!("<!doctype {}>", document.text(id))),
            _ => {
                lines.push_str(document.name(id));
                for (_, name, value) in document.attributes(id) {
                    lines.push_str(&format!(" {name}={value:?}"));
                }
            }
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn small_pages() {
    let cases = [
        (
            "<!doctype html><title>T &amp; U</title><p class=a>x<p CLASS='b &lt;' id>y<!--c--><x-y Z=1>z",
            "<!doctype html>\nhtml\n  head\n    title\n      \"T & U\"\n  body\n    p class=\"a\"\n      \"x\"\n    p \
             class=\"b <\" id=\"\"\n      \"y\"\n      <!--c-->\n      x-y z=\"1\"\n        \"z\"\n",
        ),
        (
            "<b>1<p>2</b>3",
            "html\n  head\n  body\n    b\n      \"1\"\n    p\n      b\n        \"2\"\n      \"3\"\n",
        ),
        (
            "<table>a<tr><td>b</td></tr>c</table>",
            "html\n  head\n  body\n    \"ac\"\n    table\n      tbody\n        tr\n          td\n            \"b\"\n",
        ),
        ("<noscript><p>n", "html\n  head\n    noscript\n  body\n    p\n      \"n\"\n"),
        ("<body><noscript><p>n", "html\n  head\n  body\n    noscript\n      p\n        \"n\"\n"),
        ("<script>a<b</script>", "html\n  head\n    script\n      \"a<b\"\n  body\n"),
        // What html5ever does otherwise than the standard says, and so is not compared with it: elements of MathML and
        // SVG that hold HTML bound the search for a list item, for the element of an end tag and for a block.
        (
            "<dd><math><mi><dd>x",
            "html\n  head\n  body\n    dd\n      math\n        mi\n          dd\n            \"x\"\n",
        ),
        (
            "<span><svg><desc></span>x",
            "html\n  head\n  body\n    span\n      svg\n        desc\n          \"x\"\n",
        ),
        (
            "<p><math><annotation-xml encoding=Text/HTML><p>x",
            "html\n  head\n  body\n    p\n      math\n        annotation-xml encoding=\"Text/HTML\"\n          \
             p\n            \"x\"\n",
        ),
        (
            "<math><annotation-xml><p>x",
            "html\n  head\n  body\n    math\n      annotation-xml\n    p\n      \"x\"\n",
        ),
        (
            "<search>a<span></search>b",
            "html\n  head\n  body\n    search\n      \"a\"\n      span\n    \"b\"\n",
        ),
        ("<p>a<search>b", "html\n  head\n  body\n    p\n      \"a\"\n    search\n      \"b\"\n"),
        // Names are in lower case also where the standard restores capitals.
        (
            "<svg viewBox='0 0 1 1'><linearGradient/>",
            "html\n  head\n  body\n    svg viewbox=\"0 0 1 1\"\n      lineargradient\n",
        ),
        ("<template><thead><caption>", "html\n  head\n    template\n      thead\n      caption\n  body\n"),
        ("<p>a<x>\r\nb\rc</x>", "html\n  head\n  body\n    p\n      \"a\"\n      x\n        \"\\nb\\nc\"\n"),
    ];
    for (html, expected) in cases {
        assert_eq!(outline(html), expected, "{html}");
    }
}

#[test]
fn the_tree_can_be_walked() {
    let html = "<html lang=en><body id=x><ul><li>a<li>b</ul>c";
    let document = Document::parse(html, &Limits::default());
    let body = document.body().unwrap();
    assert_eq!(document.attr(body, Attr::Id), Some("x"));
    assert_eq!(document.attr(document.html().unwrap(), Attr::Lang), Some("en"));
    assert_eq!(document.attr(body, Attr::Class), None);
    let list = document.first_child(body).unwrap();
    assert_eq!(document[list].tag, Tag::Ul);
    let items: Vec<u32> = document.children(list).collect();
    assert_eq!(items.len(), 2);
    assert_eq!(document.last_child(list), Some(items[1]));
    assert_eq!(document.prev_sibling(items[1]), Some(items[0]));
    assert_eq!(document.prev_sibling(items[0]), None);
    assert_eq!(document.next_sibling(items[1]), None);
    let ancestors: Vec<Tag> = document.ancestors(items[0]).map(|id| document[id].tag).collect();
    assert_eq!(ancestors, [Tag::Ul, Tag::Body, Tag::Html, Tag::Unknown]);
    assert_eq!(document.text_content(body), "abc");
}

proptest! {
    #[test]
    fn trees_are_in_document_order(html in "(</?(b|p|a|td|table|svg|x|li|title)( id=1)?>|[a-z]|<!--|&amp;){0,60}") {
        let document = Document::parse(&html, &Limits::default());
        let nodes = document.nodes();
        prop_assert_eq!(nodes[0].end as usize, nodes.len());
        for id in 1..nodes.len() as u32 {
            let node = document[id];
            let parent = document[node.parent];
            prop_assert!(node.parent < id && node.end > id && node.end <= parent.end);
            prop_assert_eq!(node.depth, parent.depth + 1);
            prop_assert!(node.kind.is_element() || node.end == id + 1);
            prop_assert!(document.children(node.parent).any(|child| child == id));
            prop_assert!(node.kind != Kind::Text || !document.text(id).is_empty());
        }
    }
}
