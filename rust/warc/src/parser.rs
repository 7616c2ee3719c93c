//! The container: which compression, where members start, and how to go on after a damaged one.

mod search;

use crate::codec::{
    Codec, Format, GZIP_MAGIC, Progress, ZSTD_DICTIONARY_MAGIC, ZSTD_MAGIC, ZSTD_SKIPPABLE_TAIL, dictionary,
    starts_record,
};
use crate::event::{DamageKind, Event, Limits};
use crate::framer::{Edge, Framer};
use crate::marks::starts_mark;
use crate::split::{Container, Split};

/// A damaged member is searched for the next one at most this far back from where decoding failed.
const REWIND_BYTES: usize = 1 << 20;
/// Bytes that may be read again after damage, over the input so far; beyond it the search starts where decoding
/// failed, so that a file made of nested false starts costs linear time.
pub(crate) const REWIND_BUDGET_BYTES: u64 = 64 << 20;
const MAX_DICTIONARY_BYTES: usize = 16 << 20;
const SCRATCH_BYTES: usize = 128 << 10;

/// What the input is made of; settled by the first bytes that make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Members(Format),
    Plain,
}

struct Member {
    start: u64,
    codec: Codec,
    /// First output of a member that follows an unfinished record: does a record start, or does it go on?
    undecided: Option<Vec<u8>>,
}

struct Lost {
    from: u64,
    inner: u64,
    kind: DamageKind,
}

enum Start {
    Member(Format),
    Plain,
    Skippable,
    Padding,
    Unknown,
    NeedMore,
}

/// A push parser of WARC files: plain, gzip (per record or as a whole), zstd (with dictionary). The magic bytes
/// decide, never a name. Events do not depend on how the input is cut into pieces.
pub struct Parser {
    kind: Option<Kind>,
    /// Input not yet done with, and `REWIND_BYTES` of the current member.
    raw: Vec<u8>,
    /// Input offset of `raw[0]`.
    base: u64,
    /// Index into `raw` of the next byte to read.
    cursor: usize,
    member: Option<Member>,
    lost: Option<Lost>,
    dictionary: Vec<u8>,
    framer: Framer,
    scratch: Vec<u8>,
    rewound: u64,
    events: u64,
    split: Split,
    /// Where the split begins; None while it is searched for.
    begin: Option<u64>,
    /// Where what the next split owns begins; None before that is reached.
    end: Option<u64>,
}

impl Parser {
    /// A parser for one input.
    pub fn new(limits: Limits) -> Self {
        Self::of_split(limits, Split::default())
    }

    /// A parser for a split of an input; it is fed from `split.start` on.
    pub fn of_split(limits: Limits, split: Split) -> Self {
        let kind = match split.container {
            None => None,
            Some(Container::Gzip) => Some(Kind::Members(Format::Gzip)),
            Some(Container::Plain) => Some(Kind::Plain),
        };
        let mut framer = Framer::new(limits);
        if kind == Some(Kind::Plain) {
            framer.begin(split.start, true);
        }
        framer.stop_at(split.stop);
        Self {
            kind,
            raw: Vec::new(),
            base: split.start,
            cursor: 0,
            member: None,
            lost: None,
            dictionary: Vec::new(),
            framer,
            scratch: vec![0; SCRATCH_BYTES],
            rewound: split.rewound,
            events: 0,
            split,
            begin: split.exact.then_some(split.start),
            end: None,
        }
    }

    /// Where the first record (or member) of the split begins: the end of the input if there is none.
    pub fn begin(&self) -> Option<u64> {
        self.begin
    }

    /// Where what follows the split begins; None as long as more input is needed.
    pub fn end(&self) -> Option<u64> {
        self.end
    }

    /// Bytes that were read again after damage, with those that the split was told of.
    pub fn rewound(&self) -> u64 {
        self.rewound
    }

    /// Takes the next bytes of the input; what they complete goes to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        if self.end.is_some() {
            return;
        }
        self.raw.extend_from_slice(bytes);
        self.run(false, sink);
        let keep = match &self.member {
            Some(member) => ((member.start - self.base.min(member.start)) as usize)
                .max(self.cursor.saturating_sub(REWIND_BYTES))
                .min(self.cursor),
            None => self.cursor,
        };
        self.raw.drain(..keep);
        self.base += keep as u64;
        self.cursor -= keep;
    }

    /// The input ended. A non-empty input always gives at least one event.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if self.end.is_some() {
            return;
        }
        self.run(true, sink);
        let length = self.base + self.raw.len() as u64;
        self.begin.get_or_insert(length);
        if self.end.is_none() {
            self.end = Some(length);
            if self.events == 0 && length > 0 && self.split.start == 0 {
                sink(Event::Damage { kind: DamageKind::Record, offset: 0, inner: 0, skipped: length });
            }
        }
    }

    fn run(&mut self, eof: bool, sink: &mut dyn FnMut(Event<'_>)) {
        loop {
            let mut events = 0;
            let more = self.step(eof, &mut |event: Event<'_>| {
                events += 1;
                sink(event);
            });
            self.events += events;
            if !more || self.end.is_some() {
                return;
            }
        }
    }

    /// Does what begins here belong to the next split? An input without any event is one event of its first split.
    fn is_past(&self, position: u64) -> bool {
        self.split.stop.is_some_and(|stop| position >= stop) && (self.events > 0 || self.split.start > 0)
    }

    /// One transition; false = nothing more can be said about what is here.
    fn step(&mut self, eof: bool, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.begin.is_none() {
            return self.seek(eof);
        }
        if self.lost.is_some() {
            return self.resynchronise(eof, sink);
        }
        if self.member.is_some() {
            return self.decode(eof, sink);
        }
        if self.kind == Some(Kind::Plain) {
            self.framer.push(&self.raw[self.cursor..], sink);
            self.cursor = self.raw.len();
            if eof {
                self.framer.end(Edge::Eof, sink);
            }
            self.end = self.framer.stopped();
            return false;
        }
        let start = self.identify(eof);
        if matches!(start, Start::Unknown) && !self.framer.is_whole() {
            self.framer.end(Edge::Sealed, sink);
        }
        let begins = matches!(start, Start::Member(_) | Start::Unknown);
        if begins && self.framer.is_whole() && self.is_past(self.position()) {
            self.end = Some(self.position());
            return false;
        }
        match start {
            Start::NeedMore => {
                if eof && self.cursor < self.raw.len() {
                    self.lose(self.position(), DamageKind::CutShort);
                    return true;
                }
                if eof {
                    self.framer.end(Edge::Sealed, sink);
                }
                false
            }
            Start::Padding => {
                self.cursor += 1;
                true
            }
            Start::Plain => {
                self.kind = Some(Kind::Plain);
                self.framer.begin(self.position(), true);
                true
            }
            Start::Member(format) => {
                self.kind = Some(Kind::Members(format));
                self.begin_member(format);
                true
            }
            Start::Skippable => self.skip_frame(eof),
            Start::Unknown => {
                self.lose(self.position(), DamageKind::Member);
                true
            }
        }
    }

    fn position(&self) -> u64 {
        self.base + self.cursor as u64
    }

    fn lose(&mut self, from: u64, kind: DamageKind) {
        self.lost = Some(Lost { from, inner: 0, kind });
    }

    /// What starts at the cursor, outside of any member.
    fn identify(&self, eof: bool) -> Start {
        let rest = &self.raw[self.cursor..];
        let Some(&first) = rest.first() else { return Start::NeedMore };
        if matches!(first, b'\r' | b'\n' | 0) {
            return Start::Padding;
        }
        let has = |magic: &[u8]| rest[..rest.len().min(magic.len())] == magic[..rest.len().min(magic.len())];
        let full = |magic: &[u8]| rest.len() >= magic.len();
        let may = |kind: Kind| self.kind.is_none_or(|known| known == kind);
        let (gzip, zstd) = (Kind::Members(Format::Gzip), Kind::Members(Format::Zstd));
        let skippable = first & 0xf0 == 0x50 && {
            let tail = &rest[1..rest.len().min(4)];
            *tail == ZSTD_SKIPPABLE_TAIL[..tail.len()]
        };
        for (kind, magic, format) in [(gzip, GZIP_MAGIC, Format::Gzip), (zstd, ZSTD_MAGIC, Format::Zstd)] {
            if may(kind) && has(magic) {
                return if full(magic) { Start::Member(format) } else { Start::NeedMore };
            }
        }
        if may(Kind::Plain) {
            match starts_mark(rest) {
                Some(true) => return Start::Plain,
                None => return if eof { Start::Plain } else { Start::NeedMore },
                Some(false) => {}
            }
        }
        if may(zstd) && skippable {
            return if rest.len() >= 4 { Start::Skippable } else { Start::NeedMore };
        }
        Start::Unknown
    }

    fn begin_member(&mut self, format: Format) {
        let start = self.position();
        match Codec::new(format, &self.dictionary) {
            Some(codec) => {
                let undecided = (!self.framer.is_whole()).then(Vec::new);
                if undecided.is_none() {
                    self.framer.begin(start, false);
                }
                self.member = Some(Member { start, codec, undecided });
            }
            None => self.lose(start, DamageKind::Member),
        }
    }

    /// A zstd skippable frame: the dictionary, or something that is none of our business.
    fn skip_frame(&mut self, eof: bool) -> bool {
        self.kind = Some(Kind::Members(Format::Zstd));
        let rest = &self.raw[self.cursor..];
        let Some(length) = rest.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes)
        else {
            if eof {
                self.lose(self.position(), DamageKind::CutShort);
            }
            return eof;
        };
        let length = length as usize;
        if length > MAX_DICTIONARY_BYTES {
            self.lose(self.position(), DamageKind::Member);
            return true;
        }
        let Some(content) = rest.get(8..8 + length) else {
            if eof {
                self.lose(self.position(), DamageKind::CutShort);
            }
            return eof;
        };
        if rest.starts_with(ZSTD_DICTIONARY_MAGIC) {
            match dictionary(content, MAX_DICTIONARY_BYTES) {
                Some(dictionary) => self.dictionary = dictionary,
                None => {
                    self.lose(self.position(), DamageKind::Member);
                    return true;
                }
            }
        }
        self.cursor += 8 + length;
        true
    }

    fn decode(&mut self, eof: bool, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        let Some(member) = &mut self.member else { return false };
        let step = member.codec.step(&self.raw[self.cursor..], &mut self.scratch);
        self.cursor += step.consumed;
        let output = &self.scratch[..step.written];
        match &mut member.undecided {
            None => self.framer.push(output, sink),
            Some(first) => {
                first.extend_from_slice(output);
                if let Some(is_record) = starts_record(first) {
                    if is_record {
                        self.framer.end(Edge::Sealed, sink);
                        if self.split.stop.is_some_and(|stop| member.start >= stop) {
                            self.end = Some(member.start);
                            return false;
                        }
                        self.framer.begin(member.start, false);
                    }
                    self.framer.push(first, sink);
                    member.undecided = None;
                }
            }
        }
        match step.progress {
            Progress::End => {
                if let Some(first) = member.undecided.take() {
                    self.framer.push(&first, sink);
                }
                self.member = None;
                if self.framer.is_whole() {
                    self.framer.end(Edge::Sealed, sink);
                }
                true
            }
            Progress::Bad => {
                self.fail(DamageKind::Member, sink);
                true
            }
            Progress::More if step.consumed + step.written > 0 => true,
            Progress::More if eof => {
                self.fail(DamageKind::CutShort, sink);
                true
            }
            Progress::More => false,
        }
    }

    /// The current member cannot be read on; the search for the next one starts inside it.
    fn fail(&mut self, kind: DamageKind, sink: &mut dyn FnMut(Event<'_>)) {
        let Some(member) = self.member.take() else { return };
        // A record that was to go on in this member shares its fate.
        let from = if let Some(first) = &member.undecided {
            self.framer.push(first, sink);
            self.framer.offset()
        } else {
            member.start
        };
        let reached = self.position();
        if reached == member.start {
            // A decoder that fails at once has taken nothing: the search must not find this very member again.
            self.cursor += 1;
        }
        let back = (reached - member.start).saturating_sub(1).min(REWIND_BYTES as u64);
        if self.rewound + back <= REWIND_BUDGET_BYTES + 8 * member.start {
            self.rewound += back;
            self.cursor -= back as usize;
        }
        self.lost = Some(Lost { from, inner: self.framer.pending(), kind });
    }
}
