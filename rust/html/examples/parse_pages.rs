//! Parses the pages of WARC files again and again and prints megabytes per second: `parse_pages ROUNDS FILE…`. What a
//! round takes at least is what counts, since other work on the machine only adds to it.

#[path = "../tests/support/pages.rs"]
mod pages;

use std::hint::black_box;
use std::time::{Duration, Instant};

use curate_html::{Document, Limits};

#[allow(clippy::print_stdout)]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let pages: Vec<String> = arguments.flat_map(|file| pages::pages(file.as_ref())).collect();
    let bytes: usize = pages.iter().map(String::len).sum();
    let (mut best, mut nodes) = (vec![Duration::MAX; pages.len()], 0);
    for _ in 0..rounds {
        nodes = 0;
        for (page, best) in pages.iter().zip(&mut best) {
            let start = Instant::now();
            let document = black_box(Document::parse(black_box(page), &Limits::default()));
            *best = start.elapsed().min(*best);
            nodes += document.nodes().len();
        }
    }
    let seconds = best.iter().sum::<Duration>().as_secs_f64();
    println!(
        "{} pages, {bytes} bytes, {nodes} nodes, {seconds:.3} s, {:.0} MB/s, {:.0} pages/s",
        pages.len(),
        bytes as f64 / seconds / 1e6,
        pages.len() as f64 / seconds
    );
}
