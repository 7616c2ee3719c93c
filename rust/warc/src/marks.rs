//! The marks by which the start and the end of a record are known in a stream of bytes.

use memchr::{memchr, memmem};

/// A complete record followed by more line ends than this is no longer held back.
pub(crate) const MAX_BLANK_BYTES: usize = 4096;

/// How every record starts; the grammar of the standard (ABNF) takes letters of either case.
const MARK: &[u8] = b"WARC/";
const MARK_LOWER: &[u8] = b"warc/";
/// Bytes searched for one spelling before the other gets its turn.
const WINDOW_BYTES: usize = 16 << 10;

/// Does [`MARK`] stand here? None = too few bytes to say, which agree so far.
pub(crate) fn starts_mark(bytes: &[u8]) -> Option<bool> {
    let common = bytes.len().min(MARK.len());
    let agrees = bytes[..common].eq_ignore_ascii_case(&MARK[..common]);
    if agrees && common < MARK.len() { None } else { Some(agrees) }
}

/// The first [`MARK`] from `from` on, in upper or in lower case.
fn next_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let mut start = from;
    loop {
        let end = bytes.len().min(start + WINDOW_BYTES);
        let window = &bytes[start..end];
        let upper = memmem::find(window, MARK);
        let lower = memmem::find(&window[..upper.unwrap_or(window.len())], MARK_LOWER);
        if let Some(hit) = lower.or(upper) {
            return Some(start + hit);
        }
        if end == bytes.len() {
            return None;
        }
        start = end - (MARK.len() - 1);
    }
}

pub(crate) fn skip_line_ends(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && matches!(bytes[at], b'\r' | b'\n') {
        at += 1;
    }
    at
}

/// Length of `block` without one blank line, or one line end, at its end.
pub(crate) fn trim_blank_line(block: &[u8]) -> usize {
    let trim = |block: &'_ [u8]| {
        block.len() - usize::from(block.ends_with(b"\n")) * (1 + usize::from(block.ends_with(b"\r\n")))
    };
    let once = trim(block);
    trim(&block[..once])
}

/// Can a record end here: at a blank line, before the next record, or at the end? None = too few bytes to say.
pub(crate) fn is_record_end(rest: &[u8], ended: bool) -> Option<bool> {
    if rest.starts_with(b"\r\n\r\n") || rest.starts_with(b"\n\n") {
        return Some(true);
    }
    let blank = skip_line_ends(rest, 0);
    if blank > MAX_BLANK_BYTES {
        return Some(true);
    }
    let rest = &rest[blank..];
    match starts_mark(rest) {
        None if ended => Some(rest.is_empty()),
        verdict => verdict,
    }
}

pub(crate) fn is_version_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    starts_mark(line) == Some(true) && {
        let version = &line[MARK.len()..];
        matches!(version.len(), 1..=8) && version.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.')
    }
}

/// The first place from `from` on where a record starts beyond doubt: a version line and a first field. Without
/// one, the second value is where the search must go on when more bytes are there.
pub(crate) fn find_record(bytes: &[u8], from: usize) -> (Option<usize>, usize) {
    let mut start = from;
    while let Some(at) = next_mark(bytes, start) {
        match is_record_start(&bytes[at..]) {
            Some(true) => return (Some(at), at),
            Some(false) => start = at + MARK.len(),
            None => return (None, at),
        }
    }
    (None, from.max(bytes.len().saturating_sub(MARK.len() - 1)))
}

fn is_record_start(bytes: &[u8]) -> Option<bool> {
    const MAX_VERSION_LINE: usize = 16;
    const MAX_NAME: usize = 64;
    let Some(line) = memchr(b'\n', &bytes[..bytes.len().min(MAX_VERSION_LINE)]) else {
        return if bytes.len() < MAX_VERSION_LINE { None } else { Some(false) };
    };
    if !is_version_line(&bytes[..line]) {
        return Some(false);
    }
    let name = &bytes[line + 1..bytes.len().min(line + 1 + MAX_NAME)];
    match name.iter().position(|&byte| !byte.is_ascii_alphanumeric() && byte != b'-') {
        Some(length) => Some(length > 0 && name[length] == b':'),
        None if name.len() < MAX_NAME => None,
        None => Some(false),
    }
}
