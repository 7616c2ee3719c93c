//! Laws that hold for any text.

use curate_pii::{Kind, Kinds, Policy, SECRETS, find, scrub};
use proptest::prelude::*;

fn policies() -> [Policy; 6] {
    [
        Policy::FineWeb,
        Policy::Tag,
        Policy::Mask,
        Policy::Number,
        Policy::Pseudonym(b"key".to_vec()),
        Policy::DropSpan,
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9a-fx@:./+() é-]{0,80}",
        "((tel |card |v)?[0-9]{1,4}[-. :@]|a@b\\.com|(ip )?8\\.8\\.8\\.8|85\\.1\\.2\\.3|\\+1212555[0-9]{4}){0,12}",
    ]
}

proptest! {
    #[test]
    fn scrubbed_text_has_no_findings(text in texts()) {
        let kinds = Kinds::of(Kind::ALL);
        for policy in policies() {
            if let Some(scrubbed) = scrub(&text, kinds, &policy) {
                prop_assert!(find(&scrubbed.text, kinds).is_empty());
                prop_assert!(scrubbed.counts.iter().sum::<u32>() > 0);
            } else {
                prop_assert!(find(&text, kinds).is_empty());
            }
        }
    }

    #[test]
    fn spans_are_ordered_disjoint_and_on_characters(text in texts()) {
        let mut end = 0;
        for span in find(&text, Kinds::of(Kind::ALL)) {
            prop_assert!(end <= span.start && span.start < span.end);
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            end = span.end;
        }
    }
}

#[test]
fn every_form_of_key_finds_a_key_of_its_own() {
    // different enough characters, all of them in every alphabet but the one for upper case
    let filler = "0a1b2c3d4e5f6a7b8c9d".repeat(80);
    for form in SECRETS {
        let mut body = filler[..form.shortest].to_owned();
        if !form.alphabet.has(b'a') {
            body.make_ascii_uppercase();
        }
        let key = format!("{}{body}", form.prefix);
        let spans = find(&format!("key {key} end"), Kinds::of(&[Kind::ApiKey]));
        assert_eq!(spans.len(), 1, "{}", form.provider);
        assert_eq!((spans[0].start, spans[0].end), (4, 4 + key.len()), "{}", form.provider);
    }
}
