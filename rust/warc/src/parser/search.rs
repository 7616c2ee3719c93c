//! The search for a readable member or record: after damage, and at the start of a split.

use memchr::memchr2;

use super::{Kind, Lost, Parser};
use crate::codec::{Format, GZIP_MAGIC, ZSTD_MAGIC, probe};
use crate::event::{DamageKind, Event};
use crate::marks::find_record;

impl Parser {
    /// Moves the cursor to the next member, or to the end of what is there. None = more bytes are needed to say.
    fn next_start(&mut self, eof: bool) -> Option<bool> {
        loop {
            let rest = &self.raw[self.cursor..];
            let hit = if self.kind.is_none() {
                rest.iter().position(|byte| [GZIP_MAGIC[0], ZSTD_MAGIC[0], b'W', b'w'].contains(byte))
            } else {
                memchr2(GZIP_MAGIC[0], ZSTD_MAGIC[0], rest)
            };
            let Some(hit) = hit else {
                self.cursor = self.raw.len();
                return eof.then_some(false);
            };
            self.cursor += hit;
            match self.is_start(&self.raw[self.cursor..], eof) {
                Some(true) => return Some(true),
                Some(false) => self.cursor += 1,
                None => return None,
            }
        }
    }

    /// The search for the first record or member of a split.
    pub(super) fn seek(&mut self, eof: bool) -> bool {
        if self.kind == Some(Kind::Plain) {
            let (found, resume) = find_record(&self.raw[self.cursor..], 0);
            self.cursor += found.unwrap_or(resume);
            if found.is_none() {
                return false;
            }
            self.framer.begin(self.position(), true);
        } else if self.next_start(eof) != Some(true) {
            return false;
        }
        self.begin = Some(self.position());
        true
    }

    pub(super) fn resynchronise(&mut self, eof: bool, sink: &mut dyn FnMut(Event<'_>)) -> bool {
        let Some(found) = self.next_start(eof) else { return false };
        let Some(lost) = self.lost.take() else { return false };
        if !found && lost.kind == DamageKind::CutShort && !self.framer_is_spent(&lost) {
            self.framer.cut(sink);
            return false;
        }
        let kind = if found { DamageKind::Member } else { lost.kind };
        let skipped = self.position() - lost.from;
        self.framer.begin(self.position(), false);
        sink(Event::Damage { kind, offset: lost.from, inner: lost.inner, skipped });
        found
    }

    /// Was the cut before the first byte of a member, so that the framer knows nothing of it?
    fn framer_is_spent(&self, lost: &Lost) -> bool {
        self.framer.offset() != lost.from && self.framer.is_whole()
    }

    /// Does a readable record start here? None = more bytes are needed to say.
    fn is_start(&self, rest: &[u8], eof: bool) -> Option<bool> {
        let format = match rest[0] {
            b'W' | b'w' => {
                return match find_record(&rest[..rest.len().min(128)], 0) {
                    (Some(0), _) => Some(true),
                    (None, 0) if !eof && rest.len() < 128 => None,
                    _ => Some(false),
                };
            }
            first if first == GZIP_MAGIC[0] => Format::Gzip,
            _ => Format::Zstd,
        };
        if self.kind.is_some_and(|kind| kind != Kind::Members(format)) {
            return Some(false);
        }
        probe(format, rest, &self.dictionary, eof)
    }
}
