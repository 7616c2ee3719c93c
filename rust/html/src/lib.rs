//! Web pages: bytes to Unicode, text to a flat tree, page-level declarations.

mod charset;
mod declarations;
mod parse;
mod prescan;
mod tree;

pub use charset::{Decoded, decode, top_level_domain};
pub use declarations::{Declarations, declarations};
pub use prescan::prescan;
pub use tree::{Attr, Document, Flags, Kind, Limits, Node, Tag};
