//! Base32 with checksums: bech32 and bech32m, Bitcoin Cash, Stellar.

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Checksum constants of segwit version 0 (BIP 173) and later versions (BIP 350).
const BECH32_CONSTANT: u32 = 1;
const BECH32M_CONSTANT: u32 = 0x2BC8_30A3;

/// What stands before the 1, per network; the longest first where one begins another.
const PARTS: &[&str] = &[
    "bc", "tb", "ltc", "addr", "stake", "cosmos", "osmo", "juno", "terra", "celestia", "axelar", "inj",
    "kava", "sei", "thor", "npub",
];
/// The same of private keys (Nostr).
const KEY_PARTS: &[&str] = &["nsec"];
/// Checksum and at least a version.
const LEAST_DATA: usize = 7;

/// Values of the data part, or nothing where a character is none.
fn values(data: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: &u8| {
        let lower = byte.to_ascii_lowercase();
        BECH32.iter().position(|known| *known == lower).and_then(|at| u8::try_from(at).ok())
    };
    data.iter().map(value).collect()
}

/// Does it begin as such an address does, and is it one? Nothing where it does not.
pub(crate) fn address(token: &[u8]) -> Option<bool> {
    checked(token, PARTS)
}

/// Does it begin as such a private key does, and is it one?
pub(crate) fn key(token: &[u8]) -> Option<bool> {
    checked(token, KEY_PARTS)
}

fn checked(token: &[u8], parts: &[&str]) -> Option<bool> {
    let begins = |part: &&&str| {
        let part = part.as_bytes();
        token.len() > part.len() + LEAST_DATA
            && token[part.len()] == b'1'
            && token[..part.len()].eq_ignore_ascii_case(part)
    };
    let part = parts.iter().find(begins)?;
    let is_mixed = token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase);
    let values = values(&token[part.len() + 1..])?;
    let expanded = part.bytes().map(|byte| byte >> 5).chain([0]).chain(part.bytes().map(|byte| byte & 31));
    let checksum =
        expanded.chain(values.iter().copied()).fold(1, |sum, value| polymod(sum, u32::from(value)));
    let is_segwit = matches!(*part, "bc" | "tb" | "ltc");
    let expected = if is_segwit && values[0] > 0 { BECH32M_CONSTANT } else { BECH32_CONSTANT };
    Some(!is_mixed && checksum == expected && (!is_segwit || values[0] <= 16))
}

fn polymod(checksum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let top = checksum >> 25;
    let shifted = (checksum & 0x01FF_FFFF) << 5 ^ value;
    GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |sum, (_, g)| sum ^ g)
}

/// Bitcoin Cash: 42 characters with a checksum of 40 bits over the prefix `bitcoincash`, written or not.
pub(crate) fn bitcoin_cash(token: &[u8]) -> Option<bool> {
    const GENERATOR: [u64; 5] =
        [0x98_F2BC_8E61, 0x79_B76D_99E2, 0xF3_3E5F_B3C4, 0xAE_2EAB_E2A8, 0x1E_4F43_E470];
    let values = values(token)?;
    let prefix = b"bitcoincash".iter().map(|byte| byte & 31).chain([0]);
    let checksum = prefix.chain(values).fold(1u64, |sum, value| {
        let top = sum >> 35;
        let shifted = (sum & 0x07_FFFF_FFFF) << 5 ^ u64::from(value);
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(shifted, |sum, (_, g)| sum ^ g)
    });
    Some(checksum == 1)
}

/// Version bytes of Stellar: the public key of an account (G...) and its seed (S...).
const ACCOUNT: u8 = 6 << 3;
const SEED: u8 = 18 << 3;

/// Stellar: 56 characters of RFC 4648 base32 with a CRC-16 at the end; the first byte says what it is.
pub(crate) fn stellar(token: &[u8]) -> Option<bool> {
    let (mut bits, mut held, mut bytes) = (0u32, 0u32, Vec::with_capacity(35));
    for byte in token {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    let (body, check) = bytes.split_last_chunk::<2>()?;
    let is_known = matches!(body.first(), Some(&(ACCOUNT | SEED)));
    Some(is_known && crc16(body) == u16::from_le_bytes(*check))
}

/// CRC-16 with the polynomial of XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |sum, byte| {
        (0..8).fold(
            sum ^ u16::from(*byte) << 8,
            |sum, _| {
                if sum & 0x8000 != 0 { sum << 1 ^ 0x1021 } else { sum << 1 }
            },
        )
    })
}
