//! From text to ids.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::added::{Part, Policy};
use crate::cache::Cache;
use crate::error::Error;
use crate::merge::Scratch;
use crate::tokenizer::Tokenizer;

/// Buffers and a bounded cache for encoding with one tokenizer. Ids never depend on what was encoded before.
#[derive(Debug, Default)]
pub struct Encoder {
    cache: Cache,
    scratch: Scratch,
}

impl Encoder {
    /// An encoder with an empty cache. Use it with one tokenizer only: the cache holds its ids.
    pub fn new() -> Self {
        Self::default()
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
                    Part::Text(text) => {
                        tokenizer.pattern.split(text, |piece| self.encode_piece(tokenizer, piece, out))
                    }
                })
            }
        })
    }

    fn encode_piece(&mut self, tokenizer: &Tokenizer, piece: &[u8], out: &mut Vec<u32>) {
        let key = Cache::key(piece);
        if let Some(ids) = key.and_then(|key| self.cache.get(key)) {
            out.extend_from_slice(ids);
            return;
        }
        let start = out.len();
        match &tokenizer.whole {
            Some(whole) if piece.len() <= tokenizer.longest && whole.contains_key(piece) => {
                out.push(whole[piece])
            }
            _ => self.scratch.merge(tokenizer, piece, out),
        }
        if let Some(key) = key {
            self.cache.put(key, &out[start..]);
        }
    }
}

fn normalize<'t>(tokenizer: &Tokenizer, text: &'t str) -> Cow<'t, str> {
    if !tokenizer.nfc || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}
