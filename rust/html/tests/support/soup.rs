//! What random pages are put together from.

#![allow(dead_code)]

/// A vocabulary.
pub type Names = &'static [&'static str];

/// Pieces of markup that the rules of the standard tell apart, and what is open around them.
pub const PIECES: Names = &[
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
pub const DOCTYPES: Names = &[
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
pub const HTML: Names = &[
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
pub const TEMPLATE: Names = &[
    "template", "template", "template", "table", "caption", "colgroup", "col", "tbody", "tfoot", "tr", "td",
    "th", "div", "p", "li", "select", "option", "script", "title", "form", "input", "html", "head", "body",
    "frameset", "meta", "span",
];

/// Foreign elements, and what may stand in and around them. To html5ever foreign elements are never special, so what
/// searches for those is left out: formatting, list items, the end tags of elements without rules of their own.
pub const FOREIGN: Names = &[
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
pub const FOREIGN_ENDS: Names =
    &["svg", "math", "title", "p", "div", "table", "tr", "td", "br", "script", "h1", "ul", "body", "select"];

/// Attributes that change what a tag does.
pub const ATTRIBUTES: Names = &[
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

/// A page of one vocabulary from arbitrary bytes, two for a piece.
pub fn page(data: &[u8]) -> String {
    let Some((&kind, data)) = data.split_first() else { return String::new() };
    let (starts, ends) = [(HTML, HTML), (TEMPLATE, TEMPLATE), (FOREIGN, FOREIGN_ENDS)][usize::from(kind) % 3];
    let pick = |from: Names, number: u8| from[usize::from(number) % from.len()];
    let mut page = pick(DOCTYPES, kind / 3).to_owned();
    for pair in data.chunks_exact(2) {
        match pair[0] % 16 {
            0 => page.push_str(pick(PIECES, pair[1])),
            1 => page.push(char::from(pair[1] % 128)),
            2..=9 => {
                page.extend(["<", pick(starts, pair[1]), pick(ATTRIBUTES, pair[0] / 16), ">"]);
            }
            _ => page.extend(["</", pick(ends, pair[1]), ">"]),
        }
    }
    page
}
