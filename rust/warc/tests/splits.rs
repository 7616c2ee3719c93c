//! Splits of an input, each parsed by itself, against the whole: the same events in the same order.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write;

use curate_warc::{Container, DamageKind, Event, Flaw, Limits, Parser, Split};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Record { offset: u64, inner: u64, block: Vec<u8>, flaw: Option<Flaw> },
    Damage { kind: DamageKind, offset: u64, inner: u64, skipped: u64 },
}

fn record(block: &[u8]) -> Vec<u8> {
    let head = format!("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: {}\r\n\r\n", block.len());
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn note(event: &Event<'_>) -> Seen {
    match *event {
        Event::Record { offset, inner, block, flaw, .. } => {
            Seen::Record { offset, inner, block: block.to_vec(), flaw }
        }
        Event::Damage { kind, offset, inner, skipped } => Seen::Damage { kind, offset, inner, skipped },
    }
}

fn run(mut parser: Parser, bytes: &[u8]) -> (Vec<Seen>, Parser) {
    let mut seen = Vec::new();
    for piece in bytes.chunks(777) {
        parser.feed(piece, &mut |event| seen.push(note(&event)));
    }
    parser.finish(&mut |event| seen.push(note(&event)));
    (seen, parser)
}

/// What the splits find together, and how many guesses were wrong.
fn in_splits(bytes: &[u8], size: usize) -> (Vec<Seen>, usize) {
    let container = Container::of(bytes);
    let (mut all, mut corrected, mut end, mut rewound) = (Vec::new(), 0, Some(0), 0);
    for start in (0..bytes.len()).step_by(size) {
        let stop = (start + size < bytes.len()).then_some((start + size) as u64);
        let split = Split { container, start: start as u64, stop, exact: start == 0, rewound: 0 };
        let (mut seen, mut parser) = run(Parser::of_split(Limits::default(), split), &bytes[start..]);
        if parser.begin() == end && Split::is_unaffected(parser.rewound(), rewound) {
            rewound += parser.rewound();
        } else {
            corrected += 1;
            let start = end.unwrap();
            let split = Split { start, exact: true, rewound, ..split };
            (seen, parser) = run(Parser::of_split(Limits::default(), split), &bytes[start as usize..]);
            rewound = parser.rewound();
        }
        all.extend(seen);
        end = parser.end();
    }
    (all, corrected)
}

fn whole(bytes: &[u8]) -> Vec<Seen> {
    run(Parser::new(Limits::default()), bytes).0
}

fn assert_splits(bytes: &[u8], size: usize) -> usize {
    let (seen, corrected) = in_splits(bytes, size);
    assert_eq!(seen, whole(bytes), "splits of {size}");
    corrected
}

/// Twelve records; with `nested`, every third holds an archive of the same container.
fn archive(compressed: bool, level: u32, nested: bool) -> Vec<u8> {
    let mut all = Vec::new();
    for number in 0..12 {
        let page = format!("page {number} ").repeat(number * 7 + 3).into_bytes();
        let block = match (nested && number % 3 == 1, compressed) {
            (false, _) => page,
            (true, false) => record(&page).repeat(3),
            (true, true) => gzip(&record(&page), 6).repeat(3),
        };
        all.extend(if compressed { gzip(&record(&block), level) } else { record(&block) });
    }
    all
}

#[test]
fn good_archives_need_no_correction() {
    for compressed in [false, true] {
        let bytes = archive(compressed, 6, false);
        for size in 1..bytes.len() + 1 {
            assert_eq!(assert_splits(&bytes, size), 0, "{compressed} {size}");
        }
    }
}

#[test]
fn archives_within_archives_are_no_records() {
    for compressed in [false, true] {
        let bytes = archive(compressed, 0, true); // stored: the inner members stand there as they are
        let corrected: usize = (1..bytes.len()).map(|size| assert_splits(&bytes, size)).sum();
        assert!(corrected > 0, "no guess was wrong: the archive does not test what it should");
    }
}

#[test]
fn other_containers() {
    let (a, b) = (record(b"first"), record(&[b'x'; 3000]));
    let whole = gzip(&[&a[..], &b, &a].concat(), 6);
    let blocks: Vec<u8> = [&a[..], &b, &a].concat().chunks(100).flat_map(|piece| gzip(piece, 6)).collect();
    let padded = [&gzip(&a, 6)[..], &[0; 500], &gzip(&b, 6), &[b'\n'; 500]].concat();
    let empty = gzip(b"", 6).repeat(30);
    let late = [&empty[..], &gzip(&a, 6)].concat();
    for bytes in [whole, blocks, padded, empty, late] {
        for size in [1, 7, 50, 333, 5000] {
            assert_splits(&bytes, size);
        }
    }
}

#[test]
fn a_budget_that_is_spent_is_known_to_the_parts_behind() {
    assert!(Split::is_unaffected(1 << 20, 1 << 20));
    assert!(!Split::is_unaffected(1 << 20, 64 << 20));
    assert!(!Split::is_unaffected(u64::MAX, u64::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_is_found_alike(
        compressed: bool,
        level in prop::sample::select(vec![0u32, 6]),
        nested: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        holes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..400), 0..3),
        cut in any::<prop::sample::Index>(),
        size in 20usize..3000,
    ) {
        let mut bytes = archive(compressed, level, nested);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for (at, length) in holes {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            bytes.drain(at..end);
        }
        bytes.truncate(cut.index(bytes.len()) + bytes.len() / 2);
        prop_assume!(Container::of(&bytes).is_some());
        prop_assert_eq!(in_splits(&bytes, size).0, whole(&bytes));
    }
}
