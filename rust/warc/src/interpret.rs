//! From an event to a row: who the record is, whether it is wanted, and its decoded payload.

use memchr::memchr;
use xxhash_rust::xxh3::xxh3_128;

use crate::body::{BodyFault, decode_body};
use crate::event::{DamageKind, Event, Flaw};
use crate::fields::{Fields, Lines, text};

/// Which records are wanted. None = any.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// WARC-Type values, lower case.
    pub record_types: Option<Vec<String>>,
    /// MIME types without parameters, lower case.
    pub mime_types: Option<Vec<String>>,
    /// HTTP status codes; records without HTTP headers have none and pass.
    pub statuses: Option<Vec<u16>>,
    /// Longest decoded body in bytes.
    pub max_document: usize,
}

/// One record, or one damaged region, as a row of the raw table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// WARC-Record-ID without its wrapping, else [`offset_id`].
    pub id: String,
    /// WARC-Target-URI.
    pub url: Option<String>,
    /// The decoded body; None for rows with a reason.
    pub payload: Option<Vec<u8>>,
    /// As declared, else the sniffed MIME type.
    pub content_type: Option<String>,
    /// Lines as received, CRLF between them, without the status line.
    pub http_headers: Option<String>,
    /// WARC-Date.
    pub date: Option<String>,
    /// WARC-Truncated, or "incomplete": a coding of the body ends before its end mark.
    pub truncated: Option<String>,
    /// Byte offset in the input.
    pub offset: u64,
    /// Why not; None = keep.
    pub reason: Option<&'static str>,
}

/// The identity of a row that brings none: a hash of the file's name and the place in it.
pub fn offset_id(file: &str, offset: u64, inner: u64) -> String {
    let mut key = Vec::with_capacity(file.len() + 17);
    key.extend_from_slice(file.as_bytes());
    key.push(0);
    key.extend_from_slice(&offset.to_le_bytes());
    key.extend_from_slice(&inner.to_le_bytes());
    format!("{:032x}", xxh3_128(&key))
}

/// 128 bits of an id, enough to tell the ids of one file apart.
pub fn id_hash(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// Decides about one event of the input named `file`; the cheap questions come first.
pub fn interpret(event: &Event<'_>, file: &str, wanted: &Selection) -> Row {
    match event {
        Event::Damage { kind, offset, inner, .. } => Row {
            id: offset_id(file, *offset, *inner),
            offset: *offset,
            reason: Some(match kind {
                DamageKind::Record => "corrupt_record",
                DamageKind::Member => "corrupt_member",
                DamageKind::CutShort => "cut_short",
            }),
            ..Row::default()
        },
        Event::Record { offset, inner, fields, block, flaw } => {
            let mut row = Row {
                id: record_id(fields).unwrap_or_else(|| offset_id(file, *offset, *inner)),
                url: fields.get("WARC-Target-URI").map(unwrap_url).filter(|url| !url.is_empty()),
                date: fields.get("WARC-Date").map(str::to_owned),
                truncated: fields.get("WARC-Truncated").map(str::to_owned),
                offset: *offset,
                ..Row::default()
            };
            row.reason = match flaw {
                Some(Flaw::BadLength) => Some("bad_length"),
                Some(Flaw::CutShort) => Some("cut_short"),
                flaw => fill(&mut row, fields, block, flaw.is_some(), wanted).err(),
            };
            row
        }
    }
}

fn fill(
    row: &mut Row,
    fields: &Fields,
    block: &[u8],
    too_large: bool,
    wanted: &Selection,
) -> Result<(), &'static str> {
    let kind = fields.get("WARC-Type").unwrap_or("").to_ascii_lowercase();
    if wanted.record_types.as_ref().is_some_and(|types| !types.contains(&kind)) {
        return Err("record_type");
    }
    if too_large {
        return Err("payload_too_large");
    }
    let declared = fields.get("Content-Type").filter(|declared| !declared.is_empty());
    let is_exchange = matches!(kind.as_str(), "response" | "revisit" | "request");
    if is_exchange && block.is_empty() {
        return Err("empty_payload");
    }
    let scheme = row.url.as_deref().map_or("", scheme).to_ascii_lowercase();
    let is_http = is_exchange
        && match declared {
            Some(declared) => mime(declared) == "application/http" || block.starts_with(b"HTTP/"),
            None => matches!(scheme.as_str(), "" | "http" | "https"),
        };
    let identified = fields.get("WARC-Identified-Payload-Type");
    if !is_http {
        // RFC 4027; sniffing would take a lookup for a page in plain text.
        let implied = if scheme == "dns" { Some("text/dns") } else { sniff(block) };
        row.content_type = identified.or(declared).or(implied).map(str::to_owned);
        check_mime(row, identified, wanted)?;
        if block.is_empty() {
            return Err("empty_payload");
        }
        if block.len() > wanted.max_document {
            return Err("decoded_too_large");
        }
        row.payload = Some(block.to_vec());
        return Ok(());
    }
    let message = Message::parse(block, kind == "request").ok_or("bad_http")?;
    row.http_headers = Some(message.lines);
    row.content_type = message.fields.get("Content-Type").or(identified).map(str::to_owned);
    if let Some(status) = message.status
        && wanted.statuses.as_ref().is_some_and(|statuses| !statuses.contains(&status))
    {
        return Err("http_status");
    }
    let known = row.content_type.is_some();
    if known {
        check_mime(row, identified, wanted)?;
    }
    let body =
        decode_body(&message.fields, message.body, wanted.max_document).map_err(|fault| match fault {
            BodyFault::UnknownCoding => "unknown_content_coding",
            BodyFault::BrokenCoding => "broken_content_coding",
            BodyFault::TooLarge => "decoded_too_large",
        })?;
    if body.bytes.is_empty() {
        return Err("empty_payload");
    }
    if !known {
        row.content_type = sniff(&body.bytes).map(str::to_owned);
        check_mime(row, None, wanted)?;
    }
    if body.incomplete && row.truncated.is_none() {
        row.truncated = Some("incomplete".to_owned());
    }
    row.payload = Some(body.bytes.into_owned());
    Ok(())
}

fn check_mime(row: &Row, identified: Option<&str>, wanted: &Selection) -> Result<(), &'static str> {
    let found = mime(identified.or(row.content_type.as_deref()).unwrap_or(""));
    match &wanted.mime_types {
        Some(types) if !types.contains(&found) => Err("mime_type"),
        _ => Ok(()),
    }
}

/// `Text/HTML; charset=x` -> `text/html`.
fn mime(content_type: &str) -> String {
    let end = content_type.find([';', ',']).unwrap_or(content_type.len());
    content_type[..end].trim().to_ascii_lowercase()
}

fn record_id(fields: &Fields) -> Option<String> {
    let id = fields.get("WARC-Record-ID")?;
    let id = id.strip_prefix('<').unwrap_or(id);
    let id = id.strip_suffix('>').unwrap_or(id);
    let id = if id.get(..9).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:uuid:")) {
        &id[9..]
    } else {
        id
    };
    (!id.is_empty()).then(|| id.to_owned())
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// Old wget wrote `<http://…>`.
fn unwrap_url(url: &str) -> String {
    url.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap_or(url).to_owned()
}

struct Message<'a> {
    status: Option<u16>,
    lines: String,
    fields: Fields,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(block: &'a [u8], request: bool) -> Option<Self> {
        let first = Lines(block).next()?;
        let status = if request { None } else { Some(status_code(first)?) };
        let start = memchr(b'\n', block).map_or(block.len(), |at| at + 1);
        let mut at = start;
        let mut lines = String::new();
        for line in Lines(&block[start..]) {
            if line.is_empty() {
                break;
            }
            if !lines.is_empty() {
                lines.push_str("\r\n");
            }
            lines.push_str(&text(line));
            at += line.len();
            at += if block[at..].starts_with(b"\r") { 2 } else { 1 };
        }
        let rest = &block[at.min(block.len())..];
        let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        Some(Self { status, fields: Fields::parse(&block[start..]), lines, body })
    }
}

/// `HTTP/1.1 200 OK` -> 200; any version, blanks tolerated.
fn status_code(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP")?;
    let blank = rest.iter().position(|byte| byte.is_ascii_whitespace())?;
    let code = rest[blank..].trim_ascii_start();
    let digits = code.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) || code.get(3).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The MIME type of a body without a declared one; the patterns of the WHATWG MIME Sniffing standard, section 7.1,
/// as far as they tell pages from the rest.
fn sniff(body: &[u8]) -> Option<&'static str> {
    const TAGS: [&[u8]; 16] = [
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<script",
        b"<iframe",
        b"<h1",
        b"<div",
        b"<font",
        b"<table",
        b"<a",
        b"<style",
        b"<title",
        b"<b",
        b"<body",
        b"<br",
        b"<p",
    ];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    let head = &body[..body.len().min(512)];
    let starts = |tag: &[u8]| {
        head.len() > tag.len()
            && head[..tag.len()].eq_ignore_ascii_case(tag)
            && matches!(head[tag.len()], b' ' | b'>' | b'\t' | b'\r' | b'\n')
    };
    if head.is_empty() {
        None
    } else if TAGS.iter().any(|tag| starts(tag)) || head.starts_with(b"<!--") {
        Some("text/html")
    } else if head.starts_with(b"<?xml") {
        Some("text/xml")
    } else if head.starts_with(b"%PDF-") {
        Some("application/pdf")
    } else if head.iter().any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | 0x1b)) {
        Some("application/octet-stream")
    } else {
        Some("text/plain")
    }
}

#[cfg(test)]
mod tests;
