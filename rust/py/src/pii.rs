//! Binding of `curate-pii`.

use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, ListArray, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};
use curate_pii::{Findings, Kind, Kinds, Policy, Replacement, SECRETS, SecretForm};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::boundary::{for_each_row, large_strings, to_py_error, to_python};

/// (name, looked for by default, one line) of every kind.
#[pyfunction]
fn pii_kinds() -> Vec<(&'static str, bool, &'static str)> {
    Kind::ALL.iter().map(|kind| (kind.name(), kind.is_default(), kind.description())).collect()
}

fn parse_kinds(names: &[String]) -> PyResult<Vec<Kind>> {
    let find = |name: &String| Kind::ALL.iter().copied().find(|kind| kind.name() == name);
    let unknown = |name| PyValueError::new_err(format!("no kind of PII is named `{name}`"));
    names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

fn parse_policy(name: &str, key: Option<Vec<u8>>) -> PyResult<Policy> {
    match (name, key) {
        ("fineweb", None) => Ok(Policy::FineWeb),
        ("tag", None) => Ok(Policy::Tag),
        ("mask", None) => Ok(Policy::Mask),
        ("number", None) => Ok(Policy::Number),
        ("drop_span", None) => Ok(Policy::DropSpan),
        ("pseudonym", Some(key)) => Ok(Policy::Pseudonym(key)),
        ("pseudonym", None) => Err(PyValueError::new_err("the policy `pseudonym` needs a key")),
        (_, Some(_)) => Err(PyValueError::new_err("only the policy `pseudonym` takes a key")),
        _ => Err(PyValueError::new_err(format!("no policy is named `{name}`"))),
    }
}

/// `list<struct<...>>` of rows that were collected one after another; null where the text is null.
fn lists(
    offsets: Vec<i32>,
    columns: Vec<(&str, ArrayRef)>,
    nulls: Option<NullBuffer>,
) -> PyResult<ListArray> {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let values = StructArray::new(fields, columns.into_iter().map(|(_, column)| column).collect(), None);
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    ListArray::try_new(field, offsets, Arc::new(values), nulls).map_err(to_py_error)
}

fn names(kinds: impl Iterator<Item = Kind>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(kinds.map(Kind::name)))
}

fn bytes(positions: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(positions.map(|position| position as i64)))
}

/// One count per kind asked for, row by row.
struct Counts {
    kinds: Vec<Kind>,
    columns: Vec<Vec<i32>>,
}

impl Counts {
    fn new(kinds: &[Kind], rows: usize) -> Self {
        Self { kinds: kinds.to_vec(), columns: vec![Vec::with_capacity(rows); kinds.len()] }
    }

    fn push(&mut self, counts: Option<&[u32]>) {
        for (column, kind) in self.columns.iter_mut().zip(&self.kinds) {
            let count = counts.map_or(0, |counts| counts[*kind as usize]);
            column.push(i32::try_from(count).unwrap_or(i32::MAX));
        }
    }

    fn finish(self, rows: usize) -> PyResult<StructArray> {
        let field = |kind: &Kind| Field::new(kind.name(), DataType::Int32, true);
        let fields: Fields = self.kinds.iter().map(field).collect();
        let column = |counts| Arc::new(Int32Array::from(counts)) as ArrayRef;
        let columns = self.columns.into_iter().map(column).collect();
        StructArray::try_new_with_length(fields, columns, None, rows).map_err(to_py_error)
    }
}

/// `struct<spans: list<struct<kind: string, start: int64, end: int64>>, near_misses: struct<kind: int32, ...>>`, byte
/// offsets.
#[pyfunction]
fn find_pii(py: Python<'_>, texts: PyArray, kinds: Vec<String>) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let listed = parse_kinds(&kinds)?;
    let kinds = Kinds::of(&listed);
    let mut all = Vec::new();
    let mut offsets = vec![0i32];
    let mut near = Counts::new(&listed, texts.len());
    for_each_row(py, texts.len(), |row| {
        if texts.is_null(row) {
            near.push(None);
        } else {
            let Findings { spans, near_misses } = curate_pii::find(texts.value(row), kinds);
            all.extend(spans);
            near.push(Some(&near_misses));
        }
        offsets.push(i32::try_from(all.len()).map_err(|_| "too many findings for one batch")?);
        Ok::<_, &str>(())
    })?;
    let columns = vec![
        ("kind", names(all.iter().map(|span| span.kind))),
        ("start", bytes(all.iter().map(|span| span.start))),
        ("end", bytes(all.iter().map(|span| span.end))),
    ];
    let spans = lists(offsets, columns, texts.nulls().cloned())?;
    let near = near.finish(texts.len())?;
    let fields = Fields::from(vec![
        Field::new("spans", spans.data_type().clone(), true),
        Field::new("near_misses", near.data_type().clone(), true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(spans), Arc::new(near)];
    Ok(to_python(Arc::new(StructArray::new(fields, columns, None))))
}

/// `struct<text: large_string, counts: struct<kind: int32, ...>, near_misses: struct<kind: int32, ...>,
/// replacements: list<struct<kind: string, start: int64, end: int64, removed_bytes: int64>>>`.
#[pyfunction]
#[pyo3(signature = (texts, kinds, policy, key=None))]
fn scrub_pii(
    py: Python<'_>,
    texts: PyArray,
    kinds: Vec<String>,
    policy: &str,
    key: Option<Vec<u8>>,
) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let rows = texts.len();
    let listed = parse_kinds(&kinds)?;
    let kinds = Kinds::of(&listed);
    let policy = parse_policy(policy, key)?;
    let mut out = LargeStringBuilder::with_capacity(rows, texts.value_data().len());
    let (mut counts, mut near) = (Counts::new(&listed, rows), Counts::new(&listed, rows));
    let mut all: Vec<Replacement> = Vec::new();
    let mut offsets = vec![0i32];
    for_each_row(py, rows, |row| {
        let text = (!texts.is_null(row)).then(|| texts.value(row));
        let (scrubbed, near_misses) = match text {
            Some(text) => curate_pii::scrub(text, kinds, &policy),
            None => (None, Vec::new()),
        };
        out.append_option(scrubbed.as_ref().map_or(text, |scrubbed| Some(&scrubbed.text)));
        counts.push(scrubbed.as_ref().map(|scrubbed| scrubbed.counts.as_slice()));
        near.push(text.map(|_| near_misses.as_slice()));
        all.extend(scrubbed.into_iter().flat_map(|scrubbed| scrubbed.replacements));
        offsets.push(i32::try_from(all.len()).map_err(|_| "too many findings for one batch")?);
        Ok::<_, &str>(())
    })?;
    let columns = vec![
        ("kind", names(all.iter().map(|place| place.kind))),
        ("start", bytes(all.iter().map(|place| place.start))),
        ("end", bytes(all.iter().map(|place| place.end))),
        ("removed_bytes", bytes(all.iter().map(|place| place.removed))),
    ];
    let replacements = lists(offsets, columns, texts.nulls().cloned())?;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(out.finish())),
        ("counts", Arc::new(counts.finish(rows)?)),
        ("near_misses", Arc::new(near.finish(rows)?)),
        ("replacements", Arc::new(replacements)),
    ];
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(to_python(Arc::new(StructArray::new(fields, columns, None))))
}

/// (provider, prefix, fewest and most characters after it, source) of every form of key that is looked for.
#[pyfunction]
fn pii_key_forms() -> Vec<(&'static str, &'static str, usize, usize, &'static str)> {
    let row = |form: &SecretForm| (form.provider, form.prefix, form.shortest, form.longest, form.source);
    SECRETS.iter().map(row).collect()
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pii_kinds, module)?)?;
    module.add_function(wrap_pyfunction!(pii_key_forms, module)?)?;
    module.add_function(wrap_pyfunction!(find_pii, module)?)?;
    module.add_function(wrap_pyfunction!(scrub_pii, module)?)
}
