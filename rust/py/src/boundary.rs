//! The one door between Python and the pure crates.
//!
//! Arrow arrays come in by the PyCapsule protocol and are made `LargeString`/`LargeBinary`; work runs
//! without the GIL; errors of the pure crates become `curate.errors.CurateError`; Ctrl-C is polled between rows.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, LargeBinaryArray, LargeStringArray};
use arrow_schema::{DataType, Field};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

pyo3::import_exception!(curate.errors, CurateError);

/// Rows processed between two looks at Ctrl-C.
const ROWS_PER_SIGNAL_CHECK: usize = 256;

/// Turns any displayable error of a pure crate into `curate.errors.CurateError`.
pub fn to_py_error(error: impl Display) -> PyErr {
    CurateError::new_err(error.to_string())
}

/// Any Arrow string array as `LargeStringArray` (no copy when it is one already).
pub fn large_strings(array: PyArray) -> PyResult<LargeStringArray> {
    let (array, _field) = array.into_inner();
    Ok(cast(&array, &DataType::LargeUtf8)?.as_string::<i64>().clone())
}

/// Any Arrow binary or string array as `LargeBinaryArray` (no copy when it is one already).
pub fn large_binaries(array: PyArray) -> PyResult<LargeBinaryArray> {
    let (array, _field) = array.into_inner();
    Ok(cast(&array, &DataType::LargeBinary)?.as_binary::<i64>().clone())
}

/// Any Arrow array as one of type `to` (no copy when it is one already).
pub fn cast_to(array: PyArray, to: &DataType) -> PyResult<ArrayRef> {
    let (array, _field) = array.into_inner();
    cast(&array, to)
}

/// An array as one of type `to` (no copy when it is one already).
pub fn cast(array: &ArrayRef, to: &DataType) -> PyResult<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    arrow_cast::cast(array, to).map_err(to_py_error)
}

/// Hands an Arrow array to Python as an object with `__arrow_c_array__`.
pub fn to_python(array: ArrayRef) -> PyArray {
    let field = Arc::new(Field::new("", array.data_type().clone(), true));
    PyArray::new(array, field)
}

/// Runs `work` without the GIL; a panic inside becomes an error and never unwinds into the interpreter.
pub fn detached<T, E, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    T: Send,
    E: Display + Send,
    F: FnOnce() -> Result<T, E> + Send,
{
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(result) => result.map_err(to_py_error),
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown cause");
            Err(to_py_error(format!("a native kernel failed: {message}; this is a bug in curate")))
        }
    }
}

/// Calls `each(row)` for every row without the GIL, polling for Ctrl-C every few hundred rows.
pub fn for_each_row<E, F>(py: Python<'_>, rows: usize, mut each: F) -> PyResult<()>
where
    E: Display + Send,
    F: FnMut(usize) -> Result<(), E> + Send,
{
    let mut start = 0;
    while start < rows {
        let end = rows.min(start + ROWS_PER_SIGNAL_CHECK);
        detached(py, || (start..end).try_for_each(&mut each))?;
        py.check_signals()?;
        start = end;
    }
    Ok(())
}
