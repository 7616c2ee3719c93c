//! Pages made to be expensive: what they cost grows as they do, and their text is kept.

use curate_html::{Document, Flags, Kind, Limits};

/// Start, repeated part, end. Each is a pattern that is quadratic, recursive or unbounded in some parser, or hits a
/// limit here. `#` becomes the number of the repetition.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("", "<div>", "x"),
    ("", "<ul><li>", "x"),
    ("", "<li>", "x"),
    ("", "<a>", "x"),
    ("", "<i>", "x"),
    ("", "<b><p>", "x"),
    ("", "<a><b><i><p>x", ""),
    ("", "<b id=#>x", ""),
    ("", "<font color=#>x<p>", ""),
    ("", "<b id=#><p>x</p>", ""),
    ("", "</b>x", ""),
    ("", "</p>x", ""),
    ("", "</x>y", ""),
    ("", "<x-#>", "y"),
    ("<x><div>", "<y>z</x>", ""),
    ("", "<div><object></div>", "<b><b><b><b></b></b></b></b>x"),
    ("", "<div><object></div><b><b><b><b></b></b></b></b>x", ""),
    ("", "<b><div><div><div>", "</b>x"),
    ("", "<b><div></b>x", ""),
    ("", "<a><div><div><div><div><div><div><div><div><div></a>x", ""),
    ("", "<nobr>x", ""),
    ("", "<table>x", ""),
    ("", "<table><td>x", ""),
    ("", "<table><tr>x<td>y", ""),
    ("<table>", "x<b>", ""),
    ("<table>", "x<tr>", ""),
    ("<table>", "<tr><td>x", ""),
    ("<table>", "<svg>x</svg>y", ""),
    ("<table>", "<b><tr>x</b>", ""),
    ("", "<select><option>x", ""),
    ("", "<select><table>x", ""),
    ("", "<template>", "x"),
    ("", "<template><col>x", ""),
    ("<template><col>", "a b ", ""),
    ("", "<template><tr>x", ""),
    ("", "<svg>", "x"),
    ("", "<svg><desc>", "x"),
    ("", "<math><mi>", "x"),
    ("", "<math><annotation-xml>", "x"),
    ("<svg>", "<x-#>", "y"),
    ("<svg>", "x</g>", ""),
    ("", "<svg><p>x", ""),
    ("", "<form>x", ""),
    ("", "<form><div></form>x", ""),
    ("", "<button>x", ""),
    ("<p><button>", "<span>", "<div>x"),
    ("<p><button>", "<span><div>x", ""),
    ("<ul><li>", "<span><li>x", ""),
    ("<dd><ul>", "<div>", "<dd>x</dd>"),
    ("<dd><ul>", "<div><dd></dd>x", ""),
    ("", "<h1><span>x", ""),
    ("", "<ruby><rt>x", ""),
    ("", "<frameset>", ""),
    ("<body a=1>x", "<body b#=1>", ""),
    ("<html a=1>x", "<html b#=1>", ""),
    ("<p", " a#", ">x"),
    ("<p", " a", ">x"),
    ("<p ", "=", ">x"),
    ("<p ", "/", ">x"),
    ("<p a='", "&amp;", "'>x"),
    ("<p a='", "y", "'>x"),
    ("<p a='", "y", ""),
    ("", "<p a1 a2 a3 a4 a5 a6 a7 a8 a9 b1 b2 b3 b4 b5 b6 b7 b8 b9 c1 c2>x", ""),
    ("", "<b a1 a2 a3 a4 a5 a6 a7 a8 a9 b1 b2 b3 b4 b5 b6 b7 b8 b9 c1 c2>x", ""),
    ("", "x", ""),
    ("", " ", "x"),
    ("", "&", ""),
    ("", "&amp", ""),
    ("", "x&lt;", ""),
    ("&#", "1", "x"),
    ("&", "a", ""),
    ("", "<", ""),
    ("", "</", ""),
    ("", "<!", ""),
    ("", "<?", ""),
    ("", "</>x", ""),
    ("", "<!-->x", ""),
    ("", "<!--x", ""),
    ("<!--", "--!", ""),
    ("<!--", "->", ""),
    ("<!--", "<!--", "-->x"),
    ("<svg>", "<![CDATA[x", ""),
    ("<svg>", "<![CDATA[x]]>", ""),
    ("<svg><![CDATA[", "x\0", "]]>"),
    ("", "\0x", ""),
    ("x", "<p>x", "\0"),
    ("", "x\r", ""),
    ("", "<!doctype ", ""),
    ("", "<!doctype html>", "x"),
    ("<script>", "<!--<script>", ""),
    ("<script>", "<!--</script", ""),
    ("<script>", "--><!--<script></script>", ""),
    ("<title>", "</titl", ""),
    ("<textarea>", "</textarea", ""),
    ("", "<textarea>", ""),
    ("", "<style>", ""),
    ("", "<plaintext>", ""),
    ("", "<noscript>x", ""),
    ("<head>", "<noscript>", "x"),
    ("", "</head><title>x</title>", ""),
    ("", "</body><p>x", ""),
    ("", "</body><!--x-->y", ""),
];

fn page(pattern: (&str, &str, &str), bytes: usize) -> String {
    let (start, part, end) = pattern;
    let mut page = String::with_capacity(bytes + 64);
    page.push_str(start);
    let mut number = 0;
    while page.len() < bytes {
        page.push_str(&part.replace('#', &number.to_string()));
        number += 1;
    }
    page.push_str(end);
    page
}

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
