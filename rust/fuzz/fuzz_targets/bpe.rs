//! The fast scanners cut as the regular expressions do, and the encoder's ids are those of the textbook loop.
#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use curate_bpe::{Allowed, Counts, Encoder, Params, Pattern, Splitter, Tokenizer, train};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 5] = ["gpt2", "cl100k", "o200k", "qwen2", "deepseek"];

/// Every published pattern, and the same one by the regular expression engine.
static PATTERNS: LazyLock<Vec<(Pattern, Pattern)>> = LazyLock::new(|| {
    let plain = |pattern: &Pattern| {
        let regexes: Vec<String> = pattern.regexes().iter().map(|regex| format!("(?:{regex})")).collect();
        Pattern::sequence(&regexes.iter().map(String::as_str).collect::<Vec<_>>()).expect("valid")
    };
    NAMES.map(|name| Pattern::new(name).expect("known")).into_iter().map(|p| (p.clone(), plain(&p))).collect()
});

fn ends(pattern: &Pattern, text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    Splitter::default().split(pattern, text, |_, ends| found.extend_from_slice(ends)).expect("few steps");
    found
}

/// Lowest rank first, the leftmost of equals; tokens here are numbered in the order of their merges.
fn textbook(ids: &HashMap<Vec<u8>, u32>, merges: &HashMap<(u32, u32), u32>, piece: &[u8]) -> Vec<u32> {
    let mut found: Vec<u32> = piece.iter().map(|&byte| ids[&vec![byte]]).collect();
    loop {
        let pairs = found.windows(2).enumerate();
        let best = pairs.filter_map(|(at, pair)| Some((*merges.get(&(pair[0], pair[1]))?, at))).min();
        let Some((product, at)) = best else { return found };
        found[at] = product;
        found.remove(at + 1);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    for (fast, slow) in PATTERNS.iter() {
        assert_eq!(ends(fast, &text), ends(slow, &text), "{:?}", fast.name());
    }
    // A vocabulary learned from half of the text encodes all of it.
    let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let pattern = PATTERNS[usize::from(choice) % PATTERNS.len()].0.clone();
    let mut counts = Counts::new();
    counts.count(&mut Splitter::default(), &pattern, &text[..half]).expect("scanner");
    let params = Params { vocab_size: 256 + usize::from(choice), ..Params::default() };
    let tokenizer = train(&counts, pattern.clone(), &params).expect("trains");
    let json: serde_json::Value = serde_json::from_slice(&tokenizer.to_json()).expect("JSON");
    let size = tokenizer.vocab_size() as u32;
    let ids = (0..size).map(|id| (tokenizer.token(id).expect("a token").to_vec(), id)).collect();
    let by_name = |name: &serde_json::Value| json["model"]["vocab"][name.as_str().expect("text")].as_u64();
    let merges = json["model"]["merges"].as_array().expect("merges").iter().zip(256u32..).map(|(pair, product)| {
        ((by_name(&pair[0]).expect("left") as u32, by_name(&pair[1]).expect("right") as u32), product)
    });
    let merges = merges.collect();
    let expected = |start: &mut usize, end: usize| {
        let piece = &text.as_bytes()[*start..end];
        *start = end;
        textbook(&ids, &merges, piece)
    };
    let mut start = 0;
    let slow: Vec<u32> = ends(&pattern, &text).into_iter().flat_map(|end| expected(&mut start, end)).collect();
    let policy = tokenizer.policy(Allowed::Only(&[])).expect("no tokens");
    let mut encoder = Encoder::new(&tokenizer);
    for _ in 0..2 {
        let mut fast = Vec::new();
        encoder.encode(&tokenizer, &policy, &text, &mut fast).expect("scanner");
        assert_eq!(fast, slow);
    }
    assert_eq!(tokenizer.decode(&slow).expect("known ids"), text.as_bytes());
    if let Ok(ranks) = tokenizer.to_tiktoken() {
        let again = Tokenizer::from_tiktoken(&ranks, pattern, &[]).expect("our own file");
        let mut fast = Vec::new();
        Encoder::new(&again).encode(&again, &policy, &text, &mut fast).expect("scanner");
        assert_eq!(fast, slow);
    }
});
