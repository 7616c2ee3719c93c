//! Any page is extracted; the stricter profile keeps no more than the laxer one, and no format loses a block.
#![no_main]

use curate_html::extract::{Analysis, Format, Profile};
use curate_html::{Document, Limits};
use libfuzzer_sys::fuzz_target;

const PROFILES: [Profile; 4] = [Profile::Precision, Profile::Balanced, Profile::Recall, Profile::AllText];

fuzz_target!(|data: &[u8]| {
    let decoded = curate_html::decode(data, None, None);
    let document = Document::parse(&decoded.text, &Limits::default());
    let analysis = Analysis::of(&document);
    let kept = PROFILES.map(|profile| analysis.explain(profile));
    for pair in kept.windows(2) {
        assert!(pair[0].iter().zip(&pair[1]).all(|(strict, lax)| !strict.kept || lax.kept));
    }
    for profile in PROFILES {
        let text = analysis.text(profile, Format::Text);
        let markdown = analysis.text(profile, Format::Markdown);
        assert_eq!(text.trim().is_empty(), markdown.trim().is_empty());
    }
    let all = analysis.text(Profile::AllText, Format::Text);
    let mut place = 0;
    for block in &kept[3] {
        let found = all.get(place..).and_then(|rest| rest.find(&block.text));
        assert!(found.is_some(), "a block is missing or out of order");
        place += found.unwrap_or(0) + block.text.len();
    }
});
