//! JSON web tokens and private keys in PEM armour.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;

use crate::verdict::Verdict;

/// Headers hold an algorithm, a type, perhaps a key id or a certificate chain.
const LONGEST_HEADER: usize = 8192;
/// The encoding of `{"alg":""}`.
const SHORTEST_HEADER: usize = 14;
/// Characters of base64 that a key without its END line has at least.
const LEAST_KEY: usize = 32;
/// Header lines of PEM armour (RFC 1421), and their length.
const MOST_HEADERS: usize = 8;
const LONGEST_LINE: usize = 256;

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
    let (end, length) = key_without_end(text, headers_end(text, body));
    Verdict::checked(length >= LEAST_KEY, start..end)
}

/// Where the header lines (`Proc-Type: 4,ENCRYPTED`) after the armour at `at` end.
fn headers_end(text: &[u8], mut at: usize) -> usize {
    for _ in 0..MOST_HEADERS {
        let near = &text[at..text.len().min(at + LONGEST_LINE)];
        let blank = near.len() - near.trim_ascii_start().len();
        let line = &near[blank..];
        let name = line.iter().take_while(|&&byte| byte.is_ascii_alphabetic() || byte == b'-').count();
        let is_header = name > 0 && line[..name].contains(&b'-') && line[name..].starts_with(b": ");
        let Some(length) = memchr::memchr(b'\n', line).filter(|_| is_header) else { break };
        at += blank + length;
    }
    at
}

/// Where the base64 from `at` on ends, and how many characters it has. Lines may be indented.
fn key_without_end(text: &[u8], mut at: usize) -> (usize, usize) {
    let (mut end, mut length) = (at, 0);
    while let Some(&byte) = text.get(at) {
        let is_indent = matches!(byte, b' ' | b'\t')
            && (matches!(text[at - 1], b' ' | b'\t' | b'\n') || text[..at].ends_with(b"\\n"));
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') {
            length += 1;
            end = at + 1;
        } else if !is_indent && !matches!(byte, b'\r' | b'\n' | b'\\') {
            break;
        }
        at += 1;
    }
    (end, length)
}
