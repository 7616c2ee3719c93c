//! Stretches of text that an earlier document has too.

use std::collections::HashMap;
use std::iter::successors;
use std::ops::Range;

use crate::anchors::Anchors;
use crate::table::Table;

/// Places compared with an anchor at most, per key; text that repeats more often in different surroundings is
/// compared with the first ones.
const MOST_PLACES: usize = 64;

/// The byte ranges of each document that an earlier one of its component holds as well, each at least as long as
/// the anchors are made for, cut to whole characters, apart and in order. Documents are numbered in keeper order.
pub fn repeated_spans<'t>(
    components: &[u64],
    text: impl Fn(usize) -> &'t str,
    anchors: &Anchors,
) -> Vec<Vec<Range<usize>>> {
    let mut order: Vec<(u64, usize)> = components.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut spans = vec![Vec::new(); components.len()];
    for members in order.chunk_by(|x, y| x.0 == y.0) {
        let mut places = Places::default();
        for &(_, document) in members {
            let matches = matches(document, &text, anchors, &mut places);
            spans[document] = united(matches, text(document), anchors.min_bytes());
        }
    }
    spans
}

/// Where each key has been met, first places first.
#[derive(Default)]
struct Places {
    of_key: Table<Chain>,
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Chain {
    first: usize,
    last: usize,
    length: usize,
}

#[derive(Clone, Copy)]
struct Place {
    document: usize,
    at: usize,
    next: Option<usize>,
}

impl Places {
    fn of(&self, key: u64) -> impl Iterator<Item = Place> {
        let first = self.of_key.get(&key).map(|chain| self.places[chain.first]);
        successors(first, |place| place.next.map(|next| self.places[next]))
    }

    fn add(&mut self, key: u64, document: usize, at: usize) {
        let new = self.places.len();
        let chain = self.of_key.entry(key).or_insert(Chain { first: new, last: new, length: 0 });
        if chain.length == MOST_PLACES {
            return;
        }
        if chain.length > 0 {
            self.places[chain.last].next = Some(new);
        }
        (chain.last, chain.length) = (new, chain.length + 1);
        self.places.push(Place { document, at, next: None });
    }
}

/// The stretches that a document shares with one that is in `places`, where its own anchors are entered.
fn matches<'t>(
    document: usize,
    text: &impl Fn(usize) -> &'t str,
    anchors: &Anchors,
    places: &mut Places,
) -> Vec<Range<usize>> {
    let own = text(document).as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    // The last stretch compared with a document at a distance: anchors within it lead to the same one.
    let mut compared: HashMap<(usize, usize), Range<usize>> = HashMap::new();
    let mut new = Vec::new();
    anchors.of(own, |anchor| {
        for key in anchor.keys.into_iter().flatten() {
            for Place { document: earlier, at, .. } in places.of(key) {
                let distance = anchor.at.wrapping_sub(at);
                let known = compared.entry((earlier, distance)).or_default();
                if anchor.at >= known.end {
                    *known = extended(own, anchor.at, text(earlier).as_bytes(), at);
                    found.extend((known.len() >= anchors.min_bytes()).then(|| known.clone()));
                }
                // All stretches within a run of one byte are alike, wherever they begin.
                let run = run(own, anchor.at);
                let shared = run.start.max(known.start)..run.end.min(known.end);
                found.extend((shared.len() >= anchors.min_bytes()).then_some(run));
            }
        }
        let is_covered = found
            .iter()
            .rev()
            .take(MOST_PLACES)
            .any(|stretch| anchors.is_covered(anchor.at, stretch.start, stretch.end, own.len()));
        if !is_covered {
            new.extend(anchor.keys.into_iter().flatten().map(|key| (key, anchor.at)));
        }
    });
    for (key, at) in new {
        places.add(key, document, at);
    }
    found
}

/// The bytes around `at` that are equal to the one there.
fn run(own: &[u8], at: usize) -> Range<usize> {
    let same = |byte: &&u8| **byte == own[at];
    let (before, behind) = (own[..at].iter().rev().take_while(same), own[at..].iter().take_while(same));
    at - before.count()..at + behind.count()
}

/// The longest stretch of `own` around `at` that stands around `there` in `other`.
fn extended(own: &[u8], at: usize, other: &[u8], there: usize) -> Range<usize> {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let before = own[..at].iter().rev().zip(other[..there].iter().rev()).take_while(same).count();
    let behind = own[at..].iter().zip(&other[there..]).take_while(same).count();
    at - before..at + behind
}

fn united(mut found: Vec<Range<usize>>, text: &str, min_bytes: usize) -> Vec<Range<usize>> {
    found.sort_unstable_by_key(|span| (span.start, span.end));
    let mut spans: Vec<Range<usize>> = Vec::new();
    for span in found {
        match spans.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => spans.push(span),
        }
    }
    for span in &mut spans {
        span.start = (span.start..=span.end).find(|at| text.is_char_boundary(*at)).unwrap_or(span.end);
        span.end = (span.start..=span.end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(span.start);
    }
    spans.retain(|span| span.len() + 6 >= min_bytes); // a cut takes up to three bytes at each end
    spans
}

/// Appends a text without some of its spans, which are apart and in order.
pub fn without_spans(text: &str, spans: &[Range<usize>], out: &mut String) {
    let mut from = 0;
    for span in spans {
        out.push_str(text.get(from..span.start).unwrap_or_default());
        from = from.max(span.end);
    }
    out.push_str(text.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const N: usize = 64;

    fn spans(texts: &[String]) -> Vec<Vec<Range<usize>>> {
        repeated_spans(&vec![0; texts.len()], |i| &texts[i], &Anchors::new(N).unwrap())
    }

    /// Every byte in a stretch of N that an earlier document has.
    fn slow(texts: &[String]) -> Vec<Vec<bool>> {
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut marked = Vec::new();
        for text in texts {
            let bytes = text.as_bytes();
            let mut marks = vec![false; bytes.len()];
            for (at, window) in bytes.windows(N).enumerate() {
                if seen.contains(window) {
                    marks[at..at + N].fill(true);
                }
            }
            seen.extend(bytes.windows(N));
            marked.push(marks);
        }
        marked
    }

    #[test]
    fn the_first_copy_stays_and_cuts_are_whole_characters() {
        let shared = "é".repeat(10) + &"The notice that everybody repeats, word for word. ".repeat(2);
        let texts = [format!("ê{shared}one"), format!("other {shared}two"), "short".to_owned()];
        let found = spans(&texts);
        assert!(found[0].is_empty());
        assert_eq!(&texts[1][found[1][0].clone()], shared);
        let mut out = String::new();
        without_spans(&texts[1], &found[1], &mut out);
        assert_eq!(out, "other two");
    }

    #[test]
    fn documents_of_other_components_do_not_count() {
        let texts =
            vec!["long enough to be found as a repeat, if it were one, which it is not".to_owned(); 2];
        let found = repeated_spans(&[1, 2], |i| &texts[i], &Anchors::new(N).unwrap());
        assert!(found.iter().all(Vec::is_empty));
    }

    proptest! {
        #[test]
        fn every_repeat_is_found_and_nothing_else(
            pieces in prop::collection::vec("[a-z ]{20,90}|[ab]{50,90}|a{60,90}|é{30,40}", 1..6),
            plans in prop::collection::vec(prop::collection::vec(0usize..8, 0..7), 1..7),
            glue in "[A-Z]{0,3}",
        ) {
            let texts: Vec<String> = plans.iter().map(|plan| {
                let of = |i: &usize| pieces.get(*i).cloned().unwrap_or_else(|| glue.clone());
                plan.iter().map(of).collect()
            }).collect();
            for ((text, found), marks) in texts.iter().zip(spans(&texts)).zip(slow(&texts)) {
                let mut ours = vec![false; text.len()];
                found.into_iter().for_each(|span| ours[span].fill(true));
                for (at, (mine, theirs)) in ours.iter().zip(&marks).enumerate() {
                    // Only bytes of characters that are cut at the edge of a repeat may differ.
                    let inside = text.is_ascii();
                    prop_assert!(mine == theirs || !inside, "{text:?} at {at}: {mine} {theirs}");
                }
            }
        }
    }
}
