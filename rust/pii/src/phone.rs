//! Telephone numbers: international ones with `+` or `00`, national ones by their grouping or with context words.

use crate::context::{self, Words};
use crate::phone_groups::{FEWEST_DIGITS, Groups, balanced, clean_end, groups};
use crate::phone_national::is_telling;
use crate::phone_plans::{Plan, international, is_nanp};
use crate::verdict::Verdict;

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
    "contact",
    "ph",
    "mob",
    "telefon",
    "tél",
    "téléphone",
    "telefono",
    "teléfono",
    "móvil",
    "handy",
    "handynummer",
    "mobilnummer",
    "rufnummer",
    "telefax",
    "fon",
    "telefone",
    "fone",
    "celular",
    "cel",
    "тел",
    "телефон",
    "電話",
    "电话",
    "전화",
    "هاتف",
    "telefoonnummer",
    "telefonu",
    "puhelin",
    "puh",
    "tlf",
    "gsm",
    "natel",
    "mobil",
    "portable",
    "cellulare",
    "टेलीफोन",
    "फोन",
    "☎",
    "☏",
    "✆",
    "📞",
    "📱",
]);
/// What a number right behind such a word is instead.
const OTHER_NUMBERS: [&[u8]; 9] =
    [b"build", b"version", b"isbn", b"issn", b"order", b"model", b"item", b"part", b"invoice"];

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
    let is_glued = before.is_some_and(|byte| byte.is_ascii_alphabetic()) && text[start] == b'(';
    let joined = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/' | b'_' | b'$' | b'=' | b'&' | b'%')
    };
    if before.is_some_and(joined) && !is_glued {
        return Verdict::Nothing;
    }
    let place = match (is_glued, is_in_row(text, start)) {
        (true, _) => Place::Glued,
        (_, true) => Place::InRow,
        _ => Place::Free,
    };
    national(text, start, place)
}

/// The number right behind one that ends at `end`, in a row of numbers.
pub(crate) fn next_in_row(text: &[u8], end: usize) -> Verdict {
    match text[end - 1..] {
        [b'0'..=b'9', b' ', b'0'..=b'9' | b'(', ..] => national(text, end + 1, Place::Free),
        _ => Verdict::Nothing,
    }
}

/// Is the digit run at `run` the beginning of a row of numbers, with no digit and space before it?
pub(crate) fn begins_row(text: &[u8], run: usize) -> bool {
    !is_in_row(text, run - usize::from(text[..run].ends_with(b"(")))
}

fn is_in_row(text: &[u8], start: usize) -> bool {
    matches!(text[..start], [.., b'0'..=b'9', b' '])
}

/// What stands before a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing that belongs to it.
    Free,
    /// Other groups of digits: only a way of writing that tells where it begins is a number there.
    InRow,
    /// A word, up to the parenthesis around the area.
    Glued,
}

fn national(text: &[u8], start: usize, place: Place) -> Verdict {
    let found = groups(text, start);
    if found.digits.len() < FEWEST_DIGITS {
        return Verdict::Nothing;
    }
    let sizes = found.sizes();
    if (2..=3).any(|count| sizes.get(..count).is_some_and(|sizes| is_date(&found.digits, sizes))) {
        return Verdict::Nothing;
    }
    let is_named = place == Place::Free && is_named(text, start, &found);
    if place == Place::Free
        && let Some(verdict) = abroad(text, start, is_named)
    {
        return verdict;
    }
    let has_parenthesis = text[start] == b'(';
    let mut longest_named = None;
    for (index, group) in found.groups.iter().enumerate().rev() {
        let Some(end) = clean_end(text, group.end) else { continue };
        let (digits, sizes) = (&found.digits[..group.count], &sizes[..=index]);
        let separators = || found.groups[1..=index].iter().map(|group| group.separator);
        if !is_plausible(digits) {
            continue;
        }
        let tells_its_begin = has_parenthesis || sizes == [3, 3, 4];
        if (place == Place::Free || tells_its_begin)
            && is_telling(digits, sizes, separators, has_parenthesis)
            && !goes_on(&found, index)
        {
            return Verdict::Found(balanced(text, start, end));
        }
        let is_listing = separators().filter(|&separator| separator == b'/').count() > 1;
        let is_time = text.get(end) == Some(&b':') && context::digit_at(text, end + 1);
        if is_named && !is_time && !is_listing && is_plausibly_grouped(sizes) {
            longest_named = longest_named.or(Some(end));
        }
    }
    match longest_named {
        Some(end) => Verdict::Found(balanced(text, start, end)),
        None if is_named => Verdict::NearMiss,
        None => Verdict::Nothing,
    }
}

/// Do words before it say that it is a telephone number?
fn is_named(text: &[u8], start: usize, found: &Groups) -> bool {
    // a long row of short groups is a list of numbers
    let is_list = found.is_cut && found.groups[1..].iter().all(|group| group.size <= 2);
    let before = text[..start].trim_ascii_end();
    let is_other = || {
        OTHER_NUMBERS.iter().any(|word| {
            before.len().checked_sub(word.len()).is_some_and(|at| before[at..].eq_ignore_ascii_case(word))
        })
    };
    !is_list && (WORDS.before(text, start, CONTEXT_BYTES) || has_initial(before, found)) && !is_other()
}

/// `T: `, `(P) ` and their like before a number of several groups.
fn has_initial(before: &[u8], found: &Groups) -> bool {
    let (rest, is_initial) = match before {
        [rest @ .., b'T' | b'P' | b'M' | b'F', b':'] => (rest, true),
        [rest @ .., b'(', b'T' | b'P' | b'M' | b'F', b')'] => (rest, true),
        _ => (before, false),
    };
    is_initial
        && found.groups.len() > 1
        && !rest.last().is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte >= 0x80)
}

/// Is it the beginning of a row of groups of four, which a card or a reference has?
fn goes_on(found: &Groups, index: usize) -> bool {
    let next = found.groups.get(index + 1);
    next.is_some_and(|next| next.size == 4) && found.groups[..=index].iter().all(|group| group.size == 4)
}

/// A number with the `00` that is dialled before a country code; without a word that names it only if the code stands
/// apart from what follows. `None` where it is none.
fn abroad(text: &[u8], start: usize, is_named: bool) -> Option<Verdict> {
    if !text[start..].starts_with(b"00") {
        return None;
    }
    let mut found = groups(text, start);
    remove_trunk_zero(text, &mut found);
    let digits = found.digits.get(2..)?;
    let Plan { code, fewest, most } = international(digits)?;
    // no national number begins with a zero, but in Italy
    let is_national = digits.get(code).is_some_and(|&digit| digit != 0) || digits.starts_with(&[3, 9]);
    let stands_apart = is_national && found.groups.iter().any(|group| group.count == 2 + code);
    if !stands_apart && !is_named {
        return None;
    }
    let mut fits = found.groups.iter().rev().filter(|group| (fewest + 2..=most + 2).contains(&group.count));
    let (count, end) = fits.find_map(|group| Some((group.count, clean_end(text, group.end)?)))?;
    is_valid(&found.digits[2..count]).then(|| Verdict::Found(balanced(text, start, end)))
}

fn plus(text: &[u8], start: usize, digits_at: usize) -> Verdict {
    let mut found = groups(text, digits_at);
    let is_glued = context::alnum_before(text, start);
    if is_glued && (text[start - 1].is_ascii_digit() || found.groups.len() < 2) {
        return Verdict::Nothing;
    }
    remove_trunk_zero(text, &mut found);
    if found.digits.len() < FEWEST_DIGITS {
        return Verdict::Nothing;
    }
    let Some(Plan { fewest, most, .. }) = international(&found.digits) else { return Verdict::NearMiss };
    let mut fits = found.groups.iter().rev().filter(|group| (fewest..=most).contains(&group.count));
    let Some((count, end)) = fits.find_map(|group| Some((group.count, clean_end(text, group.end)?))) else {
        return Verdict::NearMiss;
    };
    // "(+44) 20 ..."
    let start = start - usize::from(text[..start].ends_with(b"("));
    Verdict::checked(is_valid(&found.digits[..count]), balanced(text, start, end))
}

/// "+44 (0)20 ...": the trunk zero is not dialled from abroad.
fn remove_trunk_zero(text: &[u8], found: &mut Groups) {
    let is_trunk = |index: &usize| {
        let group = found.groups[*index];
        group.size == 1 && found.digits[group.count - 1] == 0 && text[group.end - 1] == b')'
    };
    if let Some(index) = (1..found.groups.len()).find(is_trunk) {
        found.remove_group(index);
    }
}

/// Could these digits, country code first, be dialled?
fn is_valid(digits: &[u8]) -> bool {
    if digits[0] == 1 { is_nanp(&digits[1..]) } else { is_plausible(digits) }
}

/// Enough digits, not too many, no round amount, no binary number, and not one digit throughout.
fn is_plausible(digits: &[u8]) -> bool {
    let zeros = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let is_varied = digits.iter().any(|digit| *digit != digits[0]) && digits.iter().any(|digit| *digit > 1);
    (FEWEST_DIGITS..=15).contains(&digits.len()) && zeros < 5 && is_varied
}

/// A lone digit is a trunk prefix, a small area or a desk; more of them are a list of numbers. A ZIP code with its four
/// digits is none either.
fn is_plausibly_grouped(sizes: &[usize]) -> bool {
    let lone = sizes.iter().filter(|&&size| size == 1).count();
    let ends_alone = sizes.last() == Some(&1) && sizes.len() < 3;
    lone <= 1 && !ends_alone && sizes != [5, 4]
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
