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
        "((cpf|nhs|bsn|ssn|dni|sin|card|tel) [0-9]{3}[-. ]?[0-9]{2,3}[-. ]?[0-9]{3,4}[A-Z]?[ ,]){0,8}",
    ]
}

proptest! {
    #[test]
    fn scrubbed_text_has_no_findings(text in texts(), one in prop::sample::select(Kind::ALL), all in any::<bool>()) {
        let kinds = if all { Kinds::of(Kind::ALL) } else { Kinds::of(&[one]) };
        for policy in policies() {
            let (scrubbed, near_misses) = scrub(&text, kinds, &policy);
            prop_assert_eq!(near_misses, find(&text, kinds).near_misses);
            if let Some(scrubbed) = scrubbed {
                prop_assert!(find(&scrubbed.text, kinds).spans.is_empty());
                prop_assert!(scrub(&scrubbed.text, kinds, &policy).0.is_none());
                prop_assert!(scrubbed.counts.iter().sum::<u32>() > 0);
            } else {
                prop_assert!(find(&text, kinds).spans.is_empty());
            }
        }
    }

    #[test]
    fn spans_are_ordered_disjoint_and_on_characters(text in texts()) {
        let mut end = 0;
        for span in find(&text, Kinds::of(Kind::ALL)).spans {
            prop_assert!(end <= span.start && span.start < span.end);
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            end = span.end;
        }
    }

    #[test]
    fn replacements_say_what_was_cut_and_where(text in texts()) {
        let kinds = Kinds::of(Kind::ALL);
        if let (Some(scrubbed), _) = scrub(&text, kinds, &Policy::Tag) {
            let mut end = 0;
            let mut kept = scrubbed.text.len();
            let mut removed = 0;
            for place in &scrubbed.replacements {
                prop_assert!(end <= place.start && place.start <= place.end);
                prop_assert_eq!(&scrubbed.text[place.start..place.end], format!("<{}>", place.kind.tag()));
                end = place.end;
                kept -= place.end - place.start;
                removed += place.removed;
            }
            prop_assert_eq!(kept + removed, text.len());
        }
    }
}

#[test]
fn every_form_of_key_finds_a_key_of_its_own() {
    // different enough characters of both cases, all of them in every alphabet with both
    let filler = "0aB1cD2eF3aB4cD5eF6a".repeat(80);
    for form in SECRETS {
        let mut body = filler[..form.shortest].to_owned();
        match (form.alphabet.has(b'a'), form.alphabet.has(b'A')) {
            (true, false) => body.make_ascii_lowercase(),
            (false, true) => body.make_ascii_uppercase(),
            _ => {}
        }
        let key = format!("{}{body}", form.prefix);
        let spans = find(&format!("key {key} end"), Kinds::of(&[Kind::ApiKey])).spans;
        assert_eq!(spans.len(), 1, "{}", form.provider);
        assert_eq!((spans[0].start, spans[0].end), (4, 4 + key.len()), "{}", form.provider);
        let filled = format!("{}{}", form.prefix, "x".repeat(form.shortest));
        assert!(find(&filled, Kinds::of(&[Kind::ApiKey])).spans.is_empty(), "{}", form.provider);
    }
}

#[test]
fn there_are_forms_of_at_least_sixty_providers_with_sources() {
    let providers: std::collections::BTreeSet<&str> =
        SECRETS.iter().filter_map(|form| form.provider.split(' ').next()).collect();
    assert!(providers.len() >= 60, "{}", providers.len());
    assert!(SECRETS.iter().all(|form| !form.source.is_empty()));
}
