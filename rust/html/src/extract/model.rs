//! Boosted decision trees over the numbers of a block, in integers throughout.
//!
//! Fitted by `tools/fit_extraction.py`; the table it writes is compiled in. All trees have at most eight leaves, so a
//! tree is evaluated without branches: each split whose answer is "no" strikes out the leaves on its left, and the first leaf
//! that is left holds the value (Lucchese et al. 2015, "QuickScorer").

use std::sync::LazyLock;

/// Parts of one logit in leaf values.
const SCALE: i32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Split {
    column: u32,
    /// Values up to this one go left.
    limit: i32,
    tree: u32,
    /// Leaves that stay possible where the answer is "no".
    rest: u8,
}

/// A split as part of its tree, for explanations.
#[derive(Debug, Clone, Copy)]
struct Node {
    column: u32,
    limit: i32,
    /// What the tree would say without looking further.
    value: i32,
    /// Children: nodes of the tree, or leaves as their complement.
    children: [i32; 2],
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    leaves: Vec<i32>,
}

/// A sum of trees.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Sorted by column and limit.
    splits: Vec<Split>,
    /// Eight leaves per tree.
    leaves: Vec<i32>,
    trees: Vec<Tree>,
}

impl Model {
    /// Reads a table: one tree per line, nodes as `column:limit:value:left:right` and leaves as one number, separated by
    /// white space; lines that start with `#` are comments. Returns `None` where a line is not of that form or names a column
    /// that is not in `columns`.
    pub fn parse(table: &str, columns: &[String]) -> Option<Self> {
        let mut trees = Vec::new();
        for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut tree = Tree { nodes: Vec::new(), leaves: Vec::new() };
            for word in line.split_ascii_whitespace() {
                let fields: Vec<&str> = word.split(':').collect();
                match *fields.as_slice() {
                    [leaf] => tree.leaves.push(leaf.parse().ok()?),
                    [column, limit, value, left, right] => tree.nodes.push(Node {
                        column: columns.iter().position(|name| name == column)? as u32,
                        limit: limit.parse().ok()?,
                        value: value.parse().ok()?,
                        children: [left.parse().ok()?, right.parse().ok()?],
                    }),
                    _ => return None,
                }
            }
            if tree.leaves.len() > 8 || tree.leaves.len() != tree.nodes.len() + 1 {
                return None;
            }
            trees.push(tree);
        }
        let mut model = Self { splits: Vec::new(), leaves: vec![0; trees.len() * 8], trees };
        for (index, tree) in model.trees.iter().enumerate() {
            let mut order = Vec::new();
            let mut splits = Vec::new();
            tree.left_to_right(0, 0, &mut order, &mut splits)?;
            for (place, &leaf) in order.iter().enumerate() {
                *model.leaves.get_mut(index * 8 + place)? = *tree.leaves.get(leaf)?;
            }
            for (node, left) in splits {
                let node = tree.nodes.get(node)?;
                let struck = left.fold(0u8, |mask, place| mask | 1 << place);
                model.splits.push(Split {
                    column: node.column,
                    limit: node.limit,
                    tree: index as u32,
                    rest: !struck,
                });
            }
        }
        model.splits.sort_by_key(|split| (split.column, split.limit));
        Some(model)
    }

    /// The logit of a row, in ten-thousandths.
    pub fn score(&self, row: &[i32], possible: &mut Vec<u8>) -> i32 {
        possible.clear();
        possible.resize(self.trees.len(), u8::MAX);
        for split in &self.splits {
            let strike = row.get(split.column as usize).is_some_and(|&value| value > split.limit);
            if let Some(leaves) = possible.get_mut(split.tree as usize) {
                *leaves &= split.rest | u8::from(strike).wrapping_sub(1);
            }
        }
        possible
            .iter()
            .zip(self.leaves.chunks_exact(8))
            .map(|(&leaves, values)| values.get(leaves.trailing_zeros() as usize & 7).copied().unwrap_or(0))
            .sum()
    }

    /// How much each column moved the logit of a row, in ten-thousandths: the change of the expected value at each split
    /// (Saabas 2014). The first number is the sum of the roots, where every row starts.
    pub fn explain(&self, row: &[i32]) -> (i32, Vec<(usize, i32)>) {
        let mut moved = vec![0; row.len()];
        let mut start = 0;
        for tree in &self.trees {
            let Some(mut node) = tree.nodes.first() else { continue };
            start += node.value;
            loop {
                let right = row.get(node.column as usize).is_some_and(|&value| value > node.limit);
                let child = if right { node.children[1] } else { node.children[0] };
                let next = usize::try_from(child).ok().and_then(|place| tree.nodes.get(place));
                let value = next.map_or_else(
                    || tree.leaves.get(!child as usize).copied().unwrap_or(0),
                    |next| next.value,
                );
                if let Some(effect) = moved.get_mut(node.column as usize) {
                    *effect += value - node.value;
                }
                let Some(next) = next else { break };
                node = next;
            }
        }
        (start, moved.into_iter().enumerate().filter(|&(_, effect)| effect != 0).collect())
    }
}

impl Tree {
    /// Collects the leaves below `node` from left to right, and for each split which places lie on its left.
    fn left_to_right(
        &self,
        node: i32,
        depth: usize,
        order: &mut Vec<usize>,
        splits: &mut Vec<(usize, std::ops::Range<usize>)>,
    ) -> Option<()> {
        if node < 0 || self.nodes.is_empty() {
            order.push(if node < 0 { !node as usize } else { 0 });
            return Some(());
        }
        // No more leaves than eight: a deeper path means a cycle.
        let inner = self.nodes.get(node as usize).filter(|_| depth < 8)?;
        let start = order.len();
        self.left_to_right(inner.children[0], depth + 1, order, splits)?;
        splits.push((node as usize, start..order.len()));
        self.left_to_right(inner.children[1], depth + 1, order, splits)
    }
}

/// Logits from which a probability is as good as certain, in hundredths.
const CERTAIN: i32 = 1000;

/// Probabilities in 1/65536 for logits from 0 to [`CERTAIN`]; by multiplication alone, which gives the same bits everywhere.
static SIGMOID: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut power = 1.0f64;
    (0..=CERTAIN)
        .map(|_| {
            let chance = 65536.0 * power / (1.0 + power);
            power *= 1.010_050_167_084_168;
            chance as u32
        })
        .collect()
});

/// The probability, in 1/65536, of a logit in ten-thousandths.
pub(crate) fn probability(logit: i32) -> u32 {
    let step = (logit / (SCALE / 100)).clamp(-CERTAIN, CERTAIN);
    let chance = SIGMOID.get(step.unsigned_abs() as usize).copied().unwrap_or(0);
    if step < 0 { 65536 - chance } else { chance }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# a comment\na:5:100:1:-1 b:0:50:-2:-3 10 200 -30\n7\n";

    fn model() -> Model {
        Model::parse(TABLE, &["a".into(), "b".into()]).unwrap()
    }

    #[test]
    fn leaves_are_found() {
        let mut scratch = Vec::new();
        for (row, value) in [([9, 0], 10), ([5, 0], 200), ([5, 1], -30), ([6, -3], 10)] {
            assert_eq!(model().score(&row, &mut scratch), value + 7, "{row:?}");
        }
    }

    #[test]
    fn explanations_add_up() {
        for row in [[9, 0], [5, 0], [5, 1]] {
            let (start, effects) = model().explain(&row);
            let sum: i32 = effects.iter().map(|(_, effect)| effect).sum();
            assert_eq!(start + sum + 7, model().score(&row, &mut Vec::new()));
        }
    }

    #[test]
    fn broken_tables_are_refused() {
        for table in ["x:1:1:-1:-2 1 2", "a:1:1:-1:-2 1", "a:1:1:0:0 1 2", "a:b 1", "a:1:1:5:-1 1 2"] {
            assert!(Model::parse(table, &["a".into()]).is_none(), "{table}");
        }
    }

    #[test]
    fn probabilities() {
        assert_eq!(probability(0), 32768);
        assert_eq!(probability(i32::MAX) + probability(i32::MIN), 65536);
        for logit in (-90_000..90_000).step_by(977) {
            let exact = 65536.0 / (1.0 + (-f64::from(logit) / 10_000.0).exp());
            assert!((f64::from(probability(logit)) - exact).abs() < 200.0, "{logit}");
            assert!(probability(logit) <= probability(logit + 977));
        }
    }
}
