//! The prefilter misses nothing; spans are in order and on characters; what is scrubbed stays scrubbed.
#![no_main]

use curate_pii::{Kind, Kinds, Policy, find, find_slowly, scrub};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let kinds = if choice & 1 == 0 { Kinds::defaults() } else { Kinds::of(Kind::ALL) };
    let found = find(&text, kinds);
    assert_eq!(found, find_slowly(&text, kinds));
    let mut end = 0;
    for span in &found.spans {
        assert!(end <= span.start && span.start < span.end);
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        end = span.end;
    }
    let policy = match choice >> 1 {
        0 => Policy::FineWeb,
        1 => Policy::Tag,
        2 => Policy::Mask,
        3 => Policy::Number,
        4 => Policy::Pseudonym(vec![choice]),
        _ => Policy::DropSpan,
    };
    match scrub(&text, kinds, &policy).0 {
        None => assert!(found.spans.is_empty()),
        Some(scrubbed) => {
            assert!(find(&scrubbed.text, kinds).spans.is_empty());
            assert!(scrub(&scrubbed.text, kinds, &policy).0.is_none());
            let kept: usize = scrubbed.replacements.iter().map(|place| place.end - place.start).sum();
            let removed: usize = scrubbed.replacements.iter().map(|place| place.removed).sum();
            assert_eq!(scrubbed.text.len() - kept + removed, text.len());
        }
    }
});
