use super::*;

fn wanted() -> Selection {
    Selection {
        record_types: Some(vec!["response".into(), "conversion".into()]),
        mime_types: Some(vec!["text/html".into(), "text/plain".into()]),
        statuses: Some(vec![200]),
        max_document: 100,
    }
}

fn row(header: &str, block: &[u8], flaw: Option<Flaw>) -> Row {
    let fields = Fields::parse(header.as_bytes());
    interpret(&Event::Record { offset: 7, inner: 0, fields: &fields, block, flaw }, "a.warc", &wanted())
}

#[test]
fn a_page() {
    let header =
        "WARC-Type: response\nWARC-Record-ID: <urn:uuid:1-2>\nWARC-Target-URI: <http://a/>\nWARC-Date: d";
    let row =
        row(header, b"HTTP/1.1 200 OK\r\nContent-Type: text/HTML; charset=x\nServer: y\r\n\r\nhello", None);
    assert_eq!((row.id.as_str(), row.url.as_deref(), row.reason), ("1-2", Some("http://a/"), None));
    assert_eq!(row.payload.as_deref(), Some(&b"hello"[..]));
    assert_eq!(row.content_type.as_deref(), Some("text/HTML; charset=x"));
    assert_eq!(row.http_headers.as_deref(), Some("Content-Type: text/HTML; charset=x\r\nServer: y"));
}

/// Header, block, flaw, expected reason.
type Case<'a> = (&'a str, &'a [u8], Option<Flaw>, Option<&'a str>);

#[test]
fn every_reason() {
    let response = "WARC-Type: response";
    let big = [b"HTTP/1.1 200 OK\n\n<p ".as_slice(), &[b'x'; 101]].concat();
    let cases: [Case<'_>; 13] = [
        ("WARC-Type: request", b"GET / HTTP/1.1\n\n", None, Some("record_type")),
        (response, b"HTTP/1.1 404 No\n\nx", None, Some("http_status")),
        (response, b"HTTP/1.1 200 OK\nContent-Type: image/png\n\nx", None, Some("mime_type")),
        (response, b"HTTP/1.1 200 OK\n\n\x00\x01", None, Some("mime_type")),
        (response, b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n", None, Some("empty_payload")),
        (response, b"nonsense", None, Some("bad_http")),
        (response, b"HTTP/1.1 20 OK\n\nx", None, Some("bad_http")),
        (
            response,
            b"HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Encoding: zz\n\n\x01",
            None,
            Some("unknown_content_coding"),
        ),
        (
            response,
            b"HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Encoding: gzip\n\n\x01",
            None,
            Some("broken_content_coding"),
        ),
        (response, &big, None, Some("decoded_too_large")),
        (response, b"", Some(Flaw::TooLarge), Some("payload_too_large")),
        (response, b"", Some(Flaw::BadLength), Some("bad_length")),
        (response, b"HTTP/1.1 200 OK\n\n<p>x", None, None),
    ];
    for (header, block, flaw, reason) in cases {
        let row = row(header, block, flaw);
        assert_eq!(row.reason, reason, "{header} {block:?}");
        assert_eq!(row.payload.is_some(), reason.is_none());
    }
}

#[test]
fn records_without_http_headers_keep_their_own_type() {
    let row = row("WARC-Type: conversion\nContent-Type: text/plain", b"words", None);
    assert_eq!((row.reason, row.content_type.as_deref()), (None, Some("text/plain")));
    assert_eq!(row.payload.as_deref(), Some(&b"words"[..]));
}

#[test]
fn what_no_content_type_tells_the_url_and_the_block_do() {
    let dns = "WARC-Type: response\nWARC-Target-URI: dns:example.org";
    let lookup = row(dns, b"20080430\nexample.org. 5 IN A 192.0.2.1\n", None);
    assert_eq!((lookup.reason, lookup.content_type.as_deref()), (Some("mime_type"), Some("text/dns")));
    let page = "WARC-Type: response\nContent-Type:\nWARC-Target-URI: HTTP://a/";
    assert_eq!(row(page, b"HTTP/1.1 200 OK\n\n<p>x", None).reason, None);
    assert_eq!(row(page, b"<p>x", None).reason, Some("bad_http"));
    assert_eq!(row(page, b"", None).reason, Some("empty_payload"));
    let declared = "WARC-Type: response\nContent-Type: application/http; msgtype=response";
    assert_eq!(row(declared, b"", None).reason, Some("empty_payload"));
}

#[test]
fn the_identified_type_counts_for_the_choice() {
    let header = "WARC-Type: response\nWARC-Identified-Payload-Type: text/html";
    assert_eq!(row(header, b"HTTP/1.1 200 OK\nContent-Type: application/unknown\n\n<p>", None).reason, None);
}

#[test]
fn ids_from_places_differ() {
    assert_ne!(offset_id("a", 1, 0), offset_id("a", 0, 1));
    assert_ne!(offset_id("a", 1, 0), offset_id("b", 1, 0));
}
