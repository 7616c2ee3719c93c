//! National ways of writing telephone numbers that are telling without a word that names them.

use crate::phone_plans::is_nanp;

/// A way of writing: sizes of the groups, how the number begins, what may stand between groups.
struct Shape {
    sizes: &'static [usize],
    /// With any of these digits; `x` is any digit.
    begins: &'static [&'static str],
    separators: &'static [u8],
    /// Is the first group in parentheses, always?
    parenthesis: bool,
}

const fn shape(sizes: &'static [usize], begins: &'static [&'static str], separators: &'static [u8]) -> Shape {
    Shape { sizes, begins, separators, parenthesis: false }
}

const fn enclosed(
    sizes: &'static [usize],
    begins: &'static [&'static str],
    separators: &'static [u8],
) -> Shape {
    Shape { sizes, begins, separators, parenthesis: true }
}

const ANY: &[u8] = b" -.";
const SPACE: &[u8] = b" ";
const DASH: &[u8] = b"-";
const SLASH: &[u8] = b"/-";
const SLASH_OR_SPACE: &[u8] = b"/- ";
/// Areas of countries where they begin with a trunk zero.
const AREAS: &[&str] = &["02", "03", "04", "05", "06", "07", "08", "09"];

/// From the national numbering plans in ITU-T E.129 and the regulators' pages. Groups of three digits without a
/// leading zero are missing on purpose: amounts are written like that.
const SHAPES: &[Shape] = &[
    // France, Belgium (mobile and small areas), Switzerland, Austria, Turkey, Sweden
    shape(&[2, 2, 2, 2, 2], &["01", "02", "03", "04", "05", "06", "07", "08", "09"], ANY),
    shape(&[4, 2, 2, 2], &["04", "08"], ANY),
    shape(&[2, 3, 2, 2], &["02", "03", "04", "09"], ANY),
    shape(&[3, 3, 2, 2], AREAS, ANY),
    shape(&[4, 3, 2, 2], &["02", "03", "04", "05", "06", "08"], ANY),
    // Britain, Ireland, Australia, New Zealand, South Africa, Thailand, Finland, Vietnam
    shape(&[3, 4, 4], &["01", "02", "03", "05", "07", "08", "09"], ANY),
    shape(&[4, 3, 4], &["01", "03", "07", "08", "09"], ANY),
    shape(&[5, 3, 3], &["01", "07"], SPACE),
    shape(&[5, 6], &["01", "07"], SPACE),
    shape(&[2, 3, 4], &["01", "02", "03", "04", "06", "07", "09"], ANY),
    shape(&[2, 4, 4], &["02", "03", "04", "06", "07", "08"], ANY),
    shape(&[4, 3, 3], &["03", "04", "07", "08", "09", "13", "18"], SPACE),
    shape(&[3, 3, 4], &["01", "02", "03", "04", "05", "06", "07", "08", "09"], ANY),
    // Germany, Austria, the Netherlands, Israel, China, India, Pakistan, the Philippines, Indonesia
    shape(&[3, 6], AREAS, b"/ "),
    shape(&[3, 7], AREAS, SLASH_OR_SPACE),
    shape(&[3, 8], &["01"], SLASH),
    shape(&[3, 8], AREAS, SLASH_OR_SPACE),
    shape(&[2, 7], &["02", "03", "04", "08", "09"], DASH),
    shape(&[2, 8], &["03", "02"], DASH),
    shape(&[2, 8], &["06"], b"- "),
    shape(&[4, 6], AREAS, SLASH_OR_SPACE),
    shape(&[4, 7], &["01"], SLASH_OR_SPACE),
    shape(&[4, 7], AREAS, SLASH_OR_SPACE),
    shape(&[5, 7], &["015", "016", "017"], SLASH_OR_SPACE),
    shape(&[5, 6], &["01", "07"], b"-./"),
    shape(&[6, 5], &["06", "07", "08", "09"], b" -"),
    shape(&[3, 2, 2, 2], AREAS, SPACE),
    shape(&[4, 3, 3], &["04"], b"-."),
    shape(&[4, 8], &["01", "03", "04", "05", "06", "07", "08", "09"], SLASH),
    shape(&[5, 5], AREAS, SLASH),
    shape(&[5, 5], &["06", "07", "08", "09"], SPACE),
    // mobile numbers of Britain and Germany in one group
    shape(&[11], &["07", "015", "016", "017"], b""),
    shape(&[4, 4, 4], &["08"], ANY),
    // China (mobile), Russia with the old trunk eight, Hungary
    shape(&[3, 4, 4], &["13", "14", "15", "16", "17", "18", "19"], b" -"),
    shape(&[1, 3, 3, 2, 2], &["83", "84", "88", "89"], b" -"),
    shape(&[2, 1, 3, 4], &["061"], ANY),
    // areas in parentheses: Brazil, Mexico, Argentina, Ukraine, Russia
    enclosed(&[2, 4, 4], &["xx"], b" -"),
    enclosed(&[2, 5, 4], &["xx9"], b" -"),
    enclosed(&[3, 3, 2, 2], &["xxx"], b" -"),
    enclosed(&[3, 3, 4], &["0"], b" -"),
    enclosed(&[3, 4, 4], &["0"], b" -"),
    enclosed(&[4, 3, 4], &["0"], b" -"),
    enclosed(&[4, 3, 3], &["0"], b" -"),
    enclosed(&[5, 6], &["0"], b" -"),
    enclosed(&[5, 3, 3], &["0"], b" -"),
];

/// Is a number grouped like this one a telephone number without any word that says so?
pub(crate) fn is_telling<I: Iterator<Item = u8>>(
    digits: &[u8],
    sizes: &[usize],
    separators: impl Fn() -> I,
    has_parenthesis: bool,
) -> bool {
    // the same between all groups; after a trunk digit or a parenthesis there may be another, or none
    let free = if sizes[0] == 1 { 2 } else { usize::from(has_parenthesis) };
    let first = separators().nth(free).unwrap_or(0);
    let is_uniform = separators().skip(free).all(|known| known == first);
    if !is_uniform {
        return false;
    }
    let is_american = match sizes {
        [3, 3, 4] if has_parenthesis => is_nanp(digits),
        [3, 3, 4] => is_nanp(digits) && matches!(first, b'-' | b'.' | b' '),
        [1, 3, 3, 4] => digits[0] == 1 && is_nanp(&digits[1..]) && matches!(first, b'-' | b'.' | b' '),
        _ => false,
    };
    let begins = |pattern: &&str| {
        pattern.bytes().zip(digits).all(|(wanted, &digit)| wanted == b'x' || wanted - b'0' == digit)
    };
    let is_listed = |shape: &&Shape| {
        shape.sizes == sizes
            && (has_parenthesis || !shape.parenthesis)
            && (shape.separators.contains(&first) || (first == 0 && (has_parenthesis || sizes.len() == 1)))
            && shape.begins.iter().any(begins)
    };
    let is_varied = digits.iter().any(|digit| *digit != digits[0]);
    is_american || (is_varied && SHAPES.iter().any(|shape| is_listed(&shape)))
}
