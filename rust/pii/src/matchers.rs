//! The matchers of every kind, called at the bytes that can begin or join a candidate.

use crate::kind::{Kind, Kinds};
use crate::masks::is_token;
use crate::scan::Span;
use crate::verdict::Verdict;
use crate::{card, context, crypto, email, iban, ids, ip, mac, phone, secrets, tokens, url};

/// What was found so far, unresolved.
pub(crate) struct Candidates {
    kinds: Kinds,
    pub(crate) spans: Vec<Span>,
    pub(crate) near_misses: Vec<u32>,
    /// Where the last run of hex digits, colons and dots ends: its other colons have been looked at.
    v6_until: usize,
}

impl Candidates {
    pub(crate) fn new(kinds: Kinds) -> Self {
        Self { kinds, spans: Vec::new(), near_misses: vec![0; Kind::ALL.len()], v6_until: 0 }
    }

    fn record(&mut self, kind: Kind, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Nothing => return false,
            Verdict::NearMiss => {
                self.near_misses[kind as usize] = self.near_misses[kind as usize].saturating_add(1)
            }
            Verdict::Found(span) => self.spans.push(Span { kind, start: span.start, end: span.end }),
        }
        true
    }

    fn offer(&mut self, kind: Kind, matcher: impl FnOnce() -> Verdict) -> bool {
        self.kinds.has(kind) && self.record(kind, matcher())
    }

    /// An `@`.
    pub(crate) fn at_sign(&mut self, text: &[u8], at: usize) {
        // what stands before the @ of a URL is a login, not the name of a mailbox
        let login = url::at(text, at);
        if login == Verdict::Nothing {
            self.offer(Kind::Email, || email::at(text, at));
        } else if self.kinds.has(Kind::UrlCredentials) {
            self.record(Kind::UrlCredentials, login);
        }
    }

    /// A `:`.
    pub(crate) fn colon(&mut self, text: &[u8], at: usize) {
        self.offer(Kind::MacAddress, || mac::at(text, at));
        self.offer(Kind::ApiKey, || secrets::telegram(text, at));
        if at < self.v6_until {
            return;
        }
        let back = text[self.v6_until..at].iter().rev().take_while(|&&byte| ip::is_v6_byte(byte)).count();
        let ahead = text[at..].iter().take_while(|&&byte| ip::is_v6_byte(byte)).count();
        self.v6_until = at + ahead;
        let run = at - back..at + ahead;
        self.offer(Kind::Ipv6, || ip::v6(text, run));
    }

    /// A `-`.
    pub(crate) fn dash(&mut self, text: &[u8], at: usize) {
        if text[at..].starts_with(tokens::PEM) {
            self.offer(Kind::PrivateKey, || tokens::private_key(text, at));
        } else {
            self.offer(Kind::MacAddress, || mac::at(text, at));
        }
    }

    /// The first of a run of digits, whatever it looks like.
    #[cfg(any(test, feature = "oracle"))]
    pub(crate) fn digits(&mut self, text: &[u8], at: usize) {
        self.quad(text, at);
        self.long_number(text, at);
        self.account(text, at);
        self.identifier(text, at);
    }

    /// The first of a run of digits with a dot and a digit after it.
    pub(crate) fn quad(&mut self, text: &[u8], at: usize) {
        self.offer(Kind::Ipv4, || ip::v4(text, at));
    }

    /// The first of a run of digits with two letters before it.
    pub(crate) fn account(&mut self, text: &[u8], at: usize) {
        self.offer(Kind::Iban, || iban::at(text, at));
    }

    /// The first of a run of digits with as many as a telephone number has in its neighbourhood.
    pub(crate) fn long_number(&mut self, text: &[u8], at: usize) {
        self.offer(Kind::PaymentCard, || card::at(text, at));
        if self.kinds.has(Kind::Phone) {
            self.phones(text, at);
        }
    }

    /// The number there and, if it begins a row of them, those behind it.
    fn phones(&mut self, text: &[u8], at: usize) {
        let mut verdict = phone::at(text, at);
        self.record(Kind::Phone, verdict.clone());
        while let Verdict::Found(span) = verdict {
            if !phone::begins_row(text, at) {
                return;
            }
            verdict = phone::next_in_row(text, span.end);
            if let Verdict::Found(_) = verdict {
                self.record(Kind::Phone, verdict.clone());
            }
        }
    }

    /// The first of a run of digits, where national identifiers are looked for.
    pub(crate) fn identifier(&mut self, text: &[u8], at: usize) {
        if self.kinds.has_ids() {
            let kinds = self.kinds;
            ids::at(text, at, kinds, |kind, verdict| {
                self.record(kind, verdict);
            });
        }
    }

    /// A maximal run of letters and digits.
    #[inline]
    pub(crate) fn token(&mut self, text: &[u8], start: usize, end: usize) {
        if text[start] == b'e' && text[start..].starts_with(b"eyJ") {
            self.offer(Kind::Jwt, || tokens::jwt(text, start));
        }
        if end - start == 4 && text.get(end) == Some(&b'.') {
            self.offer(Kind::MacAddress, || mac::dotted(text, start));
        }
        for form in secrets::forms_at(text, start) {
            self.offer(Kind::ApiKey, || secrets::at(text, start, form));
        }
        if end - start >= secrets::SHORTEST_UNPREFIXED {
            self.offer(Kind::ApiKey, || secrets::discord(text, start, end));
            self.offer(Kind::ApiKey, || secrets::mailchimp(text, start, end));
        }
        if end - start >= crypto::SHORTEST {
            self.offer(Kind::CryptoAddress, || crypto::address(text, start, end));
            self.offer(Kind::PrivateKey, || crypto::private_key(text, start, end));
        }
    }

    /// Every token of the run of bytes of tokens that begins at `start`; returns where the run ends.
    pub(crate) fn run(&mut self, text: &[u8], start: usize) -> usize {
        let mut at = start;
        while let Some(&byte) = text.get(at).filter(|&&byte| is_token(byte)) {
            if byte.is_ascii_alphanumeric() {
                let end = context::alnum_end(text, at);
                self.token(text, at, end);
                at = end;
            } else {
                at += 1;
            }
        }
        at
    }
}
