//! Pages made to be expensive: what they cost grows as they do, and their text is kept.

#[path = "support/hostile.rs"]
mod patterns;

use curate_html::{Document, Flags, Kind, Limits};
use patterns::{PATTERNS, page};

#[test]
fn cost_grows_as_pages_do() {
    for &pattern in PATTERNS {
        let limits = Limits::default();
        let cost = |bytes: usize| {
            let page = page(pattern, bytes);
            let document = Document::parse(&page, &limits);
            assert!(!document.flags.out_of_steps && !document.flags.too_many_nodes, "{pattern:?}");
            let bytes = page.len() as f64;
            (document.steps as f64 / bytes, document.nodes().len() as f64 / bytes)
        };
        let (small, large) = (cost(10 << 10), cost(1 << 20));
        // The first half thousand levels of nesting are cheaper than those at the limit.
        assert!(
            large.0 <= 3.0 * small.0.max(20.0),
            "{pattern:?}: {} then {} steps per byte",
            small.0,
            large.0
        );
        assert!(large.0 <= 100.0, "{pattern:?}: {} steps per byte", large.0);
        assert!(large.1 <= 2.0, "{pattern:?}: {} nodes per byte", large.1);
    }
}

#[test]
fn depth_keeps_its_limit() {
    for &pattern in PATTERNS {
        let page = page(pattern, 100 << 10);
        let document = Document::parse(&page, &Limits::default());
        let deepest = document.nodes().iter().map(|node| node.depth).max();
        assert!(deepest <= Some(512 + 8), "{pattern:?}: {deepest:?}");
    }
}

#[test]
fn folded_text_is_kept_in_order() {
    let numbers = || (0..5000).map(|number| number.to_string()).collect::<Vec<_>>();
    for tag in
        ["div", "i", "ul><li", "blockquote", "svg", "x-y", "span", "table><tr><td", "template", "object"]
    {
        let html = format!("<p>{}", numbers().join(&format!("<{tag}>")));
        let document = Document::parse(&html, &Limits::default());
        assert!(document.flags.folded_depth, "{tag}");
        assert_eq!(document.text_content(0), numbers().concat(), "{tag}");
    }
}

#[test]
fn what_follows_folded_elements_is_where_it_belongs() {
    let html = format!("<main>{}deep{}<p id=x>after</main>end", "<div>".repeat(2000), "</div>".repeat(2000));
    let document = Document::parse(&html, &Limits::default());
    let after = (0..document.nodes().len() as u32).find(|&id| document.text(id) == "after").unwrap();
    let names: Vec<&str> = document.ancestors(after).map(|id| document.name(id)).collect();
    assert_eq!(names, ["p", "main", "body", "html", ""]);
}

#[test]
fn each_limit_has_its_flag() {
    let limits = Limits { bytes: 100, nodes: 20, depth: 8, attributes: 3, attribute_bytes: 5, steps: 1000 };
    let only = |flags: Flags| Flags { quirks: true, ..flags };
    let none = Flags::default();
    let cases = [
        ("x".repeat(100), none),
        ("x".repeat(101), Flags { truncated_bytes: true, ..none }),
        ("<p>".repeat(16), none),
        ("<p>".repeat(17), Flags { too_many_nodes: true, ..none }),
        ("<i>".repeat(6), none),
        ("<i>".repeat(7), Flags { folded_depth: true, ..none }),
        ("<p id a b id>".to_owned(), none),
        ("<p a b c d>".to_owned(), Flags { too_many_attributes: true, ..none }),
        ("<p id=12345>".to_owned(), none),
        ("<p id=1234\u{e9}>".to_owned(), Flags { long_attribute: true, ..none }),
    ];
    for (html, flags) in cases {
        assert_eq!(Document::parse(&html, &limits).flags, only(flags), "{html}");
    }
    let expensive = "<b><p>".repeat(200);
    let few_steps = Limits { steps: 100, ..Limits::default() };
    assert!(Document::parse(&expensive, &few_steps).flags.out_of_steps);
    assert!(!Document::parse(&expensive, &Limits::default()).flags.out_of_steps);
    let formatting: String = (0..300).map(|number| format!("<b id={number}>")).collect();
    assert!(Document::parse(&formatting, &Limits::default()).flags.formatting_dropped);
    assert!(!Document::parse(&formatting[..2000], &Limits::default()).flags.formatting_dropped);
}

#[test]
fn values_are_cut_between_characters() {
    let limits = Limits { attribute_bytes: 5, bytes: 20, ..Limits::default() };
    let document = Document::parse("<p id=1234\u{e9}>xx\u{e9}\u{e9}\u{e9}\u{e9}", &limits);
    let paragraph = document.first_child(document.body().unwrap()).unwrap();
    assert_eq!(document.attributes(paragraph).map(|(_, _, value)| value).collect::<Vec<_>>(), ["1234"]);
    assert_eq!(document.text_content(0), "xx\u{e9}\u{e9}");
    assert_eq!(document[paragraph].kind, Kind::Element);
}
