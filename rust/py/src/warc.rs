//! Binding of `curate-warc`.

use pyo3::prelude::*;

/// Adds this room's functions and classes to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
