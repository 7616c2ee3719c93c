//! Trees equal those of html5ever: on real pages, and on pages put together at random.

#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/pages.rs"]
mod pages;
#[path = "support/soup.rs"]
mod soup;

use curate_html::{Document, Limits};
use proptest::prelude::*;
use soup::{ATTRIBUTES, DOCTYPES, FOREIGN, FOREIGN_ENDS, HTML, Names, PIECES, TEMPLATE};

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
