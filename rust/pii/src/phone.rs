//! Telephone numbers: international ones with `+`, national ones by their grouping or with context words.

use crate::context::{self, Words};
use crate::phone_national::is_telling;
use crate::phone_plans::{international, is_nanp};
use crate::verdict::Verdict;

/// Of a number with its country code, or of a local one.
pub(crate) const FEWEST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 16;
pub(crate) const MOST_BYTES: usize = 32;
const CONTEXT_BYTES: usize = 32;
static WORDS: Words = Words::new(&[
    "tel",
    "phone",
    "telephone",
    "call",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "whatsapp",
    "phones",
    "sms",
    "dial",
    "hotline",
    "telefon",
    "tél",
    "téléphone",
    "telefono",
    "teléfono",
    "móvil",
    "handy",
    "rufnummer",
    "telefone",
    "celular",
    "тел",
    "телефон",
    "電話",
    "电话",
    "전화",
    "هاتف",
    "telefoonnummer",
    "telefonu",
    "puhelin",
    "gsm",
    "natel",
    "mobil",
    "portable",
    "cellulare",
    "टेलीफोन",
    "फोन",
]);

/// Digits of a candidate, in groups, with the position after each group.
struct Groups {
    digits: Vec<u8>,
    /// (digits so far, end in the text, separator before the group)
    ends: Vec<(usize, usize, u8)>,
    /// More groups follow than a number has digits for.
    is_cut: bool,
}

/// Reads groups of digits joined by one separator, perhaps with parentheses, from `start`.
fn groups(text: &[u8], start: usize) -> Groups {
    let mut found =
        Groups { digits: Vec::with_capacity(MOST_DIGITS), ends: Vec::with_capacity(8), is_cut: false };
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
        let length = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 || found.digits.len() + length > MOST_DIGITS {
            found.is_cut = length > 0;
            return found;
        }
        found.digits.extend(text[at..at + length].iter().map(|byte| byte - b'0'));
        at += length;
        if text.get(at) == Some(&b')') {
            at += 1;
        }
        let closed = at;
        found.ends.push((found.digits.len(), closed, separator));
        // at most a space around another separator
        separator = 0;
        let mut steps = 0;
        while steps < 2 && at < text.len() && matches!(text[at], b' ' | b'-' | b'.' | b'/') {
            separator = if separator == 0 || separator == b' ' { text[at] } else { separator };
            at += 1;
            steps += 1;
        }
        if steps == 0 && text[closed - 1] != b')' && text.get(at) != Some(&b'(') {
            return found;
        }
    }
}

/// Where a number whose digits end at `end` ends with its extension (`x45`, ` ext. 45`); `None` inside a word or
/// a longer number.
fn clean_end(text: &[u8], end: usize) -> Option<usize> {
    if let Some(end) = extension(text, end) {
        return Some(end);
    }
    let joined = matches!(text.get(end), Some(b'.' | b'-' | b'/' | b',')) && context::digit_at(text, end + 1);
    (!context::alnum_at(text, end) && !joined && text.get(end) != Some(&b'%')).then_some(end)
}

fn extension(text: &[u8], end: usize) -> Option<usize> {
    let spaces = |at: usize| at + usize::from(text.get(at) == Some(&b' '));
    let mut at = spaces(end);
    let is = |at: usize, word: &[u8]| {
        text.get(at..at + word.len()).is_some_and(|piece| piece.eq_ignore_ascii_case(word))
    };
    at += [&b"ext."[..], b"ext", b"x"].into_iter().find(|word| is(at, word))?.len();
    at = spaces(at);
    let digits = text[at..].iter().take(7).take_while(|byte| byte.is_ascii_digit()).count();
    ((1..=6).contains(&digits) && !context::alnum_at(text, at + digits)).then_some(at + digits)
}

/// The number around the digit run at `run`; a `+` or `(` before it belongs to it.
pub(crate) fn at(text: &[u8], run: usize) -> Verdict {
    let mut start = run;
    if start > 0 && text[start - 1] == b'(' {
        start -= 1;
    }
    if start > 0 && text[start - 1] == b'+' {
        return plus(text, start - 1, start);
    }
    let before = start.checked_sub(1).map(|at| text[at]);
    let joined = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/' | b'_' | b'$' | b'=' | b'&' | b'%')
    };
    if before.is_some_and(joined) {
        return Verdict::Nothing;
    }
    // the middle of a longer row of groups is not a beginning
    if before == Some(b' ') && start >= 2 && (text[start - 2].is_ascii_digit() || text[start - 2] == b')') {
        return Verdict::Nothing;
    }
    let found = groups(text, start);
    if found.digits.len() < FEWEST_DIGITS {
        return Verdict::Nothing;
    }
    // a long row of short groups is a list of numbers
    let is_list = found.is_cut && found.ends.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 2);
    let is_named = !is_list && WORDS.before(text, start, CONTEXT_BYTES);
    let has_parenthesis = text[start] == b'(';
    let mut verdict = Verdict::Nothing;
    for (index, &(count, end, _)) in found.ends.iter().enumerate().rev() {
        let Some(end) = clean_end(text, end) else { continue };
        let digits = &found.digits[..count];
        let shape = &found.ends[..=index];
        let mut sizes = [0usize; 8];
        let Some(sizes) = sizes.get_mut(..shape.len()) else { continue };
        let mut last = 0;
        for (size, &(count, _, _)) in sizes.iter_mut().zip(shape) {
            *size = count - last;
            last = count;
        }
        if is_date(digits, sizes) {
            return Verdict::Nothing;
        }
        let separators = || shape[1..].iter().map(|&(_, _, separator)| separator);
        if (is_named && is_plausible(digits) && is_plausibly_grouped(sizes))
            || is_telling(digits, sizes, separators, has_parenthesis)
        {
            return Verdict::Found(start..end);
        }
        if is_named {
            verdict = Verdict::NearMiss;
        }
    }
    verdict
}

fn plus(text: &[u8], start: usize, digits_at: usize) -> Verdict {
    if context::alnum_before(text, start) {
        return Verdict::Nothing;
    }
    let mut found = groups(text, digits_at);
    // "+44 (0)20 ...": the trunk zero is not dialled from abroad
    let trunk = (1..found.ends.len()).find(|&index| {
        let (count, end, _) = found.ends[index];
        count == found.ends[index - 1].0 + 1 && found.digits[count - 1] == 0 && text[end - 1] == b')'
    });
    if let Some(index) = trunk {
        found.digits.remove(found.ends[index].0 - 1);
        for end in &mut found.ends[index..] {
            end.0 -= 1;
        }
    }
    if found.digits.len() < FEWEST_DIGITS {
        return Verdict::Nothing;
    }
    let Some((fewest, most)) = international(&found.digits) else { return Verdict::NearMiss };
    let mut fits = found.ends.iter().rev().filter(|&&(count, _, _)| (fewest..=most).contains(&count));
    let Some((count, end)) = fits.find_map(|&(count, end, _)| Some((count, clean_end(text, end)?))) else {
        return Verdict::NearMiss;
    };
    let digits = &found.digits[..count];
    let is_valid = if digits[0] == 1 { is_nanp(&digits[1..]) } else { is_plausible(digits) };
    Verdict::checked(is_valid, start..end)
}

/// Enough digits, not too many, and not a round amount.
fn is_plausible(digits: &[u8]) -> bool {
    let zeros = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    (FEWEST_DIGITS..=15).contains(&digits.len()) && zeros < 5 && varied
}

/// A lone digit is a trunk prefix or a small area; more of them are a list of numbers.
fn is_plausibly_grouped(sizes: &[usize]) -> bool {
    let lone = sizes.iter().filter(|&&size| size == 1).count();
    lone <= 1 && sizes.last() != Some(&1)
}

/// Day, month and year in any order that puts the year first or last, or two years.
fn is_date(digits: &[u8], sizes: &[usize]) -> bool {
    let value = |from: usize, length: usize| {
        digits[from..from + length].iter().fold(0u32, |sum, &digit| sum * 10 + u32::from(digit))
    };
    let is_year = |from: usize| (1000..2200).contains(&value(from, 4));
    let are_day_and_month = |from: usize, first: usize, second: usize| {
        let (one, two) = (value(from, first), value(from + first, second));
        (1..=31).contains(&one) && (1..=31).contains(&two) && one.min(two) <= 12
    };
    match *sizes {
        [first @ 1..=2, second @ 1..=2, 4] => is_year(first + second) && are_day_and_month(0, first, second),
        [4, first @ 1..=2, second @ 1..=2] => is_year(0) && are_day_and_month(4, first, second),
        [4, 4] => is_year(0) && is_year(4),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_may_stand_where_the_longest_number_ends() {
        for loose in 0..MOST_BYTES {
            for tight in 0..MOST_DIGITS {
                let text = format!("{}{}9)9.", "9--".repeat(loose), "9.".repeat(tight));
                let last = groups(text.as_bytes(), 0).ends.last().map_or(0, |&(_, end, _)| end);
                assert!(last <= MOST_BYTES, "{text}");
            }
        }
    }
}
