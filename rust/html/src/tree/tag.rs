//! Names of elements.

use super::names::names;

names! {
    /// The name of an element: those of HTML, obsolete ones included, and those of SVG and MathML that parsing
    /// must know. The namespace is the node's [`Kind`](super::Kind).
    Tag:
    A "a", Abbr "abbr", Acronym "acronym", Address "address", Applet "applet", Area "area", Article "article",
    Aside "aside", Audio "audio", B "b", Base "base", Basefont "basefont", Bdi "bdi", Bdo "bdo",
    Bgsound "bgsound", Big "big", Blink "blink", Blockquote "blockquote", Body "body", Br "br", Button "button",
    Canvas "canvas", Caption "caption", Center "center", Cite "cite", Code "code", Col "col",
    Colgroup "colgroup", Data "data", Datalist "datalist", Dd "dd", Del "del", Details "details", Dfn "dfn",
    Dialog "dialog", Dir "dir", Div "div", Dl "dl", Dt "dt", Em "em", Embed "embed", Fieldset "fieldset",
    Figcaption "figcaption", Figure "figure", Font "font", Footer "footer", Form "form", Frame "frame",
    Frameset "frameset", H1 "h1", H2 "h2", H3 "h3", H4 "h4", H5 "h5", H6 "h6", Head "head", Header "header",
    Hgroup "hgroup", Hr "hr", Html "html", I "i", Iframe "iframe", Image "image", Img "img", Input "input",
    Ins "ins", Isindex "isindex", Kbd "kbd", Keygen "keygen", Label "label", Legend "legend", Li "li",
    Link "link", Listing "listing", Main "main", Map "map", Mark "mark", Marquee "marquee", Menu "menu",
    Menuitem "menuitem", Meta "meta", Meter "meter", Nav "nav", Nobr "nobr", Noembed "noembed",
    Noframes "noframes", Noscript "noscript", Object "object", Ol "ol", Optgroup "optgroup", Option "option",
    Output "output", P "p", Param "param", Picture "picture", Plaintext "plaintext", Pre "pre",
    Progress "progress", Q "q", Rb "rb", Rp "rp", Rt "rt", Rtc "rtc", Ruby "ruby", S "s", Samp "samp",
    Script "script", Search "search", Section "section", Select "select",
    Selectedcontent "selectedcontent", Slot "slot", Small "small", Source "source", Spacer "spacer", Span "span",
    Strike "strike", Strong "strong", Style "style", Sub "sub", Summary "summary", Sup "sup", Table "table",
    Tbody "tbody", Td "td", Template "template", Textarea "textarea", Tfoot "tfoot", Th "th", Thead "thead",
    Time "time", Title "title", Tr "tr", Track "track", Tt "tt", U "u", Ul "ul", Var "var", Video "video",
    Wbr "wbr", Xmp "xmp",
    Svg "svg", Circle "circle", Clippath "clippath", Defs "defs", Desc "desc", Ellipse "ellipse",
    Foreignobject "foreignobject", G "g", Line "line", Lineargradient "lineargradient", Mask "mask",
    Metadata "metadata", Path "path", Polygon "polygon", Polyline "polyline", Rect "rect", Stop "stop",
    Symbol "symbol", Text "text", Tspan "tspan", Use "use",
    Math "math", Annotation "annotation", AnnotationXml "annotation-xml", Malignmark "malignmark",
    Mfenced "mfenced", Mfrac "mfrac", Mglyph "mglyph", Mi "mi", Mmultiscripts "mmultiscripts", Mn "mn", Mo "mo",
    Mover "mover", Mpadded "mpadded", Mphantom "mphantom", Mprescripts "mprescripts", Mroot "mroot",
    Mrow "mrow", Ms "ms", Mspace "mspace", Msqrt "msqrt", Mstyle "mstyle", Msub "msub", Msubsup "msubsup",
    Msup "msup", Mtable "mtable", Mtd "mtd", Mtext "mtext", Mtr "mtr", Munder "munder",
    Munderover "munderover", Semantics "semantics",
}

impl Tag {
    /// `h1` to `h6`.
    #[inline]
    pub fn is_heading(self) -> bool {
        Tag::H1 <= self && self <= Tag::H6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &tag in Tag::ALL {
            assert_eq!(Tag::of(tag.name().as_bytes()), tag);
            assert_eq!(Tag::of(tag.name().to_ascii_uppercase().as_bytes()), tag);
        }
        for name in ["x-a", "aa", "h7", "annotation xml", "\u{e9}", "tdd"] {
            assert_eq!(Tag::of(name.as_bytes()), Tag::Unknown, "{name}");
        }
    }

    #[test]
    fn headings_are_adjacent() {
        let headings: Vec<&str> =
            Tag::ALL.iter().filter(|tag| tag.is_heading()).map(|tag| tag.name()).collect();
        assert_eq!(headings, ["h1", "h2", "h3", "h4", "h5", "h6"]);
    }
}
