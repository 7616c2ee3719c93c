//! Web pages: bytes to Unicode, text to a flat tree, what a page says about itself.

mod charset;
mod declarations;
pub mod extract;
mod metadata;
mod parse;
mod prescan;
mod tree;

pub use charset::{Decoded, decode, top_level_domain};
pub use declarations::{Declarations, declarations};
pub use metadata::{License, Metadata, Place, metadata};
pub use prescan::prescan;
pub use tree::{Attr, Document, Flags, Kind, Limits, Node, Tag};
