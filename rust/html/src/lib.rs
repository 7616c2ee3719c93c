//! Bytes of a web page to Unicode: charset sniffing and page-level declarations.

mod charset;
mod declarations;
mod prescan;

pub use charset::{Decoded, decode, top_level_domain};
pub use declarations::{Declarations, declarations};
pub use prescan::prescan;
