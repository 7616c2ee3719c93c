//! Any bytes are a model or an error, and a model labels any text, the same whatever came before.
#![no_main]

use curate_langid::{Model, Predictor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The magic number and version are given, so that the fuzzer gets past them.
    let mut bytes = Vec::from(793_712_314i32.to_le_bytes());
    bytes.extend(if data.first().is_some_and(|byte| byte % 2 == 1) { [11, 0, 0, 0] } else { [12, 0, 0, 0] });
    bytes.extend(data.get(1..).unwrap_or_default());
    let text = String::from_utf8_lossy(&data[..data.len().min(200)]);
    if let Ok(model) = Model::from_bytes(bytes) {
        let mut predictor = Predictor::new(&model);
        for text in [&*text, "a b </s> c", ""] {
            let fast = predictor.predict(text, 3, 0.0);
            assert!(fast.len() <= 3 && fast.iter().all(|found| found.label < model.labels().len()));
            assert_eq!(fast, Predictor::new(&model).predict(text, 3, 0.0), "what was seen before shows");
            model.predict_plainly(text, 3, 0.0);
        }
    }
});
