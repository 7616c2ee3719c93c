//! The parts of a URL that say where it points.

use psl::{List, Psl, Type};

/// A URL cut into its parts, each as it was written.
pub(crate) struct Parts<'a> {
    /// Letters, digits, `+`, `-`, `.` before `://`; empty where there is none.
    pub scheme: &'a str,
    /// What stands between `//` and the path, without user and password.
    pub host: &'a str,
    /// Digits after the host, without the colon; empty where there are none.
    pub port: &'a str,
    /// From the first `/` on, perhaps empty.
    pub path: &'a str,
    /// After `?`, without it.
    pub query: Option<&'a str>,
}

/// Cuts a URL with `//` in it; anything else has no host and is `None`.
pub(crate) fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = match url.find("//") {
        Some(0) => ("", &url[2..]),
        Some(at) if url[..at].ends_with(':') && is_scheme(&url[..at - 1]) => (&url[..at - 1], &url[at + 2..]),
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    // Browsers read a backslash as a slash.
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let after_bracket = address.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match address[after_bracket..].rfind(':') {
        Some(colon) => (&address[..after_bracket + colon], &address[after_bracket + colon + 1..]),
        None => (address, ""),
    };
    let host = host.trim_end_matches('.');
    let no_host = host.is_empty()
        || host[after_bracket.min(host.len())..].contains(':')
        || host.contains(|c: char| c.is_whitespace() || c.is_control());
    if no_host || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Parts { scheme, host, port, path, query })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The host of a URL in lower case, without user, port and final dot. An IPv6 address keeps its brackets.
pub fn host(url: &str) -> Option<String> {
    parts(url.trim()).map(|parts| parts.host.to_lowercase())
}

/// The domain that somebody registered: one label below a public suffix of the ICANN section of the list.
///
/// A top-level domain that the list does not name is a suffix, by the list's default rule `*`. `None` for
/// addresses and for suffixes alone. Names of the list's private section (`github.io`) are ordinary domains
/// here, as they are for tldextract by default.
pub fn registered_domain(host: &str) -> Option<&str> {
    if is_address(host) {
        return None;
    }
    let suffix = suffix(host)?;
    let before = host.strip_suffix(suffix)?.strip_suffix('.')?;
    let label = before.rsplit('.').next().filter(|label| !label.is_empty())?;
    Some(&host[host.len() - suffix.len() - 1 - label.len()..])
}

/// In brackets, or its last label is a number (WHATWG URL, "ends in a number checker").
fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    host.starts_with('[') || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn suffix(host: &str) -> Option<&str> {
    let mut name = host;
    loop {
        let suffix = List.suffix(name.as_bytes())?;
        let text = std::str::from_utf8(suffix.as_bytes()).ok()?;
        match suffix.typ() {
            Some(Type::Icann) | None => return host.get(host.len() - text.len()..),
            // A private suffix stands below an ICANN one: look again above it.
            Some(Type::Private) => name = text.split_once('.')?.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (url, expected) in [
            ("http://example.com/a", Some("example.com")),
            ("HTTPS://User:pw@WWW.Example.COM:8080/a?b#c", Some("www.example.com")),
            ("//example.com", Some("example.com")),
            ("http://[2001:db8::1]:80/", Some("[2001:db8::1]")),
            ("http://example.com.", Some("example.com")),
            ("http://example.com\\@evil.com/", Some("example.com")),
            ("http://a@b@example.com/", Some("example.com")),
            ("http://example.com?x=//y", Some("example.com")),
            ("  http://example.com/ ", Some("example.com")),
            ("http://example.com:80x/", None),
            ("mailto:a@example.com", None),
            ("http:///path", None),
            ("http://ex ample.com/", None),
            ("example.com/a//b", None),
            ("", None),
        ] {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn registered_domains() {
        for (name, expected) in [
            ("www.example.com", Some("example.com")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("me.github.io", Some("github.io")),
            ("x.y.blogspot.com", Some("blogspot.com")),
            ("co.uk", None),
            ("com", None),
            ("127.0.0.1", None),
            ("[::1]", None),
            ("host.nosuchsuffix", Some("host.nosuchsuffix")),
            ("deep.sub.host.example", Some("host.example")),
            ("example", None),
            ("0.10", None),
            ("localhost", None),
            ("..com", None),
            ("", None),
        ] {
            assert_eq!(registered_domain(name), expected, "{name}");
        }
    }
}
