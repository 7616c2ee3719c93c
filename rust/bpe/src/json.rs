//! `tokenizer.json` of Hugging Face `tokenizers`.

use ahash::{AHashMap, AHashSet};
use serde_json::{Map, Value, json};

use crate::added::AddedToken;
use crate::byte_level;
use crate::error::Error;
use crate::pattern::Pattern;
use crate::tiktoken::LONGEST_TOKEN;
use crate::tokenizer::{Merge, Parts, Tokenizer};

impl Tokenizer {
    /// Reads a `tokenizer.json` that is byte-level BPE; anything else is refused, never approximated.
    pub fn from_json(data: &[u8]) -> Result<Self, Error> {
        let root: Value =
            serde_json::from_slice(data).map_err(|error| malformed(format!("JSON: {error}")))?;
        let model = &root["model"];
        check_model(model)?;
        let (vocab, added) = read_tokens(&root)?;
        let merges = read_merges(model, &vocab)?;
        let (pattern, prefix_space) = read_pattern(&root["pre_tokenizer"])?;
        Self::new(Parts {
            pattern,
            prefix_space,
            nfc: read_normalizer(&root["normalizer"])?,
            vocab: ordinary(&vocab, &added, &merges)?,
            added,
            merges,
            whole_pieces: is_true(&model["ignore_merges"]),
            post_processor: root["post_processor"].clone(),
        })
    }

    /// Writes a `tokenizer.json` that `tokenizers` loads; equal tokenizers give equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let mut vocab = Map::new();
        let mut added = self.added.iter().peekable();
        for (id, bytes) in self.tokens.iter().enumerate() {
            let token = added.next_if(|token| token.id as usize == id);
            let spelled =
                bytes.as_deref().map(byte_level::to_chars).or_else(|| token.map(|t| t.content.clone()));
            if let Some(spelled) = spelled {
                vocab.insert(spelled, json!(id));
            }
        }
        let merges: Vec<_> =
            self.merges.iter().map(|m| json!([self.spelled(m.0), self.spelled(m.1)])).collect();
        let added: Vec<_> = self.added.iter().map(write_added).collect();
        let model = json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": self.whole_pieces, "vocab": vocab, "merges": merges,
        });
        let root = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": if self.nfc { json!({"type": "NFC"}) } else { Value::Null },
            "pre_tokenizer": write_pattern(&self.pattern, self.prefix_space),
            "post_processor": self.post_processor,
            "decoder": byte_level_step(true, self.prefix_space),
            "model": model,
        });
        root.to_string().into_bytes()
    }
}

fn malformed(problem: impl Into<String>) -> Error {
    Error::Malformed(problem.into())
}

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported(what.into())
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

/// Missing, null, false, zero or empty: the option is off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn check_model(model: &Value) -> Result<(), Error> {
    match (&model["type"], model["merges"].is_array()) {
        (Value::String(kind), _) if kind != "BPE" => return Err(unsupported(format!("model `{kind}`"))),
        (_, false) => return Err(malformed("no model with merges")),
        _ => {}
    }
    for option in ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"] {
        if !is_off(&model[option]) {
            return Err(unsupported(format!("model option `{option}` = {}", model[option])));
        }
    }
    Ok(())
}

fn read_normalizer(normalizer: &Value) -> Result<bool, Error> {
    match normalizer["type"].as_str() {
        None if normalizer.is_null() => Ok(false),
        Some("NFC") => Ok(true),
        _ => Err(unsupported(format!("normalizer {normalizer}"))),
    }
}

/// The pattern, and whether text that does not begin with a blank gets one.
fn read_pattern(given: &Value) -> Result<(Pattern, bool), Error> {
    let refuse = || unsupported(format!("pre-tokenizer {given}"));
    // Both options are on when they are missing: files older than they are.
    let byte_level = |step: &Value| {
        let on = |option: &str| step[option].as_bool().unwrap_or(true);
        (step["type"] == "ByteLevel").then(|| (on("use_regex"), on("add_prefix_space")))
    };
    match byte_level(given) {
        Some((true, prefix)) => return Ok((Pattern::new("gpt2")?, prefix)),
        Some((false, prefix)) => return Ok((Pattern::sequence(&[])?, prefix)),
        None => {}
    }
    let steps = given["pretokenizers"].as_array().filter(|_| given["type"] == "Sequence");
    let Some((last, splits)) = steps.and_then(|steps| steps.split_last()) else {
        return Err(refuse());
    };
    // Behind a split, a blank would be put before every piece.
    if byte_level(last) != Some((false, false)) {
        return Err(refuse());
    }
    let regex = |split: &Value| {
        let isolated =
            split["type"] == "Split" && split["behavior"] == "Isolated" && is_off(&split["invert"]);
        let literal = split["pattern"]["String"].as_str().map(|text| fancy_regex::escape(text).into_owned());
        let regex = split["pattern"]["Regex"].as_str().map(str::to_owned).or(literal);
        regex.filter(|_| isolated).ok_or_else(refuse)
    };
    let regexes = splits.iter().map(regex).collect::<Result<Vec<_>, _>>()?;
    Ok((Pattern::sequence(&regexes.iter().map(String::as_str).collect::<Vec<_>>())?, false))
}

fn byte_level_step(use_regex: bool, prefix_space: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": true, "use_regex": use_regex})
}

fn write_pattern(pattern: &Pattern, prefix_space: bool) -> Value {
    if pattern.name() == Some("gpt2") {
        return byte_level_step(true, prefix_space);
    }
    if pattern.regexes().is_empty() {
        return byte_level_step(false, prefix_space);
    }
    let split = |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
    let mut steps: Vec<Value> = pattern.regexes().into_iter().map(split).collect();
    steps.push(byte_level_step(false, false));
    json!({"type": "Sequence", "pretokenizers": steps})
}

type Vocab<'a> = AHashMap<&'a str, u32>;

fn read_id(value: &Value) -> Result<u32, Error> {
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| malformed(format!("{value} is not an id")))
}

fn read_tokens(root: &Value) -> Result<(Vocab<'_>, Vec<AddedToken>), Error> {
    let vocab = root["model"]["vocab"].as_object().ok_or_else(|| malformed("no vocabulary"))?;
    let vocab: Vocab<'_> =
        vocab.iter().map(|(token, id)| Ok((token.as_str(), read_id(id)?))).collect::<Result<_, Error>>()?;
    let mut added = Vec::new();
    for token in root["added_tokens"].as_array().map_or(&[][..], Vec::as_slice) {
        let content = token["content"].as_str().ok_or_else(|| malformed("an added token without content"))?;
        let id = read_id(&token["id"])?;
        if vocab.get(content).is_some_and(|&other| other != id) {
            return Err(malformed(format!("added token `{content}` has two ids")));
        }
        let special = is_true(&token["special"]);
        let normalized = token["normalized"].as_bool().unwrap_or(!special);
        added.push(AddedToken {
            id,
            content: content.to_owned(),
            special,
            normalized,
            lstrip: is_true(&token["lstrip"]),
            rstrip: is_true(&token["rstrip"]),
            single_word: is_true(&token["single_word"]),
        });
    }
    Ok((vocab, added))
}

fn write_added(token: &AddedToken) -> Value {
    json!({
        "id": token.id, "content": token.content, "single_word": token.single_word, "lstrip": token.lstrip, "rstrip": token.rstrip,
        "normalized": token.normalized, "special": token.special,
    })
}

fn read_merges(model: &Value, vocab: &Vocab<'_>) -> Result<Vec<Merge>, Error> {
    let mut merges = Vec::new();
    for merge in model["merges"].as_array().map_or(&[][..], Vec::as_slice) {
        let pair = match merge {
            Value::String(text) => text.split_once(' '),
            Value::Array(pair) => match &pair[..] {
                [Value::String(left), Value::String(right)] => Some((left.as_str(), right.as_str())),
                _ => None,
            },
            _ => None,
        };
        let ids = pair.and_then(|(left, right)| {
            let product = [left, right].concat();
            Some((*vocab.get(left)?, *vocab.get(right)?, *vocab.get(product.as_str())?))
        });
        merges
            .push(ids.ok_or_else(|| malformed(format!("merge {merge} is not of tokens in the vocabulary")))?);
    }
    Ok(merges)
}

/// The vocabulary without entries that are added tokens alone: those no merge reaches or needs.
fn ordinary(vocab: &Vocab<'_>, added: &[AddedToken], merges: &[Merge]) -> Result<Vec<(Vec<u8>, u32)>, Error> {
    let merged: AHashSet<u32> =
        merges.iter().flat_map(|&(left, right, product)| [left, right, product]).collect();
    let added: AHashMap<u32, &str> = added.iter().map(|token| (token.id, token.content.as_str())).collect();
    let mut out = Vec::with_capacity(vocab.len());
    for (&token, &id) in vocab {
        let bytes = byte_level::to_bytes(token);
        if let Some(&content) = added.get(&id) {
            if content != token {
                return Err(malformed(format!("id {id} is `{token}` and `{content}`")));
            }
            if !merged.contains(&id) && bytes.as_ref().is_none_or(|bytes| bytes.len() != 1) {
                continue;
            }
        }
        let bytes = bytes.ok_or_else(|| unsupported(format!("token `{token}` is not byte-level")))?;
        if bytes.len() > LONGEST_TOKEN {
            return Err(unsupported(format!("a token of {} bytes", bytes.len())));
        }
        out.push((bytes, id));
    }
    Ok(out)
}
