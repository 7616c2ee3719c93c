//! Character classes that the patterns speak of, from the same Unicode tables as the regex engine uses.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Version of the Unicode tables behind every pattern, named or custom.
pub const UNICODE_VERSION: &str = "16.0.0";

/// `\p{L}`
pub(crate) const LETTER: u8 = 1;
/// `\p{N}`
pub(crate) const NUMBER: u8 = 2;
/// `\s`
pub(crate) const SPACE: u8 = 4;
/// `[^\s\p{L}\p{N}]`
pub(crate) const OTHER: u8 = 8;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
pub(crate) const UPPER: u8 = 16;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
pub(crate) const LOWER: u8 = 32;
/// `[\r\n]`
pub(crate) const NEWLINE: u8 = 64;
/// `[\p{P}\p{S}]`
pub(crate) const PUNCTUATION: u8 = 128;
/// All of these: `\p{M}`
pub(crate) const MARK: u8 = UPPER | LOWER | OTHER;

const BLOCK: usize = 256;

/// Two-stage table: code point / 256 names a block, the block holds the classes of 256 code points.
pub(crate) struct Classes {
    index: Vec<u16>,
    blocks: Vec<[u8; BLOCK]>,
}

pub(crate) static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::build);

impl Classes {
    fn build() -> Self {
        let mut flat = vec![0u8; 0x11_0000];
        for (pattern, bit) in [
            (r"\p{L}", LETTER),
            (r"\p{N}", NUMBER),
            (r"\s", SPACE),
            (r"[^\s\p{L}\p{N}]", OTHER),
            (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", UPPER),
            (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", LOWER),
            (r"[\r\n]", NEWLINE),
            (r"[\p{P}\p{S}]", PUNCTUATION),
        ] {
            let Ok(hir) = regex_syntax::parse(pattern) else { continue };
            let HirKind::Class(Class::Unicode(class)) = hir.into_kind() else { continue };
            for range in class.ranges() {
                for bits in &mut flat[range.start() as usize..=range.end() as usize] {
                    *bits |= bit;
                }
            }
        }
        let mut table = Self { index: Vec::new(), blocks: Vec::new() };
        for chunk in flat.chunks_exact(BLOCK) {
            let found = table.blocks.iter().position(|block| block == chunk);
            let at = found.unwrap_or_else(|| {
                let mut block = [0; BLOCK];
                block.copy_from_slice(chunk);
                table.blocks.push(block);
                table.blocks.len() - 1
            });
            table.index.push(at as u16);
        }
        table
    }

    /// The classes of a code point, as bits.
    #[inline]
    pub(crate) fn of(&self, code_point: u32) -> u8 {
        let block = self.index[(code_point >> 8) as usize];
        self.blocks[usize::from(block)][(code_point & 0xFF) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corner_cases_have_their_classes() {
        for (c, class) in [
            ('a', LETTER | LOWER),
            ('A', LETTER | UPPER),
            ('漢', LETTER | UPPER | LOWER),
            ('\u{301}', OTHER | UPPER | LOWER),
            ('7', NUMBER),
            ('½', NUMBER),
            (' ', SPACE),
            ('\n', SPACE | NEWLINE),
            ('\u{85}', SPACE),
            ('\u{A0}', SPACE),
            ('\u{2028}', SPACE),
            ('\u{1C}', OTHER),
            ('\u{200B}', OTHER),
            ('\u{FEFF}', OTHER),
            ('!', OTHER | PUNCTUATION),
            ('€', OTHER | PUNCTUATION),
        ] {
            assert_eq!(CLASSES.of(c.into()), class, "{c:?}");
        }
    }

    #[test]
    fn every_character_is_a_letter_a_number_a_space_or_other() {
        for c in '\0'..=char::MAX {
            let class = CLASSES.of(c.into());
            assert!(class & PUNCTUATION == 0 || class & MARK == OTHER, "{c:?}");
            let kinds = CLASSES.of(c.into()) & (LETTER | NUMBER | SPACE | OTHER);
            assert_eq!(kinds.count_ones(), 1, "{c:?}");
        }
    }
}
