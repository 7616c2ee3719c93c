//! The sets of elements that the tree construction asks for.

use crate::tree::{Kind, Tag};

/// Bounds the search for an element that is no formatting element: "special".
pub(super) const SPECIAL: u16 = 1;
/// Formatting elements, which are opened again in later blocks.
pub(super) const FORMATTING: u16 = 1 << 1;
/// Bounds "has an element in scope".
pub(super) const SCOPE: u16 = 1 << 2;
/// Bounds list item scope in addition.
pub(super) const LIST: u16 = 1 << 3;
/// Bounds button scope in addition.
pub(super) const BUTTON: u16 = 1 << 4;
/// Bounds table scope, alone.
pub(super) const TABLE_SCOPE: u16 = 1 << 5;
/// Elements whose end tag may be left out.
pub(super) const IMPLIED: u16 = 1 << 6;
/// Further elements that the end of a template closes.
pub(super) const IMPLIED_THOROUGH: u16 = 1 << 7;
/// Elements that hold no text: it goes before the table.
pub(super) const FOSTERING: u16 = 1 << 8;
/// Bounds "clear the stack back to a table body context".
pub(super) const BODY_CONTEXT: u16 = 1 << 9;
/// Bounds "clear the stack back to a table row context".
pub(super) const ROW_CONTEXT: u16 = 1 << 10;
/// `h1` to `h6`.
pub(super) const HEADING: u16 = 1 << 11;
/// Foreign elements inside which text and most tags follow the rules of HTML: those of MathML that hold text.
pub(super) const TEXT_POINT: u16 = 1 << 12;
/// The same for those that hold HTML.
pub(super) const HTML_POINT: u16 = 1 << 13;
/// Tags at which foreign content ends.
pub(super) const BREAKOUT: u16 = 1 << 14;

type Set = (u16, &'static [Tag]);

const SETS: [Set; 13] = {
    use Tag::*;
    [
        (
            SPECIAL,
            &[
                Address, Applet, Area, Article, Aside, Base, Basefont, Bgsound, Blockquote, Body, Br, Button,
                Caption, Center, Col, Colgroup, Dd, Details, Dir, Div, Dl, Dt, Embed, Fieldset, Figcaption,
                Figure, Footer, Form, Frame, Frameset, H1, H2, H3, H4, H5, H6, Head, Header, Hgroup, Hr,
                Html, Iframe, Img, Input, Keygen, Li, Link, Listing, Main, Marquee, Menu, Meta, Nav, Noembed,
                Noframes, Noscript, Object, Ol, P, Param, Plaintext, Pre, Script, Search, Section, Select,
                Source, Style, Summary, Table, Tbody, Td, Template, Textarea, Tfoot, Th, Thead, Title, Tr,
                Track, Ul, Wbr, Xmp,
            ],
        ),
        (FORMATTING, &[A, B, Big, Code, Em, Font, I, Nobr, S, Small, Strike, Strong, Tt, U]),
        (SCOPE, &[Applet, Caption, Html, Table, Td, Th, Marquee, Object, Select, Template]),
        (LIST, &[Ol, Ul]),
        (BUTTON, &[Button]),
        (TABLE_SCOPE, &[Html, Table, Template]),
        (IMPLIED, &[Dd, Dt, Li, Optgroup, Option, P, Rb, Rp, Rt, Rtc]),
        (IMPLIED_THOROUGH, &[Caption, Colgroup, Tbody, Td, Tfoot, Th, Thead, Tr]),
        (FOSTERING, &[Table, Tbody, Tfoot, Thead, Tr]),
        (BODY_CONTEXT, &[Tbody, Tfoot, Thead, Template, Html]),
        (ROW_CONTEXT, &[Tr, Template, Html]),
        (HEADING, &[H1, H2, H3, H4, H5, H6]),
        (
            BREAKOUT,
            &[
                B, Big, Blockquote, Body, Br, Center, Code, Dd, Div, Dl, Dt, Em, Embed, H1, H2, H3, H4, H5,
                H6, Head, Hr, I, Img, Li, Listing, Menu, Meta, Nobr, Ol, P, Pre, Ruby, S, Small, Span,
                Strong, Strike, Sub, Sup, Table, Tt, U, Ul, Var,
            ],
        ),
    ]
};

const CLASSES: [u16; 256] = {
    let mut classes = [0; 256];
    let mut set = 0;
    while set < SETS.len() {
        let (bit, tags) = SETS[set];
        let mut index = 0;
        while index < tags.len() {
            classes[tags[index] as usize] |= bit;
            index += 1;
        }
        set += 1;
    }
    classes
};

/// The sets to which an element of HTML belongs.
#[inline]
pub(super) fn classes(tag: Tag) -> u16 {
    CLASSES[tag as usize]
}

/// The sets to which a foreign element belongs. `annotation-xml` is an HTML integration point, too, if its encoding
/// says so.
pub(super) fn foreign_classes(kind: Kind, tag: Tag) -> u16 {
    match (kind, tag) {
        (Kind::Math, Tag::Mi | Tag::Mo | Tag::Mn | Tag::Ms | Tag::Mtext) => SPECIAL | SCOPE | TEXT_POINT,
        (Kind::Math, Tag::AnnotationXml) => SPECIAL | SCOPE,
        (Kind::Svg, Tag::Foreignobject | Tag::Desc | Tag::Title) => SPECIAL | SCOPE | HTML_POINT,
        _ => 0,
    }
}
