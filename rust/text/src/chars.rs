//! Character classes: the sets that web-text filters agree on, and Python's idea of white space.
//!
//! All lookups are a match over ranges, which compiles to a few comparisons; ASCII is decided first.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

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
