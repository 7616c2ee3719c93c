//! Addresses of crypto currencies whose checksums can be verified.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::context;
use crate::keccak::keccak256;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Checksum constants of segwit version 0 (BIP 173) and later versions (BIP 350).
const BECH32_CONSTANT: u32 = 1;
const BECH32M_CONSTANT: u32 = 0x2BC8_30A3;
const LONGEST: usize = 90;
/// Different digits in an Ethereum address of one case. Of 40 random digits, fewer come once in 10^7 times.
const LEAST_VARIETY: usize = 10;

/// The address that begins with the digit run at `start`, or two letters before it (`bc1...`).
pub(crate) fn at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let prefixed = start >= 2 && text[start] == b'1' && text[start - 2..start].eq_ignore_ascii_case(b"bc");
    let start = if prefixed { start - 2 } else { start };
    if context::alnum_before(text, start) {
        return None;
    }
    let length =
        text[start..].iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let token = &text[start..start + length];
    let valid = match token {
        [b'0', b'x', address @ ..] if address.len() == 40 => is_ethereum(address),
        _ if prefixed => is_segwit(token),
        [b'1' | b'3', ..] if (26..=35).contains(&length) => is_base58(token),
        _ => false,
    };
    valid.then_some(start..start + length)
}

/// Version byte, 20 bytes of hash, 4 bytes of double SHA-256.
fn is_base58(token: &[u8]) -> bool {
    let mut bytes = [0u8; 25];
    for byte in token {
        let Some(digit) = BASE58.iter().position(|known| known == byte) else { return false };
        let mut carry = digit as u32;
        for cell in bytes.iter_mut().rev() {
            carry += u32::from(*cell) * 58;
            *cell = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let checksum = Sha256::digest(Sha256::digest(&bytes[..21]));
    matches!(bytes[0], 0x00 | 0x05) && checksum[..4] == bytes[21..]
}

/// Bech32 or bech32m with the human-readable part `bc`.
fn is_segwit(token: &[u8]) -> bool {
    let mixed = token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase);
    if mixed || !(14..=LONGEST).contains(&token.len()) {
        return false;
    }
    // "bc" expanded: high bits, zero, low bits
    let mut checksum = [3, 3, 0, 2, 3].into_iter().fold(1, polymod);
    let mut version = None;
    for byte in &token[3..] {
        let lower = byte.to_ascii_lowercase();
        let Some(value) = BECH32.iter().position(|known| *known == lower) else { return false };
        version.get_or_insert(value);
        checksum = polymod(checksum, value as u32);
    }
    match version {
        Some(0) => checksum == BECH32_CONSTANT,
        Some(1..=16) => checksum == BECH32M_CONSTANT,
        _ => false,
    }
}

fn polymod(checksum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let top = checksum >> 25;
    let shifted = (checksum & 0x01FF_FFFF) << 5 ^ value;
    GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |sum, (_, g)| sum ^ g)
}

/// Letters of one case carry no checksum: the address must look as random as a hash does, so that round
/// constants of programs are none. Of both cases, EIP-55: a letter is upper case where the digest of the
/// lower-case address has a digit of at least 8.
fn is_ethereum(address: &[u8]) -> bool {
    if !address.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let has_cases = address.iter().any(u8::is_ascii_lowercase) && address.iter().any(u8::is_ascii_uppercase);
    if !has_cases {
        let lower = address.to_ascii_lowercase();
        return b"0123456789abcdef".iter().filter(|digit| lower.contains(digit)).count() >= LEAST_VARIETY;
    }
    let digest = keccak256(&address.to_ascii_lowercase());
    address.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()).all(|(index, byte)| {
        let nibble = if index % 2 == 0 { digest[index / 2] >> 4 } else { digest[index / 2] & 15 };
        byte.is_ascii_uppercase() == (nibble >= 8)
    })
}
