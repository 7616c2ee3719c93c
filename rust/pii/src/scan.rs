//! The prefilter: one pass that finds candidates, and the rule that resolves overlaps.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::kind::{Kind, Kinds};
use crate::secrets_table::SECRETS;
use crate::{card, crypto, email, iban, ip, mac, phone, secrets, ssn, tokens, url};

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

/// What a byte can trigger.
const NOTHING: u8 = 0;
const AT: u8 = 1;
const DIGIT: u8 = 2;
const COLON: u8 = 3;
const DASH: u8 = 4;

const TRIGGERS: [u8; 256] = {
    let mut table = [NOTHING; 256];
    table[b'@' as usize] = AT;
    table[b':' as usize] = COLON;
    table[b'-' as usize] = DASH;
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = DIGIT;
        digit += 1;
    }
    table
};

const JWT: &str = "eyJ";
const PEM: &str = "-----BEGIN ";

/// Keywords: two of our own, then the prefixes of `SECRETS` in order.
fn keywords() -> Option<&'static AhoCorasick> {
    static KEYWORDS: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || {
        let patterns = [JWT, PEM].into_iter().chain(SECRETS.iter().map(|form| form.prefix));
        AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(patterns)
            .ok()
    };
    KEYWORDS.get_or_init(build).as_ref()
}

/// Everything of these kinds in the text, in order and without overlaps.
pub fn find(text: &str, kinds: Kinds) -> Vec<Span> {
    let mut found = Candidates { kinds, spans: Vec::new() };
    scan_bytes(text.as_bytes(), &mut found);
    scan_keywords(text.as_bytes(), &mut found);
    resolve(found.spans)
}

struct Candidates {
    kinds: Kinds,
    spans: Vec<Span>,
}

impl Candidates {
    #[inline]
    fn offer(&mut self, kind: Kind, matcher: impl FnOnce() -> Option<Range<usize>>) -> bool {
        let span = if self.kinds.has(kind) { matcher() } else { None };
        let is_found = span.is_some();
        self.spans.extend(span.map(|Range { start, end }| Span { kind, start, end }));
        is_found
    }
}

fn scan_bytes(text: &[u8], found: &mut Candidates) {
    let mut at = 0;
    let mut v6_until = 0;
    while at < text.len() {
        match TRIGGERS[usize::from(text[at])] {
            NOTHING => {}
            AT => {
                // what stands before the @ of a URL is a login, not the name of a mailbox
                let login = url::at(text, at);
                if login.is_some() {
                    found.offer(Kind::UrlCredentials, || login);
                } else {
                    found.offer(Kind::Email, || email::at(text, at));
                }
            }
            DIGIT => {
                found.offer(Kind::Ipv4, || ip::v4(text, at));
                found.offer(Kind::PaymentCard, || card::at(text, at));
                found.offer(Kind::UsSsn, || ssn::at(text, at));
                found.offer(Kind::Phone, || phone::at(text, at));
                found.offer(Kind::CryptoAddress, || crypto::at(text, at));
                if at >= 2 && text[at - 1].is_ascii_alphabetic() && text[at - 2].is_ascii_alphabetic() {
                    found.offer(Kind::Iban, || iban::at(text, at));
                }
                at += text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                continue;
            }
            COLON => {
                found.offer(Kind::MacAddress, || mac::at(text, at));
                if at >= v6_until {
                    let back =
                        text[v6_until..at].iter().rev().take_while(|&&byte| ip::is_v6_byte(byte)).count();
                    let ahead = text[at..].iter().take_while(|&&byte| ip::is_v6_byte(byte)).count();
                    v6_until = at + ahead;
                    found.offer(Kind::Ipv6, || ip::v6(text, at - back..v6_until));
                }
            }
            _ => {
                found.offer(Kind::MacAddress, || mac::at(text, at));
            }
        }
        at += 1;
    }
}

fn scan_keywords(text: &[u8], found: &mut Candidates) {
    let wanted = [Kind::Jwt, Kind::PrivateKey, Kind::ApiKey];
    if !wanted.iter().any(|&kind| found.kinds.has(kind)) {
        return;
    }
    let Some(keywords) = keywords() else { return };
    for hit in keywords.find_overlapping_iter(text) {
        match hit.pattern().as_usize() {
            0 => found.offer(Kind::Jwt, || tokens::jwt(text, hit.start())),
            1 => found.offer(Kind::PrivateKey, || tokens::private_key(text, hit.start())),
            form => found.offer(Kind::ApiKey, || secrets::at(text, hit.start(), &SECRETS[form - 2])),
        };
    }
}

/// The longest span wins, then the earliest, then the order of the kinds.
fn resolve(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (std::cmp::Reverse(span.end - span.start), span.start, span.kind));
    let mut kept: BTreeMap<usize, Span> = BTreeMap::new();
    for span in spans {
        // kept spans do not overlap, so the last one that begins before this one's end is the only rival
        let free = kept.range(..span.end).next_back().is_none_or(|(_, rival)| rival.end <= span.start);
        if free {
            kept.insert(span.start, span);
        }
    }
    kept.into_values().collect()
}
