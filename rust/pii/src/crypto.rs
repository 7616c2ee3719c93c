//! Addresses and private keys of crypto currencies whose checksums can be verified.

use crate::base58;
use crate::bech32;
use crate::keccak::keccak256;
use crate::verdict::Verdict;

/// Nothing shorter is an address.
pub(crate) const SHORTEST: usize = 14;
/// Nothing longer is one: extended keys have 111 characters, Cardano's addresses up to 108.
const LONGEST: usize = 120;
/// Different digits in an Ethereum address of one case. Of 40 random digits, fewer come once in 10^7 times.
const LEAST_VARIETY: usize = 10;

/// Is this token, a maximal run of ASCII letters and digits, an address?
pub(crate) fn address(text: &[u8], start: usize, end: usize) -> Verdict {
    let token = &text[start..end];
    if !(SHORTEST..=LONGEST).contains(&token.len()) {
        return Verdict::Nothing;
    }
    // a word of letters alone whose checksum is wrong is not even nearly an address
    let likely = |is_valid: &bool| *is_valid || token.iter().any(u8::is_ascii_digit);
    let checked = match (token[0], token.len()) {
        (b'0', 42) if token[1] == b'x' => ethereum(&token[2..]),
        (b'1' | b'3' | b'7' | b'9' | b'A' | b'D' | b'L' | b'M' | b'X' | b'T' | b'r', 26..=35) => {
            base58::address(token).filter(likely)
        }
        (b't', 35) | (b't' | b'K', 36) => base58::address(token).filter(likely),
        (b'4' | b'8', 95) => base58::monero(token),
        (b'G', 56) => bech32::stellar(token),
        (b'q' | b'p', 42) => bech32::bitcoin_cash(token),
        _ => bech32::address(token),
    };
    checked.map_or(Verdict::Nothing, |is_valid| Verdict::checked(is_valid, start..end))
}

/// Is this token a private key?
pub(crate) fn private_key(text: &[u8], start: usize, end: usize) -> Verdict {
    let token = &text[start..end];
    let checked = match (token.first(), token.len()) {
        (Some(b'5' | b'K' | b'L'), 51 | 52) => base58::key(token),
        (Some(b'x' | b'y' | b'z'), 111) if &token[1..4] == b"prv" => base58::key(token),
        (Some(b'S'), 56) => bech32::stellar(token),
        (Some(b'n' | b'N'), 63) => bech32::key(token),
        _ => None,
    };
    checked.map_or(Verdict::Nothing, |is_valid| Verdict::checked(is_valid, start..end))
}

/// Letters of one case carry no checksum: the address must look as random as a hash does, so that round
/// constants of programs are none. Of both cases, EIP-55: a letter is upper case where the digest of the
/// lower-case address has a digit of at least 8.
fn ethereum(address: &[u8]) -> Option<bool> {
    if !address.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let has_cases = address.iter().any(u8::is_ascii_lowercase) && address.iter().any(u8::is_ascii_uppercase);
    if !has_cases {
        let lower = address.to_ascii_lowercase();
        let variety = b"0123456789abcdef".iter().filter(|digit| lower.contains(digit)).count();
        return Some(variety >= LEAST_VARIETY);
    }
    let digest = keccak256(&address.to_ascii_lowercase());
    let is_valid =
        address.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()).all(|(index, byte)| {
            let nibble = if index % 2 == 0 { digest[index / 2] >> 4 } else { digest[index / 2] & 15 };
            byte.is_ascii_uppercase() == (nibble >= 8)
        });
    Some(is_valid)
}
