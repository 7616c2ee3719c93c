//! Keccak-256 as Ethereum uses it (the padding of the original submission, not that of SHA-3), for one block.

const RATE: usize = 136;
const ROUNDS: usize = 24;

/// Round constants come from a linear-feedback shift register (FIPS 202, algorithm 5).
fn round_constant(state: &mut u8) -> u64 {
    let mut constant = 0;
    for power in 0..7 {
        if *state & 1 != 0 {
            constant |= 1u64 << ((1u32 << power) - 1);
        }
        let carry = *state >> 7;
        *state = (*state << 1) ^ (carry * 0x71);
    }
    constant
}

/// Digest of a message that is shorter than one block (136 bytes); longer messages are cut.
pub(crate) fn keccak256(message: &[u8]) -> [u8; 32] {
    let length = message.len().min(RATE - 1);
    let mut block = [0u8; RATE];
    block[..length].copy_from_slice(&message[..length]);
    block[length] ^= 0x01;
    block[RATE - 1] ^= 0x80;
    let mut lanes = [[0u64; 5]; 5]; // lanes[y][x]
    for (index, bytes) in block.chunks_exact(8).enumerate() {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        lanes[index / 5][index % 5] ^= u64::from_le_bytes(word);
    }
    let mut register = 1u8;
    for _ in 0..ROUNDS {
        permute(&mut lanes);
        lanes[0][0] ^= round_constant(&mut register);
    }
    let mut digest = [0; 32];
    for (index, bytes) in digest.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&lanes[0][index].to_le_bytes());
    }
    digest
}

/// The steps theta, rho, pi and chi.
fn permute(lanes: &mut [[u64; 5]; 5]) {
    let mut parity = [0u64; 5];
    for (x, sum) in parity.iter_mut().enumerate() {
        *sum = lanes.iter().fold(0, |all, row| all ^ row[x]);
    }
    for row in lanes.iter_mut() {
        for (x, lane) in row.iter_mut().enumerate() {
            *lane ^= parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
        }
    }
    let (mut x, mut y) = (1, 0);
    let mut moved = lanes[y][x];
    for step in 0..24u32 {
        (x, y) = (y, (2 * x + 3 * y) % 5);
        let next = lanes[y][x];
        lanes[y][x] = moved.rotate_left(((step + 1) * (step + 2) / 2) % 64);
        moved = next;
    }
    for row in lanes.iter_mut() {
        let old = *row;
        for x in 0..5 {
            row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::keccak256;

    #[test]
    fn empty_message_has_the_published_digest() {
        let hex: String = keccak256(b"").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    }
}
