//! What the bytes of a run are, from one look at each.

use crate::chars::{Class, Classes};
use crate::letters::{is_mark, is_quote};

/// What a byte is, in a bit for each kind.
pub(crate) struct Kind;

impl Kind {
    pub(crate) const LOWER: u16 = 1;
    pub(crate) const UPPER: u16 = 1 << 1;
    pub(crate) const DIGIT: u16 = 1 << 2;
    pub(crate) const DOT: u16 = 1 << 3;
    pub(crate) const AT: u16 = 1 << 4;
    /// Stands apart from the word it touches, at both its ends.
    pub(crate) const MARK: u16 = 1 << 5;
    pub(crate) const QUOTE: u16 = 1 << 6;
    /// Always cut off the start.
    pub(crate) const PREFIX: u16 = 1 << 7;
    /// May cut a word inside.
    pub(crate) const INFIX: u16 = 1 << 8;
    /// Part of a host name.
    pub(crate) const HOST: u16 = 1 << 9;
    pub(crate) const COLON: u16 = 1 << 10;
    /// Outside ASCII.
    pub(crate) const WIDE: u16 = 1 << 11;
    pub(crate) const LETTER: u16 = Self::LOWER | Self::UPPER;
}

static KINDS: [u16; 256] = {
    let mut kinds = [Kind::WIDE; 256];
    let mut byte = 0u8;
    while byte < 128 {
        let letter = if byte.is_ascii_lowercase() {
            Kind::LOWER | Kind::HOST
        } else if byte.is_ascii_uppercase() {
            Kind::UPPER | Kind::HOST
        } else if byte.is_ascii_digit() {
            Kind::DIGIT | Kind::HOST
        } else {
            0
        };
        let mark = if is_mark(byte as char) { Kind::MARK | Kind::PREFIX } else { 0 };
        let quote = if is_quote(byte as char) { Kind::QUOTE | Kind::PREFIX } else { 0 };
        let infix = match byte {
            b'.' | b'+' | b'*' | b'^' | b'-' | b',' | b':' | b'<' | b'>' | b'=' | b'/' | b'~' => Kind::INFIX,
            _ => 0,
        };
        let more = match byte {
            b'.' => Kind::DOT | Kind::HOST,
            b'_' | b'-' => Kind::HOST,
            b'@' => Kind::AT,
            b':' => Kind::COLON,
            b'$' | b'%' | b'=' => Kind::PREFIX,
            _ => 0,
        };
        kinds[byte as usize] = letter | mark | quote | infix | more;
        byte += 1;
    }
    kinds
};

/// The kinds of a byte.
#[inline(always)]
pub(crate) fn kinds(byte: u8) -> u16 {
    KINDS[usize::from(byte)]
}

/// What a byte of ASCII counts as.
#[derive(Clone, Copy)]
pub(crate) struct AsciiClass {
    /// `Class::counts`.
    counts: u64,
    /// The lowest bit of each lane, from the first one: is it a letter, no symbol, no punctuation, may it cut a word?
    lanes: u64,
    kinds: u16,
}

impl AsciiClass {
    /// Bits of a lane.
    const LANE: usize = 16;

    pub(crate) fn of(byte: u8, class: Class) -> Self {
        let kinds = kinds(byte);
        let infix = kinds & Kind::INFIX != 0;
        let lanes = [class.has_letter(), class.has_no_symbol(), !class.is_punctuation(), infix];
        let lanes = lanes.into_iter().rev().fold(0, |lanes, holds| lanes << Self::LANE | u64::from(holds));
        Self { counts: class.counts(), lanes, kinds }
    }
}

/// The bytes of a run.
#[derive(Default)]
pub(crate) struct Bytes {
    /// The kinds of all of them.
    kinds: u16,
    /// The sum of `Class::counts` of ASCII in a run that is short enough.
    pub(crate) counts: u64,
    /// A bit for each byte of such a run: is it a letter?
    pub(crate) letters: u64,
    /// Anything but a symbol?
    pub(crate) no_symbols: u64,
    /// Anything but punctuation?
    pub(crate) no_punctuation: u64,
    /// May it cut a word?
    infixes: u64,
}

impl Bytes {
    /// Bytes of a run that there are bits for.
    pub(crate) const MOST: usize = 64;

    /// Looks at each byte of a run.
    #[inline]
    pub(crate) fn of(classes: Classes, run: &str) -> Self {
        let mut all = Self::default();
        if run.len() > Self::MOST {
            all.kinds = run.bytes().fold(0, |all, byte| all | kinds(byte));
            return all;
        }
        for block in run.as_bytes().chunks(AsciiClass::LANE).rev() {
            let mut lanes = 0;
            for &byte in block.iter().rev() {
                let class = classes.of_ascii(byte);
                all.kinds |= class.kinds;
                all.counts += class.counts;
                lanes = lanes << 1 | class.lanes;
            }
            let bits = [&mut all.letters, &mut all.no_symbols, &mut all.no_punctuation, &mut all.infixes];
            for (bits, lane) in bits.into_iter().zip((0..).step_by(AsciiClass::LANE)) {
                *bits = *bits << AsciiClass::LANE | u64::from((lanes >> lane) as u16);
            }
        }
        all
    }

    /// Which of the first 64 bytes of a piece of `run`, from `start` on, may cut a word.
    #[inline(always)]
    pub(crate) fn infixes(&self, run: &str, start: usize, length: usize) -> u64 {
        let bits = if run.len() > Self::MOST {
            let piece = run.as_bytes().get(start..).unwrap_or_default().iter().take(Self::MOST);
            piece.rev().fold(0, |bits, &byte| bits << 1 | u64::from(kinds(byte) & Kind::INFIX != 0))
        } else {
            self.infixes >> start
        };
        bits & (u64::MAX >> (Self::MOST - length.min(Self::MOST)))
    }

    /// Is each an ASCII letter?
    pub(crate) fn are_letters(&self) -> bool {
        self.kinds & !(Kind::LETTER | Kind::HOST) == 0
    }

    /// Is each of ASCII?
    pub(crate) fn are_ascii(&self) -> bool {
        self.kinds & Kind::WIDE == 0
    }

    /// Is one of them of this kind?
    pub(crate) fn have(&self, kind: u16) -> bool {
        self.kinds & kind != 0
    }
}
