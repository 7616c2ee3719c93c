//! Any bytes decode, under any declared type; valid UTF-8 without a declaration is kept as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let undeclared = curate_html::decode(data, None, None);
    if let Ok(text) = std::str::from_utf8(data)
        && undeclared.encoding == "UTF-8"
    {
        assert_eq!(undeclared.text.trim_start_matches('\u{feff}'), text.trim_start_matches('\u{feff}'));
    }
    let declared = String::from_utf8_lossy(&data[..data.len().min(40)]);
    curate_html::decode(data, Some(&declared), Some("jp"));
});
