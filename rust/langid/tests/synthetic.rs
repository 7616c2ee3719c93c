//! Models written byte by byte: every loss, and files that lie.

use curate_langid::{LabelShare, Model, ModelError, Predictor};
use proptest::prelude::*;

/// Two words, two labels, dimension 2, no n-grams. The word `a` points at the first label, `b` at the second.
fn model(loss: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in [793_712_314, 12, 2, 5, 5, 1, 5, 1, loss, 3, 0, 0, 0, 100] {
        bytes.extend(i32::to_le_bytes(value));
    }
    bytes.extend(1e-4f64.to_le_bytes());
    for value in [4i32, 2, 2] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(10i64.to_le_bytes());
    bytes.extend((-1i64).to_le_bytes());
    for (word, count, kind) in [("a", 5i64, 0u8), ("b", 4, 0), ("__label__x", 5, 1), ("__label__y", 4, 1)] {
        bytes.extend(word.as_bytes());
        bytes.push(0);
        bytes.extend(count.to_le_bytes());
        bytes.push(kind);
    }
    for matrix in [[2.0f32, 0.0, 0.0, 2.0], [1.0, -1.0, -1.0, 1.0]] {
        bytes.push(0);
        bytes.extend(2i64.to_le_bytes());
        bytes.extend(2i64.to_le_bytes());
        for value in matrix {
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn softmax_matches_the_formula() {
    let model = Model::from_bytes(model(3)).expect("a whole model");
    assert_eq!(model.labels(), ["x", "y"]);
    let found = model.predict("a", 2, 0.0);
    // scores are 2 and -2
    let expected = 1.0 / (1.0 + (-4.0f32).exp());
    assert_eq!(found[0].label, 0);
    assert!((found[0].probability - expected).abs() < 1e-4);
    assert!((found[1].probability - (1.0 - expected)).abs() < 1e-4);
    assert_eq!(model.predict("b", 1, 0.0)[0].label, 1);
    assert!(model.predict("unknown", 1, 0.0).is_empty());
    assert!(model.predict("a b", 2, 0.6).is_empty());
}

#[test]
fn the_other_losses_apply_the_logistic_function() {
    let logistic = 1.0 / (1.0 + (-2.0f32).exp());
    for loss in [2, 4] {
        let model = Model::from_bytes(model(loss)).expect("a whole model");
        // the table has steps of 1/32
        assert!((model.predict("a", 1, 0.0)[0].probability - logistic).abs() < 1e-2);
    }
    // the root of the tree decides by its one row of the output; the rarer label is its left child
    let model = Model::from_bytes(model(1)).expect("a whole model");
    let best = model.predict("a", 1, 0.0)[0];
    assert_eq!(best.label, 0);
    assert!((best.probability - logistic).abs() < 1e-4);
}

#[test]
fn shares_are_of_characters_by_lines() {
    let model = Model::from_bytes(model(3)).expect("a whole model");
    let mut predictor = Predictor::new(&model);
    let shares = predictor.line_shares("  b b\r\n\n\ta\nb b \nunknown", 0.5);
    let expected = [(1, 6.0 / 14.0), (0, 1.0 / 14.0)].map(|(label, share)| LabelShare { label, share });
    assert_eq!(shares, expected);
    assert!(predictor.line_shares(" \n\n", 0.0).is_empty());
    assert!(predictor.line_shares("a\nb", 0.999).is_empty());
}

#[test]
fn every_cut_is_an_error() {
    let whole = model(3);
    for length in 0..whole.len() {
        assert!(Model::from_bytes(whole[..length].to_vec()).is_err(), "{length}");
    }
    assert!(matches!(Model::from_bytes(b"no model".to_vec()), Err(ModelError::NotAModel)));
}

/// `model` with another value for one of its training arguments, by their order in the file.
fn with_argument(place: usize, value: i32) -> Vec<u8> {
    let mut bytes = model(3);
    bytes[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
    bytes
}

#[test]
fn character_ngrams_of_negative_length_are_none() {
    let predict = |bytes| Model::from_bytes(bytes).expect("a whole model").predict("a", 2, 0.0);
    assert_eq!(predict(with_argument(11, -1)), predict(model(3)));
    assert_eq!(predict(with_argument(12, -1)), predict(model(3)));
}

#[test]
fn ngrams_too_long_to_support_are_no_damage() {
    for (place, length) in [(7, 17), (12, 65)] {
        let error = Model::from_bytes(with_argument(place, length)).err();
        assert!(matches!(error, Some(ModelError::LongNgrams { words: 16, characters: 64 })), "{error:?}");
    }
}

proptest! {
    #[test]
    fn damage_is_an_error_or_a_model(loss in 1..5i32, at in 0usize..230, value in any::<u8>(), text in ".{0,40}") {
        let mut bytes = model(loss);
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(model) = Model::from_bytes(bytes) {
            let _ = model.predict(&text, 3, 0.0);
            let _ = model.predict("a b", 3, 0.0);
        }
    }
}
