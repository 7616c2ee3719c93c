//! A split: the share of one worker in an input at which several work.
//!
//! A split owns the records (in gzip, the members) that begin in its range. Where the first one begins can only be
//! guessed from the bytes: a payload may hold an archive itself, and a damaged record may reach into the split. The
//! guess is right if, and only if, the split before it ends there; else the split is parsed again from the right place.

use crate::codec::GZIP_MAGIC;
use crate::marks::starts_mark;
use crate::parser::REWIND_BUDGET_BYTES;

/// What inputs that can be divided are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Gzip members.
    Gzip,
    /// Records without compression.
    Plain,
}

impl Container {
    /// The container of an input that starts with these bytes; None if it cannot be divided.
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(GZIP_MAGIC) {
            return Some(Self::Gzip);
        }
        (starts_mark(head) == Some(true)).then_some(Self::Plain)
    }
}

/// The range of input that a parser is responsible for; the default is everything.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    /// Of the whole input; needed by every split but the first.
    pub container: Option<Container>,
    /// Byte offset from which on the parser is fed.
    pub start: u64,
    /// What begins at or behind this belongs to the next split.
    pub stop: Option<u64>,
    /// Does a record begin at `start`? Else the first one from there on is searched for.
    pub exact: bool,
    /// [`crate::Parser::rewound`] of the split before.
    pub rewound: u64,
}

impl Default for Split {
    fn default() -> Self {
        Self { container: None, start: 0, stop: None, exact: true, rewound: 0 }
    }
}

impl Split {
    /// Would a split that read `rewound` bytes again have been parsed alike after splits that read `before` again?
    pub fn is_unaffected(rewound: u64, before: u64) -> bool {
        rewound.saturating_add(before) <= REWIND_BUDGET_BYTES
    }
}
