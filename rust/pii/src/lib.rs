//! Finding, validating and replacing personal data and secrets in text.
//!
//! [`find`] makes one pass over the bytes, 64 at a time, for what can begin or join a candidate: `@`, `:`, `-`, the
//! first digits of numbers, and runs of the characters that keys and addresses are made of. Only candidates are handed
//! to the matcher and validator of a kind. Every matcher looks at a bounded neighbourhood or at bytes that
//! no other candidate of its kind looks at, so the work is linear on any input.
//!
//! Overlaps are resolved by one rule: the longest span wins, then the earliest, then the order of [`Kind::ALL`].
//!
//! [`scrub`] replaces what was found, and looks again until nothing is left: its output has no findings, and so
//! scrubbing it again changes nothing.

mod base58;
mod bech32;
mod card;
mod context;
mod crypto;
mod email;
mod iban;
mod id_checks;
mod id_context;
mod ids;
mod ip;
mod keccak;
mod kind;
mod mac;
mod masks;
mod matchers;
#[cfg(any(test, feature = "oracle"))]
mod oracle;
mod phone;
mod phone_groups;
mod phone_national;
mod phone_plans;
mod policy;
mod scan;
mod secrets;
mod secrets_table;
mod tokens;
mod url;
mod verdict;

pub use kind::{Kind, Kinds};
#[cfg(feature = "oracle")]
pub use oracle::find_slowly;
pub use policy::{Policy, Replacement, Scrubbed, scrub};
pub use scan::{Findings, Span, find};
pub use secrets_table::{Alphabet, SECRETS, SecretForm};
