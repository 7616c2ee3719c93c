//! Measures counting and training.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use curate_bpe::*;
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let data = std::fs::read(&a[1]).unwrap();
    let mut docs = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let n = u32::from_le_bytes(data[at..at+4].try_into().unwrap()) as usize;
        docs.push(std::str::from_utf8(&data[at+4..at+4+n]).unwrap());
        at += 4 + n;
    }
    let p = Pattern::new("gpt2").unwrap();
    for _ in 0..2 {
        let s = cpu();
        let mut c = Counts::new();
        let mut sp = Splitter::default();
        for d in &docs { c.count(&mut sp, &p, d).unwrap(); }
        let counted = cpu() - s;
        let t = train(&c, p.clone(), &Params { vocab_size: 32768, special_tokens: vec!["<|endoftext|>".into()], ..Params::default() }).unwrap();
        println!("count {counted:.3} s, {} words; learn {:.3} s", c.len(), cpu() - s - counted);
        if let Some(path) = a.get(2) { std::fs::write(path, t.to_json()).unwrap(); }
    }
}
