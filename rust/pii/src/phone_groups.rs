//! Groups of digits that could be a telephone number, and where it begins and ends.

use std::ops::Range;

use crate::context;

/// Of a number with its country code, or of a local one.
pub(crate) const FEWEST_DIGITS: usize = 7;
pub(crate) const MOST_DIGITS: usize = 16;
/// Of a number with all that stands between its groups.
pub(crate) const MOST_BYTES: usize = 40;

/// A group of digits.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// How many digits it has.
    pub(crate) size: usize,
    /// Digits up to its end.
    pub(crate) count: usize,
    /// Where it ends in the text, with a parenthesis that closes there.
    pub(crate) end: usize,
    /// What stands before it; 0 for nothing or a parenthesis.
    pub(crate) separator: u8,
}

/// Digits of a candidate, in groups.
pub(crate) struct Groups {
    pub(crate) digits: Vec<u8>,
    pub(crate) groups: Vec<Group>,
    /// More groups follow than a number has digits for.
    pub(crate) is_cut: bool,
}

impl Groups {
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.size).collect()
    }

    /// Takes out the digit at the end of a group of one.
    pub(crate) fn remove_group(&mut self, index: usize) {
        let Some(count) = self.groups.get(index).map(|group| group.count) else { return };
        self.digits.remove(count - 1);
        for group in &mut self.groups[index..] {
            group.count -= 1;
        }
        self.groups[index].size = 0;
    }
}

/// A separator of groups and its width in bytes: blanks and dashes beyond ASCII count as those of ASCII.
pub(crate) fn separator_at(text: &[u8], at: usize) -> Option<(u8, usize)> {
    match text.get(at..)? {
        [byte @ (b' ' | b'-' | b'.' | b'/'), ..] => Some((*byte, 1)),
        [0xC2, 0xA0, ..] => Some((b' ', 2)),
        // U+2000 to U+200A and U+202F are blanks, U+2010 to U+2015 and U+2212 dashes
        [0xE2, 0x80, 0x80..=0x8A | 0xAF, ..] => Some((b' ', 3)),
        [0xE2, 0x80, 0x90..=0x95, ..] | [0xE2, 0x88, 0x92, ..] => Some((b'-', 3)),
        _ => None,
    }
}

/// Are there as many digits as a telephone number has, within its length, with nothing but separators between?
pub(crate) fn has_long_number(text: &[u8], start: usize) -> bool {
    let (mut at, mut digits) = (start, 0);
    while at < text.len().min(start + MOST_BYTES) {
        match text[at] {
            b'0'..=b'9' => digits += 1,
            b'(' | b')' => {}
            _ => match separator_at(text, at) {
                Some((_, width)) => at += width - 1,
                None => return false,
            },
        }
        if digits == FEWEST_DIGITS {
            return true;
        }
        at += 1;
    }
    false
}

/// Reads groups of digits joined by separators, perhaps with parentheses, from `start`.
pub(crate) fn groups(text: &[u8], start: usize) -> Groups {
    let mut found =
        Groups { digits: Vec::with_capacity(MOST_DIGITS), groups: Vec::with_capacity(8), is_cut: false };
    let text = &text[..text.len().min(start + MOST_BYTES)];
    let mut at = start;
    let mut separator = 0;
    loop {
        // parentheses around an area begin a number: after a whole one they begin the next
        if text.get(at) == Some(&b'(') && found.digits.len() >= FEWEST_DIGITS {
            return found;
        }
        while text.get(at) == Some(&b'(') {
            at += 1;
        }
        let size = text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if size == 0 || found.digits.len() + size > MOST_DIGITS {
            found.is_cut = size > 0;
            return found;
        }
        found.digits.extend(text[at..at + size].iter().map(|byte| byte - b'0'));
        at += size;
        if text.get(at) == Some(&b')') {
            at += 1;
        }
        let closed = at;
        found.groups.push(Group { size, count: found.digits.len(), end: closed, separator });
        // at most two, and a blank around another one
        separator = 0;
        let mut steps = 0;
        while let Some((byte, width)) =
            separator_at(text, at).filter(|&(byte, _)| steps < 2 || (steps < 3 && byte == b' '))
        {
            separator = if separator == 0 || separator == b' ' { byte } else { separator };
            at += width;
            steps += 1;
        }
        if steps == 0 && text[closed - 1] != b')' && text.get(at) != Some(&b'(') {
            return found;
        }
    }
}

/// Where a number whose digits end at `end` ends with its extension (`x45`, `, ext. 45`); `None` inside a word or
/// a longer number.
pub(crate) fn clean_end(text: &[u8], end: usize) -> Option<usize> {
    if let Some(end) = extension(text, end) {
        return Some(end);
    }
    let joined = matches!(text.get(end), Some(b'.' | b'-' | b'/' | b',')) && context::digit_at(text, end + 1);
    (!context::alnum_at(text, end) && !joined && text.get(end) != Some(&b'%')).then_some(end)
}

fn extension(text: &[u8], end: usize) -> Option<usize> {
    const MARKS: [&[u8]; 6] = [b"extension", b"ext.", b"ext:", b"ext", b"x", b"#"];
    let after = |at: usize, byte: u8| at + usize::from(text.get(at) == Some(&byte));
    let mut at = after(after(end, b','), b' ');
    let is =
        |mark: &&&[u8]| text.get(at..at + mark.len()).is_some_and(|piece| piece.eq_ignore_ascii_case(mark));
    at += MARKS.iter().find(is)?.len();
    at = after(at, b' ');
    let digits = text.get(at..)?.iter().take(7).take_while(|byte| byte.is_ascii_digit()).count();
    ((1..=6).contains(&digits) && !context::alnum_at(text, at + digits)).then_some(at + digits)
}

/// The number without a parenthesis around all of it, or of which the other half lies outside.
pub(crate) fn balanced(text: &[u8], start: usize, end: usize) -> Range<usize> {
    let number = &text[start..end];
    let count = |wanted: u8| number.iter().filter(|&&byte| byte == wanted).count();
    let (opened, closed) = (count(b'('), count(b')'));
    let encloses = opened == 1 && closed == 1 && number.starts_with(b"(") && number.ends_with(b")");
    let from = start + usize::from(number.starts_with(b"(") && (encloses || opened > closed));
    let to = end - usize::from(number.ends_with(b")") && (encloses || closed > opened));
    from..to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_may_stand_where_the_longest_number_ends() {
        for loose in 0..MOST_BYTES {
            for tight in 0..MOST_DIGITS {
                let text = format!("{}{}9)9.", "9--".repeat(loose), "9.".repeat(tight));
                let last = groups(text.as_bytes(), 0).groups.last().map_or(0, |group| group.end);
                assert!(last <= MOST_BYTES, "{text}");
            }
        }
    }

    #[test]
    fn a_parenthesis_belongs_to_a_number_with_its_other_half() {
        for (number, expected) in [
            ("(212) 555-0123", "(212) 555-0123"),
            ("(212 555 0123)", "212 555 0123"),
            ("212 555 0123)", "212 555 0123"),
            ("(212 555 0123", "212 555 0123"),
        ] {
            assert_eq!(&number[balanced(number.as_bytes(), 0, number.len())], expected);
        }
    }
}
