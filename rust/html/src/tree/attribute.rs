//! Names of attributes.

use super::names::names;

names! {
    /// The name of an attribute that something in this crate asks for; every other one is `Unknown` and known by
    /// its text only.
    Attr:
    About "about", Action "action", Align "align", Alt "alt", AriaDescribedby "aria-describedby",
    AriaExpanded "aria-expanded", AriaHidden "aria-hidden", AriaLabel "aria-label",
    AriaLabelledby "aria-labelledby", AriaLevel "aria-level", AriaModal "aria-modal", AriaRole "aria-role",
    Async "async", Border "border", Charset "charset", Checked "checked", Cite "cite", Class "class",
    Color "color", Cols "cols", Colspan "colspan", Content "content", Coords "coords", Data "data",
    DataSrc "data-src", DataSrcset "data-srcset", DataTestid "data-testid", Datatype "datatype",
    Datetime "datetime", Dir "dir", Disabled "disabled", Display "display", Download "download",
    Encoding "encoding", Face "face", For "for", Headers "headers", Height "height", Hidden "hidden",
    Href "href", Hreflang "hreflang", HttpEquiv "http-equiv", Id "id", Itemid "itemid", Itemprop "itemprop",
    Itemref "itemref", Itemscope "itemscope", Itemtype "itemtype", Label "label", Lang "lang",
    Language "language", Loading "loading", Mathvariant "mathvariant", Media "media", Method "method",
    Name "name", Open "open", Placeholder "placeholder", Prefix "prefix", Property "property",
    Pubdate "pubdate", Rel "rel", Resource "resource", Rev "rev", Reversed "reversed", Role "role",
    Rows "rows", Rowspan "rowspan", Scope "scope", Selected "selected", Size "size", Sizes "sizes",
    Slot "slot", Span "span", Src "src", Srcset "srcset", Start "start", Style "style", Summary "summary",
    Tabindex "tabindex", Target "target", Title "title", Type "type", Typeof "typeof", Value "value",
    Vocab "vocab", Width "width", XlinkHref "xlink:href", XmlLang "xml:lang", Xmlns "xmlns",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &attribute in Attr::ALL {
            assert_eq!(Attr::of(attribute.name().as_bytes()), attribute);
            assert_eq!(Attr::of(attribute.name().to_ascii_uppercase().as_bytes()), attribute);
        }
        assert_eq!(Attr::of(b"data-x"), Attr::Unknown);
    }
}
