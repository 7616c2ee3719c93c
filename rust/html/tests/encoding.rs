//! The prescan against the encoding cases of html5lib-tests.

#[path = "support/pages.rs"]
mod pages;

use curate_html::{decode, prescan};
use encoding_rs::{Encoding, WINDOWS_1252};

#[test]
fn html5lib_encoding_cases() {
    let Some(data) = pages::data_dir() else { return };
    let (mut count, mut failures) = (0, Vec::new());
    for name in ["tests1.dat", "tests2.dat", "test-yahoo-jp.dat"] {
        let bytes = std::fs::read(data.join("html5lib-tests/encoding").join(name)).unwrap();
        // Every byte a character, so that the cases can be taken apart as text.
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        for case in text.split("#data\n").skip(1) {
            let (page, rest) = case.split_once("\n#encoding\n").unwrap();
            let expected = Encoding::for_label(rest.lines().next().unwrap().trim().as_bytes()).unwrap();
            let page: Vec<u8> = page.chars().map(|character| character as u8).collect();
            count += 1;
            // A byte order mark comes before all else.
            let found = Encoding::for_bom(&page)
                .map_or_else(|| prescan(&page).unwrap_or(WINDOWS_1252), |(encoding, _)| encoding);
            if found != expected {
                failures.push(format!(
                    "{}\n expected {expected:?}, found {found:?}",
                    String::from_utf8_lossy(&page)
                ));
            }
        }
    }
    assert!(count > 70, "{count}");
    assert!(failures.is_empty(), "{} of {count} fail\n{}", failures.len(), failures.join("\n"));
    let chinese = std::fs::read(data.join("html5lib-tests/encoding/chardet/test_big5.txt")).unwrap();
    assert_eq!(decode(&chinese, None, None).encoding, "Big5");
}
