//! The best labels seen so far, in the order in which fastText gives labels of equal probability.

use crate::Prediction;

/// The `k` best (log-probability, label) pairs: a binary heap with the worst on top.
///
/// fastText keeps its labels with `push_heap`, `pop_heap` and `sort_heap` of the GNU C++ library, and which of several
/// equal labels stay and come first follows from how these move items. Probabilities of one-vs-all models and of negative
/// sampling come from a table of 512 steps, so that equal ones are frequent: the moves here are the same.
pub(crate) struct Best {
    k: usize,
    heap: Vec<(f32, usize)>,
}

impl Best {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, heap: Vec::new() }
    }

    /// Could this score still be among the best?
    pub(crate) fn admits(&self, score: f32) -> bool {
        self.heap.len() < self.k || self.heap.first().is_some_and(|&(worst, _)| score >= worst)
    }

    pub(crate) fn offer(&mut self, score: f32, label: usize) {
        if score.is_nan() || !self.admits(score) {
            return;
        }
        let last = self.heap.len();
        self.heap.push((score, label));
        rise(&mut self.heap, last, (score, label));
        if self.heap.len() > self.k {
            top_to_end(&mut self.heap);
            self.heap.pop();
        }
    }

    /// Best first.
    pub(crate) fn finish(mut self) -> Vec<Prediction> {
        for length in (2..=self.heap.len()).rev() {
            top_to_end(&mut self.heap[..length]);
        }
        self.heap
            .into_iter()
            // the small constant inside fastText's logarithm can lift a probability just above 1
            .map(|(score, label)| Prediction { label, probability: score.exp().min(1.0) })
            .collect()
    }
}

/// Moves `item` from the hole up past all that are better than it.
fn rise(heap: &mut [(f32, usize)], mut hole: usize, item: (f32, usize)) {
    while hole > 0 {
        let parent = (hole - 1) / 2;
        if heap[parent].0 <= item.0 {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = item;
}

/// Moves the top to the last place and makes a heap of the others.
fn top_to_end(heap: &mut [(f32, usize)]) {
    let Some((last, rest)) = heap.split_last_mut().filter(|(_, rest)| !rest.is_empty()) else { return };
    let item = std::mem::replace(last, rest[0]);
    // The hole goes down to a leaf first, along the worse children, and the item then up from there.
    let mut hole = 0;
    while 2 * hole + 2 < rest.len() {
        let (left, right) = (2 * hole + 1, 2 * hole + 2);
        let worse = if rest[right].0 > rest[left].0 { left } else { right };
        rest[hole] = rest[worse];
        hole = worse;
    }
    if 2 * hole + 2 == rest.len() {
        rest[hole] = rest[2 * hole + 1];
        hole = 2 * hole + 1;
    }
    rise(rest, hole, item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Equal scores are frequent: which labels stay is fastText's affair, how good they are is not.
        #[test]
        fn no_better_label_is_left_out(scores in proptest::collection::vec(-4i8..0, 0..40), k in 0..45usize) {
            let mut best = Best::new(k);
            for (label, &score) in scores.iter().enumerate() {
                best.offer(f32::from(score), label);
            }
            let found = best.finish();
            let mut expected = scores.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(k);
            let kept: Vec<i8> = found.iter().map(|found| scores[found.label]).collect();
            prop_assert_eq!(kept, expected);
            let labels: std::collections::BTreeSet<usize> = found.iter().map(|found| found.label).collect();
            prop_assert_eq!(labels.len(), found.len());
        }
    }

    #[test]
    fn equal_labels_come_as_from_the_heap_of_the_c_plus_plus_library() {
        let order = |scores: &[f32], k: usize| {
            let mut best = Best::new(k);
            for (label, &score) in scores.iter().enumerate() {
                best.offer(score, label);
            }
            best.finish().iter().map(|found| found.label).collect::<Vec<_>>()
        };
        // Printed by a C++ program of `push_heap`, `pop_heap` and `sort_heap` built with GCC.
        assert_eq!(order(&[-1.0; 2], 1), [1]);
        assert_eq!(order(&[-1.0; 6], 3), [5, 1, 4]);
        assert_eq!(order(&[-1.0; 6], 6), [3, 1, 4, 5, 2, 0]);
        let scores = [-2.0, -1.0, -2.0, -1.0, -2.0, -1.0, -3.0, -2.0, -1.0];
        assert_eq!(order(&scores, 4), [3, 5, 8, 1]);
        assert_eq!(order(&scores, 9), [3, 1, 5, 8, 7, 4, 2, 0, 6]);
    }
}
