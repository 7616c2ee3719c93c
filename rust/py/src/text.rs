//! Binding of `curate-text`.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::builder::{LargeListBuilder, LargeStringBuilder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, LargeStringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};
use curate_text::c4::{Dropped, LineRules, POLICY_PHRASES};
use curate_text::listed::WordList;
use curate_text::signals::{LineStats, TextStats, Value};
use curate_text::stats::{Measure, STOP_WORDS};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::boundary::{cast, detached, for_each_row, large_strings, to_py_error, to_python};

/// Bytes of the longest text of a `Measure` that is kept from call to call.
const LONGEST_KEPT: usize = 1 << 20;

thread_local! {
    /// What the thread's last call left: memory, and what is known of runs that many texts have.
    static MEASURE: Cell<Option<Measure>> = const { Cell::new(None) };
}

/// Adds this room's functions and classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(text_stats, module)?)?;
    module.add_function(wrap_pyfunction!(broken_rules, module)?)?;
    module.add_function(wrap_pyfunction!(c4_lines, module)?)?;
    module.add_function(wrap_pyfunction!(normalize_texts, module)?)?;
    module.add_function(wrap_pyfunction!(split_words, module)?)?;
    module.add("C4_POLICY_PHRASES", POLICY_PHRASES)?;
    module.add_class::<ListedWords>()
}

/// Calls `each` with every text in order, null as the empty text.
fn for_each_text(
    py: Python<'_>,
    texts: &LargeStringArray,
    mut each: impl FnMut(&str) + Send,
) -> PyResult<()> {
    for_each_row(py, texts.len(), |row| {
        each(if texts.is_null(row) { "" } else { texts.value(row) });
        Ok::<(), Infallible>(())
    })
}

/// A struct array without nulls from named columns.
fn struct_of(columns: Vec<(&str, ArrayRef)>, rows: usize) -> PyResult<PyArray> {
    let (names, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let field = |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let fields: Fields = names.into_iter().zip(&arrays).map(field).collect();
    let made = StructArray::try_new_with_length(fields, arrays, None, rows).map_err(to_py_error)?;
    Ok(to_python(Arc::new(made)))
}

enum Column {
    Counts(Vec<i64>),
    Reals(Vec<f64>),
}

/// Columns of signals, by the types of `first`.
fn columns_of(first: &[Value], rows: usize) -> Vec<Column> {
    let column = |value: &Value| match value {
        Value::Count(_) => Column::Counts(Vec::with_capacity(rows)),
        Value::Real(_) => Column::Reals(Vec::with_capacity(rows)),
    };
    first.iter().map(column).collect()
}

fn push(columns: &mut [Column], values: &[Value]) {
    for (column, value) in columns.iter_mut().zip(values) {
        match (column, *value) {
            (Column::Counts(counts), Value::Count(count)) => counts.push(count as i64),
            (Column::Reals(reals), Value::Real(real)) => reals.push(real),
            // The type of a signal does not depend on the text.
            _ => unreachable!(),
        }
    }
}

/// struct<signal: int64 | double> of every signal of each text; with `lines`, those of lines too. A text whose
/// language is a key of `stop_words` has those stop words, any other the English ones.
#[pyfunction]
#[pyo3(signature = (texts, *, lines=false, languages=None, stop_words=None))]
fn text_stats(
    py: Python<'_>,
    texts: PyArray,
    lines: bool,
    languages: Option<PyArray>,
    stop_words: Option<HashMap<String, Vec<String>>>,
) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let languages = languages.map(large_strings).transpose()?;
    if languages.as_ref().is_some_and(|languages| languages.len() != texts.len()) {
        return Err(to_py_error("a language is needed for each text"));
    }
    let stop_words = stop_words.unwrap_or_default();
    let english: Vec<String> = STOP_WORDS.iter().map(|&word| word.to_owned()).collect();
    let words_of = |row: usize| {
        let language = languages.as_ref().filter(|languages| !languages.is_null(row))?.value(row);
        stop_words.get(language)
    };
    let mut columns = columns_of(&TextStats::default().values(), texts.len());
    let mut line_columns = columns_of(&LineStats::default().values(), texts.len());
    let mut measure = MEASURE.take().unwrap_or_default();
    for_each_row(py, texts.len(), |row| {
        let text = if texts.is_null(row) { "" } else { texts.value(row) };
        let words = words_of(row).unwrap_or(&english);
        if lines {
            let (stats, line_stats) = measure.all_stats(text, words);
            push(&mut columns, &stats.values());
            push(&mut line_columns, &line_stats.values());
        } else {
            push(&mut columns, &measure.stats_with(text, words).values());
        }
        Ok::<(), Infallible>(())
    })?;
    if measure.longest() <= LONGEST_KEPT {
        MEASURE.set(Some(measure));
    }
    let array = |column| -> ArrayRef {
        match column {
            Column::Counts(counts) => Arc::new(Int64Array::from(counts)),
            Column::Reals(reals) => Arc::new(Float64Array::from(reals)),
        }
    };
    let named = TextStats::NAMES.iter().copied().zip(columns);
    let named_lines = LineStats::NAMES.iter().copied().zip(line_columns).filter(|_| lines);
    struct_of(named.chain(named_lines).map(|(name, column)| (name, array(column))).collect(), texts.len())
}

/// What must hold of a number and a limit.
fn comparison(sign: &str) -> Option<fn(&f64, &f64) -> bool> {
    match sign {
        ">=" => Some(f64::ge),
        "<=" => Some(f64::le),
        ">" => Some(f64::gt),
        "<" => Some(f64::lt),
        "==" => Some(f64::eq),
        _ => None,
    }
}

/// The first rule that each row breaks (string), and all that it breaks, in order (list<string>). A rule is a name, the
/// numbers of all rows, the comparison that must hold, and a limit; no comparison holds for a number that is missing.
#[pyfunction]
fn broken_rules(
    py: Python<'_>,
    rows: usize,
    rules: Vec<(String, PyArray, String, f64)>,
) -> PyResult<(PyArray, PyArray)> {
    // Row by row, a mark for each rule.
    let mut broken = vec![false; rows * rules.len()];
    for (place, (name, numbers, sign, limit)) in rules.iter().enumerate() {
        let holds = comparison(sign).ok_or_else(|| to_py_error(format!("no comparison {sign}")))?;
        let numbers = cast(numbers.array(), &DataType::Float64)?;
        if numbers.len() != rows {
            return Err(to_py_error(format!("{name} has {} numbers for {rows} rows", numbers.len())));
        }
        let values = numbers.as_primitive::<Float64Type>();
        for (row, marks) in broken.chunks_exact_mut(rules.len()).enumerate() {
            marks[place] = values.is_null(row) || !holds(&values.value(row), limit);
        }
    }
    let names: Vec<&str> = rules.iter().map(|(name, ..)| name.as_str()).collect();
    detached(py, || {
        let mut first = StringBuilder::new();
        let mut all = ListBuilder::new(StringBuilder::new());
        for row in 0..rows {
            let marks = broken.get(row * names.len()..).unwrap_or_default();
            let mut here = names.iter().zip(marks).filter(|&(_, &is_broken)| is_broken).map(|(name, _)| name);
            let name = here.next();
            first.append_option(name);
            name.into_iter().chain(here).for_each(|name| all.values().append_value(name));
            all.append(true);
        }
        Ok::<_, Infallible>((to_python(Arc::new(first.finish())), to_python(Arc::new(all.finish()))))
    })
}

/// A list of words, compiled once and shared by threads.
#[pyclass(frozen, module = "curate._native")]
pub struct ListedWords {
    list: WordList,
}

#[pymethods]
impl ListedWords {
    #[new]
    fn new(py: Python<'_>, words: Vec<String>) -> PyResult<Self> {
        Ok(Self { list: detached(py, || WordList::new(&words))? })
    }

    /// How many places of each text hold an entry of the list: int32, null where the text is.
    fn count(&self, py: Python<'_>, texts: PyArray) -> PyResult<PyArray> {
        let texts = large_strings(texts)?;
        let mut counts: Vec<Option<i32>> = Vec::with_capacity(texts.len());
        for_each_row(py, texts.len(), |row| {
            let count = (!texts.is_null(row)).then(|| self.list.count(texts.value(row)));
            counts.push(count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)));
            Ok::<(), Infallible>(())
        })?;
        Ok(to_python(Arc::new(Int32Array::from(counts))))
    }
}

/// struct<text: large_string, and per rule the number of lines it dropped: int32>.
#[pyfunction]
#[pyo3(signature = (texts, *, terminal_punctuation=false, min_words=3, max_word_chars=1000, javascript=true, policy=true, citations=true))]
#[allow(clippy::too_many_arguments)] // keyword arguments of a Python function
fn c4_lines(
    py: Python<'_>,
    texts: PyArray,
    terminal_punctuation: bool,
    min_words: usize,
    max_word_chars: usize,
    javascript: bool,
    policy: bool,
    citations: bool,
) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let rules = LineRules { terminal_punctuation, min_words, max_word_chars, javascript, policy, citations };
    let mut kept = LargeStringBuilder::with_capacity(texts.len(), texts.value_data().len());
    let mut dropped: Vec<Dropped> = Vec::with_capacity(texts.len());
    for_each_text(py, &texts, |text| {
        let (text, counts) = curate_text::c4::c4_lines(text, &rules);
        kept.append_value(text);
        dropped.push(counts);
    })?;
    let counts = |of: fn(&Dropped) -> u32| -> ArrayRef {
        Arc::new(dropped.iter().map(|counts| Some(of(counts) as i32)).collect::<Int32Array>())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(kept.finish())),
        ("long_word", counts(|d| d.long_word)),
        ("no_terminal_punctuation", counts(|d| d.no_terminal_punctuation)),
        ("few_words", counts(|d| d.few_words)),
        ("javascript", counts(|d| d.javascript)),
        ("policy", counts(|d| d.policy)),
    ];
    struct_of(columns, texts.len())
}

/// The texts without case, numbers, punctuation, diacritics and layout.
#[pyfunction]
fn normalize_texts(py: Python<'_>, texts: PyArray) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let mut out = LargeStringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for_each_text(py, &texts, |text| out.append_value(curate_text::normalize::normalize(text)))?;
    Ok(to_python(Arc::new(out.finish())))
}

/// The words and punctuation marks of each text: large_list<large_string>.
#[pyfunction]
fn split_words(py: Python<'_>, texts: PyArray) -> PyResult<PyArray> {
    let texts = large_strings(texts)?;
    let mut out = LargeListBuilder::new(LargeStringBuilder::new());
    for_each_text(py, &texts, |text| {
        for word in curate_text::words::split_words(text) {
            out.values().append_value(word);
        }
        out.append(true);
    })?;
    Ok(to_python(Arc::new(out.finish())))
}
