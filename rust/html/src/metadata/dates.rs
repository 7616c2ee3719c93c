//! Dates as pages write them.

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Years of pages: the first ones are of 1991; a few dates lie ahead.
const YEARS: std::ops::RangeInclusive<u32> = 1990..=2100;

/// A date as `YYYY-MM-DD`: from one that starts so, with `-`, `/`, `.` or nothing between, or from one with an English
/// name of the month ("Tue, 03 Mar 2020 10:00", "March 3, 2020"). Others are ambiguous.
pub(super) fn iso_date(text: &str) -> Option<String> {
    let text = text.trim().get(..64).unwrap_or_else(|| text.trim());
    numeric(text).or_else(|| named(text)).map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

fn checked(year: u32, month: u32, day: u32) -> Option<(u32, u32, u32)> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (YEARS.contains(&year) && (1..=days).contains(&day)).then_some((year, month, day))
}

fn numeric(text: &str) -> Option<(u32, u32, u32)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse().ok();
    if digits == 8 || digits == 14 {
        return checked(number(0..4)?, number(4..6)?, number(6..8)?);
    }
    let mut parts = text.split(['-', '/', '.']);
    let (year, month) = (parts.next().filter(|_| digits == 4)?, parts.next()?);
    let day: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    if month.len() > 2 || day.len() > 2 {
        return None;
    }
    checked(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn named(text: &str) -> Option<(u32, u32, u32)> {
    let (mut year, mut month, mut day) = (None, None, None);
    for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let is_ordinal = matches!(&word[digits..], "" | "st" | "nd" | "rd" | "th");
        if digits == 4 && word.len() == 4 {
            year = year.or(word.parse().ok());
        } else if (1..=2).contains(&digits) && is_ordinal {
            day = day.or(word[..digits].parse().ok());
        } else if word.len() >= 3 {
            let word = word.to_ascii_lowercase();
            let is_month = |name: &&str| name.starts_with(&word) || word == "sept" && **name == *"september";
            month = month.or(MONTHS.iter().position(is_month).map(|index| index as u32 + 1));
        }
    }
    checked(year?, month?, day?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_or_left() {
        let cases = [
            ("2024-03-05", Some("2024-03-05")),
            (" 2024-03-05T10:00:00Z", Some("2024-03-05")),
            ("2024/3/5 10:00", Some("2024-03-05")),
            ("20240305", Some("2024-03-05")),
            ("20240305101112", Some("2024-03-05")),
            ("Tue, 05 Mar 2024 10:00:00 GMT", Some("2024-03-05")),
            ("March 5th, 2024", Some("2024-03-05")),
            ("5 Sept. 2024", Some("2024-09-05")),
            ("2024-02-29", Some("2024-02-29")),
            ("2023-02-29", None),
            ("2024-13-01", None),
            ("2024-03", None),
            ("03/05/2024", None),
            ("1024-03-05", None),
            ("1709632800", None),
            ("yesterday", None),
            ("", None),
            ("\u{65e5}\u{672c}\u{8a9e}", None),
        ];
        for (text, date) in cases {
            assert_eq!(iso_date(text).as_deref(), date, "{text}");
        }
    }
}
