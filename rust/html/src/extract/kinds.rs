//! What a page says that it is: schema.org types and the Open Graph type.

use memchr::memmem;

use crate::tree::{Attr, Document, Kind, Tag};

/// Types by kind of page; a kind is one bit of the answer.
const KINDS: [(&[&str], i32); 7] = [
    (&["Article", "NewsArticle", "BlogPosting", "TechArticle", "ScholarlyArticle", "article"], 1),
    (&["Product", "ProductGroup", "product", "og:product", "product.item"], 2),
    (&["DiscussionForumPosting", "QAPage", "Question"], 4),
    (&["ItemList", "CollectionPage", "SearchResultsPage", "OfferCatalog"], 8),
    (&["Recipe", "HowTo", "Event", "JobPosting", "Course"], 16),
    (&["Service", "ProfessionalService", "LocalBusiness", "FAQPage"], 32),
    (&["website", "WebSite"], 64),
];

fn kind_of(name: &str) -> i32 {
    KINDS.iter().filter(|(names, _)| names.contains(&name)).map(|(_, bit)| bit).sum()
}

/// The strings after every `"@type":` of a JSON text, without parsing it: pages often hold broken JSON.
fn json_types(json: &str) -> i32 {
    let mut kinds = 0;
    for place in memmem::find_iter(json.as_bytes(), b"\"@type\"") {
        let rest = json.get(place + 7..).unwrap_or_default().trim_start();
        let Some(rest) = rest.strip_prefix(':') else { continue };
        // One name or a list of a few.
        let mut quoted = rest.trim_start().trim_start_matches('[').splitn(8, '"');
        quoted.next();
        while let (Some(name), Some(between)) = (quoted.next(), quoted.next()) {
            kinds |= kind_of(name);
            if between.trim() != "," {
                break;
            }
        }
    }
    kinds
}

/// Whether a script holds JSON-LD, in the text node that follows it.
fn is_linked_data(document: &Document<'_>, script: u32) -> bool {
    document
        .attr(script, Attr::Type)
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"))
        && script + 1 < document[script].end
        && document[script + 1].kind == Kind::Text
}

/// Kinds that the page declares, as bits.
pub(crate) fn page_kinds(document: &Document) -> i32 {
    let mut kinds = 0;
    let mut node = 0;
    while node < document.nodes().len() as u32 {
        if document[node].kind == Kind::Element {
            match document[node].tag {
                Tag::Script if is_linked_data(document, node) => kinds |= json_types(document.text(node + 1)),
                Tag::Meta if document.attr(node, Attr::Property) == Some("og:type") => {
                    kinds |= kind_of(document.attr(node, Attr::Content).unwrap_or_default().trim());
                }
                _ => {}
            }
        }
        node += 1;
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_json() {
        assert_eq!(json_types(r#"{"@type": "Product"}"#), 2);
        assert_eq!(json_types(r#"{"@type":["Article","QAPage"],"x":"Recipe"}"#), 5);
        assert_eq!(json_types(r#"{"@type":"#), 0);
    }
}
