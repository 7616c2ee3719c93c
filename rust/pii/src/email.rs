//! E-mail addresses.

use crate::context;
use crate::verdict::Verdict;

const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;
/// Domains of documentation (RFC 2606), where the addresses that FineWeb puts in place of real ones are too.
/// Names below them count: nothing is lost where a made-up address is scrubbed.
const EXAMPLES: [&str; 4] = ["example.com", "example.net", "example.org", "example.edu"];

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// The address around the `@` at `at`.
pub(crate) fn at(text: &[u8], at: usize) -> Verdict {
    let Some(start) = start_of_local(text, at) else { return Verdict::Nothing };
    let Some(ascii) = domain_end(text, at, is_domain) else { return Verdict::Nothing };
    let mut end = ascii;
    // letters of other scripts belong to the name only if a registered name comes of them
    if text.get(ascii).is_some_and(|&byte| byte >= 0x80) {
        let wide = domain_end(text, at, |byte| is_domain(byte) || byte >= 0x80);
        end = wide.filter(|&wide| is_personal_domain(&text[at + 1..wide])).unwrap_or(ascii);
    }
    let follows_path =
        text.get(end) == Some(&b':') && text.get(end + 1).is_some_and(|&b| !b.is_ascii_whitespace());
    let is_ssh = text[..start].ends_with(b"ssh://") || text[..start].ends_with(b"git://");
    if is_ssh || (follows_path && matches!(&text[start..at], b"git" | b"hg" | b"svn")) {
        return Verdict::Nothing;
    }
    let domain = &text[at + 1..end];
    if !domain.contains(&b'.') {
        return Verdict::Nothing;
    }
    Verdict::checked(is_personal_domain(domain), start..end)
}

/// Where the name before the `@` begins. Letters of alphabets whose words stand apart (Latin, Greek, Cyrillic,
/// two bytes from 0xC3 to 0xD4 on) belong to it; in scripts without spaces a sentence may stand before it.
fn start_of_local(text: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while let Some(&byte) = text[..start].last() {
        start -= match byte {
            _ if is_local(byte) => 1,
            b'\'' if joins_name(text, start - 1, at) => 1,
            _ if ends_in_letter(&text[..start]) => 2,
            _ => break,
        };
        if at - start > LONGEST_LOCAL {
            return None;
        }
    }
    let skip = text[start..at]
        .iter()
        .position(|&byte| byte >= 0x80 || byte.is_ascii_alphanumeric() || byte == b'_')?;
    let start = start + skip;
    // @user@host is a handle
    (start == 0 || text[start - 1] != b'@').then_some(start)
}

fn ends_in_letter(text: &[u8]) -> bool {
    let [.., first @ 0xC3..=0xD4, second] = text else { return false };
    std::str::from_utf8(&[*first, *second]).is_ok_and(|letter| letter.chars().all(char::is_alphabetic))
}

/// Is the apostrophe part of a name, as in `o'brien`? A quote has none of the letters before it, or is closed after
/// the address; `b'` and its kin open a string in code.
fn joins_name(text: &[u8], apostrophe: usize, at: usize) -> bool {
    let before = text[..apostrophe].iter().rev().take(LONGEST_LOCAL);
    let letters = before.take_while(|byte| byte.is_ascii_alphabetic()).count();
    let opens_string = matches!(
        &text[apostrophe - letters..apostrophe],
        [b'b' | b'f' | b'r' | b'u'] | [b'r' | b'b', b'b' | b'r']
    );
    let ahead = &text[at..text.len().min(at + LONGEST_DOMAIN)];
    let closes = ahead.iter().find(|&&byte| byte != b'@' && !is_domain(byte)) == Some(&b'\'');
    letters > 0 && !opens_string && !closes && context::alnum_at(text, apostrophe + 1)
}

/// Where the run of these bytes after the `@` ends, without dots and dashes at its end.
fn domain_end(text: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> Option<usize> {
    let tail = &text[at + 1..];
    let length = tail.iter().take(LONGEST_DOMAIN + 1).take_while(|&&byte| belongs(byte)).count();
    let trimmed = tail[..length].iter().rev().skip_while(|&&byte| matches!(byte, b'.' | b'-')).count();
    (length <= LONGEST_DOMAIN).then_some(at + 1 + trimmed)
}

/// A name under a public suffix that is not reserved for examples and is no image density (`@2x.png`).
fn is_personal_domain(domain: &[u8]) -> bool {
    let Ok(domain) = std::str::from_utf8(domain) else { return false };
    let domain = domain.to_lowercase();
    let labels_are_valid = domain.split('.').all(|label| {
        let characters_are_valid = label.chars().all(|c| c == '-' || c.is_alphanumeric());
        let is_valid = !label.is_empty() && label.len() <= 63 && characters_are_valid;
        is_valid && !label.starts_with('-') && !label.ends_with('-')
    });
    if !labels_are_valid {
        return false;
    }
    let Some(registered) = psl::domain(domain.as_bytes()) else { return false };
    if !registered.suffix().is_known() {
        return false;
    }
    let density = domain.split('.').next().and_then(|label| label.strip_suffix('x'));
    let is_density = density.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
    let is_image = is_density && domain.len() == registered.as_bytes().len();
    !is_image && !EXAMPLES.contains(&domain.as_str())
}
