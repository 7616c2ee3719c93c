//! Check digits of national identifiers. Each function gets capitals and digits without separators, of a length that
//! one of the identifier's shapes has.

/// Value of a digit; letters count from 10 on, as in base 36.
fn value(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(0)
}

fn values(number: &[u8]) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
    number.iter().map(|&byte| value(byte))
}

/// Sum of digits times weights.
fn weighted(number: &[u8], weights: &[u32]) -> u32 {
    values(number).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn integer(number: &[u8]) -> u64 {
    values(number).fold(0, |sum, digit| sum * 10 + u64::from(digit))
}

fn luhn(number: &[u8]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits = values(number).rev().enumerate();
    digits.map(|(index, digit)| if index % 2 == 1 { doubled(digit) } else { digit }).sum::<u32>() % 10 == 0
}

/// ISO 7064, modulus 11 over 10: the running product ends at one.
fn mod_11_10(number: &[u8]) -> bool {
    let Some((last, body)) = number.split_last() else { return false };
    let product = values(body).fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == value(*last)
}

/// Is there such a day? `year` of four digits, or of two where the century is not known.
fn is_date(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Years of two digits: 1900 was no leap year, 2000 was.
fn is_short_date(year: u64, month: u64, day: u64) -> bool {
    is_date(1900 + year, month, day) || is_date(2000 + year, month, day)
}

fn is_varied(number: &[u8]) -> bool {
    number.iter().any(|byte| *byte != number[0])
}

/// Area, group and serial are given out; two numbers stood in advertisements.
pub(crate) fn us_ssn(n: &[u8]) -> bool {
    let (area, group, serial) = (integer(&n[..3]), integer(&n[3..5]), integer(&n[5..]));
    let is_specimen = n == b"078051120" || n == b"219099999" || n == b"457555462";
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !is_specimen
}

pub(crate) fn us_itin(n: &[u8]) -> bool {
    n[0] == b'9' && matches!(integer(&n[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

pub(crate) fn ca_sin(n: &[u8]) -> bool {
    !matches!(n[0], b'0' | b'8') && luhn(n)
}

pub(crate) fn uk_nhs(n: &[u8]) -> bool {
    weighted(n, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) && is_varied(n)
}

pub(crate) fn uk_nino(n: &[u8]) -> bool {
    let (first, second) = (n[0], n[1]);
    let is_unused = matches!(&n[..2], b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ");
    !b"DFIQUV".contains(&first) && !b"DFIOQUV".contains(&second) && !is_unused && matches!(n[8], b'A'..=b'D')
}

/// Of the first ten digits one comes twice or three times (not three in a row), and the first is not zero.
pub(crate) fn de_steuer_id(n: &[u8]) -> bool {
    let count = |digit: u8| n[..10].iter().filter(|byte| **byte == digit).count();
    let repeated: Vec<usize> = (b'0'..=b'9').map(count).filter(|&count| count > 1).collect();
    let in_a_row = n[..10].windows(3).any(|three| three[0] == three[1] && three[1] == three[2]);
    n[0] != b'0' && matches!(repeated.as_slice(), [2 | 3]) && !in_a_row && mod_11_10(n)
}

/// Corsica writes 2A and 2B for what counts as 19 and 18.
pub(crate) fn fr_nir(n: &[u8]) -> bool {
    let mut digits = n.to_vec();
    match &n[5..7] {
        b"2A" => digits[5..7].copy_from_slice(b"19"),
        b"2B" => digits[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let month = integer(&digits[3..5]);
    digits.iter().all(u8::is_ascii_digit)
        && matches!(n[0], b'1'..=b'4' | b'7' | b'8')
        && (matches!(month, 1..=12 | 20..=42 | 50..=99))
        && 97 - integer(&digits[..13]) % 97 == integer(&digits[13..])
}

pub(crate) fn es_dni(n: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let lead = match n[0] {
        digit @ b'0'..=b'9' => u64::from(digit - b'0'),
        letter @ b'X'..=b'Z' => u64::from(letter - b'X'),
        _ => return false,
    };
    let number = lead * 10_000_000 + integer(&n[1..8]);
    n[8] == LETTERS[(number % 23) as usize]
}

/// Digits may be written as letters where two people share a code.
pub(crate) fn it_codice_fiscale(n: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12,
        14, 16, 10, 22, 25, 24, 23,
    ];
    const SUBSTITUTES: &[u8; 10] = b"LMNPQRSTUV";
    let digit = |at: usize| match n[at] {
        byte @ b'0'..=b'9' => Some(u64::from(byte - b'0')),
        byte => SUBSTITUTES.iter().position(|known| *known == byte).map(|at| at as u64),
    };
    let Some(digits) = [6, 7, 9, 10, 12, 13, 14].map(digit).into_iter().collect::<Option<Vec<u64>>>() else {
        return false;
    };
    let Some(month) = b"ABCDEHLMPRST".iter().position(|known| *known == n[8]) else { return false };
    let day = digits[2] * 10 + digits[3];
    let sum: u32 = values(&n[..15])
        .enumerate()
        .map(|(index, value)| {
            if index % 2 == 0 {
                ODD[value as usize]
            } else if value > 9 {
                value - 10
            } else {
                value
            }
        })
        .sum();
    let is_day =
        is_short_date(digits[0] * 10 + digits[1], month as u64 + 1, if day > 40 { day - 40 } else { day });
    is_day && u32::from(n[15] - b'A') == sum % 26
}

pub(crate) fn nl_bsn(n: &[u8]) -> bool {
    let sum = weighted(&n[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
    integer(n) > 0 && sum % 11 == value(n[8])
}

/// The same for people born from 2000 on, with a 2 before the number.
pub(crate) fn be_nn(n: &[u8]) -> bool {
    let (body, check) = (integer(&n[..9]), integer(&n[9..]));
    let month = integer(&n[2..4]) % 20;
    let is_valid = |body: u64| 97 - body % 97 == check;
    (is_valid(body) || is_valid(2_000_000_000 + body)) && month <= 12 && integer(&n[4..6]) <= 31
}

/// The century is in the month.
pub(crate) fn pl_pesel(n: &[u8]) -> bool {
    let (year, month, day) = (integer(&n[..2]), integer(&n[2..4]), integer(&n[4..6]));
    let century = [1900, 2000, 2100, 2200, 1800][(month / 20) as usize];
    let sum = weighted(&n[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    is_date(century + year, month % 20, day) && (10 - sum % 10) % 10 == value(n[10])
}

/// Two check digits, each of all before it with falling weights.
fn brazilian(n: &[u8], weights: &[u32]) -> bool {
    let body = n.len() - 2;
    let check = |length: usize| {
        let rest = weighted(&n[..length], &weights[weights.len() - length..]) % 11;
        (if rest < 2 { 0 } else { 11 - rest }) == value(n[length])
    };
    is_varied(n) && check(body) && check(body + 1)
}

pub(crate) fn br_cpf(n: &[u8]) -> bool {
    brazilian(n, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

pub(crate) fn br_cnpj(n: &[u8]) -> bool {
    brazilian(n, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Verhoeff's check by the dihedral group of ten elements; palindromes are not given out.
pub(crate) fn in_aadhaar(n: &[u8]) -> bool {
    const PERMUTATION: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let product = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    let permuted = |index: usize, digit: usize| (0..index % 8).fold(digit, |digit, _| PERMUTATION[digit]);
    let digits = values(n).rev().enumerate();
    let sum = digits.fold(0, |sum, (index, digit)| product(sum, permuted(index, digit as usize)));
    let is_palindrome = n.iter().eq(n.iter().rev());
    n[0] >= b'2' && sum == 0 && !is_palindrome
}

/// The last is a digit or X for ten.
pub(crate) fn cn_resident_id(n: &[u8]) -> bool {
    let sum = weighted(&n[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let is_place =
        matches!(integer(&n[..2]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    let year = integer(&n[6..10]);
    let is_day = (1850..2100).contains(&year) && is_date(year, integer(&n[10..12]), integer(&n[12..14]));
    is_place && is_day && n[17] == b"10X98765432"[(sum % 11) as usize]
}

pub(crate) fn jp_my_number(n: &[u8]) -> bool {
    let rest = weighted(&n[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == value(n[11]) && is_varied(n)
}

/// The first digit of the second half says sex, century and whether a foreigner.
pub(crate) fn kr_rrn(n: &[u8]) -> bool {
    let century = match n[6] {
        b'1' | b'2' | b'5' | b'6' => 1900,
        b'3' | b'4' | b'7' | b'8' => 2000,
        _ => 1800,
    };
    let sum = weighted(&n[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let is_day = is_date(century + integer(&n[..2]), integer(&n[2..4]), integer(&n[4..6]));
    is_day && integer(&n[7..9]) <= 96 && (11 - sum % 11) % 10 == value(n[12])
}

/// With a letter for the century in seventh place, or a sign, which is no letter and so not in `n`.
pub(crate) fn fi_hetu(n: &[u8]) -> bool {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let (day, month, year) = (integer(&n[..2]), integer(&n[2..4]), integer(&n[4..6]));
    let (is_century, rest) = match n.len() {
        11 => (matches!(n[6], b'A'..=b'F' | b'U'..=b'Y'), &n[7..]),
        _ => (true, &n[6..]),
    };
    let number = integer(&n[..6]) * 1000 + integer(&rest[..3]);
    is_century
        && is_short_date(year, month, day)
        && (2..900).contains(&integer(&rest[..3]))
        && rest[3] == CHECKS[(number % 31) as usize]
}

/// The day is 60 higher in coordination numbers.
pub(crate) fn se_personnummer(n: &[u8]) -> bool {
    let short = &n[n.len() - 10..];
    let day = integer(&short[4..6]);
    let day = if day > 60 { day - 60 } else { day };
    let is_century = n.len() == 10 || matches!(&n[..2], b"18" | b"19" | b"20");
    is_century && is_short_date(integer(&short[..2]), integer(&short[2..4]), day) && luhn(short)
}

pub(crate) fn no_fodselsnummer(n: &[u8]) -> bool {
    let (day, month) = (integer(&n[..2]), integer(&n[2..4]));
    let first = 11 - weighted(&n[..9], &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11;
    let second = 11 - weighted(&n[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let (year, individual) = (integer(&n[4..6]), integer(&n[6..9]));
    let is_day = is_short_date(year, month % 40, if day > 40 { day - 40 } else { day });
    // the individual number says the century
    let is_century = match individual {
        0..500 | 900.. => true,
        500..750 => !(40..54).contains(&year),
        _ => year < 40,
    };
    is_day && is_century && first % 11 == value(n[9]) && second % 11 == value(n[10])
}

pub(crate) fn au_tfn(n: &[u8]) -> bool {
    weighted(n, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && is_varied(n)
}

pub(crate) fn tr_tckn(n: &[u8]) -> bool {
    let sum = |from: usize| values(&n[..9]).skip(from).step_by(2).sum::<u32>();
    let tenth = (sum(0) * 7 + 9 * sum(1)) % 10;
    let eleventh = values(&n[..10]).sum::<u32>() % 10;
    n[0] != b'0' && tenth == value(n[9]) && eleventh == value(n[10])
}

pub(crate) fn za_id(n: &[u8]) -> bool {
    is_short_date(integer(&n[..2]), integer(&n[2..4]), integer(&n[4..6]))
        && matches!(n[10], b'0'..=b'2')
        && luhn(n)
}

/// Letters count as in base 37 with Ñ after N.
pub(crate) fn mx_curp(n: &[u8]) -> bool {
    let worth = |byte: u8| value(byte) + u32::from(byte > b'N');
    let sum: u32 = n[..17].iter().zip((2..=18).rev()).map(|(&byte, weight)| worth(byte) * weight).sum();
    let is_day = is_short_date(integer(&n[4..6]), integer(&n[6..8]), integer(&n[8..10]));
    matches!(n[10], b'H' | b'M' | b'X') && is_day && (10 - sum % 10) % 10 == value(n[17])
}

pub(crate) fn ar_cuit(n: &[u8]) -> bool {
    let rest = weighted(&n[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let is_type = matches!(integer(&n[..2]), 20 | 23..=27 | 30 | 33 | 34 | 50 | 51 | 55);
    is_type && n[10] == b"09987654321"[rest as usize]
}

pub(crate) fn cl_rut(n: &[u8]) -> bool {
    let Some((last, body)) = n.split_last() else { return false };
    let sum: u32 = values(body).rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(d, w)| d * w).sum();
    let check = b"0123456789K"[((11 - sum % 11) % 11) as usize];
    *last == check && is_varied(body)
}

pub(crate) fn ch_ahv(n: &[u8]) -> bool {
    n.starts_with(b"756") && weighted(n, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// The fourth digit checks the others; the month may be 13 to 15 where a day's numbers are used up.
pub(crate) fn at_svnr(n: &[u8]) -> bool {
    let check = weighted(n, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    n[0] != b'0' && check == value(n[3])
}

pub(crate) fn pt_nif(n: &[u8]) -> bool {
    let sum = weighted(&n[..8], &[9, 8, 7, 6, 5, 4, 3, 2]);
    n[0] != b'0' && (11 - sum % 11) % 11 % 10 == value(n[8])
}

/// The second letter, where there is one, counts nine times.
pub(crate) fn ie_pps(n: &[u8]) -> bool {
    let second = n.get(8).map_or(0, |&byte| if byte == b'W' { 0 } else { u32::from(byte - b'A') + 1 });
    let sum = weighted(&n[..7], &[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    n[7] == b"WABCDEFGHIJKLMNOPQRSTUV"[(sum % 23) as usize]
        && matches!(n.get(8), None | Some(b'A'..=b'I' | b'T' | b'W'))
}

pub(crate) fn il_id(n: &[u8]) -> bool {
    integer(n) > 0 && luhn(n)
}

pub(crate) fn sg_nric(n: &[u8]) -> bool {
    let sum = weighted(&n[1..8], &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match n[0] {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    n[8] == letters[((sum + offset) % 11) as usize]
}

pub(crate) fn th_id(n: &[u8]) -> bool {
    let sum = weighted(&n[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    !matches!(n[0], b'0' | b'9') && (11 - sum % 11) % 10 == value(n[12])
}

pub(crate) fn ro_cnp(n: &[u8]) -> bool {
    let rest = weighted(&n[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let is_day = is_short_date(integer(&n[1..3]), integer(&n[3..5]), integer(&n[5..7]));
    let is_county = matches!(integer(&n[7..9]), 1..=48 | 51 | 52 | 70 | 80..=83);
    n[0] != b'0' && is_day && is_county && (if rest == 10 { 1 } else { rest }) == value(n[12])
}

/// The month is 20 higher before 1900 and 40 higher from 2000 on.
pub(crate) fn bg_egn(n: &[u8]) -> bool {
    let (year, month, day) = (integer(&n[..2]), integer(&n[2..4]), integer(&n[4..6]));
    let is_day = match month {
        41..=52 => is_date(2000 + year, month - 40, day),
        21..=32 => is_date(1800 + year, month - 20, day),
        _ => is_date(1900 + year, month, day),
    };
    is_day && weighted(&n[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == value(n[9])
}

/// A second row of weights where the first leaves ten.
pub(crate) fn ee_isikukood(n: &[u8]) -> bool {
    let first = weighted(&n[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&n[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    let century = 1800 + 100 * ((u64::from(value(n[0])).max(1) - 1) / 2);
    let is_day = is_date(century + integer(&n[1..3]), integer(&n[3..5]), integer(&n[5..7]));
    matches!(n[0], b'1'..=b'8') && is_day && check == value(n[10])
}

pub(crate) fn hr_oib(n: &[u8]) -> bool {
    mod_11_10(n)
}
