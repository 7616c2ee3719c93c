//! The words of a text as hashes, in memory for a piece of it.

use curate_text::word_scan::WordScan;

/// Bytes that are read at once, and more up to the next white space.
const PIECE: usize = 1 << 16;

/// Hashes of the words of a text, normalised as for every comparison here: without case, numbers,
/// punctuation, diacritics and layout.
pub fn word_hashes(text: &str, mut each: impl FnMut(u64)) {
    let mut scan = WordScan::new();
    for piece in pieces(text, PIECE) {
        scan.read(piece);
        scan.hashes().iter().copied().for_each(&mut each);
    }
}

/// The text in pieces of at least `size` bytes. They end with white space of ASCII, which no word, number or small
/// letter reaches across.
fn pieces(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let ahead = rest.as_bytes().get(size..).unwrap_or_default();
        let end = ahead.iter().position(u8::is_ascii_whitespace).map_or(rest.len(), |at| size + at + 1);
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use curate_text::normalize::{normalize, words};
    use curate_text::word_scan::hash_word;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn pieces_hold_the_words_of_the_whole(
            parts in prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z]{1,8}", "[0-9.,]{1,8}", "[ -~]{1,6}", "[α-ωΣ'\u{301}]{1,6}", "[à-üŁőßΆ’–…\u{a0}é]{1,4}", "[\n\t ]",
                    "[一-十٠-٩،٫ ]{1,6}", any::<String>(),
                ],
                0..24,
            ),
            size in 1usize..20,
        ) {
            let text = parts.concat();
            let normal = normalize(&text);
            let whole: Vec<u64> = words(&normal).map(|word| hash_word(word.as_bytes())).collect();
            let mut scan = WordScan::new();
            let mut found = Vec::new();
            for piece in pieces(&text, size) {
                scan.read(piece);
                found.extend_from_slice(scan.hashes());
            }
            prop_assert_eq!(&found, &whole);
            prop_assert_eq!(pieces(&text, size).collect::<String>(), text.as_str());
            let mut hashes = Vec::new();
            word_hashes(&text, |hash| hashes.push(hash));
            prop_assert_eq!(hashes, whole);
        }
    }
}
