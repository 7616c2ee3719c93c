//! Named fields: WARC record headers and HTTP headers share one grammar and one tolerance.

use memchr::memchr;

/// More fields than any honest header has; what follows is ignored.
const MAX_FIELDS: usize = 4096;

/// A parsed header block. Names keep their case and are compared without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<(String, String)>,
}

impl Fields {
    /// Parses lines of `name: value`, ended by LF or CRLF; lines that start with a blank continue the value
    /// before them; lines without a colon are ignored. Stops at the first empty line.
    pub fn parse(block: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in Lines(block) {
            if line.is_empty() {
                break;
            }
            if matches!(line[0], b' ' | b'\t') {
                if let Some((_, value)) = fields.last_mut() {
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(&text(line.trim_ascii()));
                }
            } else if let Some(colon) = memchr(b':', line) {
                if fields.len() == MAX_FIELDS {
                    break;
                }
                fields.push((text(line[..colon].trim_ascii()), text(line[colon + 1..].trim_ascii())));
            }
        }
        Self { fields }
    }

    /// The first value of a field; the rule for repeated fields everywhere here.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a field, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Lines without their end, LF or CRLF.
pub(crate) struct Lines<'a>(pub &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = &self.0[(end + 1).min(self.0.len())..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// UTF-8 where it is valid, Latin-1 otherwise: a header byte is never lost.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(valid) => valid.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerates_case_continuations_and_line_ends() {
        let fields =
            Fields::parse(b"WARC-Type: response\nwarc-DATE :\t2020 \r\n and more\r\nno colon\r\n\r\nLate: x");
        assert_eq!(fields.get("warc-type"), Some("response"));
        assert_eq!(fields.get("WARC-Date"), Some("2020 and more"));
        assert_eq!(fields.get("late"), None);
        assert_eq!(Fields::parse(b"A:\r\n\t<b>\r\n").get("a"), Some("<b>"));
    }

    #[test]
    fn the_first_of_repeated_fields_wins() {
        let fields = Fields::parse(b"A: 1\r\na: 2\r\n");
        assert_eq!(fields.get("A"), Some("1"));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin_1() {
        assert_eq!(Fields::parse(b"X: caf\xe9\r\n").get("x"), Some("caf\u{e9}"));
    }
}
