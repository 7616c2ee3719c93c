//! Binding of `curate-url`.

use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::builder::{ListBuilder, StringBuilder};
use curate_url::{Lists, Matcher};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use crate::boundary::{for_each_row, large_strings, to_py_error, to_python};

/// Block lists, compiled: see `UrlFilter`.
#[pyclass(frozen, module = "curate._native")]
struct UrlMatcher(Matcher);

#[pymethods]
impl UrlMatcher {
    #[new]
    #[pyo3(signature = (*, domains, urls, banned_words, soft_words, substrings, max_soft_words))]
    fn new(
        domains: Vec<Bound<'_, PyBytes>>,
        urls: Vec<Bound<'_, PyBytes>>,
        banned_words: Vec<Bound<'_, PyBytes>>,
        soft_words: Vec<Bound<'_, PyBytes>>,
        substrings: Vec<Bound<'_, PyBytes>>,
        max_soft_words: usize,
    ) -> PyResult<Self> {
        let (domains, urls) = (bytes(&domains), bytes(&urls));
        let (banned_words, soft_words) = (bytes(&banned_words), bytes(&soft_words));
        let substrings = bytes(&substrings);
        let lists = Lists {
            domains: &domains,
            urls: &urls,
            banned_words: &banned_words,
            soft_words: &soft_words,
            substrings: &substrings,
        };
        Matcher::new(&lists, max_soft_words).map(Self).map_err(to_py_error)
    }

    /// Every fault of each URL, as a list of names in the order of the rules; null for a null URL.
    fn faults(&self, py: Python<'_>, urls: PyArray) -> PyResult<PyArray> {
        let urls = large_strings(urls)?;
        let mut out = ListBuilder::new(StringBuilder::new());
        for_each_row(py, urls.len(), |row| {
            if urls.is_valid(row) {
                self.0
                    .faults(urls.value(row))
                    .iter()
                    .for_each(|fault| out.values().append_value(fault.name()));
            }
            out.append(urls.is_valid(row));
            Ok::<_, Infallible>(())
        })?;
        Ok(to_python(Arc::new(out.finish())))
    }
}

fn bytes<'a>(files: &'a [Bound<'_, PyBytes>]) -> Vec<&'a [u8]> {
    files.iter().map(|file| file.as_bytes()).collect()
}

fn map_urls(py: Python<'_>, urls: PyArray, each: fn(&str) -> Option<String>) -> PyResult<PyArray> {
    let urls = large_strings(urls)?;
    let mut out = StringBuilder::new();
    for_each_row(py, urls.len(), |row| {
        out.append_option(if urls.is_valid(row) { each(urls.value(row)) } else { None });
        Ok::<_, Infallible>(())
    })?;
    Ok(to_python(Arc::new(out.finish())))
}

/// The registered domain of each URL's host; null where there is none.
#[pyfunction]
fn registered_domains(py: Python<'_>, urls: PyArray) -> PyResult<PyArray> {
    map_urls(py, urls, |url| {
        let host = curate_url::host(url)?;
        curate_url::registered_domain(&host).map(str::to_string)
    })
}

/// The normal form of each URL; null where there is none.
#[pyfunction]
fn normalize_urls(py: Python<'_>, urls: PyArray) -> PyResult<PyArray> {
    map_urls(py, urls, curate_url::normalize)
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<UrlMatcher>()?;
    module.add_function(wrap_pyfunction!(registered_domains, module)?)?;
    module.add_function(wrap_pyfunction!(normalize_urls, module)?)
}
