//! From the letters of normalised words back to the bytes of the text they came from.

use unicode_normalization::char::decompose_canonical;

use crate::chars::{is_decimal, is_nonspacing_mark, is_space, is_web_punctuation};
use crate::normalize::number_length;
use crate::word_blocks::{BLOCK, letters_of_plain};

/// The stretches of `text` that the given stretches of its letters came from, in bytes.
///
/// Letters are those of [`WordScan::letters`](crate::word_scan::WordScan::letters); no stretch is empty. Linear in the text,
/// and in memory for the stretches.
pub fn source_spans(text: &str, letters: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut begins: Vec<usize> = letters.iter().map(|span| span.0).collect();
    let mut ends: Vec<usize> = letters.iter().map(|span| span.1).collect();
    for wanted in [&mut begins, &mut ends] {
        wanted.sort_unstable();
        wanted.dedup();
    }
    let (mut from, mut to) = (Vec::with_capacity(begins.len()), Vec::with_capacity(ends.len()));
    let mut seen = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        // a block before the next letter that is looked for
        let next = [begins.get(from.len()), ends.get(to.len())].into_iter().flatten().min();
        if let Some(count) = text.as_bytes()[at..].first_chunk().and_then(letters_of_plain)
            && next.is_some_and(|&next| seen + count < next)
        {
            (at, seen) = (at + BLOCK, seen + count);
            continue;
        }
        let (count, length) =
            if is_decimal(c) { (1, number_length(&text[at..])) } else { (letters_of(c), c.len_utf8()) };
        let after = seen + count;
        while begins.get(from.len()).is_some_and(|&begin| begin < after) {
            from.push(at);
        }
        while ends.get(to.len()).is_some_and(|&end| end <= after && end > seen) {
            to.push(at + length);
        }
        seen = after;
        at += length;
        if to.len() == ends.len() && from.len() == begins.len() {
            break;
        }
    }
    let place = |wanted: &[usize], found: &[usize], letter: &usize| {
        wanted.binary_search(letter).ok().and_then(|index| found.get(index)).copied().unwrap_or(text.len())
    };
    letters.iter().map(|(begin, end)| (place(&begins, &from, begin), place(&ends, &to, end))).collect()
}

/// Bytes of letters that a character becomes, if it is no number.
fn letters_of(c: char) -> usize {
    if c.is_ascii() {
        return usize::from(!is_space(c) && !is_web_punctuation(c));
    }
    let mut count = 0;
    for small in c.to_lowercase().filter(|&small| !is_space(small) && !is_web_punctuation(small)) {
        decompose_canonical(small, |part| {
            if !is_nonspacing_mark(part) {
                count += part.len_utf8();
            }
        });
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::{normalize, words};
    use crate::word_scan::WordScan;

    fn spans_of_words(text: &str) -> Vec<(usize, usize)> {
        last_spans(text, usize::MAX)
    }

    /// Those of so many last words.
    fn last_spans(text: &str, count: usize) -> Vec<(usize, usize)> {
        let (mut scan, mut begin, mut spans) = (WordScan::new(), 0, Vec::new());
        scan.read_with(text, |end| {
            spans.push((begin, end));
            begin = end;
        });
        source_spans(text, &spans[spans.len().saturating_sub(count)..])
    }

    #[test]
    fn words_stand_where_they_were_read() {
        let text = "«Crème», 1,234.5 İstanbul—ΟΔΟΣ, e\u{301}te\u{301} 世界 12";
        let found: Vec<&str> = spans_of_words(text).iter().map(|span| &text[span.0..span.1]).collect();
        assert_eq!(found, ["Crème", "1,234", "5", "İstanbul", "ΟΔΟΣ", "e\u{301}te", "世", "界", "12"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn each_word_is_that_of_its_own_bytes(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[a-zA-Z]{1,12}", "[0-9.,]{1,8}", "[ -~]{1,6}", "[à-üŁőßΆ’“–…\u{a0}é]{1,4}", "[α-ωΣа-я一-十٠-٩،٫ ]{1,6}",
                    "[\u{600}-\u{6ff} ]{1,12}", "[가-각 ]{1,4}", any::<String>(), Just(" ".to_owned()), Just("e\u{301}".to_owned()),
                ],
                0..12,
            ),
        ) {
            let text = pieces.concat();
            let normal = normalize(&text);
            let spans = spans_of_words(&text);
            let ahead = "And words before what matters, which are not looked for themselves. ".repeat(3);
            let padded = ahead + &text;
            let last = spans_of_words(&padded).split_off(33);
            let length = padded.len() - text.len();
            prop_assert!(last.iter().map(|span| (span.0 - length, span.1 - length)).eq(spans.iter().copied()));
            prop_assert_eq!(last_spans(&padded, spans.len()), last);
            prop_assert_eq!(spans.len(), words(&normal).count());
            for (word, (begin, end)) in words(&normal).zip(spans) {
                let own: String = words(&normalize(&text[begin..end])).collect();
                // a final sigma is another letter where its word is cut
                let alike = own.replace('ς', "σ") == word.replace('ς', "σ");
                prop_assert!(alike, "{:?} is not {:?} of {:?}", own, word, text);
            }
        }
    }
}
