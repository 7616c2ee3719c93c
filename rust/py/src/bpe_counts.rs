//! Binding of `curate-bpe`: counting and training.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::Array;
use arrow_array::builder::{LargeBinaryBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use curate_bpe::{Counts, Params, Pattern, Splitter, Superwords, in_sample, train_sizes};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::boundary::{for_each_row, large_binaries, large_strings, to_py_error, to_python};
use crate::bpe::{BpeTokenizer, names, pattern_of, run, with_hint};

/// Texts that a thread counts before it takes more.
const ROWS: usize = 16;
/// Distinct pieces that a thread counts by itself.
const APART: usize = 1 << 15;

/// Pre-token counts of a corpus or a part of it.
#[pyclass(module = "curate._native")]
pub(crate) struct BpeCounts {
    pattern: Pattern,
    total: Counts,
    splitter: Splitter,
    /// For each thread that has counted, what is not in `total` yet.
    parts: Vec<(Counts, Splitter)>,
}

impl BpeCounts {
    /// All counts.
    fn gather(&mut self) -> &mut Counts {
        for (counts, _) in self.parts.drain(..) {
            self.total.merge(&counts);
        }
        &mut self.total
    }
}

#[pymethods]
impl BpeCounts {
    #[new]
    #[pyo3(signature = (pattern, digits=None))]
    fn new(pattern: Vec<String>, digits: Option<usize>) -> PyResult<Self> {
        let pattern = pattern_of(&pattern).map_err(with_hint)?;
        let pattern = digits.map_or(Ok(pattern.clone()), |digits| pattern.with_digits(digits));
        let pattern = pattern.map_err(with_hint)?;
        Ok(Self { pattern, total: Counts::new(), splitter: Splitter::default(), parts: Vec::new() })
    }

    #[getter]
    fn pattern(&self) -> Vec<String> {
        names(&self.pattern)
    }

    /// Counts the pieces of every text; null counts as empty. With `ids`, only of the share of documents
    /// that the hash of the id selects.
    #[pyo3(signature = (texts, ids=None, share=1.0, threads=1))]
    fn count(
        &mut self,
        py: Python<'_>,
        texts: PyArray,
        ids: Option<PyArray>,
        share: f64,
        threads: usize,
    ) -> PyResult<()> {
        let texts = large_strings(texts)?;
        let ids = ids.map(large_strings).transpose()?;
        if ids.as_ref().is_some_and(|ids| ids.len() != texts.len()) {
            return Err(to_py_error("expected one id per text"));
        }
        let threads = threads.clamp(1, texts.len().max(1));
        let pattern = &self.pattern;
        let row = |counts: &mut Counts, splitter: &mut Splitter, row: usize| {
            // The value of a null is the empty string.
            let chosen = ids.as_ref().is_none_or(|ids| in_sample(ids.value(row), share));
            if chosen && texts.is_valid(row) {
                counts.count(splitter, pattern, texts.value(row))
            } else {
                Ok(())
            }
        };
        if threads == 1 {
            let (total, splitter) = (&mut self.total, &mut self.splitter);
            return for_each_row(py, texts.len(), |number| row(total, splitter, number));
        }
        // Rows are handed out as threads get free; which thread counts a row does not matter.
        let next = AtomicUsize::new(0);
        let total = Mutex::new(&mut self.total);
        let work = |(counts, splitter): &mut (Counts, Splitter)| loop {
            let start = next.fetch_add(ROWS, Ordering::Relaxed);
            if start >= texts.len() {
                return Ok(());
            }
            (start..texts.len().min(start + ROWS)).try_for_each(|number| row(counts, splitter, number))?;
            // What every thread meets is kept once, not by every thread.
            if counts.len() > APART {
                total.lock().unwrap_or_else(PoisonError::into_inner).merge(counts);
                counts.clear();
            }
        };
        self.parts.resize_with(self.parts.len().max(threads), Default::default);
        let parts = &mut self.parts[..threads];
        run(py, || {
            std::thread::scope(|scope| {
                let started: Vec<_> = parts.iter_mut().map(|part| scope.spawn(|| work(part))).collect();
                started.into_iter().try_for_each(|thread| match thread.join() {
                    Ok(done) => done,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
            })
        })?;
        py.check_signals()
    }

    /// Adds counts made elsewhere with the same pattern.
    fn add(&mut self, py: Python<'_>, pieces: PyArray, counts: PyArray) -> PyResult<()> {
        let pieces = large_binaries(pieces)?;
        let (counts, _field) = counts.into_inner();
        let counts = counts.as_primitive_opt::<UInt64Type>().filter(|counts| counts.len() == pieces.len());
        let counts = counts.ok_or_else(|| to_py_error("expected one uint64 count per piece"))?;
        if pieces.null_count() + counts.null_count() > 0 {
            return Err(to_py_error("pieces and counts cannot be null"));
        }
        let inner = &mut self.total;
        for_each_row(py, pieces.len(), |row| {
            inner.add(pieces.value(row), counts.value(row));
            Ok::<_, Infallible>(())
        })
    }

    /// Pieces (large_binary, sorted) and counts (uint64). Adds up what threads counted first.
    #[allow(clippy::wrong_self_convention)]
    fn to_arrays(&mut self, py: Python<'_>) -> PyResult<(PyArray, PyArray)> {
        let (pieces, counts) = run(py, || {
            let (mut pieces, mut counts) = (LargeBinaryBuilder::new(), UInt64Builder::new());
            for (piece, count) in self.gather().sorted() {
                pieces.append_value(piece);
                counts.append_value(count);
            }
            Ok((pieces.finish(), counts.finish()))
        })?;
        Ok((to_python(Arc::new(pieces)), to_python(Arc::new(counts))))
    }

    /// Bytes of all pieces, each as often as it was counted.
    fn bytes(&mut self) -> u128 {
        self.gather().bytes()
    }

    /// Adds the counts of `other`, each times `by` / `of`, rounded, at least 1.
    fn add_scaled(&mut self, other: &mut Self, by: u64, of: u64) {
        let mut scaled = other.gather().clone();
        if by != of {
            scaled.scale(by, of);
        }
        self.total.merge(&scaled);
    }

    /// One tokenizer for each of `vocab_sizes`, out of one run. From a vocabulary of `wider_from` on, merges are
    /// learned from `wider`: counts of the same texts by a pattern that separates less. With `forget`, nothing is
    /// counted any more afterwards, and the memory is free for learning.
    #[pyo3(signature = (
        vocab_sizes, special_tokens, min_frequency, max_token_length, wider=None, wider_from=0, forget=false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn train(
        &mut self,
        py: Python<'_>,
        vocab_sizes: Vec<usize>,
        special_tokens: Vec<String>,
        min_frequency: u64,
        max_token_length: Option<usize>,
        wider: Option<&mut Self>,
        wider_from: usize,
        forget: bool,
    ) -> PyResult<Vec<BpeTokenizer>> {
        let params = Params { vocab_size: 0, special_tokens, min_frequency, max_token_length };
        let pattern = self.pattern.clone();
        let wider_pattern = wider.as_ref().map(|wider| wider.pattern.clone());
        let found = run(py, || {
            let superwords = wider.zip(wider_pattern.as_ref()).map(|(wider, pattern)| Superwords {
                counts: wider.gather(),
                pattern,
                from: wider_from,
            });
            let counts = self.gather();
            let counts = if forget { Cow::Owned(std::mem::take(counts)) } else { Cow::Borrowed(&*counts) };
            train_sizes(counts, &pattern, &params, &vocab_sizes, superwords)
        })?;
        Ok(found.into_iter().map(BpeTokenizer::new).collect())
    }

    fn __len__(&mut self) -> usize {
        self.gather().len()
    }
}
