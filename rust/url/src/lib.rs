//! URLs: hosts, registered domains, normal forms, and matching against block lists.
//!
//! Everything here takes any string and is linear in its length; what has no host has none, and no input panics.

mod host;
mod matcher;
mod normal;

pub use host::{host, registered_domain};
pub use matcher::{Fault, Faults, ListError, Lists, Matcher};
pub use normal::normalize;
