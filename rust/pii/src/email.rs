//! E-mail addresses.

use std::ops::Range;

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
pub(crate) fn at(text: &[u8], at: usize) -> Option<Range<usize>> {
    let run = text[..at].iter().rev().take(LONGEST_LOCAL + 1).take_while(|&&byte| is_local(byte)).count();
    if run > LONGEST_LOCAL {
        return None;
    }
    let local = &text[at - run..at];
    let skip = local.iter().position(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
    let start = at - run + skip;
    // @user@host is a handle; a word character of another script would be cut by the span's start
    if start > 0 && text[start - 1] == b'@' {
        return None;
    }
    let tail = &text[at + 1..];
    let length = tail.iter().take(LONGEST_DOMAIN + 1).take_while(|&&byte| is_domain(byte)).count();
    if length > LONGEST_DOMAIN {
        return None;
    }
    let domain = std::str::from_utf8(&tail[..length]).ok()?.trim_end_matches(['.', '-']).to_ascii_lowercase();
    let end = at + 1 + domain.len();
    let follows_path =
        text.get(end) == Some(&b':') && text.get(end + 1).is_some_and(|&b| !b.is_ascii_whitespace());
    let is_ssh = text[..start].ends_with(b"ssh://") || text[..start].ends_with(b"git://");
    if is_ssh || (follows_path && matches!(&text[start..at], b"git" | b"hg" | b"svn")) {
        return None;
    }
    is_personal_domain(&domain).then_some(start..end)
}

/// A name under a public suffix that is not reserved for examples and is no image density (`@2x.png`).
fn is_personal_domain(domain: &str) -> bool {
    let labels_are_valid = domain.split('.').all(|label| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
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
    !is_image && !EXAMPLES.contains(&domain)
}
