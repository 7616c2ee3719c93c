//! Cloud and API keys by prefix, length and alphabet.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::context;
use crate::secrets_table::{Alphabet, SECRETS, SecretForm};
use crate::verdict::Verdict;

/// Different characters that a key has at least; fillers in documentation have few.
const LEAST_VARIETY: usize = 6;
/// Bits of the table of beginnings.
const SLOTS: usize = 1 << 13;

/// Forms in order of their prefixes.
struct Forms(Vec<&'static SecretForm>);

impl Forms {
    fn beginning_with(&self, byte: u8) -> &[&'static SecretForm] {
        let first = |form: &&SecretForm| form.prefix.as_bytes()[0];
        let from = self.0.partition_point(|form| first(form) < byte);
        &self.0[from..self.0.partition_point(|form| first(form) <= byte)]
    }
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let mut forms: Vec<&SecretForm> = SECRETS.iter().collect();
    forms.sort_by_key(|form| form.prefix);
    Forms(forms)
});

const fn slot(first: u8, second: u8, third: u8) -> usize {
    let key = first as u32 | (second as u32) << 8 | (third as u32) << 16;
    (key.wrapping_mul(0x9E37_79B1) >> 19) as usize % SLOTS
}

/// A bit for every beginning of three bytes that a prefix has; a clear bit says that there is none.
static BEGINNINGS: [u64; SLOTS / 64] = {
    let mut bits = [0u64; SLOTS / 64];
    let mut form = 0;
    while form < SECRETS.len() {
        let prefix = SECRETS[form].prefix.as_bytes();
        let mut third = 0;
        while third < 256 {
            if prefix.len() < 3 || prefix[2] as usize == third {
                let slot = slot(prefix[0], prefix[1], third as u8);
                bits[slot / 64] |= 1 << (slot % 64);
            }
            third += 1;
        }
        form += 1;
    }
    bits
};

/// The forms whose prefix begins at `start`.
#[inline]
pub(crate) fn forms_at(text: &[u8], start: usize) -> impl Iterator<Item = &'static SecretForm> {
    let rest = &text[start..];
    let forms: &[&SecretForm] = match rest {
        &[first, second, third, ..] => {
            let slot = slot(first, second, third);
            if BEGINNINGS[slot / 64] >> (slot % 64) & 1 == 1 { FORMS.beginning_with(first) } else { &[] }
        }
        _ => &[],
    };
    forms.iter().copied().filter(move |form| rest.starts_with(form.prefix.as_bytes()))
}

/// The key of this form whose prefix begins at `start`.
///
/// No byte of the key's own alphabet may stand before it: runs of one form never overlap, which keeps the work
/// linear, and a prefix in the middle of a word is none.
pub(crate) fn at(text: &[u8], start: usize, form: &SecretForm) -> Verdict {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || form.alphabet.has(byte);
    // an address goes on to the left, so what stands before the host's name is not looked at
    let is_url = form.prefix.contains('/');
    if start > 0 && belongs(text[start - 1]) && !(is_url && text[start - 1] == b'/') {
        return Verdict::Nothing;
    }
    let body = start + form.prefix.len();
    let length =
        text[body..].iter().take(form.longest + 1).take_while(|&&byte| form.alphabet.has(byte)).count();
    let mut end = body + length;
    // a full stop or dash that ends the sentence is not part of a key
    while end > body && !text[end - 1].is_ascii_alphanumeric() && !matches!(text[end - 1], b'_' | b'=') {
        end -= 1;
    }
    let length = end - body;
    if form.alphabet == Alphabet::Base64 && length >= form.shortest {
        end = with_escapes(text, end, body + form.longest);
    }
    if !(form.shortest..=form.longest).contains(&length)
        || text.get(end).is_some_and(u8::is_ascii_alphanumeric)
    {
        return Verdict::Nothing;
    }
    Verdict::checked(looks_random(&text[body..end], form), start..end)
}

/// Where a key in base64 ends that stands in a URL or cookie, where `+`, `/` and `=` are written with percent signs.
fn with_escapes(text: &[u8], mut end: usize, limit: usize) -> usize {
    while end < limit
        && let Some([b'%', high, low]) = text.get(end..end + 3)
        && matches!([*high, low.to_ascii_uppercase()], [b'2', b'B' | b'F'] | [b'3', b'D'])
    {
        end += 3;
        end += text[end..]
            .iter()
            .take(limit.saturating_sub(end))
            .take_while(|&&byte| Alphabet::Base64.has(byte))
            .count();
    }
    end
}

fn looks_random(key: &[u8], form: &SecretForm) -> bool {
    let mut seen = [false; 256];
    let distinct = key.iter().filter(|&&b| !std::mem::replace(&mut seen[usize::from(b)], true)).count();
    let has_cases = key.iter().any(u8::is_ascii_lowercase) && key.iter().any(u8::is_ascii_uppercase);
    let digits = key.iter().filter(|byte| byte.is_ascii_digit()).count();
    let has_form = match form.alphabet {
        Alphabet::Numbered => 3 * digits >= key.len(),
        alphabet => has_cases || !alphabet.is_mixed(),
    };
    distinct >= LEAST_VARIETY.min(key.len()) && has_form
}

/// The token of a Telegram bot whose colon is at `colon`: the bot's number, then 35 characters from `AA` on.
pub(crate) fn telegram(text: &[u8], colon: usize) -> Verdict {
    const SECRET: usize = 35;
    let digits = text[..colon].iter().rev().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    let start = colon - digits;
    let end = colon + 1 + SECRET;
    let Some(secret) = text.get(colon + 1..end) else { return Verdict::Nothing };
    // in addresses of the service it stands after this
    let begins = text[..start].ends_with(b"/bot") || !text[..start].last().is_some_and(|&byte| is_word(byte));
    let bounded = begins && !text.get(end).is_some_and(|&byte| is_word(byte));
    let is_well_formed = secret.starts_with(b"AA") && secret.iter().all(|&byte| is_word(byte));
    if !(8..=10).contains(&digits) || !bounded || !is_well_formed {
        return Verdict::Nothing;
    }
    let has_cases =
        secret.iter().any(u8::is_ascii_lowercase) && secret.iter().skip(2).any(u8::is_ascii_uppercase);
    Verdict::checked(has_cases, start..end)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The shortest run of letters and digits in which a key without a prefix begins.
pub(crate) const SHORTEST_UNPREFIXED: usize = 23;

/// The token of a Discord bot: its number of 17 to 20 digits in base64, six characters of time, a digest; with dots
/// between. `start..end` is the run of letters and digits that would be the number.
pub(crate) fn discord(text: &[u8], start: usize, end: usize) -> Verdict {
    const TIME: usize = 6;
    let number = &text[start..end];
    let digest_at = end + TIME + 2;
    let (true, Some(time)) = (matches!(number.len(), 23..=27), text.get(end..digest_at)) else {
        return Verdict::Nothing;
    };
    let length = text[digest_at..].iter().take(MOST_DIGEST + 1).take_while(|&&byte| is_word(byte)).count();
    let is_well_formed = time[0] == b'.'
        && time[TIME + 1] == b'.'
        && time[1..=TIME].iter().all(|&byte| is_word(byte))
        && (LEAST_DIGEST..=MOST_DIGEST).contains(&length)
        && !text[..start].last().is_some_and(|&byte| is_word(byte) || byte == b'.');
    if !is_well_formed {
        return Verdict::Nothing;
    }
    let decoded = STANDARD_NO_PAD.decode(number).unwrap_or_default();
    let is_number = (17..=20).contains(&decoded.len()) && decoded.iter().all(u8::is_ascii_digit);
    Verdict::checked(is_number, start..digest_at + length)
}

const LEAST_DIGEST: usize = 27;
const MOST_DIGEST: usize = 38;

/// The key of Mailchimp: 32 hex digits, then the data centre, `-us21`.
pub(crate) fn mailchimp(text: &[u8], start: usize, end: usize) -> Verdict {
    const CENTRE: &[u8] = b"-us";
    let key = &text[start..end];
    let number_at = end + CENTRE.len();
    if key.len() != 32 || text.get(end..number_at) != Some(CENTRE) {
        return Verdict::Nothing;
    }
    let digits = text[number_at..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let is_hex = key.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_bounded = !context::alnum_at(text, number_at + digits)
        && !text[..start].last().is_some_and(|&byte| is_word(byte));
    if !(1..=2).contains(&digits) || !is_hex || !is_bounded {
        return Verdict::Nothing;
    }
    Verdict::Found(start..number_at + digits)
}
