//! Finding, validating and replacing personal data and secrets in text.
//!
//! [`find`] makes one pass over the bytes for the characters that can begin or join a candidate (`@`, `:`,
//! `-`, `.`, starts of digit runs) and one SIMD pass for the keywords of secrets; only candidates are handed to
//! the matcher and validator of a kind. Every matcher looks at a bounded neighbourhood or at bytes that
//! no other candidate of its kind looks at, so the work is linear on any input.
//!
//! Overlaps are resolved by one rule: the longest span wins, then the earliest, then the order of [`Kind::ALL`].
//!
//! [`scrub`] replaces what was found, and looks again until nothing is left: its output has no findings, and so
//! scrubbing it again changes nothing.

mod card;
mod context;
mod crypto;
mod email;
mod iban;
mod ip;
mod keccak;
mod kind;
mod mac;
mod phone;
mod phone_plans;
mod policy;
mod scan;
mod secrets;
mod secrets_table;
mod ssn;
mod tokens;
mod url;

pub use kind::{Kind, Kinds};
pub use policy::{Policy, Scrubbed, scrub};
pub use scan::{Span, find};
pub use secrets_table::{SECRETS, SecretForm};
