//! Equality of whole texts.

use sha2::{Digest, Sha256};

/// 128 bits of SHA-256 of a text; none for a text with nothing in it but white space.
///
/// A cryptographic hash, because a page that could be made to collide with another one would remove it.
/// With `normalize`, letters are lower-cased and every run of white space counts as one blank. Numbers and
/// punctuation stay: two price lists are not the same text.
pub fn text_hash(text: &str, normalize: bool, scratch: &mut String) -> Option<[u8; 16]> {
    if text.trim().is_empty() {
        return None;
    }
    let digest = if normalize {
        scratch.clear();
        for word in text.split_whitespace() {
            if !scratch.is_empty() {
                scratch.push(' ');
            }
            if word.is_ascii() {
                let start = scratch.len();
                scratch.push_str(word);
                scratch[start..].make_ascii_lowercase();
            } else {
                scratch.extend(word.chars().flat_map(char::to_lowercase));
            }
        }
        Sha256::digest(scratch.as_bytes())
    } else {
        Sha256::digest(text.as_bytes())
    };
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str, normalize: bool) -> Option<[u8; 16]> {
        text_hash(text, normalize, &mut String::from("left over"))
    }

    #[test]
    fn normalised_texts_are_equal_up_to_case_and_white_space() {
        assert_eq!(hash("  Größe\u{a0}und\n\nMASS ", true), hash("größe und mass", true));
        assert_ne!(hash("price 10", true), hash("price 20", true));
        assert_ne!(hash("ab c", true), hash("a bc", true));
        assert_ne!(hash("A", false), hash("a", false));
    }

    #[test]
    fn the_hash_is_the_head_of_sha_256() {
        // SHA-256("abc"), FIPS 180-4
        let head =
            [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23];
        assert_eq!(hash("abc", false), Some(head));
        assert_eq!(hash(" ABC", true), Some(head));
    }

    #[test]
    fn nothing_equals_nothing() {
        for text in ["", " ", "\n\u{3000}"] {
            assert_eq!(hash(text, true), None);
            assert_eq!(hash(text, false), None);
        }
    }
}
