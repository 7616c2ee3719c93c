//! Fixed sets of names as byte-sized enums, found by a hash table that is filled at compile time.

/// Slots of a table; a power of two, at least twice the number of names.
pub(crate) const SLOTS: usize = 1024;

/// Names are told apart by their length and four of their bytes; what collides is probed and compared.
pub(crate) const fn slot(name: &[u8]) -> usize {
    let last = name.len() - 1;
    let mut key = (name[0] | 0x20) as u32;
    key |= ((name[last] | 0x20) as u32) << 8;
    key |= ((name[last / 2] | 0x20) as u32) << 16;
    key |= ((name[last - last / 4] | 0x20) as u32 ^ (name.len() as u32) << 3) << 24;
    (key.wrapping_mul(0x9e37_79b1) >> 22) as usize
}

/// Declares an enum of names whose first variant, `Unknown`, stands for all others.
macro_rules! names {
    ($(#[$meta:meta])* $enum:ident: $($variant:ident $name:literal),+ $(,)?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum $enum { Unknown, $($variant),+ }

        impl $enum {
            /// Every name, by the number of its variant.
            const NAMES: &[&str] = &["", $($name),+];
            const ALL: &[$enum] = &[$enum::Unknown, $($enum::$variant),+];
            /// Number of variants.
            pub const COUNT: usize = Self::ALL.len();
            const TABLE: [u8; $crate::tree::names::SLOTS] = {
                let mut table = [0; $crate::tree::names::SLOTS];
                let mut number = 1;
                while number < Self::COUNT {
                    let mut slot = $crate::tree::names::slot(Self::NAMES[number].as_bytes());
                    while table[slot] != 0 {
                        slot = (slot + 1) % $crate::tree::names::SLOTS;
                    }
                    table[slot] = number as u8;
                    number += 1;
                }
                table
            };

            /// The variant of a name in whatever case.
            #[inline]
            pub fn of(name: &[u8]) -> Self {
                if name.is_empty() {
                    return Self::Unknown;
                }
                let mut slot = $crate::tree::names::slot(name);
                loop {
                    let number = Self::TABLE[slot] as usize;
                    if number == 0 || Self::NAMES[number].as_bytes().eq_ignore_ascii_case(name) {
                        return Self::ALL[number];
                    }
                    slot = (slot + 1) % $crate::tree::names::SLOTS;
                }
            }

            /// The name in lower case; empty for `Unknown`.
            #[inline]
            pub fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}
pub(crate) use names;
