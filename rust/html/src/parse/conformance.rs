//! The tokenizer against the cases of html5lib-tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::normalize_newlines;
use super::token::{Raw, Token};
use super::tokenizer::Tokenizer;
use crate::tree::{Attr, Builder, Limits, Tag};

/// The tokens of a text, in the form of the cases; adjacent characters are one token.
fn tokens(text: &str, state: &str, last_start_tag: &str) -> Vec<Value> {
    let mut tree = Builder::new(text);
    let mut tokenizer = Tokenizer::new(text, &Limits::default());
    let (mut found, mut characters) = (Vec::new(), String::new());
    let raw = match state {
        "RCDATA state" => Some(Raw::Rcdata),
        "RAWTEXT state" => Some(Raw::Rawtext),
        "Script data state" => Some(Raw::Script),
        "PLAINTEXT state" => {
            tokenizer.plain = true;
            None
        }
        "CDATA section state" => {
            tokenizer.begin_cdata(0);
            None
        }
        _ => None,
    };
    if let Some(kind) = raw {
        // No tag of the cases has this name.
        let name = if last_start_tag.is_empty() { "\u{1}" } else { last_start_tag };
        let span = tokenizer.raw_text(&mut tree, kind, name);
        characters.push_str(tree.str(span));
    }
    loop {
        let token = tokenizer.next(&mut tree, false);
        match token {
            Token::Text(span) => characters.push_str(tree.str(span)),
            Token::Null => characters.push('\0'),
            _ if !characters.is_empty() => found.push(json!(["Character", std::mem::take(&mut characters)])),
            _ => {}
        }
        let name_of = |tag: Tag, span| if tag == Tag::Unknown { tree.str(span) } else { tag.name() };
        found.push(match token {
            Token::Eof => return found,
            Token::Text(_) | Token::Null => continue,
            Token::Comment(span) => json!(["Comment", tree.str(span)]),
            Token::Doctype(doctype) => {
                let text = |span: Option<_>| span.map(|span| tree.str(span));
                let (name, public, system) = (text(doctype.name), text(doctype.public), text(doctype.system));
                json!(["DOCTYPE", name, public, system, !doctype.force_quirks])
            }
            Token::End(end) => json!(["EndTag", name_of(end.tag, end.name)]),
            Token::Start(start) => {
                let range = start.attributes.start as usize..start.attributes.end() as usize;
                let mut records = &tree.attributes[range];
                let mut name = start.tag.name();
                if start.tag == Tag::Unknown {
                    name = tree.str(records[0].value);
                    records = &records[1..];
                }
                let attributes: BTreeMap<&str, &str> = records
                    .iter()
                    .map(|record| {
                        let known = record.attr != Attr::Unknown;
                        (
                            if known { record.attr.name() } else { tree.str(record.name) },
                            tree.str(record.value),
                        )
                    })
                    .collect();
                let mut token = vec![json!("StartTag"), json!(name), json!(attributes)];
                token.extend(start.self_closing.then(|| json!(true)));
                Value::Array(token)
            }
        });
    }
}

/// Undoes the escapes of "doubleEscaped" cases; `None` for surrogates, which no text holds.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split("\\u");
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        plain.push(char::from_u32(u32::from_str_radix(part.get(..4)?, 16).ok()?)?);
        plain.push_str(&part[4..]);
    }
    Some(plain)
}

fn unescape_value(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(text) => Value::String(unescape(text)?),
        Value::Array(items) => Value::Array(items.iter().map(unescape_value).collect::<Option<_>>()?),
        Value::Object(fields) => {
            let unescaped = fields.iter().map(|(key, value)| Some((unescape(key)?, unescape_value(value)?)));
            Value::Object(unescaped.collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

#[test]
fn html5lib_tokenizer_cases() {
    let folder = std::env::var_os("CURATE_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from)
        .join("html5lib-tests/tokenizer");
    let Ok(files) = folder.read_dir() else {
        println!("skipped: no cases at {}; set CURATE_TEST_DATA", folder.display());
        return;
    };
    let (mut count, mut surrogates, mut failures) = (0, 0, Vec::new());
    for file in
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "test"))
    {
        let cases: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        // The other cases of the collection are about XML.
        for case in cases["tests"].as_array().into_iter().flatten() {
            let is_escaped = case["doubleEscaped"] == json!(true);
            let plain = |value: &Value| if is_escaped { unescape_value(value) } else { Some(value.clone()) };
            let (Some(input), Some(expected)) = (plain(&case["input"]), plain(&case["output"])) else {
                surrogates += 1;
                continue;
            };
            let text = normalize_newlines(input.as_str().unwrap());
            let default = vec![json!("Data state")];
            for state in case["initialStates"].as_array().unwrap_or(&default) {
                count += 1;
                let last_start_tag = case["lastStartTag"].as_str().unwrap_or_default();
                let found = Value::Array(tokens(&text, state.as_str().unwrap(), last_start_tag));
                if found != expected {
                    failures.push(format!("{state} {input}\n  {expected}\n  {found}"));
                }
            }
        }
    }
    println!("{count} cases, {surrogates} left out because of surrogates");
    assert!(count > 6000 && surrogates < 20, "{count} {surrogates}");
    assert!(
        failures.is_empty(),
        "{} of {count} fail\n{}",
        failures.len(),
        failures[..failures.len().min(30)].join("\n")
    );
}
