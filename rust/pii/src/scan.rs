//! The prefilter: one pass that finds candidates, and the rule that resolves overlaps.

use std::collections::BTreeMap;

use crate::context;
use crate::ip::is_v6_byte;
use crate::kind::{Kind, Kinds};
use crate::masks::{BLOCK, Masks, masks, starts_of_long_runs};
use crate::matchers::Candidates;
use crate::phone_groups::{FEWEST_DIGITS, has_long_number};
use crate::tokens::PEM;

/// Personal data or a secret, as byte offsets; both lie on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// In order and without overlaps.
    pub spans: Vec<Span>,
    /// How many candidates had the form of a kind and failed its check, by position in [`Kind::ALL`]. A place that is
    /// part of something found as another kind counts too.
    pub near_misses: Vec<u32>,
}

/// Everything of these kinds in the text, and what nearly was.
///
/// A block of 64 bytes at a time becomes bit masks of digits, of `@ : -`, and of the bytes of keys; only the first
/// digits of numbers, the marks, and the beginnings of runs of 14 bytes of keys are looked at one by one.
#[must_use]
pub fn find(text: &str, kinds: Kinds) -> Findings {
    let text = text.as_bytes();
    let mut found = Candidates::new(kinds);
    let (mut before, mut here) = (EMPTY, block(text, 0));
    let mut run_until = 0;
    for base in (0..text.len()).step_by(BLOCK) {
        let after = block(text, base + BLOCK);
        let runs = starts_of_long_runs(before.tokens, here.tokens, after.tokens);
        let numbers = here.digits & !(here.digits << 1 | before.digits >> 63);
        let mut events = here.marks | numbers | runs;
        while events != 0 {
            let bit = events.trailing_zeros();
            events &= events - 1;
            let at = base + bit as usize;
            match text[at] {
                b'@' => found.at_sign(text, at),
                b':' => colon(&mut found, text, at),
                b'-' => dash(&mut found, text, at),
                b'0'..=b'9' if numbers >> bit & 1 == 1 => number(&mut found, text, at),
                _ => {}
            }
            if runs >> bit & 1 == 1 && at >= run_until {
                run_until = found.run(text, at);
            }
        }
        (before, here) = (here, after);
    }
    resolve(found)
}

const EMPTY: Masks = Masks { digits: 0, marks: 0, tokens: 0 };

/// The masks of the block at `base`, past the end filled with bytes of no class.
#[inline]
fn block(text: &[u8], base: usize) -> Masks {
    if let Some(whole) = text.get(base..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        return masks(whole);
    }
    let rest = text.get(base..).unwrap_or_default();
    let mut padded = [0; BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    masks(&padded)
}

/// Most colons stand after a word: an address goes on after them with a hex digit, a bot's token with a letter.
#[inline]
fn colon(found: &mut Candidates, text: &[u8], at: usize) {
    let goes_on = text.get(at + 1).is_some_and(|&byte| is_v6_byte(byte));
    if goes_on || text[..at].ends_with(b":") {
        found.colon(text, at);
    }
}

/// Most dashes join words: in an address the next stands three bytes on, five of them begin a key in armour.
#[inline]
fn dash(found: &mut Candidates, text: &[u8], at: usize) {
    let is_armour = text.get(at + 1) == Some(&b'-') && text[at..].starts_with(PEM);
    if is_armour || text.get(at + 3) == Some(&b'-') {
        found.dash(text, at);
    }
}

#[inline]
fn number(found: &mut Candidates, text: &[u8], at: usize) {
    let digits = text[at..].iter().take(FEWEST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let after = at + digits;
    if digits < 4 && text.get(after) == Some(&b'.') && context::digit_at(text, after + 1) {
        found.quad(text, at);
    }
    // a separator, or the first byte of one beyond ASCII
    let goes_on = matches!(text.get(after), Some(b' ' | b'-' | b'.' | b'/' | b'(' | b')' | 0xC2 | 0xE2));
    if digits == FEWEST_DIGITS || (goes_on && has_long_number(text, at)) {
        found.long_number(text, at);
    }
    if at >= 2 && text[at - 1].is_ascii_alphabetic() && text[at - 2].is_ascii_alphabetic() {
        found.account(text, at);
    }
    found.identifier(text, at);
}

/// The longest span wins, then the earliest, then the order of the kinds. Groups of spans that touch are resolved one by
/// one, so that no more is held than the spans themselves.
pub(crate) fn resolve(found: Candidates) -> Findings {
    let Candidates { mut spans, near_misses, .. } = found;
    spans.sort_unstable_by_key(|span| (span.start, span.end, span.kind));
    let mut kept = 0;
    let mut from = 0;
    while from < spans.len() {
        let mut end = spans[from].end;
        let more = spans[from + 1..].iter().take_while(|span| {
            let touches = span.start < end;
            end = end.max(span.end);
            touches
        });
        let to = from + 1 + more.count();
        if to == from + 1 {
            spans[kept] = spans[from];
            kept += 1;
        } else {
            for winner in winners(&mut spans[from..to]) {
                spans[kept] = winner;
                kept += 1;
            }
        }
        from = to;
    }
    spans.truncate(kept);
    Findings { spans, near_misses }
}

/// Of a group of spans, those that no better one overlaps, in order.
fn winners(group: &mut [Span]) -> Vec<Span> {
    group.sort_unstable_by_key(|span| (std::cmp::Reverse(span.end - span.start), span.start, span.kind));
    let mut kept: BTreeMap<usize, Span> = BTreeMap::new();
    for span in group {
        // kept spans do not overlap, so the last one that begins before this one's end is the only rival
        let is_free = kept.range(..span.end).next_back().is_none_or(|(_, rival)| rival.end <= span.start);
        if is_free {
            kept.insert(span.start, *span);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::find_slowly;
    use crate::secrets_table::SECRETS;
    use proptest::prelude::*;

    /// Pieces of every kind, whole and cut, so that random joins of them are near the edges of the rules.
    fn pieces() -> impl Strategy<Value = String> {
        let prefixes: Vec<String> = SECRETS.iter().map(|form| form.prefix.to_owned()).collect();
        let fixed = [
            "@",
            "a@b.com",
            "x@münchen.de",
            "://",
            "https://u:p@h.de/",
            ":",
            "::",
            "2a00:1450::200e",
            "fe80::1",
            "-",
            "+1 ",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----END RSA PRIVATE KEY-----",
            "00:1A:2b:3C:4d:5E",
            "00-1A-2B-3C-4D-5E",
            "8.8.8.8",
            "eyJA8.8.8",
            "1.2.3",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "DE89370400440532013000",
            "DE89 3704 0044 ",
            "4111 1111 1111 1111",
            "card ",
            "tel ",
            "SSN 456-78-9012",
            "cpf 529.982.247-25",
            "nino AB 12 34 56 C",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "(212) 555-0123",
            "+49 89 1234567",
            "é",
            "日本",
            " ",
            "\n",
            ".",
            "/",
            "=",
            "_",
            "5555555555:AAabcdefghijABCDEFGHIJ0123456789abc",
        ];
        prop_oneof![
            prop::sample::select(fixed.map(String::from).to_vec()),
            prop::sample::select(prefixes),
            "[A-Za-z0-9_-]{1,70}",
            "[0-9 .()/-]{1,20}",
            "[0-9a-f:.]{1,40}",
            any::<String>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn the_prefilter_misses_nothing(pieces in prop::collection::vec(pieces(), 0..14)) {
            let text = pieces.concat();
            for kinds in [Kinds::defaults(), Kinds::of(Kind::ALL)] {
                prop_assert_eq!(find(&text, kinds), find_slowly(&text, kinds));
            }
        }
    }

    proptest! {
        #[test]
        fn groups_are_resolved_as_all_at_once(raw in prop::collection::vec((0usize..60, 1usize..12, 0usize..3), 0..30)) {
            let mut found = Candidates::new(Kinds::defaults());
            let spans = raw.iter().map(|&(start, length, kind)| Span { kind: Kind::ALL[kind], start, end: start + length });
            found.spans.extend(spans);
            let expected = winners(&mut found.spans.clone());
            prop_assert_eq!(resolve(found).spans, expected);
        }
    }

    #[test]
    fn every_key_is_long_enough_for_the_prefilter_and_made_of_its_bytes() {
        for form in SECRETS {
            assert!(form.prefix.len() + form.shortest >= 14, "{}", form.prefix);
            let other = |byte: &u8| !crate::masks::is_token(*byte);
            assert!(!form.prefix.bytes().any(|byte| other(&byte)), "{}", form.prefix);
            assert!(form.prefix.as_bytes()[0].is_ascii_alphanumeric());
            assert!(!(0..=255u8).any(|byte| form.alphabet.has(byte) && other(&byte)), "{}", form.prefix);
        }
    }
}
