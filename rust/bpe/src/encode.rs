//! From text to ids.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::added::{Part, Policy};
use crate::cache::{Cache, Entry, Key, is_nothing, key, unpack};
use crate::error::Error;
use crate::merge::Scratch;
use crate::split::Splitter;
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
    /// Numbers of the pieces that are not near, and of those that are new.
    far: Vec<usize>,
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
            far: Vec::new(),
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
            Part::Token(id, _) => {
                out.push(id);
                Ok(())
            }
            Part::Text(text) => {
                let text = normalize(tokenizer, text);
                policy.normalized.cut(&text, |part| match part {
                    Part::Token(id, _) => {
                        out.push(id);
                        Ok(())
                    }
                    Part::Text(text) if tokenizer.prefix_space && !text.starts_with(' ') => {
                        self.encode_text(tokenizer, &format!(" {text}"), out)
                    }
                    Part::Text(text) => self.encode_text(tokenizer, text, out),
                })
            }
        })
    }

    /// As `encode`; also appends where in `text` each id ends, in bytes. A token starts where the one before
    /// ends. Fails where the tokenizer changes texts before it encodes them.
    pub fn encode_with_ends(
        &mut self,
        tokenizer: &Tokenizer,
        policy: &Policy,
        text: &str,
        out: &mut Vec<u32>,
        ends: &mut Vec<usize>,
    ) -> Result<(), Error> {
        if !tokenizer.keeps_text() {
            return Err(Error::Unsupported(
                "no offsets: this tokenizer normalizes texts or puts a blank before them".to_owned(),
            ));
        }
        let mut at = 0;
        let mut each = |part: Part<'_>| {
            match part {
                Part::Token(id, taken) => {
                    out.push(id);
                    at += taken.len();
                    ends.push(at);
                }
                Part::Text(text) => {
                    let first = out.len();
                    self.encode_text(tokenizer, text, out)?;
                    for &id in &out[first..] {
                        at += tokenizer.token(id).map_or(0, <[u8]>::len);
                        ends.push(at);
                    }
                }
            }
            Ok(())
        };
        policy.raw.cut(text, |part| match part {
            Part::Text(text) => policy.normalized.cut(text, &mut each),
            token @ Part::Token(..) => each(token),
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
        let Self { cache, found, far, new, .. } = self;
        let mut from = start;
        found.clear();
        found.extend(ends.iter().map(|&end| {
            let key = key(text, from, end);
            from = end;
            Found { key, entry: cache.near.get(key) }
        }));
        // Counting instead of branching: nobody can foretell which pieces are near.
        far.resize(ends.len(), 0);
        let mut count = 0;
        for (number, piece) in found.iter().enumerate() {
            far[count] = number;
            count += usize::from(is_nothing(piece.entry));
        }
        new.clear();
        for group in far[..count].chunks(AHEAD) {
            for &number in group {
                cache.table.prefetch(found[number].key);
            }
            for &number in group {
                let Found { key, mut entry } = found[number];
                if key == 0 {
                    let from = if number == 0 { start } else { ends[number - 1] };
                    let piece = &text[from..ends[number]];
                    if let Some(place) = Cache::place(piece) {
                        entry = cache.get_long(place, piece);
                    }
                } else {
                    entry = cache.table.get(key);
                    if !is_nothing(entry) {
                        cache.near.insert(key, entry);
                    }
                }
                found[number].entry = entry;
                if is_nothing(entry) {
                    new.push(number);
                }
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
