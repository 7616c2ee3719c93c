//! Binding of `curate-bpe`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::LargeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, LargeStringArray, ListArray, UInt16Array, UInt32Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::Field;
use curate_bpe::{AddedToken, Allowed, Encoder, Error, Pattern, Policy, Tokenizer, reserve};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use crate::boundary::{CurateError, detached, for_each_row, large_strings, to_py_error, to_python};

pub(crate) fn with_hint(error: Error) -> PyErr {
    let hint = error.hint();
    CurateError::new_err((error.to_string(), hint))
}

/// Runs `work` without the GIL; its errors keep their hint.
pub(crate) fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    detached(py, || Ok::<_, Infallible>(work()))?.map_err(with_hint)
}

/// A byte-level BPE tokenizer; the class `curate.Tokenizer` wraps it.
#[pyclass(frozen, module = "curate._native")]
pub(crate) struct BpeTokenizer {
    inner: Tokenizer,
    /// Encoders not in use, with their caches.
    idle: Mutex<Vec<Encoder>>,
}

impl BpeTokenizer {
    pub(crate) fn new(inner: Tokenizer) -> Self {
        Self { inner, idle: Mutex::new(Vec::new()) }
    }

    /// A tokenizer from a file is there to encode: what its encoders need is made at once.
    fn loaded(inner: Tokenizer) -> Self {
        let encoder = Encoder::new(&inner);
        Self { inner, idle: Mutex::new(vec![encoder]) }
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

    /// Room for as many ids as a text can have, and for all texts that are left, going by what the bytes that are
    /// done took. Vectors that grow by themselves would be copied, and get no huge pages.
    fn make_room(&mut self, most: usize, done: usize, left: usize) {
        let expected = match done {
            0 => left.min(SAMPLE),
            _ => (self.len() as f64 * 1.1 * left as f64 / done as f64) as usize,
        };
        let more = most.max(expected);
        match self {
            Self::Narrow(all, _) if all.capacity() - all.len() < most => reserve(all, more),
            Self::Wide(all) if all.capacity() - all.len() < most => reserve(all, more),
            _ => {}
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

/// Bytes of the texts whose ids tell how much room the others need.
const SAMPLE: usize = 1 << 18;

/// Bytes of text in an array.
fn size(texts: &LargeStringArray) -> usize {
    let offsets = texts.value_offsets();
    (offsets[texts.len()] - offsets[0]) as usize
}

#[pymethods]
impl BpeTokenizer {
    #[staticmethod]
    fn from_json(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        run(py, || Ok(Self::loaded(Tokenizer::from_json(data)?)))
    }

    #[staticmethod]
    fn from_tiktoken(
        py: Python<'_>,
        data: &[u8],
        pattern: Vec<String>,
        specials: Vec<(String, u32)>,
    ) -> PyResult<Self> {
        run(py, || Ok(Self::loaded(Tokenizer::from_tiktoken(data, pattern_of(&pattern)?, &specials)?)))
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
        let mut ids = if wide { Ids::Wide(Vec::new()) } else { Ids::Narrow(Vec::new(), Vec::new()) };
        let (limit, mut left) = (limit.unwrap_or(usize::MAX), size(&texts));
        let mut done = 0;
        self.for_each_text(py, &texts, |encoder, text| {
            ids.make_room(text.len() + 1, done, left);
            (done, left) = (done + text.len(), left - text.len());
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
pub(crate) fn pattern_of(given: &[String]) -> Result<Pattern, Error> {
    match given {
        [one] => Pattern::new(one),
        several => Pattern::sequence(&several.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

pub(crate) fn names(pattern: &Pattern) -> Vec<String> {
    match pattern.name() {
        Some(name) => vec![name.to_owned()],
        None => pattern.regexes().into_iter().map(str::to_owned).collect(),
    }
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("UNICODE_VERSION", curate_bpe::UNICODE_VERSION)?;
    module.add("SUPERWORD_PATTERN", curate_bpe::SUPERWORDS)?;
    module.add_class::<BpeTokenizer>()?;
    module.add_class::<crate::bpe_counts::BpeCounts>()
}
