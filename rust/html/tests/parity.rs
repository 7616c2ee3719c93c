//! Trees equal those of html5ever: on real pages, and on pages put together at random.

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/pages.rs"]
mod pages;

use curate_html::{Document, Limits};
use proptest::prelude::*;

/// No limit but that of the text's offsets.
const UNLIMITED: Limits = Limits {
    bytes: usize::MAX,
    nodes: u32::MAX,
    depth: u16::MAX,
    attributes: u16::MAX,
    attribute_bytes: u32::MAX,
    steps: u64::MAX,
};

/// Where the outlines part, if they do.
fn difference(html: &str) -> Option<String> {
    let document = Document::parse(html, &UNLIMITED);
    let (ours, theirs) = (oracle::ours(&document), oracle::theirs(html));
    if ours == theirs {
        return None;
    }
    let at = ours.0.iter().zip(&theirs.0).take_while(|(a, b)| a == b).count();
    let around = |lines: &[String]| -> String {
        let shown = &lines[at.saturating_sub(4).min(lines.len())..(at + 4).min(lines.len())];
        shown.iter().map(|line| format!("  {}\n", line.chars().take(160).collect::<String>())).collect()
    };
    let quirks = if ours.1 == theirs.1 { "" } else { " and quirks" };
    Some(format!("line {at}{quirks}\nours\n{}theirs\n{}", around(&ours.0), around(&theirs.0)))
}

#[test]
fn trees_of_real_pages() {
    let Some(data) = pages::data_dir() else { return };
    let (mut count, mut different) = (0, Vec::new());
    for part in 0..4 {
        for html in pages::pages(&data.join(format!("wcxb-dev/part-{part}.warc.gz"))) {
            count += 1;
            if let Some(difference) = difference(&html) {
                different.push(format!("page {count}: {difference}"));
            }
        }
    }
    assert_eq!(count, 1497);
    assert!(different.is_empty(), "{} differ\n{}", different.len(), different.join("\n"));
}

/// Pieces of markup that the rules of the standard tell apart, and what is open around them.
const PIECES: &[&str] = &[
    "a",
    " ",
    "\n",
    "x y",
    "&amp;",
    "&notit;",
    "&#0;",
    "<",
    "</",
    "<!",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<?x>",
    "</>",
    "</ x>",
    "<![CDATA[",
    "]]>",
    "\0",
    "\r",
    "\r\n",
    "=",
    "\"",
    "'",
    ">",
    "/>",
    "<p",
    " id=1",
    " id='2'",
    " CLASS=\"a&lt;b\"",
];

/// They stand at the start only: inside a table, html5ever does not heed them as the token that they are.
const DOCTYPES: &[&str] = &[
    "",
    "<!doctype html>",
    "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"x\">",
    "<!doctype>",
    "<!doctype x y>",
    "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01 Transitional//EN'>",
    "<!doctype html system 'about:legacy-compat'>",
];

/// Elements of HTML with rules of their own, and some without. Left out are those in whose rules html5ever differs from
/// the standard: `search` and `keygen` are not special to it, `isindex` is, and a `thead` alone in a `template` does not
/// hold its place.
const HTML: &[&str] = &[
    "a",
    "a",
    "a",
    "b",
    "b",
    "i",
    "font",
    "nobr",
    "code",
    "p",
    "p",
    "div",
    "div",
    "span",
    "ul",
    "ol",
    "li",
    "dl",
    "dd",
    "dt",
    "h1",
    "h2",
    "pre",
    "listing",
    "form",
    "button",
    "table",
    "table",
    "table",
    "caption",
    "colgroup",
    "col",
    "tbody",
    "tfoot",
    "tr",
    "tr",
    "td",
    "td",
    "th",
    "select",
    "option",
    "optgroup",
    "hr",
    "br",
    "img",
    "image",
    "input",
    "textarea",
    "title",
    "style",
    "script",
    "noscript",
    "noframes",
    "iframe",
    "xmp",
    "plaintext",
    "html",
    "head",
    "body",
    "frameset",
    "frame",
    "base",
    "link",
    "meta",
    "applet",
    "object",
    "marquee",
    "ruby",
    "rb",
    "rt",
    "rp",
    "rtc",
    "address",
    "section",
    "x-y",
    "x-z",
    "em",
    "strong",
    "u",
    "s",
    "small",
    "tt",
    "big",
    "strike",
    "main",
    "article",
    "nav",
    "details",
    "summary",
    "param",
    "area",
    "embed",
];

/// Templates, and what changes their mode. Without formatting elements: in a template whose mode is that of a table,
/// html5ever opens those again for white space, too.
const TEMPLATE: &[&str] = &[
    "template", "template", "template", "table", "caption", "colgroup", "col", "tbody", "tfoot", "tr", "td",
    "th", "div", "p", "li", "select", "option", "script", "title", "form", "input", "html", "head", "body",
    "frameset", "meta", "span",
];

/// Foreign elements, and what may stand in and around them. To html5ever foreign elements are never special, so what
/// searches for those is left out: formatting, list items, the end tags of elements without rules of their own.
const FOREIGN: &[&str] = &[
    "svg",
    "svg",
    "math",
    "math",
    "mi",
    "mtext",
    "foreignObject",
    "desc",
    "title",
    "mglyph",
    "malignmark",
    "g",
    "font",
    "p",
    "div",
    "table",
    "tr",
    "td",
    "br",
    "style",
    "script",
    "h1",
    "ul",
    "body",
    "select",
    "option",
    "img",
];
const FOREIGN_ENDS: &[&str] =
    &["svg", "math", "title", "p", "div", "table", "tr", "td", "br", "script", "h1", "ul", "body", "select"];

/// Attributes that change what a tag does.
const ATTRIBUTES: &[&str] = &[
    "",
    "",
    "",
    "",
    " id=1",
    " id=2",
    " class=x id=1",
    " id=1 class=x",
    " type=hidden",
    " type=text",
    " color=red",
    " encoding=text/html",
    " /",
    " a b c a",
    " x='&copy=1&amp;' ",
];

type Names = &'static [&'static str];

fn piece(starts: Names, ends: Names) -> impl Strategy<Value = String> {
    let start = (prop::sample::select(starts), prop::sample::select(ATTRIBUTES));
    prop_oneof![
        2 => prop::sample::select(PIECES).prop_map(str::to_owned),
        5 => start.prop_map(|(name, attributes)| format!("<{name}{attributes}>")),
        4 => prop::sample::select(ends).prop_map(|name| format!("</{name}>")),
        1 => "[a-c ]{1,3}",
    ]
}

fn page(starts: Names, ends: Names) -> impl Strategy<Value = String> {
    (prop::sample::select(DOCTYPES), prop::collection::vec(piece(starts, ends), 0..60))
        .prop_map(|(doctype, pieces)| format!("{doctype}{}", pieces.concat()))
}

fn check(html: &str) -> Result<(), TestCaseError> {
    match difference(html) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(format!("{}\n{difference}", html.escape_debug()))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_of_random_html(html in page(HTML, HTML)) {
        check(&html)?;
    }

    #[test]
    fn trees_of_random_templates(html in page(TEMPLATE, TEMPLATE)) {
        check(&html)?;
    }

    #[test]
    fn trees_of_random_foreign_content(html in page(FOREIGN, FOREIGN_ENDS)) {
        check(&html)?;
    }
}
