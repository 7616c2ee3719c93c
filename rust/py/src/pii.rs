//! Binding of `curate-pii`.

use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, ListArray, StringArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};
use curate_pii::{Kind, Kinds, Policy};
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

/// Spans of each text as `list<struct<kind: string, start: int64, end: int64>>`, byte offsets.
#[pyfunction]
fn find_pii(py: Python<'_>, texts: PyArray, kinds: Vec<String>) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let kinds = Kinds::of(&parse_kinds(&kinds)?);
    let mut spans = Vec::new();
    let mut offsets = vec![0i32];
    for_each_row(py, texts.len(), |row| {
        if !texts.is_null(row) {
            spans.extend(curate_pii::find(texts.value(row), kinds));
        }
        offsets.push(i32::try_from(spans.len()).map_err(|_| "too many findings for one batch")?);
        Ok::<_, &str>(())
    })?;
    let fields = Fields::from(vec![
        Field::new("kind", DataType::Utf8, false),
        Field::new("start", DataType::Int64, false),
        Field::new("end", DataType::Int64, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(spans.iter().map(|span| span.kind.name()))),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|span| span.start as i64))),
        Arc::new(Int64Array::from_iter_values(spans.iter().map(|span| span.end as i64))),
    ];
    let values = StructArray::new(fields, columns, None);
    let field = Arc::new(Field::new("item", values.data_type().clone(), false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let lists = ListArray::try_new(field, offsets, Arc::new(values), texts.nulls().cloned());
    Ok(to_python(Arc::new(lists.map_err(to_py_error)?)))
}

/// `struct<text: large_string, counts: struct<kind: int32, ...>>`, one count per kind asked for.
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
    let listed = parse_kinds(&kinds)?;
    let kinds = Kinds::of(&listed);
    let policy = parse_policy(policy, key)?;
    let mut out = LargeStringBuilder::with_capacity(texts.len(), texts.value_data().len());
    let mut counts = vec![Vec::with_capacity(texts.len()); listed.len()];
    for_each_row(py, texts.len(), |row| {
        let text = (!texts.is_null(row)).then(|| texts.value(row));
        let scrubbed = text.and_then(|text| curate_pii::scrub(text, kinds, &policy));
        out.append_option(scrubbed.as_ref().map_or(text, |scrubbed| Some(&scrubbed.text)));
        for (column, kind) in counts.iter_mut().zip(&listed) {
            let count = scrubbed.as_ref().map_or(0, |scrubbed| scrubbed.counts[*kind as usize]);
            column.push(i32::try_from(count).unwrap_or(i32::MAX));
        }
        Ok::<_, std::convert::Infallible>(())
    })?;
    let fields: Fields = listed.iter().map(|kind| Field::new(kind.name(), DataType::Int32, true)).collect();
    let columns: Vec<ArrayRef> =
        counts.into_iter().map(|column| Arc::new(Int32Array::from(column)) as ArrayRef).collect();
    let counts = StructArray::try_new_with_length(fields, columns, None, texts.len()).map_err(to_py_error)?;
    let fields = Fields::from(vec![
        Field::new("text", DataType::LargeUtf8, true),
        Field::new("counts", counts.data_type().clone(), false),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(out.finish()), Arc::new(counts)];
    Ok(to_python(Arc::new(StructArray::new(fields, columns, None))))
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pii_kinds, module)?)?;
    module.add_function(wrap_pyfunction!(find_pii, module)?)?;
    module.add_function(wrap_pyfunction!(scrub_pii, module)?)
}
