//! Character classes: the sets that web-text filters agree on, and Python's idea of white space.
//!
//! Single questions are a match over ranges, which compiles to a few comparisons; `Class` answers all of them at once
//! from a table.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::bytes::AsciiClass;

/// White space as Python's `str.isspace` and `str.split` see it: Unicode's, and the four ASCII separators.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Ends a line for Python's `str.splitlines`.
pub fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A decimal digit of any script (Unicode category Nd).
pub fn is_decimal(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.general_category() == GeneralCategory::DecimalNumber)
}

/// A letter (Unicode categories L*), as Python's `str.isalpha` asks of each character.
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    // `is_alphabetic` is a wider set (it has letter numbers and vowel signs), so it excludes cheaply.
    c.is_alphabetic()
        && matches!(
            c.general_category(),
            GeneralCategory::UppercaseLetter
                | GeneralCategory::LowercaseLetter
                | GeneralCategory::TitlecaseLetter
                | GeneralCategory::ModifierLetter
                | GeneralCategory::OtherLetter
        )
}

/// A combining mark that takes no room of its own (category Mn): what diacritics become under NFD.
pub fn is_nonspacing_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category() == GeneralCategory::NonspacingMark
}

/// Punctuation and control characters of web text that shingles ignore: ASCII, common quotes and dashes,
/// and the full-width and CJK marks.
pub fn is_web_punctuation(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '!'..='/' | ':'..='@' | '['..='`' | '{'..='\u{9f}'
        | '«' | '´' | '»' | '–' | '—' | '’' | '“'..='„' | '…' | '∶' | '━' | '►'
        | '、' | '。' | '〈'..='」' | '【' | '】'
        | '！' | '％' | '（' | '）' | '，' | '．' | '１' | '：' | '；' | '？' | '～')
}

/// Ends a sentence in some script (Unicode `Sentence_Terminal` with a few additions; no quotation marks).
pub fn is_terminal_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '!' | '.' | '?');
    }
    matches!(c,
        '\u{589}' | '\u{61d}'..='\u{61f}' | '\u{6d4}' | '\u{700}'..='\u{702}' | '\u{7f9}' | '\u{837}'
        | '\u{839}' | '\u{83d}'..='\u{83e}' | '\u{964}'..='\u{965}' | '\u{104a}'..='\u{104b}' | '\u{1362}'
        | '\u{1367}'..='\u{1368}' | '\u{166e}' | '\u{1735}'..='\u{1736}' | '\u{17d4}'..='\u{17d6}'
        | '\u{17d9}'..='\u{17da}' | '\u{1803}' | '\u{1809}' | '\u{1944}'..='\u{1945}'
        | '\u{1aa8}'..='\u{1aab}' | '\u{1b5a}'..='\u{1b5b}' | '\u{1b5e}'..='\u{1b5f}'
        | '\u{1b7d}'..='\u{1b7e}' | '\u{1c3b}'..='\u{1c3c}' | '\u{1c7e}'..='\u{1c7f}'
        | '\u{203c}'..='\u{203d}' | '\u{2047}'..='\u{2049}' | '\u{2e2e}' | '\u{2e3c}'
        | '\u{2e53}'..='\u{2e54}' | '\u{3002}' | '\u{a4ff}' | '\u{a60e}'..='\u{a60f}' | '\u{a6f3}'
        | '\u{a6f7}' | '\u{a876}'..='\u{a877}' | '\u{a8ce}'..='\u{a8cf}' | '\u{a92f}'
        | '\u{a9c8}'..='\u{a9c9}' | '\u{aa5d}'..='\u{aa5f}' | '\u{aaf0}'..='\u{aaf1}' | '\u{abeb}'
        | '\u{fe52}' | '\u{fe56}'..='\u{fe57}' | '\u{ff01}' | '\u{ff0e}' | '\u{ff1f}' | '\u{ff61}'
        | '\u{10a56}'..='\u{10a57}' | '\u{10f55}'..='\u{10f59}' | '\u{10f86}'..='\u{10f89}'
        | '\u{11047}'..='\u{11048}' | '\u{110be}'..='\u{110c1}' | '\u{11141}'..='\u{11143}'
        | '\u{111c5}'..='\u{111c6}' | '\u{111cd}' | '\u{111de}'..='\u{111df}' | '\u{11238}'..='\u{11239}'
        | '\u{1123b}'..='\u{1123c}' | '\u{112a9}' | '\u{1144b}'..='\u{1144c}' | '\u{115c2}'..='\u{115c3}'
        | '\u{115c9}'..='\u{115d7}' | '\u{11641}'..='\u{11642}' | '\u{1173c}'..='\u{1173e}' | '\u{11944}'
        | '\u{11946}' | '\u{11a42}'..='\u{11a43}' | '\u{11a9b}'..='\u{11a9c}' | '\u{11c41}'..='\u{11c42}'
        | '\u{11ef7}'..='\u{11ef8}' | '\u{11f43}'..='\u{11f44}' | '\u{16a6e}'..='\u{16a6f}' | '\u{16af5}'
        | '\u{16b37}'..='\u{16b38}' | '\u{16b44}' | '\u{16e98}' | '\u{1bc9f}' | '\u{1da88}')
}

/// A character that does not make a token a word: web punctuation, sentence enders, control characters.
pub fn is_symbol(c: char) -> bool {
    is_web_punctuation(c) || is_terminal_punctuation(c)
}

/// What a character counts as. The lowest seven bits are what sums over characters are made of.
#[derive(Clone, Copy, Default)]
pub(crate) struct Class(u16);

impl Class {
    /// Set for every character.
    const ANY: u16 = 1;
    const DECIMAL: u16 = 1 << 1;
    const UPPER: u16 = 1 << 2;
    const WEB_PUNCTUATION: u16 = 1 << 3;
    const HASH: u16 = 1 << 4;
    const CURLY: u16 = 1 << 5;
    const ELLIPSIS: u16 = 1 << 6;
    const LETTER: u16 = 1 << 7;
    const NO_SYMBOL: u16 = 1 << 8;
    const NO_PUNCTUATION: u16 = 1 << 9;

    fn compute(c: char) -> Self {
        let bit = |holds: bool, bit: u16| if holds { bit } else { 0 };
        let punctuation = c.general_category_group() == GeneralCategoryGroup::Punctuation;
        Self(
            Self::ANY
                | bit(is_decimal(c), Self::DECIMAL)
                | bit(c.is_uppercase(), Self::UPPER)
                | bit(is_web_punctuation(c), Self::WEB_PUNCTUATION)
                | bit(c == '#', Self::HASH)
                | bit(c == '{', Self::CURLY)
                | bit(c == '…', Self::ELLIPSIS)
                | bit(is_letter(c), Self::LETTER)
                | bit(!is_symbol(c), Self::NO_SYMBOL)
                | bit(!punctuation, Self::NO_PUNCTUATION),
        )
    }

    /// One in each of the seven lowest bytes that the character counts for: characters, decimal digits, upper case, web
    /// punctuation, `#`, `{`, `…`.
    #[inline]
    pub(crate) fn counts(self) -> u64 {
        (u64::from(self.0 & 0x7f) * 0x0002_0408_1020_4081) & 0x0001_0101_0101_0101
    }

    /// What at least one of two strings has.
    #[inline]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is a letter among the characters?
    pub(crate) fn has_letter(self) -> bool {
        self.0 & Self::LETTER != 0
    }

    /// Is anything but symbols (`is_symbol`) among them?
    pub(crate) fn has_no_symbol(self) -> bool {
        self.0 & Self::NO_SYMBOL != 0
    }

    /// Are all of Unicode's category P?
    pub(crate) fn is_punctuation(self) -> bool {
        self.0 & Self::NO_PUNCTUATION == 0
    }
}

/// Classes of the characters of the Basic Multilingual Plane, from a table.
#[derive(Clone, Copy)]
pub(crate) struct Classes {
    table: &'static [u16],
    ascii: &'static [AsciiClass; 256],
}

impl Default for Classes {
    fn default() -> Self {
        static TABLE: LazyLock<Box<[u16]>> = LazyLock::new(|| {
            let all = 0..=u32::from(u16::MAX);
            all.map(|code| char::from_u32(code).map_or(0, |c| Class::compute(c).0)).collect()
        });
        static ASCII: LazyLock<[AsciiClass; 256]> =
            LazyLock::new(|| std::array::from_fn(|byte| AsciiClass::of(byte as u8, Class(TABLE[byte]))));
        Self { table: &TABLE, ascii: &ASCII }
    }
}

impl Classes {
    /// The class of an ASCII character.
    #[inline(always)]
    pub(crate) fn of_ascii(self, byte: u8) -> AsciiClass {
        self.ascii[usize::from(byte)]
    }

    /// The class of `c`.
    #[inline]
    pub(crate) fn of(self, c: char) -> Class {
        self.table.get(c as usize).map_or_else(|| Class::compute(c), |&class| Class(class))
    }
}
