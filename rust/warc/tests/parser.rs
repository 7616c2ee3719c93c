//! The parser against archives made here: framing, damage, and independence of how the input is cut.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write;

use curate_warc::{DamageKind, Event, Flaw, Limits, Parser};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Record { offset: u64, id: String, block: Vec<u8>, flaw: Option<Flaw> },
    Damage(DamageKind),
}

fn record(id: &str, block: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: {id}\r\nContent-Length: {}\r\n\r\n",
        block.len()
    );
    [head.as_bytes(), block, b"\r\n\r\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| {
        seen.push(match event {
            Event::Record { offset, fields, block, flaw, .. } => Seen::Record {
                offset,
                id: fields.get("WARC-Record-ID").unwrap_or("").to_owned(),
                block: block.to_vec(),
                flaw,
            },
            Event::Damage { kind, .. } => Seen::Damage(kind),
        });
    };
    let mut parser = Parser::new(limits);
    for piece in pieces {
        parser.feed(piece, &mut sink);
    }
    parser.finish(&mut sink);
    seen
}

fn parse(input: &[u8]) -> Vec<Seen> {
    parse_pieces([input], Limits::default())
}

fn ids(seen: &[Seen]) -> Vec<&str> {
    seen.iter()
        .map(|one| match one {
            Seen::Record { id, flaw: None, .. } => id.as_str(),
            Seen::Record { flaw: Some(Flaw::BadLength), .. } => "bad length",
            Seen::Record { flaw: Some(Flaw::TooLarge), .. } => "too large",
            Seen::Record { flaw: Some(Flaw::CutShort), .. } | Seen::Damage(DamageKind::CutShort) => "cut",
            Seen::Damage(DamageKind::Record) => "record",
            Seen::Damage(DamageKind::Member) => "member",
        })
        .collect()
}

fn three() -> [Vec<u8>; 3] {
    [record("a", b"HTTP/1.1 200 OK\r\n\r\nfirst"), record("b", &[b'x'; 900]), record("c", b"last")]
}

/// The same three records in every container.
fn containers() -> Vec<(&'static str, Vec<u8>)> {
    let records = three();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let blocks: Vec<u8> = records.concat().chunks(100).flat_map(gzip).collect();
    let content: Vec<u8> = records.concat().repeat(40);
    let mut encoder = zstd::stream::Encoder::with_dictionary(Vec::new(), 3, &content).unwrap();
    encoder.write_all(&records.concat()).unwrap();
    let framed = encoder.finish().unwrap();
    let dictionary = |content: &[u8]| {
        [b"\x5d\x2a\x4d\x18", &(content.len() as u32).to_le_bytes()[..], content, &framed].concat()
    };
    vec![
        ("plain", records.concat()),
        ("gzip per record", records.iter().flat_map(|r| gzip(r)).collect()),
        ("gzip whole", gzip(&records.concat())),
        ("gzip blocks", blocks),
        ("zstd per record", records.iter().flat_map(|r| zstd(r)).collect()),
        ("zstd whole", zstd(&records.concat())),
        ("zstd dictionary", dictionary(&content)),
        ("zstd packed dictionary", dictionary(&zstd(&content))),
    ]
}

#[test]
fn every_container_gives_the_same_records() {
    let plain = parse(&containers()[0].1);
    assert_eq!(ids(&plain), ["a", "b", "c"]);
    let blocks = |seen: &[Seen]| -> Vec<Vec<u8>> {
        seen.iter()
            .map(|one| if let Seen::Record { block, .. } = one { block.clone() } else { vec![] })
            .collect()
    };
    for (name, bytes) in containers() {
        let seen = parse(&bytes);
        assert_eq!(ids(&seen), ["a", "b", "c"], "{name}");
        assert_eq!(blocks(&seen), blocks(&plain), "{name}");
    }
}

#[test]
fn offsets_are_those_of_records_and_members() {
    let records = three();
    let members: Vec<Vec<u8>> = records.iter().map(|r| gzip(r)).collect();
    for parts in [&records[..], &members[..]] {
        let offsets: Vec<u64> = parse(&parts.concat())
            .iter()
            .map(|one| if let Seen::Record { offset, .. } = one { *offset } else { u64::MAX })
            .collect();
        let second = parts[0].len() as u64;
        assert_eq!(offsets, [0, second, second + parts[1].len() as u64]);
    }
}

#[test]
fn tolerated_noise() {
    let lf = b"WARC/0.18\nwarc-type: response\nWARC-Record-ID: a\nContent-Length: 1\n\nx\n\n".to_vec();
    let glued = b"WARC/1.1\r\nWARC-Record-ID: b\r\nContent-Length: 1\r\n\r\nx".to_vec();
    let unsized_ = b"WARC/0.17\r\nWARC-Record-ID: c\r\n\r\nno length\r\n\r\n".to_vec();
    let off_by_one = b"WARC/1.0\r\nWARC-Record-ID: d\r\nContent-Length: 3\r\n\r\nfour\r\n\r\n".to_vec();
    let stray = [b"\r\n\n\r\n".as_slice(), &record("e", b"x"), b"\r\n\r\n\r\n"].concat();
    let seen = parse(&[lf, glued, unsized_, off_by_one, stray].concat());
    assert_eq!(ids(&seen), ["a", "b", "c", "d", "e"]);
}

#[test]
fn lying_lengths_lose_one_record_only() {
    let lie = |length: usize| {
        format!("WARC/1.0\r\nWARC-Type: x\r\nContent-Length: {length}\r\n\r\n{}\r\n\r\n", "y".repeat(100))
            .into_bytes()
    };
    for length in [10, 300, 100_000, 1 << 40] {
        let seen = parse(&[record("a", b"x"), lie(length), record("b", b"y"), record("c", b"z")].concat());
        let second = if length == 1 << 40 { "too large" } else { "bad length" };
        assert_eq!(ids(&seen), ["a", second, "b", "c"], "{length}");
    }
}

#[test]
fn large_records_are_skipped_in_bounded_memory() {
    let limits = Limits { max_payload: 1000, max_header: 1000 };
    let big = record("big", &vec![b'x'; 5 << 20]);
    let seen = parse_pieces([record("a", b"1"), big, record("b", b"2")].concat().chunks(9999), limits);
    assert_eq!(ids(&seen), ["a", "too large", "b"]);
    let head = [b"WARC/1.0\r\nX: ".as_slice(), &vec![b'x'; 5000], b"\r\n\r\n"].concat();
    assert_eq!(
        ids(&parse_pieces([&[record("a", b"1"), head, record("b", b"2")].concat()[..]], limits)),
        ["a", "record", "b"]
    );
}

#[test]
fn damaged_members_are_one_event_each() {
    let members: Vec<Vec<u8>> = three().iter().map(|r| gzip(r)).collect();
    for at in 0..members[1].len() {
        for bit in [0x01, 0x80] {
            let mut broken = members.clone();
            broken[1][at] ^= bit;
            let seen = parse(&broken.concat());
            assert_eq!(seen.len(), 3, "byte {at}");
            assert_eq!((ids(&seen)[0], ids(&seen)[2]), ("a", "c"), "byte {at}");
        }
    }
    let garbage = [&members[0][..], b"garbage between", &members[2]].concat();
    assert_eq!(ids(&parse(&garbage)), ["a", "member", "c"]);
}

#[test]
fn a_file_without_records_is_one_damaged_region() {
    for input in
        [b"\r\n".as_slice(), b"not a warc", b"\x1f\x8b\x08", b"W", b"<html>WARC/1.0 is a format</html>"]
    {
        assert_eq!(parse(input).len(), 1, "{input:?}");
    }
    assert_eq!(parse(b""), []);
}

#[test]
fn truncation_costs_the_cut_record_alone() {
    for (name, bytes) in containers() {
        let whole = parse(&bytes);
        for end in 0..bytes.len() {
            let seen = parse(&bytes[..end]);
            let kept = seen.iter().filter(|one| whole.contains(one)).count();
            assert!(seen.len() - kept <= 1, "{name} cut at {end}: {:?}", ids(&seen));
            assert_eq!(seen[..kept], whole[..kept], "{name} cut at {end}");
        }
    }
}

#[test]
fn names_may_be_in_lower_case() {
    let lower = |record: &[u8]| {
        let end = record.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        [record[..end].to_ascii_lowercase(), record[end..].to_vec()].concat()
    };
    let [a, b, c] = three();
    let long = record("long", &[b'y'; 40_000]); // longer than the window in which a record is searched
    let mixed = [a, lower(&b), long, lower(&c)].concat();
    let noise = [b"noise, it warc".as_slice(), &lower(&b), b"noise", &mixed].concat();
    for (bytes, expected) in [
        (mixed.clone(), &["a", "b", "long", "c"][..]),
        (gzip(&mixed), &["a", "b", "long", "c"]),
        (noise, &["member", "b", "record", "a", "b", "long", "c"]),
        (
            String::from_utf8(mixed).unwrap().replace("40000", "3").into_bytes(),
            &["a", "b", "bad length", "c"],
        ),
    ] {
        assert_eq!(ids(&parse(&bytes)), expected);
    }
}

#[test]
fn hostile_repetition_ends_and_costs_no_record_before_it() {
    for unit in [
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".as_slice(),
        b"WARC/",
        b"warc/1.0\r\nA:b\r\n\r\nx",
        b"WARC/1.0\r\n",
        b"WARC/1.0\r\nA:b\r\n",
        b"\r\n",
    ] {
        let input = unit.repeat((1 << 20) / unit.len());
        let seen = parse_pieces(input.chunks(4096), Limits::default());
        assert!((1..=input.len() / unit.len()).contains(&seen.len()), "{unit:?}");
        let seen = parse(&[&gzip(&three()[0])[..], &input].concat());
        assert_eq!(ids(&seen)[0], "a", "{unit:?}");
    }
}

#[test]
fn a_frame_whose_checksum_is_wrong_is_passed() {
    let checked = |bytes: &[u8]| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let [a, b, c] = three().map(|record| checked(&record));
    let mut wrong = b.clone();
    *wrong.last_mut().unwrap() ^= 1;
    for (bytes, expected) in [
        ([&a[..], &wrong, &c].concat(), &["a", "member", "c"][..]),
        (wrong.clone(), &["member"]),
        ([&wrong[..], &wrong, &a].concat(), &["member", "member", "a"]),
    ] {
        assert_eq!(ids(&parse(&bytes)), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pieces_do_not_matter(
        which in 0usize..8,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut bytes = containers().swap_remove(which).1;
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        at.sort_unstable();
        at.push(bytes.len());
        let mut start = 0;
        let pieces = at.into_iter().map(|end| {
            let piece = &bytes[start..end];
            start = end;
            piece
        });
        prop_assert_eq!(parse_pieces(pieces, Limits::default()), parse(&bytes));
        prop_assert_eq!(parse_pieces(bytes.chunks(1), Limits::default()), parse(&bytes));
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(parse(&bytes).len() <= bytes.len());
    }
}
