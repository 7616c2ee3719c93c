//! JSON web tokens and private keys in PEM armour.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;

use crate::verdict::Verdict;

/// Headers hold an algorithm, a type, perhaps a key id or a certificate chain.
const LONGEST_HEADER: usize = 8192;
/// The encoding of `{"alg":""}`.
const SHORTEST_HEADER: usize = 14;

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The token that begins at `start` (`eyJ`, the encoding of `{"`): header, payload, signature.
pub(crate) fn jwt(text: &[u8], start: usize) -> Verdict {
    // a dot before it: an inner part of a run of parts, which its beginning has already looked at
    if start > 0 && (is_base64url(text[start - 1]) || text[start - 1] == b'.') {
        return Verdict::Nothing;
    }
    let part = |from: usize| text[from..].iter().take_while(|&&byte| is_base64url(byte)).count();
    let header = part(start);
    let payload_at = start + header + 1;
    if !(SHORTEST_HEADER..=LONGEST_HEADER).contains(&header) || text.get(payload_at - 1) != Some(&b'.') {
        return Verdict::Nothing;
    }
    let payload = part(payload_at);
    let signature_at = payload_at + payload + 1;
    if payload == 0 || text.get(signature_at - 1) != Some(&b'.') {
        return Verdict::Nothing;
    }
    let end = signature_at + part(signature_at);
    let names_algorithm = URL_SAFE_NO_PAD.decode(&text[start..start + header]).is_ok_and(|decoded| {
        memmem::find(&decoded, b"\"alg\"").is_some() && decoded.trim_ascii_end().ends_with(b"}")
    });
    Verdict::checked(names_algorithm, start..end)
}

/// How PEM armour begins.
pub(crate) const PEM: &[u8] = b"-----BEGIN ";

/// The private key whose armour begins at `start` (`-----BEGIN `).
///
/// Without its END line the key is the run of base64 that follows. Both searches stop at the next five dashes,
/// where the next candidate begins, so that many beginnings without an end stay linear.
pub(crate) fn private_key(text: &[u8], start: usize) -> Verdict {
    let label_start = start + PEM.len();
    let near = &text[label_start..text.len().min(label_start + 64)];
    let Some(label_length) = memmem::find(near, b"-----") else { return Verdict::Nothing };
    let label = &near[..label_length];
    if memmem::find(label, b"PRIVATE KEY").is_none() {
        return Verdict::Nothing;
    }
    let body = label_start + label_length + 5;
    if let Some(next) = memmem::find(&text[body..], b"-----").map(|offset| body + offset) {
        let rest = &text[next + 5..];
        let ending = rest.strip_prefix(b"END ").and_then(|rest| rest.strip_prefix(label));
        if ending.is_some_and(|rest| rest.starts_with(b"-----")) {
            return Verdict::Found(start..next + 5 + 4 + label_length + 5);
        }
    }
    let is_body = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n' | b'\\')
    };
    let mut end = body + text[body..].iter().take_while(is_body).count();
    while end > body && text[end - 1].is_ascii_whitespace() {
        end -= 1;
    }
    Verdict::checked(end >= body + 32, start..end)
}
