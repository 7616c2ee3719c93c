//! The fast signals of any text are the plain ones, whatever was measured before; words cover the text.
#![no_main]

use std::cell::RefCell;

use curate_text::oracle::Oracle;
use curate_text::stats::Measure;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static MEASURE: RefCell<Measure> = RefCell::new(Measure::default());
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // Repetition is what most signals are about, and what single inputs seldom have.
    let repeated = format!("{text} {text}\n{text}");
    for text in [&*text, &repeated] {
        let plain = Oracle::default().stats(text);
        MEASURE.with_borrow_mut(|measure| {
            assert_eq!(measure.stats(text), plain);
            let (_, lines) = measure.all_stats(text, &["the"]);
            assert!(lines.values().iter().all(|value| match value {
                curate_text::signals::Value::Real(real) => real.is_finite() && *real >= 0.0,
                curate_text::signals::Value::Count(_) => true,
            }));
        });
    }
    let words = curate_text::words::split_words(&text).concat();
    assert!(words.chars().eq(text.chars().filter(|&c| !curate_text::chars::is_space(c))));
    let (kept, _) = curate_text::c4::c4_lines(&text, &curate_text::c4::LineRules::default());
    assert!(kept.len() <= text.len() + 1);
});
