//! Base58 with checksums: Bitcoin and its kin, Ripple, Tezos, Monero, wallet keys.

use sha2::{Digest, Sha256};

use crate::keccak::keccak256;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
/// Of an extended key, the longest that is looked for.
const MOST_BYTES: usize = 82;

/// (bytes before the payload, payload length)
type Version = (&'static [u8], usize);

const ADDRESSES: &[Version] = &[
    (&[0x00], 20),             // Bitcoin, Bitcoin Cash: 1...
    (&[0x05], 20),             // 3...
    (&[0x30], 20),             // Litecoin: L...
    (&[0x32], 20),             // M...
    (&[0x1E], 20),             // Dogecoin: D...
    (&[0x16], 20),             // 9... and A...
    (&[0x4C], 20),             // Dash: X...
    (&[0x10], 20),             // 7...
    (&[0x41], 20),             // Tron: T...
    (&[0x1C, 0xB8], 20),       // Zcash: t1...
    (&[0x1C, 0xBD], 20),       // t3...
    (&[0x06, 0xA1, 0x9F], 20), // Tezos: tz1...
    (&[0x06, 0xA1, 0xA1], 20), // tz2...
    (&[0x06, 0xA1, 0xA4], 20), // tz3...
    (&[0x02, 0x5A, 0x79], 20), // KT1...
];

const KEYS: &[Version] = &[
    (&[0x80], 32),                   // wallet import format: 5...
    (&[0x80], 33),                   // of a compressed key: K... and L...
    (&[0x04, 0x88, 0xAD, 0xE4], 74), // BIP 32: xprv...
    (&[0x04, 0x9D, 0x78, 0x78], 74), // yprv...
    (&[0x04, 0xB2, 0x43, 0x0C], 74), // zprv...
];

/// Digits of the token, or nothing where a character is none.
fn digits(token: &[u8], alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| alphabet.iter().position(|known| known == byte).and_then(|at| u8::try_from(at).ok());
    token.iter().map(digit).collect()
}

/// The number these digits write, with one zero byte per leading zero digit.
fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let mut bytes: Vec<u8> = Vec::with_capacity(MOST_BYTES); // least significant first
    for &digit in digits {
        let mut carry = u32::from(digit);
        for cell in &mut bytes {
            carry += u32::from(*cell) * 58;
            *cell = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xFF) as u8);
            carry >>= 8;
        }
        if bytes.len() > MOST_BYTES {
            return None;
        }
    }
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

/// One of these versions with its length, and the first four bytes of a double SHA-256 at the end.
fn is_checked(bytes: &[u8], versions: &[Version]) -> bool {
    let Some((body, check)) = bytes.split_last_chunk::<4>() else { return false };
    let known = versions
        .iter()
        .any(|(version, payload)| body.starts_with(version) && body.len() == version.len() + payload);
    known && Sha256::digest(Sha256::digest(body))[..4] == check[..]
}

/// Is this written in base58, and is it an address? Nothing where it is not base58.
pub(crate) fn address(token: &[u8]) -> Option<bool> {
    let is_ripple = token[0] == b'r';
    let digits = digits(token, if is_ripple { RIPPLE } else { ALPHABET })?;
    let versions = if is_ripple { &ADDRESSES[..1] } else { ADDRESSES };
    Some(decode(&digits).is_some_and(|bytes| is_checked(&bytes, versions)))
}

/// Is this written in base58, and is it a private key of a wallet?
pub(crate) fn key(token: &[u8]) -> Option<bool> {
    let digits = digits(token, ALPHABET)?;
    Some(decode(&digits).is_some_and(|bytes| is_checked(&bytes, KEYS)))
}

/// Monero: blocks of 8 bytes in 11 digits, the rest of 5 bytes in 7, checked with Keccak.
pub(crate) fn monero(token: &[u8]) -> Option<bool> {
    let digits = digits(token, ALPHABET)?;
    let mut bytes = Vec::with_capacity(69);
    for block in digits.chunks(11) {
        let width = if block.len() == 11 { 8 } else { 5 };
        let value = block.iter().fold(0u128, |sum, &digit| sum * 58 + u128::from(digit));
        if value >> (8 * width) != 0 {
            return Some(false);
        }
        bytes.extend_from_slice(&value.to_be_bytes()[16 - width..]);
    }
    let Some((body, check)) = bytes.split_last_chunk::<4>() else { return Some(false) };
    Some(keccak256(body)[..4] == check[..])
}
