"""A shuffle that needs no memory: a keyed bijection of 0..n-1, computed for one position at a time."""

import hashlib
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

# Four rounds make a Feistel network a pseudo-random permutation if its round function is one (Luby and
# Rackoff 1988). Ours is a cheap mixer, so a few more; an even number brings the halves back to their places.
ROUNDS = 8
# Multiplier of the finalizer of MurmurHash3 (32 bits).
MULTIPLIER = 0x85EBCA6B

# One position, or uint64 positions: integer arithmetic reads the same for both.
_Word = TypeVar("_Word", bound=Any)


class Permutation:
    """A bijection of 0..length-1 that depends on `key` alone.

    A Feistel network permutes the smallest power of two that holds `length`; positions that it sends outside
    are sent on until they are inside ("cycle walking", Black and Rogaway 2002): under two steps on average.

    Args:
        length: 1 to 2^62.
        key: any text.
    """

    def __init__(self, length: int, key: str) -> None:
        if not 1 <= length <= 1 << 62:
            raise ValueError(f"a permutation of {length} positions")
        self.length = length
        bits = max((length - 1).bit_length(), 2)
        self._low, self._high = bits // 2, bits - bits // 2
        digest = hashlib.blake2b(key.encode(), digest_size=4 * ROUNDS).digest()
        self._keys = [int(k) for k in np.frombuffer(digest, "<u4")]

    def __call__(self, position: int) -> int:
        """Where `position` is sent."""
        if not 0 <= position < self.length:
            raise IndexError(f"position {position} of {self.length}")
        position = self._network(position)
        while position >= self.length:
            position = self._network(position)
        return position

    def many(self, positions: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The same for an array of positions, int64."""
        if len(positions) and (positions.min() < 0 or positions.max() >= self.length):
            raise IndexError(f"a position outside {self.length}")
        sent = self._network(positions.astype(np.uint64))
        while len(outside := np.flatnonzero(sent >= self.length)):
            sent[outside] = self._network(sent[outside])
        return sent.astype(np.int64)

    def _network(self, word: _Word) -> _Word:
        low_bits, high_bits = self._low, self._high
        low = word & ((1 << low_bits) - 1)
        high = word >> low_bits
        for key in self._keys:
            mixed = ((low ^ (low >> 15) ^ key) & 0xFFFFFFFF) * MULTIPLIER & 0xFFFFFFFF
            mixed = ((mixed ^ (mixed >> 13)) * MULTIPLIER & 0xFFFFFFFF) ^ (mixed >> 16)
            low, high = (high ^ mixed) & ((1 << high_bits) - 1), low
            low_bits, high_bits = high_bits, low_bits
        sent: _Word = low | (high << low_bits)
        return sent
