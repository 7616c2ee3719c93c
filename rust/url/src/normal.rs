//! One spelling for URLs that name the same page.

use std::fmt::Write;

use crate::host::parts;

const DEFAULT_PORTS: [(&str, &str); 3] = [("http", "80"), ("https", "443"), ("ftp", "21")];

/// Query parameters that say how a visitor came or who he is, not what he asks for; in lower case.
const TRACKING: [&str; 28] = [
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "dclid",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "jsessionid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "phpsessid",
    "s_kwcid",
    "session_id",
    "sessionid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "yclid",
    "zanpid",
];
const TRACKING_PREFIXES: [&str; 2] = ["utm_", "aspsessionid"];

/// The normal form of an absolute URL; `None` for what has no scheme or host.
///
/// Scheme and host in lower case, no user or password, no default port, dot segments resolved, percent
/// escapes only where needed and in upper case, tracking parameters, session ids and the fragment dropped,
/// the query sorted by name and otherwise in its order. Normalising twice changes nothing.
pub fn normalize(url: &str) -> Option<String> {
    let url: String =
        url.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let parts = parts(&url).filter(|parts| !parts.scheme.is_empty())?;
    let scheme = parts.scheme.to_ascii_lowercase();
    let mut out = format!("{scheme}://{}", parts.host.to_lowercase());
    let port = parts.port.trim_start_matches('0');
    if !port.is_empty() && !DEFAULT_PORTS.contains(&(scheme.as_str(), port)) {
        out.push(':');
        out.push_str(port);
    }
    push_path(&mut out, parts.path);
    push_query(&mut out, parts.query.unwrap_or_default());
    Some(out)
}

fn push_path(out: &mut String, path: &str) {
    let path = escaped(&path.replace('\\', "/"));
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_open = true;
    for segment in path.split('/').skip(1) {
        ends_open = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(without_session(segment)),
        }
    }
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if ends_open {
        out.push('/');
    }
}

/// Cuts `;jsessionid=...` off a path segment.
fn without_session(segment: &str) -> &str {
    match segment.find(';') {
        Some(at) if segment[at + 1..].to_ascii_lowercase().starts_with("jsessionid=") => &segment[..at],
        _ => segment,
    }
}

fn push_query(out: &mut String, query: &str) {
    let query = escaped(query);
    let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_string();
    let mut pairs: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_tracking(pair)).collect();
    pairs.sort_by_key(name);
    for (position, pair) in pairs.iter().enumerate() {
        out.push(if position == 0 { '?' } else { '&' });
        out.push_str(pair);
    }
}

fn is_tracking(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    TRACKING.contains(&name.as_str()) || TRACKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Escapes what may not stand in a URL, and undoes escapes of letters, digits and `-._~`.
fn escaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        let hex = bytes
            .get(position..position + 2)
            .filter(|pair| byte == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let (value, was_escape) = match hex.and_then(|pair| std::str::from_utf8(pair).ok()) {
            Some(pair) => {
                position += 2;
                (u8::from_str_radix(pair, 16).unwrap_or(byte), true)
            }
            None => (byte, false),
        };
        let plain = value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~');
        let allowed = plain
            || (!was_escape
                && value.is_ascii_graphic()
                && !matches!(value, b'"' | b'<' | b'>' | b'`' | b'{' | b'}'));
        if allowed {
            out.push(char::from(value));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{value:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal_forms() {
        for (url, expected) in [
            ("HTTP://WWW.Example.COM", "http://www.example.com/"),
            ("http://example.com:80/a", "http://example.com/a"),
            ("https://example.com:0443/a", "https://example.com/a"),
            ("https://example.com:80/a", "https://example.com:80/a"),
            ("http://u:p@example.com/#top", "http://example.com/"),
            ("http://example.com/a/./b/../c", "http://example.com/a/c"),
            ("http://example.com/a/..", "http://example.com/"),
            ("http://example.com/../../a/", "http://example.com/a/"),
            ("http://example.com/%7Euser/%e4%2f", "http://example.com/~user/%E4%2F"),
            ("http://example.com/ä b", "http://example.com/%C3%A4%20b"),
            ("http://example.com/100%", "http://example.com/100%"),
            ("http://example.com/?b=2&a=1&b=1", "http://example.com/?a=1&b=2&b=1"),
            ("http://example.com/?utm_source=x&id=7&FBCLID=y", "http://example.com/?id=7"),
            ("http://example.com/?utm_source=x", "http://example.com/"),
            ("http://example.com/a;jsessionid=0F?PHPSESSID=1", "http://example.com/a"),
            ("http://example.com/a;v=1", "http://example.com/a;v=1"),
            (" http://exa\nmple.com/ ", "http://example.com/"),
        ] {
            assert_eq!(normalize(url).as_deref(), Some(expected), "{url}");
        }
        for url in ["", "example.com", "//example.com/", "mailto:a@b.c", "http://"] {
            assert_eq!(normalize(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_string_is_taken_and_normal_forms_stay(text in "\\PC*") {
            for url in [text.clone(), format!("http://h.example/{text}"), format!("http://{text}/a")] {
                if let Some(once) = normalize(&url) {
                    prop_assert_eq!(normalize(&once), Some(once.clone()));
                }
            }
        }

        #[test]
        fn url_like_strings(url in "https?://[a-c.:@]{1,8}[/.%2eF;?&=a\\\\]{0,20}") {
            if let Some(once) = normalize(&url) {
                prop_assert_eq!(normalize(&once), Some(once.clone()));
            }
        }
    }
}
