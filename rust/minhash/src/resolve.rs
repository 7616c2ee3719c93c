//! Who is removed in favour of whom: exact similarity among the documents that bands connect.

use crate::table::Table;
use crate::{mix, overlap};

/// Larger components are searched through an index instead of pair by pair.
const SMALL: usize = 24;

/// What similarity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// |A ∩ B| / |A ∪ B|.
    Jaccard,
    /// |A ∩ B| / |A|: the share of the document that goes which its keeper holds.
    Containment,
}

/// A document that goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removal {
    /// Number of the document that goes.
    pub document: usize,
    /// Number of the document kept instead; it survives itself.
    pub keeper: usize,
    /// Similarity of the two, as measured.
    pub similarity: f64,
}

/// The documents of one component in keeper order, each a sorted set of shingles, and what has become of them.
struct Component<'s> {
    sets: Vec<&'s [u64]>,
    measure: Measure,
    threshold: f64,
    survivors: Vec<usize>,
    /// First document of each set, by a hash of the set.
    first: Table<usize>,
    pairs: u64,
}

impl Component<'_> {
    fn similarity(&mut self, document: usize, keeper: usize) -> f64 {
        let (a, b) = (self.sets[document], self.sets[keeper]);
        let whole = |shared: usize| match self.measure {
            Measure::Jaccard => a.len() + b.len() - shared,
            Measure::Containment => a.len(),
        };
        let possible = a.len().min(b.len());
        if a.is_empty() || (possible as f64) < self.threshold * whole(possible) as f64 {
            return 0.0;
        }
        self.pairs += 1;
        let shared = overlap(a, b);
        shared as f64 / whole(shared) as f64
    }

    /// The survivor that has exactly the same shingles.
    fn twin(&mut self, document: usize, survives: &[bool]) -> Option<usize> {
        let digest = self.sets[document].iter().fold(0, |digest, shingle| mix(digest ^ shingle));
        let first = *self.first.entry(digest).or_insert(document);
        let same = first != document && survives[first] && self.sets[first] == self.sets[document];
        same.then_some(first)
    }

    /// The most similar of some survivors, the better one on a tie, if it is similar enough.
    fn best(&mut self, document: usize, among: &[usize]) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for &keeper in among {
            let similarity = self.similarity(document, keeper);
            let better = best.is_none_or(|(k, s)| similarity > s || (similarity == s && keeper < k));
            if similarity >= self.threshold && better {
                best = Some((keeper, similarity));
            }
        }
        best
    }
}

/// Which survivors share one of their rare shingles: by the prefix filter, no similar one is missed.
struct Index {
    /// How many documents hold each shingle.
    counts: Table<u32>,
    holders: Table<Vec<u32>>,
    asked: Vec<usize>,
    ordered: Vec<u64>,
}

impl Index {
    fn new(component: &Component<'_>) -> Self {
        let mut counts: Table<u32> = Table::default();
        for shingle in component.sets.iter().copied().flatten() {
            *counts.entry(*shingle).or_default() += 1;
        }
        Self { counts, holders: Table::default(), asked: vec![0; component.sets.len()], ordered: Vec::new() }
    }

    /// A document's shingles of which a similar one must share at least one of the first: the rarest.
    fn prefix(&mut self, set: &[u64], threshold: f64) -> usize {
        self.ordered.clear();
        self.ordered.extend_from_slice(set);
        self.ordered.sort_unstable_by_key(|shingle| (self.counts[shingle], *shingle));
        let needed = (threshold * set.len() as f64 - 1e-6).ceil().max(1.0) as usize;
        set.len() + 1 - needed.min(set.len())
    }

    fn candidates(&mut self, component: &Component<'_>, document: usize, found: &mut Vec<usize>) {
        found.clear();
        let prefix = self.prefix(component.sets[document], component.threshold);
        for shingle in &self.ordered[..prefix.min(self.ordered.len())] {
            for &holder in self.holders.get(shingle).into_iter().flatten() {
                let holder = holder as usize;
                if self.asked[holder] != document {
                    self.asked[holder] = document;
                    found.push(holder);
                }
            }
        }
    }

    /// Enters a survivor; its shingles have just been ordered by `candidates`.
    fn enter(&mut self, component: &Component<'_>, document: usize) {
        let prefix = self.prefix(component.sets[document], component.threshold);
        let entered = match component.measure {
            Measure::Jaccard => prefix.min(self.ordered.len()),
            Measure::Containment => self.ordered.len(),
        };
        for shingle in &self.ordered[..entered] {
            if self.counts[shingle] > 1 {
                self.holders.entry(*shingle).or_default().push(document as u32);
            }
        }
    }
}

/// Greedy removal in keeper order, component by component: `components[i]` and `set(i)` are of document i, numbered
/// from the most worth keeping downwards; the first `fixed` ones stay whatever they resemble. Sets are sorted
/// without repetition.
///
/// Each document in turn survives unless a better one of its component that survived is at least `threshold`
/// similar; then it goes, in favour of the most similar of those. So nothing goes by a chain of resemblances.
/// Returns the removals by document, and how many pairs were compared.
pub fn remove_duplicates<'s>(
    components: &[u64],
    set: impl Fn(usize) -> &'s [u64],
    fixed: usize,
    measure: Measure,
    threshold: f64,
) -> (Vec<Removal>, u64) {
    let mut order: Vec<(u64, usize)> = components.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let (mut removals, mut pairs) = (Vec::new(), 0);
    for members in order.chunk_by(|x, y| x.0 == y.0) {
        let fixed = members.iter().filter(|(_, document)| *document < fixed).count();
        let mut component = Component {
            sets: members.iter().map(|(_, document)| set(*document)).collect(),
            measure,
            threshold,
            survivors: Vec::new(),
            first: Table::default(),
            pairs: 0,
        };
        let found = resolve(&mut component, fixed);
        pairs += component.pairs;
        removals.extend(found.into_iter().map(|removal| Removal {
            document: members[removal.document].1,
            keeper: members[removal.keeper].1,
            ..removal
        }));
    }
    removals.sort_unstable_by_key(|removal| removal.document);
    (removals, pairs)
}

fn resolve(component: &mut Component<'_>, fixed: usize) -> Vec<Removal> {
    let size = component.sets.len();
    let mut survives = vec![true; size];
    let mut index = (size > SMALL).then(|| Index::new(component));
    let (mut removals, mut candidates) = (Vec::new(), Vec::new());
    for document in 0..size {
        let twin = component.twin(document, &survives).map(|keeper| (keeper, 1.0));
        let best = if document < fixed || component.sets[document].is_empty() {
            None
        } else if twin.is_some() {
            twin
        } else if let Some(index) = &mut index {
            index.candidates(component, document, &mut candidates);
            component.best(document, &candidates)
        } else {
            let survivors = std::mem::take(&mut component.survivors);
            let best = component.best(document, &survivors);
            component.survivors = survivors;
            best
        };
        if let Some((keeper, similarity)) = best {
            survives[document] = false;
            removals.push(Removal { document, keeper, similarity });
        } else if let Some(index) = &mut index {
            index.enter(component, document);
        } else {
            component.survivors.push(document);
        }
    }
    removals
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{containment, jaccard};

    fn slow(components: &[u64], sets: &[Vec<u64>], measure: Measure, threshold: f64) -> Vec<(usize, usize)> {
        let mut survivors: Vec<usize> = Vec::new();
        let mut gone = Vec::new();
        for document in 0..sets.len() {
            let mut best: Option<(usize, f64)> = None;
            for &keeper in survivors.iter().filter(|k| components[**k] == components[document]) {
                let similarity = match measure {
                    Measure::Jaccard => jaccard(&sets[document], &sets[keeper]),
                    Measure::Containment => containment(&sets[document], &sets[keeper]),
                };
                if similarity >= threshold && best.is_none_or(|(_, s)| similarity > s) {
                    best = Some((keeper, similarity));
                }
            }
            match best {
                Some((keeper, _)) => gone.push((document, keeper)),
                None => survivors.push(document),
            }
        }
        gone
    }

    #[test]
    fn a_chain_loses_only_what_resembles_a_survivor() {
        let sets = [vec![1, 2, 3, 4], vec![2, 3, 4, 5], vec![3, 4, 5, 6]];
        let (removals, pairs) = remove_duplicates(&[7; 3], |i| &sets[i], 0, Measure::Jaccard, 0.6);
        // 1 goes for 0; 2 resembles only 1, which is gone, so it stays
        assert_eq!(removals, [Removal { document: 1, keeper: 0, similarity: 0.6 }]);
        assert_eq!(pairs, 2);
    }

    #[test]
    fn fixed_documents_stay_and_empty_ones_resemble_nothing() {
        let sets = [vec![1], vec![1], vec![1], vec![], vec![]];
        let (removals, _) = remove_duplicates(&[7; 5], |i| &sets[i], 2, Measure::Jaccard, 0.5);
        assert_eq!(removals, [Removal { document: 2, keeper: 0, similarity: 1.0 }]);
    }

    #[test]
    fn a_million_equal_documents_are_compared_once_each_at_most() {
        let sets = [vec![1, 2, 3]];
        let (removals, pairs) =
            remove_duplicates(&vec![0; 1_000_000], |_| &sets[0], 0, Measure::Jaccard, 0.8);
        assert_eq!((removals.len(), pairs), (999_999, 0));
        assert!(removals.iter().all(|removal| removal.keeper == 0 && removal.similarity == 1.0));
    }

    proptest! {
        #[test]
        fn small_and_large_components_are_brute_force(
            sets in prop::collection::vec(prop::collection::btree_set(0u64..30, 0..14), 0..90),
            kinds in 1u64..4, threshold in 0.2f64..=1.0, contained: bool,
        ) {
            let sets: Vec<Vec<u64>> = sets.into_iter().map(|s: BTreeSet<u64>| s.into_iter().collect()).collect();
            let components: Vec<u64> = (0..sets.len() as u64).map(|i| i % kinds).collect();
            let measure = if contained { Measure::Containment } else { Measure::Jaccard };
            let (removals, _) = remove_duplicates(&components, |i| &sets[i], 0, measure, threshold);
            let found: Vec<(usize, usize)> = removals.iter().map(|r| (r.document, r.keeper)).collect();
            prop_assert_eq!(found, slow(&components, &sets, measure, threshold));
        }
    }
}
