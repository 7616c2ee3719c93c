//! From the hidden vector to the best labels, for each of fastText's losses.

use std::cmp::Ordering;

use crate::best::Best;
use crate::matrix::Matrix;
use crate::{ModelError, Prediction};

/// Counts at or above this mark a tree node that is not built yet.
const UNBUILT: i64 = 1_000_000_000_000_000;
const SIGMOID_CELLS: usize = 512;
const SIGMOID_LIMIT: f32 = 8.0;

pub(crate) enum Loss {
    /// Huffman tree over the labels.
    HierarchicalSoftmax(Vec<Node>),
    /// One logistic regression per label: negative sampling and one-vs-all predict alike.
    Sigmoid(Vec<f32>),
    Softmax,
}

#[derive(Clone, Copy)]
pub(crate) struct Node {
    children: Option<(u32, u32)>,
    count: i64,
}

/// fastText's logarithm, which is kept finite by a small constant.
fn log(x: f64) -> f32 {
    (x + 1e-5).ln() as f32
}

impl Loss {
    pub(crate) fn new(code: i32, label_counts: &[i64]) -> Result<Self, ModelError> {
        match code {
            1 => Ok(Self::HierarchicalSoftmax(huffman(label_counts)?)),
            2 | 4 => Ok(Self::Sigmoid(sigmoid_table())),
            3 => Ok(Self::Softmax),
            _ => Err(ModelError::Invalid { what: "loss" }),
        }
    }

    /// At most `k` labels with probability of at least `threshold`, best first; equal ones in fastText's order.
    pub(crate) fn best(
        &self,
        output: &Matrix,
        bytes: &[u8],
        hidden: &[f32],
        labels: usize,
        k: usize,
        threshold: f32,
    ) -> Vec<Prediction> {
        let mut best = Best::new(k.min(labels));
        match self {
            Self::HierarchicalSoftmax(tree) => {
                descend(tree, output, bytes, hidden, labels, log(f64::from(threshold)), &mut best);
            }
            Self::Sigmoid(table) => {
                for label in 0..labels {
                    let probability = sigmoid(table, output.dot_row(bytes, label, hidden));
                    if probability >= threshold {
                        best.offer(log(f64::from(probability)), label);
                    }
                }
            }
            Self::Softmax => {
                let mut scores: Vec<f32> =
                    (0..labels).map(|label| output.dot_row(bytes, label, hidden)).collect();
                let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for score in &mut scores {
                    *score = (*score - largest).exp();
                    sum += *score;
                }
                for (label, score) in scores.iter().enumerate() {
                    let probability = score / sum;
                    if probability >= threshold {
                        best.offer(log(f64::from(probability)), label);
                    }
                }
            }
        }
        best.finish()
    }
}

/// Depth-first search that drops branches already worse than the k-th best or the threshold.
fn descend(
    tree: &[Node],
    output: &Matrix,
    bytes: &[u8],
    hidden: &[f32],
    labels: usize,
    floor: f32,
    best: &mut Best,
) {
    let mut pending = vec![(tree.len() - 1, 0.0f32)];
    while let Some((node, score)) = pending.pop() {
        // written so that a NaN from a damaged model is dropped too
        if score.partial_cmp(&floor).is_none_or(Ordering::is_lt) || !best.admits(score) {
            continue;
        }
        match tree[node].children {
            None => best.offer(score, node),
            Some((left, right)) => {
                let activation = output.dot_row(bytes, node - labels, hidden);
                let probability = 1.0 / (1.0 + (-activation).exp());
                pending.push((right as usize, score + log(f64::from(probability))));
                pending.push((left as usize, score + log(1.0 - f64::from(probability))));
            }
        }
    }
}

/// The Huffman tree over labels sorted by falling count: leaves first, root last.
fn huffman(counts: &[i64]) -> Result<Vec<Node>, ModelError> {
    const INVALID: ModelError = ModelError::Invalid { what: "label counts" };
    let leaves = counts.len();
    let total = leaves.checked_mul(2).and_then(|n| n.checked_sub(1)).ok_or(INVALID)?;
    if total > u32::MAX as usize || counts.iter().any(|count| !(0..UNBUILT).contains(count)) {
        return Err(INVALID);
    }
    let mut tree = vec![Node { children: None, count: UNBUILT }; total];
    for (node, &count) in tree.iter_mut().zip(counts) {
        node.count = count;
    }
    let mut leaf = leaves; // one past the rarest leaf not yet used
    let mut inner = leaves; // the earliest inner node not yet used
    for parent in leaves..total {
        let mut take = || {
            if leaf > 0 && tree[leaf - 1].count < tree[inner].count {
                leaf -= 1;
                leaf
            } else {
                inner += 1;
                inner - 1
            }
        };
        let (left, right) = (take(), take());
        tree[parent].count = tree[left].count.saturating_add(tree[right].count);
        tree[parent].children = Some((left as u32, right as u32));
    }
    Ok(tree)
}

/// fastText looks sigmoids up in a table of 512 steps over [-8, 8].
fn sigmoid_table() -> Vec<f32> {
    (0..=SIGMOID_CELLS)
        .map(|cell| {
            let x = cell as f32 * 2.0 * SIGMOID_LIMIT / SIGMOID_CELLS as f32 - SIGMOID_LIMIT;
            (1.0 / (1.0 + f64::from((-x).exp()))) as f32
        })
        .collect()
}

fn sigmoid(table: &[f32], x: f32) -> f32 {
    if x < -SIGMOID_LIMIT {
        0.0
    } else if x > SIGMOID_LIMIT {
        1.0
    } else {
        let cell = (x + SIGMOID_LIMIT) * SIGMOID_CELLS as f32 / SIGMOID_LIMIT / 2.0;
        table[(cell as usize).min(SIGMOID_CELLS)] // NaN casts to 0
    }
}
