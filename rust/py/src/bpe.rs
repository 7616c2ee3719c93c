//! Binding of `curate-bpe`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{LargeBinaryBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int32Array, ListArray, UInt16Array, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use curate_bpe::{Allowed, Counts, Encoder, Error, Params, Pattern, Policy, Tokenizer, in_sample, reserve, train};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use crate::boundary::{
    CurateError, detached, for_each_row, large_binaries, large_strings, to_py_error, to_python,
};

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

    /// Calls `each` with the ids of every text in turn; null counts as empty.
    fn for_each_text(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
        mut each: impl FnMut(&mut Vec<u32>) -> Result<(), String> + Send,
    ) -> PyResult<()> {
        let texts = large_strings(texts)?;
        let policy = self.policy(allowed_special)?;
        let encoder = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = encoder.unwrap_or_else(|| Encoder::new(&self.inner));
        let mut ids = Vec::new();
        let mut fault = None;
        let done = for_each_row(py, texts.len(), |row| {
            ids.clear();
            if texts.is_valid(row)
                && let Err(error) = encoder.encode(&self.inner, &policy, texts.value(row), &mut ids)
            {
                let message = error.to_string();
                fault = Some(error);
                return Err(message);
            }
            each(&mut ids)
        });
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
        match fault {
            Some(error) => Err(with_hint(error)),
            None => done,
        }
    }
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
        pattern: &str,
        specials: Vec<(String, u32)>,
    ) -> PyResult<Self> {
        run(py, || Tokenizer::from_tiktoken(data, Pattern::new(pattern)?, &specials)).map(Self::new)
    }

    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, || Ok(self.inner.to_json()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[getter]
    fn vocab_size(&self) -> usize {
        self.inner.vocab_size()
    }

    #[getter]
    fn pattern(&self) -> Vec<String> {
        let pattern = self.inner.pattern();
        match pattern.name() {
            Some(name) => vec![name.to_owned()],
            None => pattern.regexes().into_iter().map(str::to_owned).collect(),
        }
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

    /// `allowed_special` None = all; `last` is appended to every row; `wide` = uint32 instead of uint16.
    fn encode_batch(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
        last: Option<u32>,
        wide: bool,
    ) -> PyResult<PyArray> {
        if !wide && self.inner.vocab_size() > 1 << 16 {
            return Err(to_py_error("ids above 65535 do not fit 16 bits"));
        }
        let (mut offsets, mut narrow, mut full) = (vec![0i32], Vec::<u16>::new(), Vec::<u32>::new());
        let expected = bytes(&texts)? / 3;
        if wide { reserve(&mut full, expected) } else { reserve(&mut narrow, expected) }
        self.for_each_text(py, texts, allowed_special, |ids| {
            ids.extend(last);
            if wide {
                full.extend_from_slice(ids);
            } else {
                narrow.extend(ids.iter().map(|&id| id as u16));
            }
            let end = i32::try_from(full.len().max(narrow.len()));
            offsets.push(end.map_err(|_| "more than 2^31 tokens in one batch: pass fewer texts".to_owned())?);
            Ok(())
        })?;
        let values: ArrayRef =
            if wide { Arc::new(UInt32Array::from(full)) } else { Arc::new(UInt16Array::from(narrow)) };
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(to_python(Arc::new(ListArray::try_new(item, offsets, values, None).map_err(to_py_error)?)))
    }

    fn count_batch(
        &self,
        py: Python<'_>,
        texts: PyArray,
        allowed_special: Option<Vec<String>>,
    ) -> PyResult<PyArray> {
        let mut counts = Vec::new();
        self.for_each_text(py, texts, allowed_special, |ids| {
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

/// Pre-token counts of a corpus or a part of it.
#[pyclass(module = "curate._native")]
struct BpeCounts {
    pattern: Pattern,
    inner: Counts,
}

#[pymethods]
impl BpeCounts {
    #[new]
    fn new(pattern: &str) -> PyResult<Self> {
        Ok(Self { pattern: Pattern::new(pattern).map_err(with_hint)?, inner: Counts::new() })
    }

    /// Counts the pieces of every text; null counts as empty. With `ids`, only of the share of documents
    /// that the hash of the id selects.
    #[pyo3(signature = (texts, ids=None, share=1.0))]
    fn count(&mut self, py: Python<'_>, texts: PyArray, ids: Option<PyArray>, share: f64) -> PyResult<()> {
        let texts = large_strings(texts)?;
        let ids = ids.map(large_strings).transpose()?;
        if ids.as_ref().is_some_and(|ids| ids.len() != texts.len()) {
            return Err(to_py_error("expected one id per text"));
        }
        let (pattern, counts) = (&self.pattern, &mut self.inner);
        for_each_row(py, texts.len(), |row| {
            // The value of a null is the empty string.
            let chosen = ids.as_ref().is_none_or(|ids| in_sample(ids.value(row), share));
            if chosen && texts.is_valid(row) { counts.count(pattern, texts.value(row)) } else { Ok(()) }
        })
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
        let inner = &mut self.inner;
        for_each_row(py, pieces.len(), |row| {
            inner.add(pieces.value(row), counts.value(row));
            Ok::<_, Infallible>(())
        })
    }

    /// Pieces (large_binary, sorted) and counts (uint64).
    fn to_arrays(&self, py: Python<'_>) -> PyResult<(PyArray, PyArray)> {
        let (pieces, counts) = run(py, || {
            let (mut pieces, mut counts) = (LargeBinaryBuilder::new(), UInt64Builder::new());
            for (piece, count) in self.inner.sorted() {
                pieces.append_value(piece);
                counts.append_value(count);
            }
            Ok((pieces.finish(), counts.finish()))
        })?;
        Ok((to_python(Arc::new(pieces)), to_python(Arc::new(counts))))
    }

    fn train(
        &self,
        py: Python<'_>,
        vocab_size: usize,
        special_tokens: Vec<String>,
        min_frequency: u64,
        max_token_length: Option<usize>,
    ) -> PyResult<BpeTokenizer> {
        let params = Params { vocab_size, special_tokens, min_frequency, max_token_length };
        run(py, || train(&self.inner, self.pattern.clone(), &params)).map(BpeTokenizer::new)
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("UNICODE_VERSION", curate_bpe::UNICODE_VERSION)?;
    module.add_class::<BpeTokenizer>()?;
    module.add_class::<BpeCounts>()
}
