//! What parsing costs: `parse_pages real ROUNDS FILE…` parses the pages of WARC files, `parse_pages hostile ROUNDS`
//! pages made to be expensive, of 10 kB to 10 MB. Prints one line of JSON. Of several rounds the fastest counts, page
//! by page, since other work on the machine only adds to it.

#[path = "../tests/support/hostile.rs"]
mod hostile;
#[path = "../tests/support/pages.rs"]
mod pages;

use std::hint::black_box;
use std::time::{Duration, Instant};

use curate_html::{Document, Kind, Limits, Tag};

#[allow(clippy::print_stdout)]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let json = match mode.as_str() {
        "real" => real(rounds, &arguments.collect::<Vec<_>>()),
        "hostile" => hostile(rounds),
        _ => "usage: parse_pages real ROUNDS FILE… | hostile ROUNDS".to_owned(),
    };
    println!("{json}");
}

/// Time of the fastest round.
fn fastest(rounds: usize, page: &str) -> Duration {
    let time = |_| {
        let start = Instant::now();
        black_box(Document::parse(black_box(page), &Limits::default()));
        start.elapsed()
    };
    (0..rounds).map(time).min().unwrap_or_default()
}

fn real(rounds: usize, files: &[String]) -> String {
    let (mut count, mut bytes, mut links, mut times) = (0, 0, 0, Vec::new());
    for page in files.iter().flat_map(|file| pages::pages(file.as_ref())) {
        count += 1;
        bytes += page.len();
        let document = Document::parse(&page, &Limits::default());
        let is_link = |node: &&curate_html::Node| node.tag == Tag::A && node.kind == Kind::Element;
        links += document.nodes().iter().filter(is_link).count();
        times.push(fastest(rounds, &page));
    }
    let seconds = times.iter().sum::<Duration>().as_secs_f64();
    format!(
        r#"{{"answer": {{"pages": {count}, "bytes": {bytes}, "links": {links}}}, "figures": {{"HTML, MB/s": {:.1}, "pages, 1/s": {:.1}}}}}"#,
        bytes as f64 / seconds / 1e6,
        count as f64 / seconds
    )
}

/// The longest time per byte, and the largest factor between the sizes of one pattern beyond what a microsecond per
/// page or so explains.
fn hostile(rounds: usize) -> String {
    let (mut slowest, mut growth) = ((0.0, ""), (0.0, ""));
    for &pattern in hostile::PATTERNS {
        let cost = |exponent| {
            let page = hostile::page(pattern, 10usize.pow(exponent));
            // Smaller pages are parsed more often, so that each size has its fair chance of an undisturbed moment.
            let rounds = rounds * 10usize.pow(7 - exponent).min(100);
            fastest(rounds, &page).as_secs_f64() * 1e9 / page.len() as f64
        };
        let costs: Vec<f64> = (4..8).map(cost).collect();
        let larger = costs[1..].iter().copied().fold(0.0, f64::max);
        if larger > slowest.0 {
            slowest = (larger, pattern.1);
        }
        if larger / costs[0].max(1.0) > growth.0 {
            growth = (larger / costs[0].max(1.0), pattern.1);
        }
    }
    format!(
        r#"{{"answer": {{"patterns": {}}}, "figures": {{"slowest pattern, ns/B": {:.2}, "growth of time per byte from 10 kB to 10 MB": {:.2}}}, "slowest": {:?}, "growing": {:?}}}"#,
        hostile::PATTERNS.len(),
        slowest.0,
        growth.0,
        slowest.1,
        growth.1
    )
}
