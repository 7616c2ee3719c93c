//! What one run of text consists of, counted in one pass.

use std::ops::AddAssign;

/// Counts over a run of text. Lengths are in characters, except `words`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Words; two characters of a script without spaces (Han, kana, Thai …) count as one.
    pub words: u32,
    /// Characters other than white space.
    pub characters: u32,
    /// Letters of any script.
    pub letters: u32,
    /// Upper-case letters.
    pub capitals: u32,
    /// Commas, semicolons and their wide forms.
    pub commas: u32,
    /// Characters that separate items of menus and bylines: `|`, `»`, `›`, `•`, `·`, `/`, `→`, `©`.
    pub separators: u32,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.characters += other.characters;
        self.letters += other.letters;
        self.capitals += other.capitals;
        self.commas += other.commas;
        self.separators += other.separators;
    }
}

/// Scripts written without spaces between words.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}'      // Thai, Lao
        | '\u{1000}'..='\u{109f}'    // Myanmar
        | '\u{1780}'..='\u{17ff}'    // Khmer
        | '\u{3040}'..='\u{30ff}'    // Hiragana, Katakana
        | '\u{3400}'..='\u{9fff}'    // Han
        | '\u{f900}'..='\u{faff}'    // Han, compatibility
        | '\u{20000}'..='\u{3ffff}') // Han, supplementary planes
}

/// Counts `text`.
pub(crate) fn count(text: &str) -> Counts {
    let mut counts = Counts::default();
    let mut unspaced = 0u32;
    let mut in_word = false;
    let bytes = text.as_bytes();
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        if byte < 0x80 {
            position += 1;
            if byte.is_ascii_alphanumeric() {
                counts.words += u32::from(!in_word);
                in_word = true;
                counts.characters += 1;
                counts.letters += u32::from(byte.is_ascii_alphabetic());
                counts.capitals += u32::from(byte.is_ascii_uppercase());
                continue;
            }
            // `\w` holds the underscore, and an apostrophe inside a word is no reason to count two.
            in_word = in_word && matches!(byte, b'_' | b'\'');
            match byte {
                b' ' | b'\n' | b'\t' => continue,
                b',' | b';' => counts.commas += 1,
                b'|' | b'/' => counts.separators += 1,
                _ => {}
            }
            counts.characters += 1;
            continue;
        }
        let Some(character) = text.get(position..).and_then(|rest| rest.chars().next()) else { break };
        position += character.len_utf8();
        counts.characters += 1;
        if is_unspaced(character) {
            unspaced += 1;
            counts.letters += 1;
            in_word = false;
        } else if character.is_alphanumeric() {
            counts.words += u32::from(!in_word);
            in_word = true;
            counts.letters += u32::from(character.is_alphabetic());
            counts.capitals += u32::from(character.is_uppercase());
        } else {
            in_word = in_word && character == '\u{2019}';
            match character {
                '，' | '、' | '；' | '،' => counts.commas += 1,
                '»' | '«' | '›' | '‹' | '•' | '·' | '→' | '←' | '©' | '®' => {
                    counts.separators += 1
                }
                _ => {}
            }
        }
    }
    counts.words += unspaced.div_ceil(2);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_spaced_and_unspaced_scripts() {
        assert_eq!(count("It's a test_case, no. 5!").words, 5);
        assert_eq!(count("これはペンです。").words, 4);
        assert_eq!(count("Straße ist schön").words, 3);
        assert_eq!(count("").words, 0);
    }

    #[test]
    fn marks() {
        let counts = count("One. Two? Version 2.5; costs $3, | © ACME");
        assert_eq!((counts.commas, counts.separators, counts.capitals), (2, 2, 7));
    }
}
