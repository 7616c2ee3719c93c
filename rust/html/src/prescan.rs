//! The encoding declared inside a page: "prescan a byte stream to determine its encoding", WHATWG HTML section
//! 13.2.3.2, and the attribute scanner it is made of.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::memmem;

/// The standard asks for 1024 bytes before parsing starts and then heeds a later `<meta>` by starting again; with
/// the whole page at hand one scan does both. No head that declares anything is longer.
const PRESCAN_BYTES: usize = 64 << 10;

/// The encoding that `<meta>` declares.
pub fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    let bytes = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"<!--") {
            // `-->` may share its dashes with the start, as in `<!-->`.
            at += 2 + memmem::find(&rest[2..], b"-->")? + 3;
        } else if starts_tag(rest, b"<meta") && rest.get(5).is_some_and(|&b| is_blank(b) || b == b'/') {
            let mut attributes = Attributes { bytes, at: at + 5 };
            if let Some(encoding) = meta_encoding(&mut attributes) {
                return Some(encoding);
            }
            at = attributes.at + 1;
        } else if is_tag(rest) {
            at += rest.iter().position(|&b| is_blank(b) || b == b'>')?;
            let mut attributes = Attributes { bytes, at };
            while attributes.next().is_some() {}
            at = attributes.at + 1;
        } else if rest.starts_with(b"<!") || rest.starts_with(b"</") || rest.starts_with(b"<?") {
            at += rest.iter().position(|&b| b == b'>')? + 1;
        } else {
            at += 1;
        }
    }
    None
}

fn meta_encoding(attributes: &mut Attributes<'_>) -> Option<&'static Encoding> {
    const NAMES: [&[u8]; 3] = [b"http-equiv", b"content", b"charset"];
    let mut seen = [false; NAMES.len()];
    let (mut pragma, mut needs_pragma, mut found) = (false, None, None);
    for (name, value) in attributes.by_ref() {
        let Some(index) = NAMES.iter().position(|known| *known == name) else { continue };
        if std::mem::replace(&mut seen[index], true) {
            continue; // the first of repeated attributes counts
        }
        match NAMES[index] {
            b"http-equiv" => pragma = value == b"content-type",
            b"content" if found.is_none() => {
                found = charset_parameter(&value).and_then(Encoding::for_label);
                if found.is_some() {
                    needs_pragma = Some(true);
                }
            }
            b"charset" => {
                found = Encoding::for_label(&value);
                needs_pragma = Some(false);
            }
            _ => {}
        }
    }
    if attributes.peek().is_none() || (needs_pragma? && !pragma) {
        return None; // the tag never ends, or says something else
    }
    let found = found?;
    Some(if found == UTF_16BE || found == UTF_16LE {
        UTF_8 // a page whose declaration could be read byte by byte is no UTF-16
    } else if found == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        found
    })
}

/// `…charset = "label"…`: "extracting a character encoding from a meta element", WHATWG HTML section 2.6.4.
pub(crate) fn charset_parameter(value: &[u8]) -> Option<&[u8]> {
    let lower = value.to_ascii_lowercase();
    let mut from = 0;
    loop {
        from += memmem::find(&lower[from..], b"charset")? + 7;
        let rest = value[from..].trim_ascii_start();
        let Some(rest) = rest.strip_prefix(b"=") else { continue };
        let rest = rest.trim_ascii_start();
        return match rest.first()? {
            quote @ (b'"' | b'\'') => {
                let rest = &rest[1..];
                Some(&rest[..rest.iter().position(|b| b == quote)?])
            }
            _ => {
                let end = rest.iter().position(|&b| is_blank(b) || b == b';').unwrap_or(rest.len());
                Some(&rest[..end])
            }
        };
    }
}

pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Does `bytes` start with this lower-case tag start, whatever its case?
pub(crate) fn starts_tag(bytes: &[u8], tag: &[u8]) -> bool {
    bytes.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
}

/// `<x` or `</x`.
fn is_tag(rest: &[u8]) -> bool {
    rest[0] == b'<'
        && (rest.get(1).is_some_and(u8::is_ascii_alphabetic)
            || (rest.get(1) == Some(&b'/') && rest.get(2).is_some_and(u8::is_ascii_alphabetic)))
}

/// The attributes of one tag, names and values in lower case; afterwards `at` is the tag's `>` or the end.
pub(crate) struct Attributes<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Attributes<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }
}

impl Iterator for Attributes<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.peek().is_some_and(|b| is_blank(b) || b == b'/') {
            self.at += 1;
        }
        let start = self.at;
        if self.peek()? == b'>' {
            return None;
        }
        while self
            .peek()
            .is_some_and(|b| !(is_blank(b) || matches!(b, b'/' | b'>') || (b == b'=' && self.at > start)))
        {
            self.at += 1;
        }
        let name = self.bytes[start..self.at].to_ascii_lowercase();
        self.skip_blanks();
        if self.peek() != Some(b'=') {
            return Some((name, Vec::new()));
        }
        self.at += 1;
        self.skip_blanks();
        let value = match self.peek()? {
            quote @ (b'"' | b'\'') => {
                let start = self.at + 1;
                let Some(length) = memchr::memchr(quote, &self.bytes[start..]) else {
                    self.at = self.bytes.len(); // the value runs off the page
                    return None;
                };
                self.at = start + length + 1;
                &self.bytes[start..start + length]
            }
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|b| !is_blank(b) && b != b'>') {
                    self.at += 1;
                }
                &self.bytes[start..self.at]
            }
        };
        Some((name, value.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_found_as_browsers_find_them() {
        let cases: [(&[u8], Option<&str>); 18] = [
            (b"<meta charset=iso-8859-2>", Some("ISO-8859-2")),
            (b"<META\nCharset = 'Shift_JIS' />", Some("Shift_JIS")),
            (b"<meta http-equiv=Content-Type content='text/html; charset=gb2312'>", Some("GBK")),
            (b"<meta content='text/html; charset=\"big5\"' http-equiv=content-type>", Some("Big5")),
            (b"<meta content='text/html; charset=big5'>", None),
            (b"<!-- <meta charset=big5> --><meta charset=koi8-r>", Some("KOI8-R")),
            (b"<!--><meta charset=koi8-r>", Some("KOI8-R")),
            (b"<a title='<meta charset=big5>'><meta charset=koi8-r>", Some("KOI8-R")),
            (b"<!doctype html \"<meta\"><meta charset=koi8-r>", Some("KOI8-R")),
            (b"<metacharset=big5>", None),
            (b"<meta charset=utf-16le>", Some("UTF-8")),
            (b"<meta charset=x-user-defined>", Some("windows-1252")),
            (b"<meta charset=nonsense><meta charset=big5>", Some("Big5")),
            (b"<meta charset=big5 charset=koi8-r>", Some("Big5")),
            (b"<meta charset=\"big5", None),
            (b"<meta charset=big5", None),
            (b"<meta charset=big5 title=", None),
            (b"", None),
        ];
        for (page, name) in cases {
            assert_eq!(prescan(page).map(Encoding::name), name, "{}", String::from_utf8_lossy(page));
        }
        let after = |blanks| prescan(&[&vec![b' '; blanks][..], b"<meta charset=big5>"].concat());
        assert_eq!((after(9000), after(PRESCAN_BYTES)), (Some(encoding_rs::BIG5), None));
    }
}
