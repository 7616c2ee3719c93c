//! What a parser hands out, and the bounds it keeps.

use crate::fields::Fields;

/// Bounds on memory; lengths in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest record block kept; a longer one is skipped and flagged [`Flaw::TooLarge`].
    pub max_payload: usize,
    /// Longest record header.
    pub max_header: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_payload: 64 << 20, max_header: 1 << 20 }
    }
}

/// What is wrong with a record whose header could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The block is longer than [`Limits::max_payload`]; it was skipped.
    TooLarge,
    /// The declared length contradicts the records around it.
    BadLength,
    /// The input ends inside the record, or before its member's checksum.
    CutShort,
}

/// Why a region of the input holds no readable record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// Bytes where a record should start.
    Record,
    /// A compressed member that cannot be decoded or fails its checksum, or bytes between members.
    Member,
    /// The input ends before the header of the last record does.
    CutShort,
}

/// What a parser found. Borrowed: valid during the call that delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// One record.
    Record {
        /// Byte offset in the input: of the record, or of the compressed member it starts in.
        offset: u64,
        /// Byte offset within the decompressed member.
        inner: u64,
        /// The record header.
        fields: &'a Fields,
        /// The record block; empty for [`Flaw::TooLarge`].
        block: &'a [u8],
        /// None = nothing wrong.
        flaw: Option<Flaw>,
    },
    /// One damaged region.
    Damage {
        /// What happened.
        kind: DamageKind,
        /// Byte offset in the input where it starts.
        offset: u64,
        /// Byte offset within the decompressed member.
        inner: u64,
        /// Bytes passed over: of the input for [`DamageKind::Member`], else of the decompressed stream.
        skipped: u64,
    },
}
