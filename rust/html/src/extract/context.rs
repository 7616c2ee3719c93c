//! What elements mean for extraction: how they break text, and what their descendants are part of.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::tree::{Attr, Document, Tag};

/// How an element takes part in the flow of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Display {
    /// Starts and ends a block of text.
    Block,
    /// Part of the surrounding block.
    Inline,
    /// Holds no readable text.
    Skip,
    /// A line break.
    Break,
    /// Ends a block, holds nothing.
    Rule,
    /// A picture.
    Image,
}

/// How `tag` is displayed. Names that HTML does not know are mostly components, which are laid out as blocks.
pub(crate) fn display(tag: Tag) -> Display {
    use Tag::*;
    match tag {
        A | Abbr | Acronym | B | Bdi | Bdo | Big | Cite | Code | Data | Del | Dfn | Em | Font | I | Ins
        | Kbd | Label | Mark | Nobr | Q | Rb | Ruby | S | Samp | Small | Span | Strike | Strong | Sub
        | Sup | Time | Tt | U | Var => Display::Inline,
        Script | Style | Template | Head | Iframe | Object | Embed | Audio | Video | Canvas | Svg
        | Select | Datalist | Textarea | Input | Map | Noembed | Noframes | Rp | Rt | Progress | Meter
        | Param | Source | Track | Area | Title | Meta | Link | Base => Display::Skip,
        Br => Display::Break,
        Hr => Display::Rule,
        Img | Picture => Display::Image,
        Wbr => Display::Image,
        _ => Display::Block,
    }
}

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => { $($(#[$doc])* pub(crate) const $name: u64 = 1 << $bit;)* };
}

bits! {
    /// In `nav`, or a role that says so.
    NAVIGATION = 0;
    /// In `header` or role banner.
    HEADER = 1;
    /// In `footer` or role contentinfo.
    FOOTER = 2;
    /// In `aside` or role complementary.
    ASIDE = 3;
    /// In `article`.
    ARTICLE = 4;
    /// In `main` or role main.
    MAIN = 5;
    /// In a form.
    FORM = 6;
    /// In a table.
    TABLE = 7;
    /// In a list.
    LIST = 8;
    /// In a dialog.
    DIALOG = 9;
    /// Hidden by attribute or style.
    HIDDEN = 10;
    /// In a heading.
    HEADING = 11;
    /// In a quotation.
    QUOTE = 12;
    /// In preformatted text.
    PREFORMATTED = 13;
}

/// What the contents of `tag` are part of.
pub(crate) fn of_tag(tag: Tag) -> u64 {
    use Tag::*;
    match tag {
        Nav | Menu => NAVIGATION,
        Header => HEADER,
        Footer => FOOTER,
        Aside => ASIDE,
        Article => ARTICLE,
        Main => MAIN,
        Form | Fieldset => FORM,
        Table => TABLE,
        Ul | Ol | Dir => LIST,
        Dialog => DIALOG,
        H1 | H2 | H3 | H4 | H5 | H6 => HEADING,
        Blockquote => QUOTE,
        Pre | Listing | Xmp | Plaintext => PREFORMATTED,
        _ => 0,
    }
}

/// What the contents of an element are part of, by its attributes.
pub(crate) fn of_attributes(document: &Document<'_>, node: u32) -> u64 {
    let mut bits = 0;
    if document.attr(node, Attr::Hidden).is_some_and(|value| !value.eq_ignore_ascii_case("until-found")) {
        bits |= HIDDEN;
    }
    if document.attr(node, Attr::Style).is_some_and(hides) {
        bits |= HIDDEN;
    }
    if let Some(role) = document.attr(node, Attr::Role) {
        bits |= match role.trim().to_ascii_lowercase().as_str() {
            "navigation" | "menu" | "menubar" | "tablist" => NAVIGATION,
            "banner" => HEADER,
            "contentinfo" => FOOTER,
            "complementary" => ASIDE,
            "article" => ARTICLE,
            "main" => MAIN,
            "search" | "form" => FORM,
            "dialog" | "alertdialog" => DIALOG,
            "heading" => HEADING,
            _ => 0,
        };
    }
    bits
}

/// Whether a style attribute takes its element off the page.
fn hides(style: &str) -> bool {
    style.split(';').any(|declaration| {
        let mut sides = declaration.splitn(2, ':');
        let property = sides.next().unwrap_or_default().trim();
        let value = sides.next().unwrap_or_default().trim();
        let starts =
            |word: &str| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        (property.eq_ignore_ascii_case("display") && starts("none"))
            || (property.eq_ignore_ascii_case("visibility") && starts("hidden"))
    })
}

/// The attributes in which pages say what an element is for.
pub(crate) fn named_attributes<'a>(document: &'a Document<'_>, node: u32) -> impl Iterator<Item = &'a str> {
    [Attr::Class, Attr::Id, Attr::Role, Attr::Itemprop]
        .into_iter()
        .filter_map(move |name| document.attr(node, name))
}

/// Equal for elements of the same name and class.
pub(crate) fn signature(document: &Document<'_>, node: u32) -> u64 {
    let class = document.attr(node, Attr::Class).unwrap_or_default();
    xxh3_64_with_seed(class.as_bytes(), xxh3_64(document.name(node).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_that_hide() {
        assert!(hides("color:red; display : none !important"));
        assert!(hides("visibility:hidden"));
        assert!(!hides("display:block"));
        assert!(!hides("background:none;x:display:none"));
    }
}
