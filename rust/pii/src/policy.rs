//! What stands in the place of what was found. A replacement depends on the document alone.

use std::fmt::Write;
use std::net::Ipv6Addr;

use ahash::AHashMap;
use sha2::{Digest, Sha256};

use crate::ip::FINEWEB_ADDRESSES;
use crate::kind::{Kind, Kinds};
use crate::scan::{Findings, Span, find};

/// FineWeb's replacements for e-mail addresses.
const FINEWEB_EMAILS: [&str; 2] = ["email@example.com", "firstname.lastname@example.org"];
/// Rounds of looking again before the neighbourhood of what keeps changing is given up.
const ROUNDS: u32 = 8;
/// Bytes given up on each side in the first round after those; twice as many in every round that follows.
const REACH: usize = 64;
/// Block length of SHA-256, for HMAC (RFC 2104).
const BLOCK: usize = 64;

/// How to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// FineWeb's fixed addresses, by ordinal within the document; a typed tag for kinds it does not know.
    FineWeb,
    /// `<EMAIL>`
    Tag,
    /// A star for every character.
    Mask,
    /// `<EMAIL_1>`, the same number for the same value within a document, however it is written.
    Number,
    /// `<EMAIL_kdpc...>`: 64 bits of HMAC-SHA256 of the value, in letters. The same value, however written,
    /// gives the same replacement in every document scrubbed with the same key.
    Pseudonym(Vec<u8>),
    /// Nothing.
    DropSpan,
}

/// A scrubbed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// The text, in which [`find`] finds nothing.
    pub text: String,
    /// How many spans were replaced, by position in [`Kind::ALL`].
    pub counts: Vec<u32>,
    /// What stands where, in order; not what stood there.
    pub replacements: Vec<Replacement>,
}

/// A replacement in a scrubbed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// What was replaced.
    pub kind: Kind,
    /// First byte of the replacement in the scrubbed text.
    pub start: usize,
    /// One past its last byte; equal to `start` where nothing took the place.
    pub end: usize,
    /// How many bytes stood there.
    pub removed: usize,
}

/// Replaces everything of these kinds; `None` when there is nothing to replace. Near misses are those of the text as
/// it was, by position in [`Kind::ALL`].
///
/// Taking something away can bring its neighbours together into something new, so this looks again until
/// nothing is found. Where a text is made to go on like that, ever wider neighbourhoods are replaced as a whole; at the
/// latest when they reach over the text nothing is left that could change.
pub fn scrub(text: &str, kinds: Kinds, policy: &Policy) -> (Option<Scrubbed>, Vec<u32>) {
    let Findings { mut spans, near_misses } = find(text, kinds);
    if spans.is_empty() {
        return (None, near_misses);
    }
    let none = vec![0; Kind::ALL.len()];
    let mut writer = Writer {
        policy,
        counts: none.clone(),
        numbers: AHashMap::new(),
        distinct: none,
        replacements: Vec::new(),
    };
    let mut text = text.to_owned();
    for round in 0u32.. {
        if round >= ROUNDS {
            let reach = REACH.checked_shl(round - ROUNDS).unwrap_or(usize::MAX);
            spans = widened(&spans, reach, &text);
        }
        text = writer.rewrite(&text, &spans);
        spans = find(&text, kinds).spans;
        if spans.is_empty() {
            break;
        }
    }
    (Some(Scrubbed { text, counts: writer.counts, replacements: writer.replacements }), near_misses)
}

/// The spans with so many bytes more on each side, joined where they then meet.
fn widened(spans: &[Span], reach: usize, text: &str) -> Vec<Span> {
    let mut wide: Vec<Span> = Vec::new();
    for span in spans {
        let (mut start, mut end) =
            (span.start.saturating_sub(reach), span.end.saturating_add(reach).min(text.len()));
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        match wide.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => wide.push(Span { kind: span.kind, start, end }),
        }
    }
    wide
}

struct Writer<'a> {
    policy: &'a Policy,
    counts: Vec<u32>,
    numbers: AHashMap<(Kind, String), u32>,
    distinct: Vec<u32>,
    replacements: Vec<Replacement>,
}

impl Writer<'_> {
    fn rewrite(&mut self, text: &str, spans: &[Span]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut written = Vec::with_capacity(self.replacements.len() + spans.len());
        let mut earlier = std::mem::take(&mut self.replacements).into_iter().peekable();
        for span in spans {
            // earlier replacements up to here move along; those inside the span are gone with it
            while let Some(old) = earlier.next_if(|old| old.end <= span.start) {
                written.push(moved(old, out.len(), done));
            }
            let inside = std::iter::from_fn(|| earlier.next_if(|old| old.start < span.end));
            let regained =
                inside.map(|old| old.removed as isize - (old.end - old.start) as isize).sum::<isize>();
            out.push_str(&text[done..span.start]);
            let start = out.len();
            self.replace(span.kind, &text[span.start..span.end], &mut out);
            let removed = (span.end - span.start).saturating_add_signed(regained);
            written.push(Replacement { kind: span.kind, start, end: out.len(), removed });
            done = span.end;
        }
        written.extend(earlier.map(|old| moved(old, out.len(), done)));
        out.push_str(&text[done..]);
        self.replacements = written;
        out
    }

    fn replace(&mut self, kind: Kind, value: &str, out: &mut String) {
        let count = &mut self.counts[kind as usize];
        let ordinal = *count as usize;
        *count = count.saturating_add(1);
        // writing to a string cannot fail
        let _ = match (self.policy, kind) {
            (Policy::FineWeb, Kind::Email) => {
                write!(out, "{}", FINEWEB_EMAILS[ordinal % FINEWEB_EMAILS.len()])
            }
            (Policy::FineWeb, Kind::Ipv4) => {
                write!(out, "{}", FINEWEB_ADDRESSES[ordinal % FINEWEB_ADDRESSES.len()])
            }
            (Policy::FineWeb | Policy::Tag, _) => write!(out, "<{}>", kind.tag()),
            (Policy::Mask, _) => {
                out.extend(value.chars().map(|_| '*'));
                Ok(())
            }
            (Policy::Number, _) => {
                let distinct = &mut self.distinct[kind as usize];
                let number = *self.numbers.entry((kind, canonical(kind, value))).or_insert_with(|| {
                    *distinct += 1;
                    *distinct
                });
                write!(out, "<{}_{number}>", kind.tag())
            }
            (Policy::Pseudonym(key), _) => {
                write!(out, "<{}_{}>", kind.tag(), pseudonym(key, kind, &canonical(kind, value)))
            }
            (Policy::DropSpan, _) => Ok(()),
        };
    }
}

/// The value without what may differ between two ways to write it.
fn canonical(kind: Kind, value: &str) -> String {
    let kept = |also: &[char]| {
        let belongs = |letter: &char| letter.is_ascii_alphanumeric() || also.contains(letter);
        value.chars().filter(belongs).map(|letter| letter.to_ascii_uppercase()).collect()
    };
    match kind {
        Kind::PrivateKey | Kind::Jwt | Kind::ApiKey | Kind::UrlCredentials | Kind::Ipv4 => value.to_owned(),
        Kind::Email => value.to_lowercase(),
        Kind::Ipv6 => {
            value.parse().map_or_else(|_| value.to_owned(), |address: Ipv6Addr| address.to_string())
        }
        // in base 58 the case of a letter is part of the value
        Kind::CryptoAddress if value.starts_with("0x") => value.to_ascii_lowercase(),
        Kind::CryptoAddress => value.to_owned(),
        // the sign says the century of birth
        Kind::FiHetu | Kind::SePersonnummer => kept(&['+']),
        _ => kept(&[]),
    }
}

/// The replacement in a text that is `written` bytes long and goes on with byte `done` of the text before.
fn moved(old: Replacement, written: usize, done: usize) -> Replacement {
    Replacement { start: old.start - done + written, end: old.end - done + written, ..old }
}

/// The first 64 bits of HMAC-SHA256 over kind and value, a letter from a to p for every four.
///
/// Letters alone, because digits could look like a number again.
fn pseudonym(key: &[u8], kind: Kind, value: &str) -> String {
    let mut block = [0u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let keyed = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(keyed(0x36))
        .chain_update(kind.name())
        .chain_update([0])
        .chain_update(value)
        .finalize();
    let digest = Sha256::new().chain_update(keyed(0x5C)).chain_update(inner).finalize();
    let letter = |nibble: u8| char::from(b'a' + nibble);
    digest[..8].iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_changing_takes_its_neighbourhood_along_and_not_the_document() {
        // every round takes the innermost key away, and closes the armour of the one around it
        let body = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4hJ6kL8n";
        let key = (0..40).fold(String::new(), |inner, _| {
            format!("-----BEGIN PRIV{inner}ATE KEY-----\n{body}\n-----END PRIVATE KEY-----")
        });
        let prose = "Éva wrote a line of plain words. ".repeat(500);
        let kinds = Kinds::defaults();
        for policy in [Policy::DropSpan, Policy::Tag, Policy::Mask] {
            let (scrubbed, _) = scrub(&format!("{prose}{key}{prose}"), kinds, &policy);
            let text = scrubbed.map_or_else(String::new, |scrubbed| scrubbed.text);
            assert!(find(&text, kinds).spans.is_empty());
            assert!(text.len() > 2 * prose.len() - 4 * key.len(), "{policy:?}: {}", text.len());
            assert!(text.starts_with(&prose[..prose.len() / 2]) && text.ends_with(&prose[prose.len() / 2..]));
        }
    }

    #[test]
    fn the_widest_neighbourhood_is_the_text() {
        let at = |start: usize, end: usize| Span { kind: Kind::Email, start, end };
        let text = "é".repeat(100);
        assert_eq!(widened(&[at(100, 102)], 5, &text), [at(94, 108)]);
        assert_eq!(widened(&[at(10, 20), at(40, 50), at(90, 100)], 10, &text), [at(0, 60), at(80, 110)]);
        assert_eq!(widened(&[at(10, 20), at(190, 200)], usize::MAX, &text), [at(0, 200)]);
    }

    #[test]
    fn the_same_value_written_otherwise_is_the_same() {
        let same = [
            (Kind::Phone, "+1 202 555 0123", "+12025550123"),
            (Kind::Email, "A@B.com", "a@b.com"),
            (Kind::Iban, "DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
            (Kind::PaymentCard, "4111-1111-1111-1111", "4111111111111111"),
            (Kind::MacAddress, "00:1a:2b:3c:4d:5e", "001A.2B3C.4D5E"),
            (Kind::Ipv6, "2A00:1450:0:0::200E", "2a00:1450::200e"),
            (Kind::CryptoAddress, "0x5aAe", "0x5aae"),
            (Kind::BrCpf, "529.982.247-25", "52998224725"),
        ];
        for (kind, one, other) in same {
            assert_eq!(canonical(kind, one), canonical(kind, other), "{kind:?}");
        }
        let others = [
            (Kind::ApiKey, "sk-aB", "sk-ab"),
            (Kind::CryptoAddress, "1BvB", "1bvb"),
            (Kind::Ipv4, "1.12.1.1", "11.2.1.1"),
            (Kind::FiHetu, "131052+308T", "131052-308T"),
        ];
        for (kind, one, other) in others {
            assert_ne!(canonical(kind, one), canonical(kind, other), "{kind:?}");
        }
    }
}
