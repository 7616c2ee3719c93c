//! What a matcher says of a place in the text.

use std::ops::Range;

/// The answer of a matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing there looks like it.
    Nothing,
    /// It has the form, and fails the check: wrong digits, reserved, a placeholder, no word that names it.
    NearMiss,
    /// It has the form and passes the check.
    Found(Range<usize>),
}

impl Verdict {
    /// Of something with the right form.
    pub(crate) fn checked(is_valid: bool, span: Range<usize>) -> Self {
        if is_valid { Self::Found(span) } else { Self::NearMiss }
    }
}
