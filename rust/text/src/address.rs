//! Whether a string is a web or mail address, which word splitting leaves whole.

use crate::letters::is_lower;

/// A host name or public IPv4 address, perhaps with scheme, user, port and path. Linear in the length.
pub(crate) fn is_address(word: &str) -> bool {
    // A host name needs a dot, which rules most strings out.
    if !word.contains('.') {
        return false;
    }
    let after_scheme = word.find("://").filter(|&at| is_scheme(word.get(..at).unwrap_or_default()));
    let after_user = word.match_indices('@').filter(|&(at, _)| at > 0).map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(after_scheme.map(|at| at + 3))
        .chain(after_user)
        .any(|start| word.get(start..).is_some_and(starts_with_host))
}

fn is_scheme(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
    text.len() > 1 && text.chars().all(fits)
}

fn starts_with_host(text: &str) -> bool {
    let length = text.find(|c| !is_host_char(c)).unwrap_or(text.len());
    let (host, rest) = text.split_at(length);
    is_host(host, rest)
}

/// Whether the longest string of characters of hosts is one, given what follows.
pub(crate) fn is_host(host: &str, rest: &str) -> bool {
    (is_domain(host) || is_public_ipv4(host)) && ends_host(rest)
}

/// What may follow a host: nothing, or a port and a path.
fn ends_host(rest: &str) -> bool {
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if !(2..=5).contains(&digits) {
                return false;
            }
            port.get(digits..).unwrap_or_default()
        }
    };
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{a1}'..='\u{ffff}')
}

fn is_host_char(c: char) -> bool {
    is_label_char(c) || matches!(c, '.' | '_' | '-')
}

fn is_domain(host: &str) -> bool {
    let Some((labels, top)) = host.rsplit_once('.') else { return false };
    let length = top.chars().take(64).count();
    (2..=63).contains(&length) && top.chars().all(is_lower) && labels.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    label.starts_with(is_label_char) && label.ends_with(is_label_char) && label.chars().take(65).count() <= 64
}

fn is_public_ipv4(host: &str) -> bool {
    let mut octets = [0u16; 4];
    let mut count = 0;
    for part in host.split('.') {
        let Some(octet) = octets.get_mut(count) else { return false };
        if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let Ok(value) = part.parse() else { return false };
        *octet = value;
        count += 1;
    }
    let [a, b, c, d] = octets;
    let private = matches!((a, b), (10 | 127, _) | (169, 254) | (192, 168) | (172, 16..=31));
    count == 4 && !private && (1..=223).contains(&a) && b <= 255 && c <= 255 && (1..=254).contains(&d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_neighbours() {
        for word in [
            "example.com",
            "https://www.example.co.uk:8080/a/b?c=d#e",
            "someone@example.org",
            "a:b@example.org/x",
            "mailto:someone@example.org",
            "8.8.8.8/dns",
            "münchen.de",
        ] {
            assert!(is_address(word), "{word}");
        }
        for word in [
            "example",
            "e.g",
            "lower.Upper",
            "example.c",
            "-a.com",
            "a..com",
            "10.0.0.1/a",
            "example.com:1",
            "x.com,y",
            "@",
            "",
        ] {
            assert!(!is_address(word), "{word}");
        }
    }
}
