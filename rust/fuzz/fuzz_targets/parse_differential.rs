//! Trees of pages put together at random equal those of html5ever.
#![no_main]

#[path = "../../html/tests/support/oracle.rs"]
mod oracle;
#[path = "../../html/tests/support/soup.rs"]
mod soup;

use curate_html::{Document, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // html5ever is quadratic in depth.
    let html = soup::page(&data[..data.len().min(4000)]);
    let limits = Limits { depth: 4000, ..Limits::default() };
    let document = Document::parse(&html, &limits);
    if !document.flags.formatting_dropped {
        assert_eq!(oracle::ours(&document), oracle::theirs(&html), "{html:?}");
    }
});
