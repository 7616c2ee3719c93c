//! WARC framing: records, compression, payload decoding, resynchronisation after damage.
//!
//! [`Parser`] takes the bytes of an archive in pieces of any size and hands out [`Event`]s: records and damaged
//! regions. [`interpret`] turns an event into a [`Row`]: identity, decoded payload, or the reason against it.
//! Nothing here trusts a length or a checksum that the bytes themselves contradict.

mod body;
mod codec;
mod event;
mod fields;
mod framer;
mod interpret;
mod marks;
mod parser;
mod split;

pub use body::{Body, BodyFault, decode_body};
pub use event::{DamageKind, Event, Flaw, Limits};
pub use fields::Fields;
pub use interpret::{Row, Selection, id_hash, interpret, offset_id};
pub use parser::Parser;
pub use split::{Container, Split};
