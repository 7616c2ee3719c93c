//! Bytes to text, in the order of the WHATWG encoding sniffing algorithm: byte order mark, HTTP header, `<meta>`,
//! detection. Nothing is ever dropped: what cannot be decoded becomes U+FFFD and is counted.
//!
//! A declaration is overruled in these cases, because it is then nearly always false:
//! - valid UTF-8 with multi-byte sequences under a legacy label: text of another encoding almost never forms them;
//! - a UTF-8 label over bytes with more faulty than valid multi-byte sequences;
//! - UTF-16 over valid UTF-8 without a NUL, and encodings that exist only to be refused ("replacement").

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE,
};

use crate::prescan::{charset_parameter, prescan};

/// Valid multi-byte UTF-8 sequences that outweigh a declared legacy multi-byte encoding, whose character pairs may
/// look like UTF-8 by chance.
const MIN_SEQUENCES_AGAINST_CJK: usize = 4;

/// A decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// Name of the encoding that was used, as in the Encoding Standard.
    pub encoding: &'static str,
    /// Places where bytes could not be decoded; each is one U+FFFD.
    pub replacements: usize,
}

/// Decodes a page. `content_type` is the HTTP header's value; `tld` helps detection, e.g. "jp".
pub fn decode(bytes: &[u8], content_type: Option<&str>, tld: Option<&str>) -> Decoded {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return decode_as(encoding, &bytes[length..]);
    }
    let declared = content_type
        .and_then(|value| charset_parameter(value.as_bytes()))
        .and_then(Encoding::for_label)
        .or_else(|| prescan(bytes));
    let encoding = match simdutf8::basic::from_utf8(bytes) {
        Ok(text) if is_utf8(text, declared) => {
            return Decoded { text: text.to_owned(), encoding: UTF_8.name(), replacements: 0 };
        }
        Ok(_) => declared,
        Err(_) => declared.filter(|&encoding| encoding != UTF_8 && encoding != REPLACEMENT),
    };
    decode_as(encoding.unwrap_or_else(|| detect(bytes, tld)), bytes)
}

/// Is text that is valid UTF-8 meant as such?
fn is_utf8(text: &str, declared: Option<&'static Encoding>) -> bool {
    let Some(declared) = declared else { return true };
    if declared == UTF_8 || declared == REPLACEMENT {
        return true;
    }
    if declared == UTF_16LE || declared == UTF_16BE {
        return !text.as_bytes().contains(&0);
    }
    if declared == ISO_2022_JP {
        return false; // seven bits only: valid UTF-8 proves nothing
    }
    let cjk = [BIG5, EUC_JP, EUC_KR, GB18030, GBK, SHIFT_JIS].contains(&declared);
    let needed = if cjk { MIN_SEQUENCES_AGAINST_CJK } else { 1 };
    text.bytes().filter(|byte| *byte >= 0xc0).take(needed).count() == needed
}

/// UTF-8 with a few faults, e.g. a page cut inside a character, else what the frequencies of its bytes say.
fn detect(bytes: &[u8], tld: Option<&str>) -> &'static Encoding {
    let (mut valid, mut faulty) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count();
        faulty += usize::from(!chunk.invalid().is_empty());
    }
    if valid >= faulty {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    // The detector panics on anything but a lower-case label.
    let tld = tld.filter(|tld| tld.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    detector.guess(tld.map(str::as_bytes), Utf8Detection::Deny)
}

fn decode_as(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    let replacements = if had_errors { text.chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count() } else { 0 };
    Decoded { text: text.into_owned(), encoding: encoding.name(), replacements }
}

/// The last label of the URL's host, lower case; None for addresses and hosts without a dot.
pub fn top_level_domain(url: &str) -> Option<String> {
    let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
    let authority = &after_scheme[..after_scheme.find(['/', '?', '#', '\\']).unwrap_or(after_scheme.len())];
    let host = authority.rsplit('@').next()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _port)| host).trim_end_matches('.');
    let label = host.rsplit_once('.')?.1;
    let is_label = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.is_empty();
    (is_label && !label.bytes().all(|b| b.is_ascii_digit())).then(|| label.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoding(bytes: &[u8], content_type: Option<&str>) -> &'static str {
        decode(bytes, content_type, None).encoding
    }

    #[test]
    fn the_order_is_mark_header_meta_detection() {
        let meta = b"<meta charset=koi8-r>\xc1";
        assert_eq!(encoding(&[b"\xef\xbb\xbf", &meta[..]].concat(), Some("text/html; charset=big5")), "UTF-8");
        assert_eq!(encoding(meta, Some("text/html; Charset=\"ISO-8859-1\"")), "windows-1252");
        assert_eq!(encoding(meta, Some("text/html; charset=nonsense")), "KOI8-R");
        assert_eq!(encoding(meta, None), "KOI8-R");
        assert_eq!(decode(b"\xff\xfea\0", None, None).text, "a");
        assert_eq!(encoding(b"plain", None), "UTF-8");
    }

    #[test]
    fn false_declarations_are_overruled() {
        let utf8 = "<p>caf\u{e9}".as_bytes();
        assert_eq!(encoding(utf8, Some("text/html; charset=iso-8859-1")), "UTF-8");
        assert_eq!(encoding(utf8, Some("text/html; charset=utf-16")), "UTF-8");
        assert_eq!(encoding(utf8, Some("text/html; charset=iso-2022-kr")), "UTF-8");
        assert_eq!(encoding(b"<p>caf\xe9", Some("text/html; charset=utf-8")), "windows-1252");
        assert_eq!(encoding(b"\xc3\xa9", Some("text/html; charset=gbk")), "GBK");
        assert_eq!(encoding("日本語の".as_bytes(), Some("text/html; charset=shift_jis")), "UTF-8");
        assert_eq!(encoding(b"ascii", Some("text/html; charset=shift_jis")), "Shift_JIS");
    }

    #[test]
    fn a_page_cut_inside_a_character_stays_utf8() {
        let decoded = decode("caf\u{e9} \u{65e5}".as_bytes().split_last().unwrap().1, None, None);
        assert_eq!((decoded.text.as_str(), decoded.encoding, decoded.replacements), ("caf\u{e9} \u{fffd}", "UTF-8", 1));
    }

    #[test]
    fn detection_finds_legacy_text() {
        let japanese = "これは日本語の文章です。文字コードの自動判別を試します。";
        let russian = "Это русский текст, кодировка которого нигде не указана.";
        for (text, legacy) in [(japanese, SHIFT_JIS), (japanese, EUC_JP), (russian, encoding_rs::WINDOWS_1251)] {
            let decoded = decode(&legacy.encode(text).0, None, None);
            assert_eq!((decoded.text.as_str(), decoded.encoding), (text, legacy.name()));
        }
    }

    #[test]
    fn domains() {
        let cases = [
            ("http://www.Example.JP/path", Some("jp")),
            ("https://user@host.de:8080?x=a.b", Some("de")),
            ("http://127.0.0.1/", None),
            ("http://[::1.x]/", None),
            ("localhost", None),
            ("http://example.com./", Some("com")),
            ("", None),
        ];
        for (url, domain) in cases {
            assert_eq!(top_level_domain(url).as_deref(), domain, "{url}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), header in ".{0,40}", url in ".{0,40}") {
            let tld = top_level_domain(&url);
            decode(&bytes, Some(&header), tld.as_deref());
            decode(&bytes, Some(&header), Some(&url));
        }

        #[test]
        fn utf8_is_kept(text in "\\PC{0,80}") {
            prop_assert_eq!(decode(text.as_bytes(), None, None).text, text);
        }
    }
}
