//! What stands in the place of what was found. A replacement depends on the document alone.

use std::fmt::Write;

use ahash::AHashMap;
use sha2::{Digest, Sha256};

use crate::ip::FINEWEB_ADDRESSES;
use crate::kind::{Kind, Kinds};
use crate::scan::{Findings, Span, find};

/// FineWeb's replacements for e-mail addresses.
const FINEWEB_EMAILS: [&str; 2] = ["email@example.com", "firstname.lastname@example.org"];
/// Rounds of looking again before whole stretches of text are given up.
const ROUNDS: usize = 8;
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
    /// `<EMAIL_1>`, the same number for the same value within a document.
    Number,
    /// `<EMAIL_kdpc...>`: 64 bits of HMAC-SHA256 of the value, in letters. The same value gives the same
    /// replacement in every document scrubbed with the same key.
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
/// nothing is found. A text made to go on like that loses the whole stretch that keeps changing.
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
    for round in 0.. {
        if let ([first, .., last], true) = (spans.as_slice(), round >= ROUNDS) {
            spans = vec![Span { kind: first.kind, start: first.start, end: last.end }];
        }
        if let ([only], true) = (spans.as_slice(), round >= 2 * ROUNDS) {
            spans = vec![Span { kind: only.kind, start: 0, end: text.len() }];
        }
        text = writer.rewrite(&text, &spans);
        spans = find(&text, kinds).spans;
        if spans.is_empty() {
            break;
        }
    }
    (Some(Scrubbed { text, counts: writer.counts, replacements: writer.replacements }), near_misses)
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
                let number = *self.numbers.entry((kind, value.to_owned())).or_insert_with(|| {
                    *distinct += 1;
                    *distinct
                });
                write!(out, "<{}_{number}>", kind.tag())
            }
            (Policy::Pseudonym(key), _) => write!(out, "<{}_{}>", kind.tag(), pseudonym(key, kind, value)),
            (Policy::DropSpan, _) => Ok(()),
        };
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
