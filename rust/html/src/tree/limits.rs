//! What a page may cost, counted, and what happened when it would have cost more.

/// Limits on one page. All are counts, so that the same page gives the same tree on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text that are read; the rest is cut off. At most 2^31 - 1.
    pub bytes: usize,
    /// Nodes of the tree; the token that exceeds them is the last one.
    pub nodes: u32,
    /// Nesting of elements. What would be nested deeper becomes a sibling at this depth, as in browsers, whose
    /// limit is 512 too; nothing is dropped. No node is deeper than this and eight.
    pub depth: u16,
    /// Attributes per element; further ones are dropped.
    pub attributes: u16,
    /// Bytes of an attribute's value; the rest is cut off.
    pub attribute_bytes: u32,
    /// Steps of the loops whose length the page decides, beyond those over its bytes; the token that exceeds them is
    /// the last one.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 16 << 20,
            nodes: 4 << 20,
            depth: 512,
            attributes: 256,
            attribute_bytes: 64 << 10,
            steps: 1 << 28,
        }
    }
}

/// Which limits a page met, and the mode it is to be read in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// The text was longer than [`Limits::bytes`].
    pub truncated_bytes: bool,
    /// Parsing ended at [`Limits::nodes`].
    pub too_many_nodes: bool,
    /// Elements were folded at [`Limits::depth`].
    pub folded_depth: bool,
    /// An element lost attributes to [`Limits::attributes`].
    pub too_many_attributes: bool,
    /// A value was cut at [`Limits::attribute_bytes`].
    pub long_attribute: bool,
    /// Parsing ended at [`Limits::steps`].
    pub out_of_steps: bool,
    /// Unclosed formatting elements were so many that some were not opened again in later blocks.
    pub formatting_dropped: bool,
    /// No doctype, or one that asks for quirks mode.
    pub quirks: bool,
}
