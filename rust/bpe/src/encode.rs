//! From text to ids.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::added::{Part, Policy};
use crate::cache::{Cache, Entry, Key, Table, is_nothing, key, unpack};
use crate::error::Error;
use crate::merge::Scratch;
use crate::pattern::Splitter;
use crate::tokenizer::Tokenizer;

/// The entries of this many pieces are asked for before the first is used.
const AHEAD: usize = 32;

/// Buffers and a bounded cache for encoding with one tokenizer. Ids never depend on what was encoded before.
#[derive(Debug)]
pub struct Encoder {
    cache: Cache,
    scratch: Scratch,
    splitter: Splitter,
    found: Vec<Found>,
    /// Numbers of the pieces that are new.
    new: Vec<usize>,
}

/// A piece and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Found {
    key: Key,
    entry: Entry,
}

impl Encoder {
    /// An encoder with a cache that knows the vocabulary. Use it with this tokenizer only.
    pub fn new(tokenizer: &Tokenizer) -> Self {
        Self {
            cache: Cache::new(tokenizer.vocabulary_table().clone()),
            scratch: Scratch::default(),
            splitter: Splitter::default(),
            found: Vec::new(),
            new: Vec::new(),
        }
    }

    /// Appends the ids of `text`. Fails only where a custom pattern gives up.
    pub fn encode(
        &mut self,
        tokenizer: &Tokenizer,
        policy: &Policy,
        text: &str,
        out: &mut Vec<u32>,
    ) -> Result<(), Error> {
        policy.raw.cut(text, |part| match part {
            Part::Token(id) => {
                out.push(id);
                Ok(())
            }
            Part::Text(text) => {
                let text = normalize(tokenizer, text);
                policy.normalized.cut(&text, |part| match part {
                    Part::Token(id) => {
                        out.push(id);
                        Ok(())
                    }
                    Part::Text(text) => self.encode_text(tokenizer, text, out),
                })
            }
        })
    }

    fn encode_text(&mut self, tokenizer: &Tokenizer, text: &str, out: &mut Vec<u32>) -> Result<(), Error> {
        let mut splitter = std::mem::take(&mut self.splitter);
        let split = splitter.split(&tokenizer.pattern, text, |start, ends| {
            self.encode_pieces(tokenizer, text.as_bytes(), start, ends, out);
        });
        self.splitter = splitter;
        split
    }

    /// Encodes pieces that follow each other: looks all of them up, merges the new ones, puts out all.
    fn encode_pieces(
        &mut self,
        tokenizer: &Tokenizer,
        text: &[u8],
        start: usize,
        ends: &[usize],
        out: &mut Vec<u32>,
    ) {
        // Not later: what is found below points into the cache.
        if self.cache.is_full() {
            self.cache.forget(tokenizer.vocabulary_table());
        }
        self.look_up(text, start, ends);
        if !self.new.is_empty() {
            self.merge_new(tokenizer, text, start, ends);
        }
        let mut ready = [0; 4 * AHEAD];
        for group in self.found.chunks(AHEAD) {
            let mut count = 0;
            for &Found { entry, .. } in group {
                if let Some((ids, more)) = unpack(entry) {
                    ready[count..count + 4].copy_from_slice(&ids);
                    count += more;
                } else {
                    out.extend_from_slice(&ready[..count]);
                    count = 0;
                    out.extend_from_slice(self.cache.in_arena(entry));
                }
            }
            out.extend_from_slice(&ready[..count]);
        }
    }

    /// Fills `found` and `new`.
    fn look_up(&mut self, text: &[u8], start: usize, ends: &[usize]) {
        self.found.clear();
        self.new.clear();
        let mut keys = [(0, 0); AHEAD];
        let (mut from, mut begin) = (start, start);
        for group in ends.chunks(AHEAD) {
            for (slot, &end) in keys.iter_mut().zip(group) {
                let key = key(text, from, end);
                let set = Table::set(key);
                self.cache.table.prefetch(set);
                *slot = (key, set);
                from = end;
            }
            for (&(key, set), &end) in keys.iter().zip(group) {
                let mut entry = self.cache.table.get(key, set);
                if is_nothing(entry) {
                    match Cache::place(&text[begin..end]).filter(|_| key == 0) {
                        Some(place) => entry = self.cache.get_long(place, &text[begin..end]),
                        None => {}
                    }
                    if is_nothing(entry) {
                        self.new.push(self.found.len());
                    }
                }
                self.found.push(Found { key, entry });
                begin = end;
            }
        }
    }

    fn merge_new(&mut self, tokenizer: &Tokenizer, text: &[u8], start: usize, ends: &[usize]) {
        let Self { cache, scratch, found, new, .. } = self;
        let piece = |number: usize| {
            let from = if number == 0 { start } else { ends[number - 1] };
            &text[from..ends[number]]
        };
        new.retain(|&number| match tokenizer.unreached(piece(number)) {
            Some(id) => {
                found[number].entry = cache.put(found[number].key, piece(number), &[id]);
                false
            }
            None => true,
        });
        let pieces = new.iter().map(|&number| (number, piece(number)));
        scratch.merge_all(&tokenizer.merging, pieces, |number, ids| {
            found[number].entry = cache.put(found[number].key, piece(number), ids);
        });
    }
}

fn normalize<'t>(tokenizer: &Tokenizer, text: &'t str) -> Cow<'t, str> {
    if !tokenizer.nfc || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}
