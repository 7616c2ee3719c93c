//! Binding of `curate-warc`.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, Int64Builder, LargeBinaryBuilder, LargeStringBuilder,
    StringBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use curate_warc::{Container, Event, Limits, Parser, Row, Selection, Split, interpret, offset_id};
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::boundary::{detached, large_strings, to_py_error, to_python};

const MAX_BATCH_ROWS: usize = 1024;

/// Rows on their way to Python, cut into batches by rows and payload bytes.
struct Batches {
    batch_bytes: usize,
    done: Vec<RecordBatch>,
    bytes: usize,
    rows: usize,
    id: StringBuilder,
    url: StringBuilder,
    payload: LargeBinaryBuilder,
    content_type: StringBuilder,
    http_headers: LargeStringBuilder,
    date: StringBuilder,
    truncated: StringBuilder,
    offset: Int64Builder,
    reason: StringBuilder,
}

impl Batches {
    fn new(batch_bytes: usize) -> Self {
        Self {
            batch_bytes,
            done: Vec::new(),
            bytes: 0,
            rows: 0,
            id: StringBuilder::new(),
            url: StringBuilder::new(),
            payload: LargeBinaryBuilder::new(),
            content_type: StringBuilder::new(),
            http_headers: LargeStringBuilder::new(),
            date: StringBuilder::new(),
            truncated: StringBuilder::new(),
            offset: Int64Builder::new(),
            reason: StringBuilder::new(),
        }
    }

    fn push(&mut self, row: Row) {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.bytes += row.payload.as_ref().map_or(0, Vec::len) + length(&row.http_headers) + length(&row.url);
        self.rows += 1;
        self.id.append_value(row.id);
        self.url.append_option(row.url);
        self.payload.append_option(row.payload);
        self.content_type.append_option(row.content_type);
        self.http_headers.append_option(row.http_headers);
        self.date.append_option(row.date);
        self.truncated.append_option(row.truncated);
        self.offset.append_value(row.offset as i64);
        self.reason.append_option(row.reason);
        if self.rows >= MAX_BATCH_ROWS || self.bytes >= self.batch_bytes {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.rows == 0 {
            return;
        }
        let columns: [(&str, ArrayRef); 9] = [
            ("id", Arc::new(self.id.finish())),
            ("url", Arc::new(self.url.finish())),
            ("payload", Arc::new(self.payload.finish())),
            ("content_type", Arc::new(self.content_type.finish())),
            ("http_headers", Arc::new(self.http_headers.finish())),
            ("date", Arc::new(self.date.finish())),
            ("truncated", Arc::new(self.truncated.finish())),
            ("offset", Arc::new(self.offset.finish())),
            ("reason", Arc::new(self.reason.finish())),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        // The builders have one value per row each, so the batch is always valid.
        if let Ok(batch) = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays) {
            self.done.push(batch);
        }
        if self.bytes >= self.batch_bytes {
            // The next batch is likely to be as large: growing to it would copy it several times.
            self.payload = LargeBinaryBuilder::with_capacity(self.rows, self.bytes + self.bytes / 8);
        }
        (self.rows, self.bytes) = (0, 0);
    }
}

/// A push parser of one WARC file; see `curate._native` for the arguments.
#[pyclass(module = "curate._native")]
struct WarcParser {
    parser: Parser,
    limits: Limits,
    file: String,
    selection: Selection,
    batches: Batches,
}

#[pymethods]
impl WarcParser {
    #[new]
    #[pyo3(signature = (file, *, record_types, mime_types, statuses, max_payload_bytes, max_document_bytes, batch_bytes))]
    fn new(
        file: String,
        record_types: Option<Vec<String>>,
        mime_types: Option<Vec<String>>,
        statuses: Option<Vec<u16>>,
        max_payload_bytes: usize,
        max_document_bytes: usize,
        batch_bytes: usize,
    ) -> Self {
        let limits = Limits { max_payload: max_payload_bytes, ..Limits::default() };
        let lower = |names: Option<Vec<String>>| {
            names.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect())
        };
        Self {
            parser: Parser::new(limits),
            limits,
            file,
            selection: Selection {
                record_types: lower(record_types),
                mime_types: lower(mime_types),
                statuses,
                max_document: max_document_bytes,
            },
            batches: Batches::new(batch_bytes),
        }
    }

    fn confine(&mut self, head: &[u8], start: u64, stop: Option<u64>, exact: bool, rewound: u64) {
        let split = Split { container: Container::of(head), start, stop, exact, rewound };
        self.parser = Parser::of_split(self.limits, split);
    }

    fn feed(&mut self, py: Python<'_>, data: &[u8]) -> PyResult<Vec<PyRecordBatch>> {
        let Self { parser, file, selection, batches, .. } = self;
        detached(py, || {
            parser.feed(data, &mut |event: Event<'_>| batches.push(interpret(&event, file, selection)));
            Ok::<_, Infallible>(())
        })?;
        py.check_signals()?;
        Ok(self.take())
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<Vec<PyRecordBatch>> {
        let Self { parser, file, selection, batches, .. } = self;
        detached(py, || {
            parser.finish(&mut |event: Event<'_>| batches.push(interpret(&event, file, selection)));
            batches.flush();
            Ok::<_, Infallible>(())
        })?;
        Ok(self.take())
    }

    #[getter]
    fn begin(&self) -> Option<u64> {
        self.parser.begin()
    }

    #[getter]
    fn end(&self) -> Option<u64> {
        self.parser.end()
    }

    #[getter]
    fn rewound(&self) -> u64 {
        self.parser.rewound()
    }
}

impl WarcParser {
    fn take(&mut self) -> Vec<PyRecordBatch> {
        self.batches.done.drain(..).map(PyRecordBatch::new).collect()
    }
}

/// Can an archive that starts with these bytes be divided among parsers?
#[pyfunction]
fn warc_is_divisible(head: &[u8]) -> bool {
    Container::of(head).is_some()
}

/// Does it change nothing in a split that the splits before it read this much again?
#[pyfunction]
fn warc_is_unaffected(rewound: u64, before: u64) -> bool {
    Split::is_unaffected(rewound, before)
}

/// 16 bytes for each id; null ids have none.
#[pyfunction]
fn id_hashes(ids: PyArray) -> PyResult<PyArray> {
    let ids = large_strings(ids)?;
    let mut hashes = FixedSizeBinaryBuilder::with_capacity(ids.len(), 16);
    for id in &ids {
        match id {
            Some(id) => hashes
                .append_value(curate_warc::id_hash(id).to_be_bytes())
                .map_err(|error| to_py_error(error.to_string()))?,
            None => hashes.append_null(),
        }
    }
    Ok(to_python(Arc::new(hashes.finish())))
}

/// The identity of rows that bring none, from the file's name and their byte offsets.
#[pyfunction]
fn offset_ids(file: &str, offsets: PyArray) -> PyResult<PyArray> {
    let (array, _field) = offsets.into_inner();
    let offsets = array
        .as_primitive_opt::<Int64Type>()
        .filter(|array| array.null_count() == 0)
        .ok_or_else(|| to_py_error("offsets must be int64 without nulls"))?;
    let mut ids = StringBuilder::new();
    for &offset in offsets.values() {
        ids.append_value(offset_id(file, offset as u64, 0));
    }
    Ok(to_python(Arc::new(ids.finish())))
}

/// The ids met so far, as 128-bit hashes.
#[pyclass(module = "curate._native")]
#[derive(Default)]
struct SeenIds {
    hashes: HashSet<u128>,
}

#[pymethods]
impl SeenIds {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn repeated(&mut self, ids: PyArray) -> PyResult<PyArray> {
        let ids = large_strings(ids)?;
        let mut repeated = BooleanBuilder::with_capacity(ids.len());
        for id in &ids {
            repeated.append_value(id.is_some_and(|id| !self.hashes.insert(curate_warc::id_hash(id))));
        }
        Ok(to_python(Arc::new(repeated.finish())))
    }
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WarcParser>()?;
    module.add_class::<SeenIds>()?;
    module.add_function(wrap_pyfunction!(warc_is_divisible, module)?)?;
    module.add_function(wrap_pyfunction!(warc_is_unaffected, module)?)?;
    module.add_function(wrap_pyfunction!(id_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(offset_ids, module)?)
}
