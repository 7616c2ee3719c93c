//! Measures encoding of a file of length-prefixed documents.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use curate_bpe::*;
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&a[2]).unwrap();
    let rounds: usize = a.get(3).map_or(3, |s| s.parse().unwrap());
    let tok = std::fs::read(&a[1]).unwrap();
    let t = if a[1].ends_with("json") { Tokenizer::from_json(&tok).unwrap() } else {
        Tokenizer::from_tiktoken(&tok, Pattern::new(if a[1].contains("o200k") {"o200k"} else {"cl100k"}).unwrap(), &[]).unwrap() };
    let mut docs = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let n = u32::from_le_bytes(data[at..at+4].try_into().unwrap()) as usize;
        docs.push(std::str::from_utf8(&data[at+4..at+4+n]).unwrap());
        at += 4 + n;
    }
    let total: usize = docs.iter().map(|d| d.len()).sum();
    let p = t.policy(Allowed::Only(&[])).unwrap();
    let (mut split, mut cold, mut warm) = (f64::MAX, f64::MAX, f64::MAX);
    let mut n = 0;
    for _ in 0..rounds {
        let s = cpu();
        let (mut sp, mut pieces) = (Splitter::default(), 0);
        for d in &docs { sp.split(t.pattern(), d, |_, ends| pieces += ends.len()).unwrap(); }
        split = split.min(cpu() - s);
        std::hint::black_box(pieces);
        let mut e = Encoder::new(&t);
        for w in [&mut cold, &mut warm] {
            let s = cpu();
            let mut out = Vec::new(); reserve(&mut out, total / 2);
            for d in &docs { e.encode(&t, &p, d, &mut out).unwrap(); }
            *w = w.min(cpu() - s);
            n = out.len();
        }
    }
    let mb = total as f64 / 1e6;
    println!("{} {} MB ids {n}: split {:.0} cold {:.0} warm {:.0} MB/s", a[2], mb as u32, mb/split, mb/cold, mb/warm);
}
