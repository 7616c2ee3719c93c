//! The real pages of the test data, decoded.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout)]

use std::path::PathBuf;

use curate_html::decode;
use curate_warc::{Limits, Parser, Selection, interpret};

/// The folder of real data; nothing, said aloud, where it is absent.
pub fn data_dir() -> Option<PathBuf> {
    let folder = std::env::var_os("CURATE_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: no test data at {}; set CURATE_TEST_DATA", folder.display());
        return None;
    }
    Some(folder)
}

/// Text of every page of one file.
pub fn pages(file: &std::path::Path) -> Vec<String> {
    let bytes = std::fs::read(file).unwrap();
    let wanted = Selection {
        record_types: Some(vec!["response".to_owned()]),
        max_document: 64 << 20,
        ..Selection::default()
    };
    let mut pages = Vec::new();
    let mut keep = |event: curate_warc::Event<'_>| {
        if let Some(payload) = interpret(&event, "", &wanted).payload {
            pages.push(decode(&payload, None, None).text);
        }
    };
    let mut parser = Parser::new(Limits::default());
    parser.feed(&bytes, &mut keep);
    parser.finish(&mut keep);
    pages
}
