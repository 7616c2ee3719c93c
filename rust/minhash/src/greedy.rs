//! Who is removed in favour of whom.

/// A document that goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removal {
    /// Number of the document that goes.
    pub document: usize,
    /// Number of the document kept instead; it survives itself.
    pub keeper: usize,
    /// Similarity of the two, as measured.
    pub similarity: f32,
}

/// Greedy removal in keeper order: documents are numbered 0.. from the most worth keeping downwards.
///
/// Each document in turn survives unless it has an edge to a better one that survived; then it goes, in
/// favour of the most similar of those (the better one on a tie). So nothing is removed by a chain of
/// resemblances: the removed text always has a kept twin of the stated similarity. Edges to itself or to
/// numbers from `documents` on are ignored; a repeated edge counts once with its highest similarity.
pub fn remove_duplicates(documents: usize, edges: &[(usize, usize, f32)]) -> Vec<Removal> {
    let mut towards_better: Vec<(usize, usize, f32)> = edges
        .iter()
        .filter(|(a, b, _)| a != b && *a < documents && *b < documents)
        .map(|&(a, b, similarity)| (a.max(b), a.min(b), similarity))
        .collect();
    towards_better.sort_unstable_by(|x, y| (x.0, x.1).cmp(&(y.0, y.1)).then(x.2.total_cmp(&y.2)));
    let mut removed = vec![false; documents];
    let mut removals = Vec::new();
    for group in towards_better.chunk_by(|x, y| x.0 == y.0) {
        let mut best: Option<Removal> = None;
        for &(document, keeper, similarity) in group {
            let better = best.is_none_or(|found| similarity > found.similarity);
            if !removed[keeper] && better {
                best = Some(Removal { document, keeper, similarity });
            }
        }
        if let Some(removal) = best {
            removed[removal.document] = true;
            removals.push(removal);
        }
    }
    removals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(documents: usize, edges: &[(usize, usize, f32)]) -> Vec<(usize, usize)> {
        remove_duplicates(documents, edges).iter().map(|r| (r.document, r.keeper)).collect()
    }

    #[test]
    fn a_chain_loses_every_other_link() {
        // 1 goes for 0; 2 resembles only 1, which is gone, so it stays
        assert_eq!(pairs(4, &[(0, 1, 0.9), (1, 2, 0.9), (2, 3, 0.9)]), [(1, 0), (3, 2)]);
    }

    #[test]
    fn the_most_similar_survivor_is_named_and_the_better_one_on_a_tie() {
        assert_eq!(pairs(3, &[(0, 2, 0.8), (1, 2, 0.9)]), [(2, 1)]);
        assert_eq!(pairs(3, &[(1, 2, 0.9), (0, 2, 0.9)]), [(2, 0)]);
        assert_eq!(pairs(3, &[(0, 2, 0.8), (1, 2, 0.9), (0, 1, 0.8)]), [(1, 0), (2, 0)]);
    }

    #[test]
    fn direction_repetition_and_nonsense_do_not_matter() {
        let clean = remove_duplicates(3, &[(0, 2, 0.9)]);
        let messy = [(2, 0, 0.7), (0, 2, 0.9), (2, 0, 0.9), (1, 1, 1.0), (0, 9, 1.0)];
        assert_eq!(remove_duplicates(3, &messy), clean);
        assert!(remove_duplicates(0, &[]).is_empty());
    }
}
