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
            let entry =
                parse(line).ok_or_else(|| Error::Malformed(format!("line {} of the ranks", number + 1)))?;
            vocab.push(entry);
        }
        let ids: AHashMap<&[u8], u32> = vocab.iter().map(|(bytes, id)| (&bytes[..], *id)).collect();
        if ids.len() != vocab.len() {
            return Err(Error::Malformed("a token is given twice".to_owned()));
        }
        let merges = all_splits(&vocab, &ids);
        let added = specials.iter().map(|(content, id)| AddedToken {
            id: *id,
            content: content.clone(),
            special: true,
            normalized: false,
        });
        Self::new(Parts {
            pattern,
            nfc: false,
            added: added.collect(),
            merges,
            whole_pieces: true,
            rank_by_product: true,
            post_processor: Value::Null,
            vocab,
        })
    }
}

fn parse(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let space = line.iter().position(|&byte| byte == b' ')?;
    let bytes = STANDARD.decode(&line[..space]).ok()?;
    let id = std::str::from_utf8(&line[space + 1..]).ok()?.parse().ok()?;
    Some((bytes, id))
}

/// Any two neighbours whose concatenation is a token may merge: every cut of every token, by rank.
fn all_splits(vocab: &[(Vec<u8>, u32)], ids: &AHashMap<&[u8], u32>) -> Vec<Merge> {
    let mut merges = Vec::new();
    for (bytes, product) in vocab {
        for at in 1..bytes.len() {
            let (left, right) = bytes.split_at(at);
            if let (Some(&left), Some(&right)) = (ids.get(left), ids.get(right)) {
                merges.push((left, right, *product));
            }
        }
    }
    merges.sort_unstable_by_key(|&(left, right, product)| (product, left, right));
    merges
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
        crate::Encoder::new().encode(&tokenizer, &policy, "xyz xyz", &mut out).unwrap();
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
