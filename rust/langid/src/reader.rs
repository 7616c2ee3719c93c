//! A cursor over the bytes of a model file: every length is checked before it is believed.

use std::ops::Range;

use crate::ModelError;

/// Little-endian cursor; the name of what is being read goes into the error.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `length` bytes, as a range of the file, so that large tables need no copy.
    pub(crate) fn range(&mut self, length: usize, what: &'static str) -> Result<Range<usize>, ModelError> {
        let end = self
            .position
            .checked_add(length)
            .filter(|&end| end <= self.bytes.len())
            .ok_or(ModelError::Truncated { what })?;
        let range = self.position..end;
        self.position = end;
        Ok(range)
    }

    /// The next `rows * columns * width` bytes, refusing products that overflow.
    pub(crate) fn table(
        &mut self,
        rows: usize,
        columns: usize,
        width: usize,
        what: &'static str,
    ) -> Result<Range<usize>, ModelError> {
        let length = rows
            .checked_mul(columns)
            .and_then(|cells| cells.checked_mul(width))
            .ok_or(ModelError::Truncated { what })?;
        self.range(length, what)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ModelError> {
        let range = self.range(N, what)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[range]);
        Ok(array)
    }

    pub(crate) fn i32(&mut self, what: &'static str) -> Result<i32, ModelError> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn i64(&mut self, what: &'static str) -> Result<i64, ModelError> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn f64(&mut self, what: &'static str) -> Result<f64, ModelError> {
        Ok(f64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, ModelError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(crate) fn bool(&mut self, what: &'static str) -> Result<bool, ModelError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ModelError::Invalid { what }),
        }
    }

    /// A count that must not be negative.
    pub(crate) fn count_i32(&mut self, what: &'static str) -> Result<usize, ModelError> {
        usize::try_from(self.i32(what)?).map_err(|_| ModelError::Invalid { what })
    }

    /// A count that must not be negative.
    pub(crate) fn count_i64(&mut self, what: &'static str) -> Result<usize, ModelError> {
        usize::try_from(self.i64(what)?).map_err(|_| ModelError::Invalid { what })
    }

    /// Bytes up to the next zero byte, which is consumed.
    pub(crate) fn c_string(&mut self, what: &'static str) -> Result<&'a [u8], ModelError> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|&byte| byte == 0).ok_or(ModelError::Truncated { what })?;
        self.position += length + 1;
        Ok(&rest[..length])
    }
}
