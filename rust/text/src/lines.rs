//! Lines and paragraphs, cut in the different ways that published rules cut them.

use crate::chars::{is_line_break, is_space};

/// Lines as Python's `str.splitlines` gives them: any line break counts, the last one ends no further line.
pub fn split_lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = (!text.is_empty()).then_some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((at, c)) = text.char_indices().find(|&(_, c)| is_line_break(c)) else {
            rest = None;
            return Some(text);
        };
        let line = text.get(..at)?;
        let after = text.get(at + c.len_utf8()..)?;
        let after = if c == '\r' { after.strip_prefix('\n').unwrap_or(after) } else { after };
        rest = (!after.is_empty()).then_some(after);
        Some(line)
    })
}

/// Pieces between runs of at least `newlines` line feeds, empty ones at the ends included.
pub(crate) fn split_at_runs(text: &str, newlines: usize) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut from = 0;
        while let Some(found) = text.as_bytes().get(from..).and_then(|tail| memchr::memchr(b'\n', tail)) {
            let start = from + found;
            let run = text.bytes().skip(start).take_while(|&byte| byte == b'\n').count();
            if run >= newlines {
                rest = text.get(start + run..);
                return text.get(..start);
            }
            from = start + run;
        }
        rest = None;
        Some(text)
    })
}

/// `text` without white space around it, as Python's `str.strip` sees white space.
pub fn strip(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim_matches(is_space),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb\rc", vec!["a", "b", "c"]),
            ("\n\na", vec!["", "", "a"]),
            ("a\u{2028}b\u{85}", vec!["a", "b"]),
        ] {
            assert_eq!(split_lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn runs() {
        assert_eq!(split_at_runs("\na\n\nb\n", 1).collect::<Vec<_>>(), ["", "a", "b", ""]);
        assert_eq!(split_at_runs("a\nb\n\n\nc", 2).collect::<Vec<_>>(), ["a\nb", "c"]);
        assert_eq!(split_at_runs("", 1).collect::<Vec<_>>(), [""]);
    }
}
