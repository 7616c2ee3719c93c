//! Undoing what HTTP put around a body: chunks, then content codings, as far as the bytes agree with the headers.
//!
//! Crawlers disagree on what they store: some keep the wire bytes, some undo the codings and leave the headers. So
//! a coding is undone only if the body looks like it.

use std::borrow::Cow;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use memchr::memchr;

use crate::codec::{Codec, Format, GZIP_MAGIC, Progress, ZSTD_MAGIC};
use crate::fields::Fields;

const PIECE_BYTES: usize = 64 << 10;
/// More codings than any server applies; a longer list is an attack.
const MAX_CODINGS: usize = 8;

/// A body as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<'a> {
    /// Decoded bytes.
    pub bytes: Cow<'a, [u8]>,
    /// The coding ended before its own end mark; what could be read is there.
    pub incomplete: bool,
}

/// Why a body has no readable content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// A content coding that nobody here can undo.
    UnknownCoding,
    /// The bytes contradict their coding.
    BrokenCoding,
    /// Longer than the limit once decoded.
    TooLarge,
}

/// Undoes the transfer and content codings that `headers` declare.
///
/// `limit` bounds the decoded length in bytes, at every step.
pub fn decode_body<'a>(headers: &Fields, body: &'a [u8], limit: usize) -> Result<Body<'a>, BodyFault> {
    let mut body = Body { bytes: Cow::Borrowed(body), incomplete: false };
    let listed =
        |name| headers.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|v| !v.is_empty());
    let mut codings: Vec<&str> = listed("Content-Encoding").collect();
    for coding in listed("Transfer-Encoding") {
        codings.push(coding); // applied last, so undone first
    }
    if codings.len() > MAX_CODINGS {
        return Err(BodyFault::UnknownCoding);
    }
    for coding in codings.into_iter().rev() {
        if body.bytes.is_empty() {
            break; // an answer to HEAD, or a 304, carries the header alone
        }
        body = undo(coding, body, limit)?;
    }
    if body.bytes.len() > limit {
        return Err(BodyFault::TooLarge);
    }
    Ok(body)
}

fn undo<'a>(coding: &str, body: Body<'a>, limit: usize) -> Result<Body<'a>, BodyFault> {
    let bytes = &body.bytes[..];
    let decoded = match coding.to_ascii_lowercase().as_str() {
        "identity" | "none" | "binary" => return Ok(body),
        "chunked" => match dechunk(bytes) {
            Some(decoded) => Ok(decoded),
            None => return Ok(body),
        },
        "gzip" | "x-gzip" if bytes.starts_with(GZIP_MAGIC) => members(Format::Gzip, bytes, limit),
        "zstd" if bytes.starts_with(ZSTD_MAGIC) => members(Format::Zstd, bytes, limit),
        "deflate" => inflate(bytes, limit),
        "br" => unbrotli(bytes, limit),
        "gzip" | "x-gzip" | "zstd" => Err(BodyFault::BrokenCoding),
        _ => Err(BodyFault::UnknownCoding),
    };
    match decoded {
        Ok((bytes, incomplete)) => {
            Ok(Body { bytes: Cow::Owned(bytes), incomplete: incomplete || body.incomplete })
        }
        Err(BodyFault::TooLarge) => Err(BodyFault::TooLarge),
        Err(_) if looks_plain(bytes) => Ok(body),
        Err(fault) => Err(fault),
    }
}

/// Compressed bytes hold control characters almost at once; text in any charset but UTF-16 and -32 holds none.
fn looks_plain(bytes: &[u8]) -> bool {
    let controls =
        bytes.iter().take(512).filter(|&&b| b < 0x20 && !matches!(b, b'\t'..=b'\r' | 0x1b)).count();
    controls == 0
}

/// None = not chunked after all. The flag says that the last chunk is missing.
fn dechunk(body: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (mut size, mut rest) = chunk_size(body)?;
    let mut decoded = Vec::with_capacity(body.len());
    loop {
        if size == 0 {
            return Some((decoded, false)); // trailers, if any, say nothing about the content
        }
        if size > rest.len() {
            decoded.extend_from_slice(rest);
            return Some((decoded, true));
        }
        decoded.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        let Some(next) = chunk_size(rest) else { return Some((decoded, true)) };
        (size, rest) = next;
    }
}

/// `1F;extension CRLF` and what follows it.
fn chunk_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    const MAX_LINE: usize = 4096;
    let end = memchr(b'\n', &bytes[..bytes.len().min(MAX_LINE)])?;
    let line = bytes[..end].trim_ascii();
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let tail = line[digits..].trim_ascii_start();
    if !(1..=16).contains(&digits) || !(tail.is_empty() || tail[0] == b';') {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
    Some((usize::try_from(size).unwrap_or(usize::MAX), &bytes[end + 1..]))
}

/// gzip members or zstd frames, one after the other; what follows the last one is ignored.
fn members(format: Format, body: &[u8], limit: usize) -> Result<(Vec<u8>, bool), BodyFault> {
    let magic = if format == Format::Gzip { GZIP_MAGIC } else { ZSTD_MAGIC };
    let mut output = Output::new(limit);
    let mut rest = body;
    while rest.starts_with(magic) {
        let mut codec = Codec::new(format, &[]).ok_or(BodyFault::BrokenCoding)?;
        loop {
            let step = codec.step(rest, &mut output.piece);
            rest = &rest[step.consumed..];
            output.take(step.written)?;
            match step.progress {
                Progress::End => break,
                Progress::More if step.consumed + step.written > 0 => {}
                Progress::More => return output.cut(),
                Progress::Bad => return Err(BodyFault::BrokenCoding),
            }
        }
    }
    Ok((output.all, false))
}

/// "deflate" means zlib, but many servers send the bare stream.
fn inflate(body: &[u8], limit: usize) -> Result<(Vec<u8>, bool), BodyFault> {
    let zlib =
        body.len() >= 2 && body[0] & 0x0f == 8 && u16::from_be_bytes([body[0], body[1]]).is_multiple_of(31);
    let mut codec = Decompress::new(zlib);
    let mut output = Output::new(limit);
    let mut rest = body;
    loop {
        let (read, wrote) = (codec.total_in(), codec.total_out());
        let status = codec
            .decompress(rest, &mut output.piece, FlushDecompress::None)
            .map_err(|_| BodyFault::BrokenCoding)?;
        let (read, wrote) = ((codec.total_in() - read) as usize, (codec.total_out() - wrote) as usize);
        rest = &rest[read..];
        output.take(wrote)?;
        match status {
            Status::StreamEnd => return Ok((output.all, false)),
            _ if read + wrote == 0 => return output.cut(),
            _ => {}
        }
    }
}

fn unbrotli(body: &[u8], limit: usize) -> Result<(Vec<u8>, bool), BodyFault> {
    let mut output = Output::new(limit);
    let mut state =
        BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let (mut available_in, mut read, mut total) = (body.len(), 0, 0);
    loop {
        let (mut available_out, mut wrote) = (output.piece.len(), 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut read,
            body,
            &mut available_out,
            &mut wrote,
            &mut output.piece,
            &mut total,
            &mut state,
        );
        output.take(wrote)?;
        match result {
            BrotliResult::ResultSuccess => return Ok((output.all, false)),
            BrotliResult::NeedsMoreInput => return output.cut(),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(BodyFault::BrokenCoding),
        }
    }
}

/// Decoded bytes under a limit.
struct Output {
    all: Vec<u8>,
    piece: Vec<u8>,
    limit: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self { all: Vec::new(), piece: vec![0; PIECE_BYTES], limit }
    }

    fn take(&mut self, written: usize) -> Result<(), BodyFault> {
        self.all.extend_from_slice(&self.piece[..written]);
        if self.all.len() > self.limit { Err(BodyFault::TooLarge) } else { Ok(()) }
    }

    /// The input ran out: what there is counts, if there is anything.
    fn cut(self) -> Result<(Vec<u8>, bool), BodyFault> {
        if self.all.is_empty() { Err(BodyFault::BrokenCoding) } else { Ok((self.all, true)) }
    }
}

#[cfg(test)]
mod tests;
