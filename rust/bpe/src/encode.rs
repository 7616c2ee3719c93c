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
/// As many in the table of the most frequent ones.
const NEARBY: usize = 128;

/// Buffers and a bounded cache for encoding with one tokenizer. Ids never depend on what was encoded before.
#[derive(Debug)]
pub struct Encoder {
    cache: Cache,
    scratch: Scratch,
    splitter: Splitter,
    /// What is known of each piece.
    found: Vec<Entry>,
    /// Numbers of the pieces that are not near, and of those that are new.
    far: Vec<u32>,
    new: Vec<u32>,
}

impl Encoder {
    /// An encoder with a cache that knows the vocabulary. Use it with this tokenizer only.
    pub fn new(tokenizer: &Tokenizer) -> Self {
        Self {
            cache: Cache::new(tokenizer.vocabulary()),
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
        ends: &[u32],
        out: &mut Vec<u32>,
    ) {
        // Not later: what is found below points into the cache.
        if self.cache.is_full() {
            self.cache.forget(tokenizer.vocabulary());
        }
        let pieces = Pieces { text, start, ends };
        self.look_up(&pieces);
        if !self.new.is_empty() {
            self.merge_new(tokenizer, &pieces);
        }
        let mut ready = [0; 4 * AHEAD];
        for group in self.found.chunks(AHEAD) {
            let mut count = 0;
            for &entry in group {
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
        self.cache.forget_passing();
    }

    /// Fills `found` and `new`.
    fn look_up(&mut self, pieces: &Pieces<'_>) {
        let Self { cache, found, far, new, .. } = self;
        // Counting instead of branching: nobody can foretell which pieces are near.
        far.resize(pieces.ends.len(), 0);
        let (mut from, mut number, mut count) = (pieces.start, 0, 0);
        found.clear();
        let mut sought = [(0, 0); NEARBY];
        for group in pieces.ends.chunks(NEARBY) {
            // The keys first, with time for the table to come near.
            for (sought, &end) in sought.iter_mut().zip(group) {
                let key = key(pieces.text, from, end as usize);
                *sought = (key, cache.near.prefetch(key));
                from = end as usize;
            }
            let far = &mut far[..];
            found.extend(sought[..group.len()].iter().map(|&(key, place)| cache.near.get(key, place)));
            for &entry in &found[number as usize..] {
                far[count] = number;
                count += usize::from(is_nothing(entry));
                number += 1;
            }
        }
        new.clear();
        for group in far[..count].chunks(AHEAD) {
            let mut keys = [0; AHEAD];
            for (key, &number) in keys.iter_mut().zip(group) {
                *key = pieces.key(number);
                cache.table.prefetch(*key);
            }
            for (&key, &number) in keys.iter().zip(group) {
                let entry = if key == 0 { cache.get_long(pieces.get(number)) } else { cache.table.get(key) };
                if is_nothing(entry) {
                    new.push(number);
                } else if key != 0 {
                    cache.near.insert(key, entry);
                }
                found[number as usize] = entry;
            }
        }
    }

    fn merge_new(&mut self, tokenizer: &Tokenizer, pieces: &Pieces<'_>) {
        let Self { cache, scratch, found, new, .. } = self;
        new.retain(|&number| match tokenizer.unreached(pieces.get(number)) {
            Some(id) => {
                found[number as usize] = cache.put(pieces.key(number), pieces.get(number), &[id]);
                false
            }
            None => true,
        });
        let tagged = new.iter().map(|&number| (number as usize, pieces.get(number)));
        scratch.merge_all(&tokenizer.merging, tagged, |number, ids| {
            found[number] = cache.put(pieces.key(number as u32), pieces.get(number as u32), ids);
        });
    }
}

/// Pieces that follow each other from `start` on.
struct Pieces<'t> {
    text: &'t [u8],
    start: usize,
    ends: &'t [u32],
}

impl<'t> Pieces<'t> {
    #[inline]
    fn span(&self, number: u32) -> (usize, usize) {
        let number = number as usize;
        (if number == 0 { self.start } else { self.ends[number - 1] as usize }, self.ends[number] as usize)
    }

    fn get(&self, number: u32) -> &'t [u8] {
        let (from, end) = self.span(number);
        &self.text[from..end]
    }

    #[inline]
    fn key(&self, number: u32) -> Key {
        let (from, end) = self.span(number);
        key(self.text, from, end)
    }
}

fn normalize<'t>(tokenizer: &Tokenizer, text: &'t str) -> Cow<'t, str> {
    if !tokenizer.nfc || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}
