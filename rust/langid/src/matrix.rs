//! Dense and product-quantised matrices, read in place from the bytes of the model file.

use std::ops::Range;

use crate::ModelError;
use crate::reader::Reader;

/// Centroids per sub-quantiser: a code is one byte.
const CENTROIDS: usize = 256;

fn float(bytes: &[u8]) -> f32 {
    let mut array = [0; 4];
    array.copy_from_slice(bytes);
    f32::from_le_bytes(array)
}

/// One table of the model; rows are added to, or multiplied with, a vector of `columns` floats.
pub(crate) enum Matrix {
    Dense { rows: usize, columns: usize, data: Range<usize> },
    Quantised(Quantised),
}

/// Codes of every row, one byte per sub-vector, and optionally one byte for the norm.
pub(crate) struct Quantised {
    rows: usize,
    columns: usize,
    codes: Range<usize>,
    quantiser: Quantiser,
    norms: Option<(Range<usize>, Quantiser)>,
}

/// A product quantiser (Jégou et al. 2011): `subvectors` pieces, the last one perhaps shorter.
struct Quantiser {
    subvectors: usize,
    width: usize,
    last_width: usize,
    centroids: Range<usize>,
}

impl Quantiser {
    fn read(reader: &mut Reader, columns: usize) -> Result<Self, ModelError> {
        const WHAT: &str = "product quantiser";
        let dimension = reader.count_i32(WHAT)?;
        let subvectors = reader.count_i32(WHAT)?;
        let width = reader.count_i32(WHAT)?;
        let last_width = reader.count_i32(WHAT)?;
        let whole = subvectors.checked_sub(1).and_then(|n| n.checked_mul(width));
        let consistent = whole.and_then(|n| n.checked_add(last_width)) == Some(columns);
        if dimension != columns || !consistent || last_width == 0 || last_width > width {
            return Err(ModelError::Invalid { what: WHAT });
        }
        let centroids = reader.table(dimension, CENTROIDS, 4, WHAT)?;
        Ok(Self { subvectors, width, last_width, centroids })
    }

    /// Calls `each(column, value)` for the decoded row with these codes, in column order.
    #[inline]
    fn decode(&self, bytes: &[u8], codes: &[u8], mut each: impl FnMut(usize, f32)) {
        let centroids = &bytes[self.centroids.clone()];
        for (piece, &code) in codes.iter().enumerate() {
            let code = usize::from(code);
            let (start, width) = if piece + 1 == self.subvectors {
                (piece * CENTROIDS * self.width + code * self.last_width, self.last_width)
            } else {
                ((piece * CENTROIDS + code) * self.width, self.width)
            };
            let values = &centroids[start * 4..(start + width) * 4];
            for (offset, value) in values.chunks_exact(4).enumerate() {
                each(piece * self.width + offset, float(value));
            }
        }
    }
}

impl Matrix {
    pub(crate) fn read_dense(reader: &mut Reader, what: &'static str) -> Result<Self, ModelError> {
        let rows = reader.count_i64(what)?;
        let columns = reader.count_i64(what)?;
        let data = reader.table(rows, columns, 4, what)?;
        Ok(Self::Dense { rows, columns, data })
    }

    pub(crate) fn read_quantised(reader: &mut Reader, what: &'static str) -> Result<Self, ModelError> {
        let has_norms = reader.bool(what)?;
        let rows = reader.count_i64(what)?;
        let columns = reader.count_i64(what)?;
        let code_bytes = reader.count_i32(what)?;
        let codes = reader.range(code_bytes, what)?;
        let quantiser = Quantiser::read(reader, columns)?;
        if rows.checked_mul(quantiser.subvectors) != Some(code_bytes) {
            return Err(ModelError::Invalid { what });
        }
        let norms = if has_norms {
            let codes = reader.range(rows, what)?;
            Some((codes, Quantiser::read(reader, 1)?))
        } else {
            None
        };
        Ok(Self::Quantised(Quantised { rows, columns, codes, quantiser, norms }))
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Dense { rows, .. } => *rows,
            Self::Quantised(matrix) => matrix.rows,
        }
    }

    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Dense { columns, .. } => *columns,
            Self::Quantised(matrix) => matrix.columns,
        }
    }

    /// `vector += self[row]`
    #[inline]
    pub(crate) fn add_row(&self, bytes: &[u8], row: usize, vector: &mut [f32]) {
        match self {
            Self::Dense { columns, data, .. } => {
                let start = data.start + row * columns * 4;
                let values = bytes[start..start + columns * 4].chunks_exact(4);
                for (sum, value) in vector.iter_mut().zip(values) {
                    *sum += float(value);
                }
            }
            Self::Quantised(matrix) => {
                let norm = matrix.norm(bytes, row);
                matrix.quantiser.decode(bytes, matrix.row_codes(bytes, row), |column, value| {
                    vector[column] += norm * value;
                });
            }
        }
    }

    /// Dot product of `vector` and `self[row]`, summed in column order as fastText does.
    #[inline]
    pub(crate) fn dot_row(&self, bytes: &[u8], row: usize, vector: &[f32]) -> f32 {
        match self {
            Self::Dense { columns, data, .. } => {
                let start = data.start + row * columns * 4;
                let values = bytes[start..start + columns * 4].chunks_exact(4);
                vector.iter().zip(values).fold(0.0, |sum, (x, value)| sum + float(value) * x)
            }
            Self::Quantised(matrix) => {
                let mut sum = 0.0;
                matrix.quantiser.decode(bytes, matrix.row_codes(bytes, row), |column, value| {
                    sum += vector[column] * value;
                });
                sum * matrix.norm(bytes, row)
            }
        }
    }
}

impl Quantised {
    fn row_codes<'a>(&self, bytes: &'a [u8], row: usize) -> &'a [u8] {
        let start = self.codes.start + row * self.quantiser.subvectors;
        &bytes[start..start + self.quantiser.subvectors]
    }

    fn norm(&self, bytes: &[u8], row: usize) -> f32 {
        self.norms.as_ref().map_or(1.0, |(codes, quantiser)| {
            let start = quantiser.centroids.start + usize::from(bytes[codes.start + row]) * 4;
            float(&bytes[start..start + 4])
        })
    }
}
