//! The byte-level alphabet of GPT-2: one printable character for each byte.

/// Bytes that stand for themselves; the other 68 are mapped to U+0100 and up, in byte order.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

const REMAPPED: usize = 68;

const fn tables() -> ([u8; 256], [u8; REMAPPED], [u16; 256]) {
    let mut alphabet = [0; 256];
    let mut remapped = [0; REMAPPED];
    let mut chars = [0; 256];
    let (mut printable, mut other) = (0, 0);
    let mut byte = 0;
    while byte < 256 {
        if is_printable(byte as u8) {
            alphabet[printable] = byte as u8;
            chars[byte] = byte as u16;
            printable += 1;
        } else {
            alphabet[256 - REMAPPED + other] = byte as u8;
            remapped[other] = byte as u8;
            chars[byte] = 0x100 + other as u16;
            other += 1;
        }
        byte += 1;
    }
    (alphabet, remapped, chars)
}

const TABLES: ([u8; 256], [u8; REMAPPED], [u16; 256]) = tables();

/// All bytes, in the order of their characters: the order of their ids after training.
pub(crate) const ALPHABET: [u8; 256] = TABLES.0;

/// The characters that stand for `bytes`.
pub(crate) fn to_chars(bytes: &[u8]) -> String {
    bytes.iter().filter_map(|&byte| char::from_u32(u32::from(TABLES.2[usize::from(byte)]))).collect()
}

/// The bytes that `token` stands for; `None` when it holds a character outside the alphabet.
pub(crate) fn to_bytes(token: &str) -> Option<Vec<u8>> {
    token
        .chars()
        .map(|c| match u8::try_from(u32::from(c)) {
            Ok(byte) => is_printable(byte).then_some(byte),
            Err(_) => TABLES.1.get((u32::from(c) - 0x100) as usize).copied(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_a_bijection_sorted_by_character() {
        let strings: Vec<String> = ALPHABET.iter().map(|&b| to_chars(&[b])).collect();
        assert!(strings.windows(2).all(|pair| pair[0] < pair[1]));
        for byte in 0..=255 {
            assert_eq!(to_bytes(&to_chars(&[byte])), Some(vec![byte]));
        }
        assert_eq!(to_chars(b" \n\x00"), "\u{120}\u{10A}\u{100}");
        assert_eq!(to_bytes(" "), None);
        assert_eq!(to_bytes("\u{144}"), None);
        assert_eq!(to_bytes("\u{AD}"), None);
    }
}
