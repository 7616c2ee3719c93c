//! `.tiktoken` files: base64 of a token's bytes, a space, its rank.

use ahash::AHashMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::added::AddedToken;
use crate::error::Error;
use crate::pattern::Pattern;
use crate::tokenizer::{Merge, Parts, Tokenizer};

impl Tokenizer {
    /// Reads a `.tiktoken` file, which names neither its pattern nor its special tokens.
    ///
    /// Ids equal those of `tiktoken` with the same pattern, except that text which the pattern does not
    /// match is encoded instead of dropped.
    pub fn from_tiktoken(data: &[u8], pattern: Pattern, specials: &[(String, u32)]) -> Result<Self, Error> {
        let mut vocab = Vec::new();
        for (number, line) in data.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let entry = parse(line).filter(|entry| entry.0.len() <= LONGEST_TOKEN);
            let entry = entry.ok_or_else(|| Error::Malformed(format!("line {} of the ranks", number + 1)))?;
            vocab.push(entry);
        }
        let ids: AHashMap<&[u8], u32> = vocab.iter().map(|(bytes, id)| (&bytes[..], *id)).collect();
        if ids.len() != vocab.len() {
            return Err(Error::Malformed("a token is given twice".to_owned()));
        }
        let merges = used_splits(&vocab, &ids)?;
        let added = specials.iter().map(|(content, id)| AddedToken::special(content, *id));
        Self::new(Parts {
            pattern,
            nfc: false,
            prefix_space: false,
            added: added.collect(),
            merges,
            whole_pieces: true,
            post_processor: Value::Null,
            vocab,
        })
    }
}

/// Bytes of the longest token that is read: finding its last merge is quadratic.
pub(crate) const LONGEST_TOKEN: usize = 1024;

fn parse(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let space = line.iter().position(|&byte| byte == b' ')?;
    let bytes = STANDARD.decode(&line[..space]).ok()?;
    let id = std::str::from_utf8(&line[space + 1..]).ok()?.parse().ok()?;
    Some((bytes, id))
}

impl Tokenizer {
    /// Writes a `.tiktoken` file: ordinary tokens alone, since the format has no place for a pattern, for
    /// special tokens, for normalization or for merges that are not told by the ranks.
    pub fn to_tiktoken(&self) -> Result<Vec<u8>, Error> {
        if self.nfc || self.prefix_space {
            return Err(Error::Unsupported("a .tiktoken file cannot ask for changes of the text".to_owned()));
        }
        let vocab: Vec<(Vec<u8>, u32)> = (0u32..)
            .zip(&self.tokens)
            .filter_map(|(id, token)| Some((token.as_ref()?.to_vec(), id)))
            .collect();
        let ids: AHashMap<&[u8], u32> = vocab.iter().map(|(bytes, id)| (&bytes[..], *id)).collect();
        let by_ranks = used_splits(&vocab, &ids)?;
        let reached = vocab.iter().filter(|(bytes, _)| bytes.len() > 1).count() == by_ranks.len();
        if !(self.merging.is_of(&by_ranks) && (reached || self.whole_pieces)) {
            return Err(Error::Unsupported(
                "the merges of this tokenizer do not follow from the order of its tokens".to_owned(),
            ));
        }
        let mut out = Vec::new();
        for (bytes, id) in &vocab {
            out.extend_from_slice(format!("{} {id}\n", STANDARD.encode(bytes)).as_bytes());
        }
        Ok(out)
    }
}

/// One merge per token that merging reaches, by rank.
///
/// Any two neighbours whose concatenation is a token may merge, the lowest rank first. But until a token is
/// made, nothing has crossed its borders, so inside them everything happened as if its bytes stood alone, and
/// there the last merge is always the same: of all cuts of a token in two, only that one is ever used.
fn used_splits(vocab: &[(Vec<u8>, u32)], ids: &AHashMap<&[u8], u32>) -> Result<Vec<Merge>, Error> {
    let mut merges = Vec::with_capacity(vocab.len());
    for (bytes, product) in vocab.iter().filter(|(bytes, _)| bytes.len() > 1) {
        if let Some((left, right)) = last_merge(bytes, ids)? {
            merges.push((left, right, *product));
        }
    }
    merges.sort_unstable_by_key(|merge| merge.2);
    Ok(merges)
}

/// The two tokens that `bytes` are merged to before the last merge; `None` if they do not become one token.
fn last_merge(bytes: &[u8], ids: &AHashMap<&[u8], u32>) -> Result<Option<(u32, u32)>, Error> {
    let id = |from: usize, to: usize| ids.get(&bytes[from..to]).copied();
    let mut cuts: Vec<usize> = (0..=bytes.len()).collect();
    while cuts.len() > 3 {
        let ranks = cuts.windows(3).enumerate().filter_map(|(at, cut)| Some((id(cut[0], cut[2])?, at)));
        let Some((_, at)) = ranks.min() else { return Ok(None) };
        cuts.remove(at + 1);
    }
    let byte = |b: u8| Error::Unsupported(format!("no token for byte 0x{b:02X}, text would be lost"));
    let left = id(0, cuts[1]).ok_or_else(|| byte(bytes[0]))?;
    let right = id(cuts[1], bytes.len()).ok_or_else(|| byte(bytes[bytes.len() - 1]))?;
    Ok(Some((left, right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(extra: &[&[u8]]) -> String {
        let tokens = (0..=255u8).map(|byte| vec![byte]).chain(extra.iter().map(|token| token.to_vec()));
        tokens.enumerate().map(|(id, bytes)| format!("{} {id}\n", STANDARD.encode(bytes))).collect()
    }

    fn load(data: &str) -> Result<Tokenizer, Error> {
        Tokenizer::from_tiktoken(
            data.as_bytes(),
            Pattern::new("cl100k").unwrap(),
            &[("<|endoftext|>".to_owned(), 300)],
        )
    }

    #[test]
    fn a_token_no_merge_reaches_is_found_as_a_whole_piece() {
        let tokenizer = load(&ranks(&[b"xyz"])).unwrap();
        let policy = tokenizer.policy(crate::Allowed::Only(&[])).unwrap();
        let mut out = Vec::new();
        crate::Encoder::new(&tokenizer).encode(&tokenizer, &policy, "xyz xyz", &mut out).unwrap();
        assert_eq!(out, [256, 32, 120, 121, 122]);
        assert_eq!(tokenizer.decode(&[256, 300]).unwrap(), b"xyz<|endoftext|>");
        assert!(matches!(tokenizer.decode(&[299]), Err(Error::UnknownId { id: 299, highest: 300 })));
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = ranks(&[b"ab"]);
        for bad in [
            good.replace("YWI= 256", "YWI="),
            good.replace("YWI= 256", "YWI= x"),
            good.replace("YWI= 256", "!!!! 256"),
            good.replace("YWI= 256", "YWI= 255"),
            good.replace("YWI= 256", "YQ== 256"),
            good.replace("YWI= 256", "YWI= 4294967295"),
            good.replace("YWI= 256", "YWI= 300"),
            good[..good.len() / 2].to_owned(),
            String::new(),
        ] {
            assert!(load(&bad).is_err());
        }
        assert!(load(&good).is_ok());
    }
}
