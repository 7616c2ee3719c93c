//! Binding of `curate-bpe`.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{LargeBinaryBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, LargeStringArray, ListArray, UInt16Array, UInt32Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use curate_bpe::{
    AddedToken, Allowed, Counts, Encoder, Error, Params, Pattern, Policy, Splitter, Tokenizer, in_sample,
    reserve, train_sizes,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use crate::boundary::{
    CurateError, detached, for_each_row, large_binaries, large_strings, to_py_error, to_python,
};

/// Texts that a thread counts before it takes more.
const ROWS: usize = 64;

fn with_hint(error: Error) -> PyErr {
    let hint = error.hint();
    CurateError::new_err((error.to_string(), hint))
}

/// Runs `work` without the GIL; its errors keep their hint.
fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    detached(py, || Ok::<_, Infallible>(work()))?.map_err(with_hint)
}

/// A byte-level BPE tokenizer; the class `curate.Tokenizer` wraps it.
#[pyclass(frozen, module = "curate._native")]
struct BpeTokenizer {
    inner: Tokenizer,
    /// Encoders not in use, with their caches.
    idle: Mutex<Vec<Encoder>>,
}

impl BpeTokenizer {
    fn new(inner: Tokenizer) -> Self {
        Self { inner, idle: Mutex::new(Vec::new()) }
    }

    fn policy(&self, allowed_special: Option<Vec<String>>) -> PyResult<Policy> {
        let allowed = allowed_special.as_ref().map_or(Allowed::All, |names| Allowed::Only(names));
        self.inner.policy(allowed).map_err(with_hint)
    }

    /// Calls `each` with an encoder and every text in turn; null counts as empty.
    fn for_each_text(
        &self,
        py: Python<'_>,
        texts: &LargeStringArray,
        mut each: impl FnMut(&mut Encoder, &str) -> Result<(), Error> + Send,
    ) -> PyResult<()> {
        let encoder = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = encoder.unwrap_or_else(|| Encoder::new(&self.inner));
        let mut fault = None;
        let done = for_each_row(py, texts.len(), |row| {
            let text = if texts.is_valid(row) { texts.value(row) } else { "" };
            each(&mut encoder, text).map_err(|error| {
                let message = error.to_string();
                fault = Some(error);
                message
            })
        });
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
        match fault {
            Some(error) => Err(with_hint(error)),
            None => done,
        }
    }
}

/// Offsets of a list array, and what happens when they do not fit.
#[derive(Default)]
struct Ends(Vec<i32>);

impl Ends {
    fn new() -> Self {
        Self(vec![0])
    }

    fn push(&mut self, end: usize) -> Result<(), Error> {
        let end = i32::try_from(end);
        self.0.push(end.map_err(|_| {
            Error::Parameter("more than 2^31 tokens in one batch: pass fewer texts".to_owned())
        })?);
        Ok(())
    }

    fn list(self, values: ArrayRef) -> PyResult<PyArray> {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.0));
        Ok(to_python(Arc::new(ListArray::try_new(item, offsets, values, None).map_err(to_py_error)?)))
    }
}

/// Ids in all rows, in the width asked for.
enum Ids {
    Narrow(Vec<u16>, Vec<u32>),
    Wide(Vec<u32>),
}

impl Ids {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(all, _) => all.len(),
            Self::Wide(all) => all.len(),
        }
    }

    fn into_array(self) -> ArrayRef {
        match self {
            Self::Narrow(mut all, _) => {
                all.shrink_to_fit();
                Arc::new(UInt16Array::from(all))
            }
            Self::Wide(mut all) => {
                all.shrink_to_fit();
                Arc::new(UInt32Array::from(all))
            }
        }
    }
}

/// Bytes of text in an array.
fn size(texts: &LargeStringArray) -> usize {
    let offsets = texts.value_offsets();
    (offsets[texts.len()] - offsets[0]) as usize
}

#[pymethods]
impl BpeTokenizer {
    #[staticmethod]
    fn from_json(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        run(py, || Tokenizer::from_json(data)).map(Self::new)
    }

    #[staticmethod]
    fn from_tiktoken(
        py: Python<'_>,
        data: &[u8],
        pattern: Vec<String>,
        specials: Vec<(String, u32)>,
    ) -> PyResult<Self> {
        run(py, || Tokenizer::from_tiktoken(data, pattern_of(&pattern)?, &specials)).map(Self::new)
    }

    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, || Ok(self.inner.to_json()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[getter]
    fn vocab_size(&self) -> usize {
        self.inner.vocab_size()
    }

    /// A published name, or regular expressions.
    #[getter]
    fn pattern(&self) -> Vec<String> {
        names(self.inner.pattern())
    }

    /// Id, content, and: special, normalized, lstrip, rstrip, single_word.
    #[getter]
    fn added_tokens(&self) -> Vec<(u32, String, [bool; 5])> {
        let told = |t: &AddedToken| [t.special, t.normalized, t.lstrip, t.rstrip, t.single_word];
        self.inner.added_tokens().iter().map(|token| (token.id, token.content.clone(), told(token))).collect()
    }

    fn to_tiktoken<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, || self.inner.to_tiktoken())?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The bytes of every ordinary token by id, null where an id stands for none.
    fn tokens(&self) -> PyArray {
        let mut tokens = LargeBinaryBuilder::new();
        for id in 0..self.inner.vocab_size() as u32 {
            tokens.append_option(self.inner.token(id));
        }
        to_python(Arc::new(tokens.finish()))
    }

    fn unreachable(&self, py: Python<'_>) -> PyResult<PyArray> {
        Ok(to_python(Arc::new(UInt32Array::from(run(py, || Ok(self.inner.unreachable()))?))))
    }

    #[getter]
    fn special_tokens(&self) -> Vec<(String, u32)> {
        let special = self.inner.added_tokens().iter().filter(|token| token.special);
        special.map(|token| (token.content.clone(), token.id)).collect()
    }

    fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.id_of(token)
    }

    fn token_bytes(&self) -> PyArray {
        let lengths = self.inner.token_lengths().into_iter().map(|length| length as i32);
        to_python(Arc::new(Int32Array::from_iter_values(lengths)))
    }

    /// `allowed_special` None = all; `last` is appended to every row; `wide` = uint32 instead of uint16; rows are
    /// cut to `limit` ids, `last` not counted, between two characters.
    fn encode_batch(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
        last: Option<u32>,
        wide: bool,
        limit: Option<usize>,
    ) -> PyResult<PyArray> {
        if !wide && self.inner.vocab_size() > 1 << 16 {
            return Err(to_py_error("ids above 65535 do not fit 16 bits"));
        }
        let texts = large_strings(texts)?;
        let policy = self.policy(allowed_special)?;
        let mut ends = Ends::new();
        // A little more than most tokenizers need; what is not used is never touched.
        let expected = size(&texts) / 3 + texts.len();
        let mut ids = if wide { Ids::Wide(Vec::new()) } else { Ids::Narrow(Vec::new(), Vec::new()) };
        match &mut ids {
            Ids::Narrow(all, _) => reserve(all, expected),
            Ids::Wide(all) => reserve(all, expected),
        }
        let limit = limit.unwrap_or(usize::MAX);
        self.for_each_text(py, &texts, |encoder, text| {
            match &mut ids {
                Ids::Wide(all) => {
                    let start = all.len();
                    encoder.encode(&self.inner, &policy, text, all)?;
                    all.truncate(start + self.inner.fitting(&all[start..], limit));
                    all.extend(last);
                }
                Ids::Narrow(all, row) => {
                    row.clear();
                    encoder.encode(&self.inner, &policy, text, row)?;
                    row.truncate(self.inner.fitting(row, limit));
                    row.extend(last);
                    all.extend(row.iter().map(|&id| id as u16));
                }
            }
            ends.push(ids.len())
        })?;
        ends.list(ids.into_array())
    }

    /// Ids as list<uint32> and where each ends in the bytes of its text as list<int64>.
    fn encode_with_ends(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
    ) -> PyResult<(PyArray, PyArray)> {
        let texts = large_strings(texts)?;
        let policy = self.policy(allowed_special)?;
        let (mut rows, mut ids, mut ends, mut row) = (Ends::new(), Vec::new(), Vec::<i64>::new(), Vec::new());
        self.for_each_text(py, &texts, |encoder, text| {
            row.clear();
            encoder.encode_with_ends(&self.inner, &policy, text, &mut ids, &mut row)?;
            ends.extend(row.iter().map(|&end| end as i64));
            rows.push(ids.len())
        })?;
        let again = Ends(rows.0.clone());
        Ok((rows.list(Arc::new(UInt32Array::from(ids)))?, again.list(Arc::new(Int64Array::from(ends)))?))
    }

    fn count_batch(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
    ) -> PyResult<PyArray> {
        let texts = large_strings(texts)?;
        let policy = self.policy(allowed_special)?;
        let (mut counts, mut ids) = (Vec::new(), Vec::new());
        self.for_each_text(py, &texts, |encoder, text| {
            ids.clear();
            encoder.encode(&self.inner, &policy, text, &mut ids)?;
            counts.push(ids.len() as u32);
            Ok(())
        })?;
        Ok(to_python(Arc::new(UInt32Array::from(counts))))
    }

    fn decode<'py>(&self, py: Python<'py>, ids: PyArray) -> PyResult<Bound<'py, PyBytes>> {
        let (ids, _field) = ids.into_inner();
        let ids = ids.as_primitive_opt::<UInt32Type>().filter(|ids| ids.null_count() == 0);
        let ids = ids.ok_or_else(|| to_py_error("expected ids as uint32 without nulls"))?;
        let bytes = run(py, || self.inner.decode(ids.values()))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

/// A pattern by name, by one regular expression, or by several that are applied one after the other.
fn pattern_of(given: &[String]) -> Result<Pattern, Error> {
    match given {
        [one] => Pattern::new(one),
        several => Pattern::sequence(&several.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn names(pattern: &Pattern) -> Vec<String> {
    match pattern.name() {
        Some(name) => vec![name.to_owned()],
        None => pattern.regexes().into_iter().map(str::to_owned).collect(),
    }
}

/// Pre-token counts of a corpus or a part of it.
#[pyclass(module = "curate._native")]
struct BpeCounts {
    pattern: Pattern,
    /// One for each thread that has counted; together they are the counts.
    parts: Vec<(Counts, Splitter)>,
}

impl BpeCounts {
    /// All counts in the first part.
    fn gather(&mut self) -> &mut Counts {
        let (first, others) = self.parts.split_at_mut(1);
        for (counts, _) in others {
            first[0].0.merge(counts);
        }
        self.parts.truncate(1);
        &mut self.parts[0].0
    }
}

#[pymethods]
impl BpeCounts {
    #[new]
    #[pyo3(signature = (pattern, digits=None))]
    fn new(pattern: Vec<String>, digits: Option<usize>) -> PyResult<Self> {
        let pattern = pattern_of(&pattern).map_err(with_hint)?;
        let pattern = digits.map_or(Ok(pattern.clone()), |digits| pattern.with_digits(digits));
        Ok(Self {
            pattern: pattern.map_err(with_hint)?,
            parts: vec![(Counts::new(), Splitter::default())],
        })
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
        self.parts.resize_with(self.parts.len().max(threads), Default::default);
        let pattern = &self.pattern;
        let row = |(counts, splitter): &mut (Counts, Splitter), row: usize| {
            // The value of a null is the empty string.
            let chosen = ids.as_ref().is_none_or(|ids| in_sample(ids.value(row), share));
            if chosen && texts.is_valid(row) { counts.count(splitter, pattern, texts.value(row)) } else { Ok(()) }
        };
        if threads == 1 {
            let part = &mut self.parts[0];
            return for_each_row(py, texts.len(), |number| row(part, number));
        }
        // Rows are handed out as threads get free; which thread counts a row does not matter.
        let next = AtomicUsize::new(0);
        let work = |part: &mut (Counts, Splitter)| loop {
            let start = next.fetch_add(ROWS, Ordering::Relaxed);
            if start >= texts.len() {
                return Ok(());
            }
            (start..texts.len().min(start + ROWS)).try_for_each(|number| row(part, number))?;
        };
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
        let inner = &mut self.parts[0].0;
        for_each_row(py, pieces.len(), |row| {
            inner.add(pieces.value(row), counts.value(row));
            Ok::<_, Infallible>(())
        })
    }

    /// Pieces (large_binary, sorted) and counts (uint64).
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
        self.parts[0].0.merge(&scaled);
    }

    /// One tokenizer for each of `vocab_sizes`, out of one run.
    fn train(
        &mut self,
        py: Python<'_>,
        vocab_sizes: Vec<usize>,
        special_tokens: Vec<String>,
        min_frequency: u64,
        max_token_length: Option<usize>,
    ) -> PyResult<Vec<BpeTokenizer>> {
        let params = Params { vocab_size: 0, special_tokens, min_frequency, max_token_length };
        let pattern = self.pattern.clone();
        let found = run(py, || train_sizes(self.gather(), &pattern, &params, &vocab_sizes))?;
        Ok(found.into_iter().map(BpeTokenizer::new).collect())
    }

    fn __len__(&mut self) -> usize {
        self.gather().len()
    }
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("UNICODE_VERSION", curate_bpe::UNICODE_VERSION)?;
    module.add_class::<BpeTokenizer>()?;
    module.add_class::<BpeCounts>()
}
