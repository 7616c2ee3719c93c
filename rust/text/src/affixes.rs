//! Where English-style splitting cuts a string that has no white space in it: at its start, its end, inside.
//!
//! The rules are those of spaCy's blank English tokenizer (datatrove's word counter), written as matchers that look
//! at a bounded neighbourhood, so that any string is split in linear time.

use crate::letters::{is_alpha, is_currency, is_icon, is_lower, is_mark, is_quote, is_unit, is_upper};

/// Characters of the longest unit of measure.
const LONGEST_UNIT: usize = 5;

/// Length in bytes of what is cut off the start; 0 = nothing.
pub(crate) fn prefix_length(word: &str) -> usize {
    let mut chars = word.chars();
    let Some(first) = chars.next() else { return 0 };
    if first.is_ascii_lowercase() || first.is_ascii_digit() {
        return 0;
    }
    match first {
        '.' => match dots(word.bytes()) {
            1 => 0,
            run => run,
        },
        '+' => usize::from(!chars.next().is_some_and(|next| next.is_ascii_digit())),
        'U' if word.starts_with("US$") => 3,
        'A' | 'C' if chars.next() == Some('$') => 2,
        '§' | '%' | '=' | '—' | '–' => first.len_utf8(),
        _ if is_mark(first) || is_quote(first) || is_currency(first) || is_icon(first) => first.len_utf8(),
        _ => 0,
    }
}

/// Length in bytes of what is cut off the end; 0 = nothing.
pub(crate) fn suffix_length(word: &str) -> usize {
    let mut back = word.chars().rev();
    let Some(last) = back.next() else { return 0 };
    let before = back.next();
    let after_digit = before.is_some_and(|c| c.is_ascii_digit());
    let single = match last {
        '.' => {
            let run = dots(word.bytes().rev());
            if run > 1 { run } else { usize::from(ends_sentence(before, back.next())) }
        }
        '…' if before == Some('…') => 2 * last.len_utf8(),
        's' | 'S' if matches!(before, Some('\'' | '’')) => 1 + before.map_or(0, char::len_utf8),
        '—' | '–' => last.len_utf8(),
        '+' => usize::from(after_digit),
        _ if is_mark(last) || is_quote(last) || is_icon(last) => last.len_utf8(),
        _ => 0,
    };
    single.max(quantity_length(word))
}

/// A unit of measure or currency at the end, straight after a digit.
fn quantity_length(word: &str) -> usize {
    let mut chars = 0;
    let mut near = word.bytes().rev().take_while(|byte| {
        chars += usize::from(byte & 0xc0 != 0x80);
        chars <= LONGEST_UNIT + 1
    });
    let Some(length) = near.position(|byte| byte.is_ascii_digit()) else { return 0 };
    let tail = word.get(word.len() - length..).unwrap_or_default();
    let mut chars = tail.chars();
    let one_currency = chars.next().is_some_and(is_currency) && chars.next().is_none();
    let quantity = one_currency || is_unit(tail) || matches!(tail, "US$" | "C$" | "A$");
    if quantity { tail.len() } else { 0 }
}

/// Whether one full stop after these two characters (the nearer first) stands apart.
fn ends_sentence(nearer: Option<char>, farther: Option<char>) -> bool {
    let Some(c) = nearer else { return false };
    c.is_ascii_digit()
        || matches!(c, '%' | '²' | '-' | '+' | '|')
        || is_lower(c)
        || is_mark(c)
        || is_quote(c)
        || (is_upper(c) && farther.is_some_and(is_upper))
        || (matches!(c, 'F' | 'C' | 'K') && farther == Some('°'))
}

/// Byte ranges of the marks that cut a word inside, in order and without overlap.
pub(crate) fn infixes(word: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut previous: Option<char> = None;
    let mut resume = 0;
    word.char_indices().filter_map(move |(at, c)| {
        let before = previous.replace(c);
        if at < resume || c.is_ascii_alphanumeric() {
            return None;
        }
        let end = at + infix_length(before, word.get(at..)?, c);
        resume = end;
        (end > at).then_some((at, end))
    })
}

fn infix_length(before: Option<char>, rest: &str, c: char) -> usize {
    let next = |skip: usize| rest.get(skip..).and_then(|tail| tail.chars().next());
    let letter_next = |skip: usize| next(skip).is_some_and(is_alpha);
    let after_letter = before.is_some_and(is_alpha);
    let after_digit = before.is_some_and(|p| p.is_ascii_digit());
    let width = c.len_utf8();
    match c {
        '.' => {
            let run = dots(rest.bytes());
            if run > 1 {
                return run;
            }
            let joins = before.is_some_and(|p| is_lower(p) || is_quote(p))
                && next(1).is_some_and(|n| is_upper(n) || is_quote(n));
            usize::from(joins)
        }
        '+' | '*' | '^' | '-' if after_digit && next(1).is_some_and(|n| n.is_ascii_digit() || n == '-') => 1,
        ',' => usize::from(after_letter && letter_next(1)),
        ':' | '<' | '>' | '=' | '/' => usize::from((after_letter || after_digit) && letter_next(1)),
        '-' | '–' | '—' | '~' if after_letter || after_digit => {
            let runs: &[&str] = match c {
                '-' => &["-", "--", "---"],
                '—' => &["—", "——"],
                _ => &[],
            };
            let run = runs.iter().find(|run| rest.starts_with(**run) && letter_next(run.len()));
            run.map_or(if letter_next(width) { width } else { 0 }, |run| run.len())
        }
        '…' => width,
        _ if is_icon(c) => width,
        _ => 0,
    }
}

fn dots(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.take_while(|&byte| byte == b'.').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (word, length) in [
            ("(a", 1),
            ("...a", 3),
            (".a", 0),
            ("+1", 0),
            ("+a", 1),
            ("US$5", 3),
            ("A$", 2),
            ("“a", 3),
            ("a(", 0),
            ("", 0),
        ] {
            assert_eq!(prefix_length(word), length, "{word}");
        }
    }

    #[test]
    fn suffixes() {
        for (word, length) in [
            ("end.", 1),
            ("U.S.", 0),
            ("USA.", 1),
            ("end...", 3),
            ("dog's", 2),
            ("dog’s", 4),
            ("5km", 2),
            ("5%", 1),
            ("x%", 0),
            ("5US$", 3),
            ("9+", 1),
            ("C+", 0),
            ("A.", 0),
            ("word", 0),
            ("a)", 1),
            ("…", 3),
            ("……", 6),
            ("", 0),
        ] {
            assert_eq!(suffix_length(word), length, "{word}");
        }
    }

    #[test]
    fn insides() {
        for (word, cuts) in [
            ("well-known", vec![(4, 5)]),
            ("a--b", vec![(1, 3)]),
            ("2010-2020", vec![(4, 5)]),
            ("end.Start", vec![(3, 4)]),
            ("e.g", vec![]),
            ("a,b/c", vec![(1, 2), (3, 4)]),
            ("1,000", vec![]),
            ("a...b", vec![(1, 4)]),
            ("", vec![]),
        ] {
            assert_eq!(infixes(word).collect::<Vec<_>>(), cuts, "{word}");
        }
    }
}
