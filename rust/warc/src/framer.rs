//! Record framing in a stream of plain bytes, for which lengths are claims to be checked.
//!
//! A record is believed to end where it says if that place looks like the end of a record: a blank line, the next
//! record or the end of the member. Otherwise the next line that starts a record decides, and the record carries a
//! flaw. A complete record is held until something follows it or its member's checksum has been verified.

use memchr::memchr;

use crate::event::{DamageKind, Event, Flaw, Limits};
use crate::fields::Fields;
use crate::marks::{
    MAX_BLANK_BYTES, find_record, is_record_end, is_version_line, skip_line_ends, starts_mark,
    trim_blank_line,
};

/// What lies behind the last byte pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// More may come.
    Open,
    /// A verified member ended.
    Sealed,
    /// The input ended.
    Eof,
}

/// A length that is off by this much is a known fault of old writers and forgiven.
const LENGTH_SLACK: usize = 8;
/// Consumed bytes are dropped from the buffer in steps of at least this many.
const DROP_BYTES: usize = 1 << 20;

enum State {
    Boundary,
    /// `from` is where the garbage starts; `read` is where the search goes on.
    Garbage {
        from: u64,
    },
    /// `scan` = start of the first header line not looked at yet.
    Head {
        scan: usize,
    },
    /// `at` = where the record began in the member; while it is being skipped `read` moves on without it.
    Block {
        fields: Fields,
        at: u64,
        start: usize,
        declared: Option<u64>,
        scan: usize,
        skipping: Option<Flaw>,
    },
    Held {
        fields: Fields,
        at: u64,
        start: usize,
        end: usize,
        next: usize,
        flaw: Option<Flaw>,
    },
}

/// Positions are indices into `buffer`; `dropped + index` is the position in the member.
pub(crate) struct Framer {
    limits: Limits,
    plain: bool,
    offset: u64,
    dropped: u64,
    buffer: Vec<u8>,
    /// Start of what is not yet delivered: the record in work, or the next boundary.
    read: usize,
    state: State,
    /// Plain input: a record that begins here or later is not ours.
    stop: Option<u64>,
    stopped: Option<u64>,
}

impl Framer {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            plain: false,
            offset: 0,
            dropped: 0,
            buffer: Vec::new(),
            read: 0,
            state: State::Boundary,
            stop: None,
            stopped: None,
        }
    }

    /// Plain input: records from `stop` on are left alone.
    pub fn stop_at(&mut self, stop: Option<u64>) {
        self.stop = stop;
    }

    /// Where the first record begins that is left alone; None before it is reached.
    pub fn stopped(&self) -> Option<u64> {
        self.stopped
    }

    /// A new member (or, `plain`, the uncompressed input) starts at `offset`; what is left of an earlier one goes.
    pub fn begin(&mut self, offset: u64, plain: bool) {
        self.plain = plain;
        self.offset = offset;
        self.dropped = 0;
        self.buffer.clear();
        self.read = 0;
        self.state = State::Boundary;
    }

    /// Position in the member of what is not yet delivered.
    pub fn pending(&self) -> u64 {
        match &self.state {
            State::Garbage { from } => *from,
            State::Block { at, .. } | State::Held { at, .. } => *at,
            State::Boundary | State::Head { .. } => self.dropped + self.read as u64,
        }
    }

    /// Where the current member starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Is everything so far made of whole records?
    pub fn is_whole(&self) -> bool {
        matches!(self.state, State::Held { .. } | State::Boundary)
    }

    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        self.buffer.extend_from_slice(bytes);
        self.advance(Edge::Open, sink);
    }

    /// The member or the input ended: everything still held is delivered.
    pub fn end(&mut self, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) {
        self.advance(edge, sink);
    }

    /// The input ended inside a member: exactly one event says so.
    pub fn cut(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        let (offset, inner) = self.place(self.pending());
        let rest = (self.buffer.len() - self.read) as u64;
        match std::mem::replace(&mut self.state, State::Boundary) {
            State::Block { fields, start, skipping, .. } => {
                let block = if skipping.is_some() { &[][..] } else { &self.buffer[start..] };
                sink(Event::Record { offset, inner, fields: &fields, block, flaw: Some(Flaw::CutShort) });
            }
            State::Held { fields, start, end, .. } => {
                let block = &self.buffer[start..end];
                sink(Event::Record { offset, inner, fields: &fields, block, flaw: Some(Flaw::CutShort) });
            }
            _ => sink(Event::Damage { kind: DamageKind::CutShort, offset, inner, skipped: rest }),
        }
        self.buffer.clear();
        self.read = 0;
    }

    /// (offset, inner) of a position in the member, as events give it.
    fn place(&self, inner: u64) -> (u64, u64) {
        if self.plain { (self.offset + inner, 0) } else { (self.offset, inner) }
    }

    fn advance(&mut self, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) {
        while self.step(edge, sink) {}
        if self.read >= DROP_BYTES {
            self.drop_consumed();
        }
    }

    fn drop_consumed(&mut self) {
        let by = self.read;
        self.buffer.drain(..by);
        self.dropped += by as u64;
        self.read = 0;
        match &mut self.state {
            State::Boundary | State::Garbage { .. } => {}
            State::Head { scan } => *scan -= by,
            // Of a record that is skipped the block is already behind `read`.
            State::Block { start, scan, .. } => {
                *start = start.saturating_sub(by);
                *scan -= by;
            }
            State::Held { start, end, next, .. } => {
                *start = start.saturating_sub(by);
                *end = end.saturating_sub(by);
                *next -= by;
            }
        }
    }

    /// One transition; false = nothing more can be said about what is here.
    fn step(&mut self, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        match &self.state {
            State::Boundary => self.at_boundary(edge, sink),
            State::Garbage { from } => {
                let from = *from;
                self.in_garbage(from, edge, sink)
            }
            State::Head { scan } => {
                let scan = *scan;
                self.in_head(scan, edge, sink)
            }
            State::Block { .. } => self.in_block(edge, sink),
            State::Held { next, end, .. } => {
                let (next, end) = (skip_line_ends(&self.buffer, *next), *end);
                if edge == Edge::Open && next - end <= MAX_BLANK_BYTES && !self.is_confirmed(next) {
                    if let State::Held { next: at, .. } = &mut self.state {
                        *at = next;
                    }
                    return false;
                }
                self.release(next, sink);
                true
            }
        }
    }

    /// Does another record follow at `next`? Garbage there may mean that the member is about to fail its checksum,
    /// and the held record with it; in plain input nothing is about to be checked.
    fn is_confirmed(&self, next: usize) -> bool {
        let rest = &self.buffer[next..];
        !rest.is_empty()
            && (self.plain
                || starts_mark(rest) == Some(true)
                || rest.len() > MAX_BLANK_BYTES
                || find_record(&self.buffer, next).0.is_some())
    }

    fn at_boundary(&mut self, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        self.read = skip_line_ends(&self.buffer, self.read);
        let rest = &self.buffer[self.read..];
        if rest.is_empty() {
            return false;
        }
        let position = self.offset + self.dropped + self.read as u64;
        if self.plain && self.stop.is_some_and(|stop| position >= stop) {
            self.stopped = Some(position);
            return false;
        }
        self.state = match starts_mark(rest) {
            Some(true) => State::Head { scan: self.read },
            None if edge == Edge::Open => return false,
            None if edge == Edge::Eof => {
                self.cut(sink);
                return false;
            }
            _ => State::Garbage { from: self.dropped + self.read as u64 },
        };
        true
    }

    fn in_garbage(&mut self, from: u64, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        let (found, resume) = find_record(&self.buffer, self.read);
        let done = found.is_some() || edge != Edge::Open;
        self.read = found.unwrap_or(if done { self.buffer.len() } else { resume });
        if done {
            let (offset, inner) = self.place(from);
            let skipped = self.dropped + self.read as u64 - from;
            sink(Event::Damage { kind: DamageKind::Record, offset, inner, skipped });
            self.state = State::Boundary;
        }
        done
    }

    fn in_head(&mut self, mut scan: usize, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        loop {
            if scan - self.read > self.limits.max_header {
                break self.head_to_garbage();
            }
            let Some(length) = memchr(b'\n', &self.buffer[scan..]) else {
                if self.buffer.len() - self.read > self.limits.max_header {
                    break self.head_to_garbage();
                }
                match edge {
                    Edge::Open => {
                        self.state = State::Head { scan };
                        break false;
                    }
                    Edge::Eof => {
                        self.cut(sink);
                        break false;
                    }
                    Edge::Sealed => break self.head_done(self.buffer.len(), self.buffer.len()),
                }
            };
            let line = &self.buffer[scan..scan + length];
            if matches!(line, b"" | b"\r") {
                break self.head_done(scan, scan + length + 1);
            }
            if scan > self.read && is_version_line(line) {
                break self.head_done(scan, scan); // the blank line is missing and so is the block
            }
            scan += length + 1;
        }
    }

    fn head_to_garbage(&mut self) -> bool {
        self.state = State::Garbage { from: self.dropped + self.read as u64 };
        self.read += 5;
        true
    }

    fn head_done(&mut self, head_end: usize, start: usize) -> bool {
        let head = &self.buffer[self.read..head_end];
        let version_end = memchr(b'\n', head).map_or(head.len(), |at| at + 1);
        let fields = Fields::parse(&head[version_end..]);
        let declared = fields.get("Content-Length").and_then(|length| length.parse().ok());
        let at = self.dropped + self.read as u64;
        self.state = State::Block { fields, at, start, declared, scan: start, skipping: None };
        true
    }

    fn in_block(&mut self, edge: Edge, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        let State::Block { start, declared, scan, skipping, .. } = &self.state else { return false };
        let (start, declared, scan, skipping) = (*start, *declared, *scan, *skipping);
        let length = self.buffer.len();
        if let Some(flaw) = skipping {
            let (found, resume) = find_record(&self.buffer, scan);
            if found.is_some() || edge != Edge::Open {
                return self.hold(0, 0, found.unwrap_or(length), Some(flaw));
            }
            if let State::Block { scan, .. } = &mut self.state {
                *scan = resume;
            }
            self.read = resume;
            return false;
        }
        let max = self.limits.max_payload;
        if declared.is_some_and(|n| n > max as u64) {
            return self.skip_with(Flaw::TooLarge);
        }
        let claimed = declared.map(|n| start + n as usize);
        if let Some(end) = claimed {
            if length < end && edge == Edge::Open {
                return false;
            }
            if length >= end {
                match is_record_end(&self.buffer[end..], edge != Edge::Open) {
                    Some(true) => return self.hold(start, end, end, None),
                    Some(false) => {}
                    None => return false,
                }
            }
        }
        let (found, resume) = find_record(&self.buffer, scan);
        if let Some(next) = found {
            return self.close_at(start, claimed, next);
        }
        if edge == Edge::Open {
            if length - start > max.saturating_add(LENGTH_SLACK) {
                return self.skip_with(if claimed.is_some() { Flaw::BadLength } else { Flaw::TooLarge });
            }
            if let State::Block { scan, .. } = &mut self.state {
                *scan = resume;
            }
            return false;
        }
        if edge == Edge::Eof && claimed.is_some_and(|end| end > length) {
            self.cut(sink);
            return false;
        }
        self.close_at(start, claimed, length)
    }

    /// The record ends before `next`, whatever it claimed.
    fn close_at(&mut self, start: usize, claimed: Option<usize>, next: usize) -> bool {
        let trimmed = start + trim_blank_line(&self.buffer[start..next]);
        match claimed {
            None => self.hold(start, trimmed, next, None),
            Some(end) if end <= next && self.buffer[end..next].trim_ascii_end().len() <= LENGTH_SLACK => {
                self.hold(start, end, next, None)
            }
            Some(end) if end > trimmed && end - trimmed <= LENGTH_SLACK => {
                self.hold(start, trimmed, next, None)
            }
            Some(_) => self.hold(start, trimmed, next, Some(Flaw::BadLength)),
        }
    }

    fn hold(&mut self, start: usize, end: usize, next: usize, flaw: Option<Flaw>) -> bool {
        if let State::Block { fields, at, .. } = std::mem::replace(&mut self.state, State::Boundary) {
            self.state = State::Held { fields, at, start, end, next, flaw };
        }
        true
    }

    fn skip_with(&mut self, flaw: Flaw) -> bool {
        if let State::Block { skipping, .. } = &mut self.state {
            *skipping = Some(flaw);
        }
        true
    }

    fn release(&mut self, next: usize, sink: &mut dyn FnMut(Event<'_>)) {
        let (offset, inner) = self.place(self.pending());
        if let State::Held { fields, start, end, flaw, .. } =
            std::mem::replace(&mut self.state, State::Boundary)
        {
            let block = &self.buffer[start..end];
            sink(Event::Record { offset, inner, fields: &fields, block, flaw });
        }
        self.read = next;
    }
}
