"""Byte-level BPE tokenizers: train, encode, decode, load, save."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate import _native
from curate.schema import as_large_strings

END_OF_TEXT = "<|endoftext|>"

#: Special tokens a text may spell: "all", or these; the others are ordinary text.
AllowedSpecial = Literal["all"] | Collection[str]

#: Texts gathered from an iterator before they cross to native code.
_BATCH_ROWS = 4096
_BATCH_CHARACTERS = 1 << 24


class Tokenizer:
    """A byte-level BPE tokenizer. Immutable, equal by content, safe to share between threads.

    Every text encodes, and `decode(encode(text)) == text` unless the file asks for NFC normalization. Text from
    outside cannot inject control tokens: unless `allowed_special` names it, a special token that occurs in a
    text is encoded as the ordinary text it is.
    """

    def __init__(self, native: _native.BpeTokenizer) -> None:
        self._native = native

    @classmethod
    def train(
        cls,
        texts: Any,
        vocab_size: int,
        pattern: str = "gpt2",
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        min_frequency: int = 0,
        max_token_length: int | None = None,
    ) -> Self:
        """Learns merges: those of Hugging Face `tokenizers` 0.23 `BpeTrainer` with the full byte alphabet.

        Memory grows with the number of distinct pieces, not with the number of texts.

        Args:
            texts: Arrow strings, or an iterable of `str` or of Arrow string arrays.
            vocab_size: highest number of ids, the special tokens and the 256 bytes included.
            pattern: "gpt2", "cl100k", "o200k", "qwen2", or a regular expression.
            special_tokens: get the first ids; no merge may spell one of them.
            min_frequency: pairs that occur less often are not merged.
            max_token_length: merges stay strictly below this many bytes (two are always allowed),
                as in `BpeTrainer`; None = no limit.

        Raises:
            CurateError: a parameter that cannot hold, or a custom pattern that gave up on a text.
        """
        counts = _native.BpeCounts(pattern)
        for batch in _batches(texts):
            counts.count(batch)
        return cls(counts.train(vocab_size, list(special_tokens), min_frequency, max_token_length))

    @classmethod
    def load(cls, path: str) -> Self:
        """Reads a `tokenizer.json` from a path or URL; a compressed file by its extension.

        Raises:
            CurateError: the file is damaged, or not byte-level BPE.
        """
        return cls.from_bytes(_read(path))

    @classmethod
    def from_tiktoken(cls, path: str, pattern: str, special_tokens: Mapping[str, int] | None = None) -> Self:
        """Reads a `.tiktoken` file, which names neither its pattern nor its special tokens.

        Raises:
            CurateError: the file is damaged, or the ids of special tokens are taken.
        """
        specials = list((special_tokens or {}).items())
        return cls(_native.BpeTokenizer.from_tiktoken(_read(path), pattern, specials))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The tokenizer that a `tokenizer.json` holds. Raises what `load` raises."""
        return cls(_native.BpeTokenizer.from_json(data))

    def to_bytes(self) -> bytes:
        """A `tokenizer.json` that `tokenizers` loads; equal tokenizers give equal bytes."""
        return self._native.to_json()

    def save(self, path: str) -> None:
        """Writes `to_bytes()` to a path or URL."""
        with fsspec.open(str(path), "wb") as file:
            file.write(self.to_bytes())

    def encode(
        self, text: str, *, allowed_special: AllowedSpecial = ()
    ) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
        """The ids of a text, as `id_type`.

        Raises:
            CurateError: `allowed_special` names an unknown token, or a custom pattern gave up.
            UnicodeEncodeError: the text holds lone surrogates.
        """
        if not isinstance(text, str):
            raise TypeError(f"expected one text, got {type(text).__name__}; for several: encode_batch")
        ids = self.encode_batch([text], allowed_special=allowed_special)
        return ids.values.to_numpy()  # type: ignore[no-any-return]

    def encode_batch(
        self,
        texts: Any,
        *,
        allowed_special: AllowedSpecial = (),
        last: int | None = None,
        id_type: pa.DataType | None = None,
    ) -> pa.ListArray:
        """The ids of each text, as an Arrow `list<uint16 | uint32>`; a null text counts as empty.

        Args:
            texts: Arrow strings or an iterable of `str`.
            allowed_special: special tokens a text may spell.
            last: an id appended to every text, e.g. `eos_id`.
            id_type: `pa.uint16()` or `pa.uint32()`; None = `self.id_type`.

        Raises:
            CurateError: as `encode`; an `id_type` too narrow; more than 2^31 tokens.
        """
        if last is not None and not 0 <= last < self.vocab_size:
            raise ValueError(f"last={last} is not an id of this tokenizer")
        wide = (id_type or self.id_type) == pa.uint32()
        found = self._native.encode_batch(as_large_strings(texts), _names(allowed_special), last, wide)
        return pa.array(found)

    def count_batch(self, texts: Any, *, allowed_special: AllowedSpecial = ()) -> pa.UInt32Array:
        """The number of ids of each text. Raises what `encode` raises."""
        return pa.array(self._native.count_batch(as_large_strings(texts), _names(allowed_special)))

    def decode_bytes(self, ids: Any) -> bytes:
        """The bytes that ids (Arrow, NumPy or a sequence of `int`) stand for; special tokens are written out.

        Raises:
            CurateError: an id that is not in the vocabulary.
        """
        if not isinstance(ids, pa.Array):
            ids = pa.array(np.asarray(ids) if len(ids) else [], None if len(ids) else pa.uint32())
        return self._native.decode(ids.cast(pa.uint32()))

    def decode(self, ids: Any, errors: str = "replace") -> str:
        """The text that ids stand for.

        Args:
            ids: Arrow, NumPy or a sequence of `int`.
            errors: what to do with bytes that are not UTF-8, as in `bytes.decode`: "replace", "strict", ...

        Raises:
            CurateError: an id that is not in the vocabulary.
            UnicodeDecodeError: not UTF-8, with errors="strict".
        """
        return self.decode_bytes(ids).decode("utf-8", errors)

    @property
    def vocab_size(self) -> int:
        """One more than the highest id: the rows an embedding needs."""
        return self._native.vocab_size

    @property
    def id_type(self) -> pa.DataType:
        """uint16 where every id fits, else uint32."""
        return id_type(self.vocab_size)

    @property
    def pattern(self) -> str:
        """Name of the pre-tokenization pattern, or its regular expression."""
        return self._native.pattern

    @property
    def special_tokens(self) -> dict[str, int]:
        """Control tokens and their ids, by id."""
        return dict(self._native.special_tokens)

    @property
    def eos_id(self) -> int | None:
        """The id of `<|endoftext|>`; None where there is no such token."""
        return self.special_tokens.get(END_OF_TEXT)

    def id_of(self, token: str) -> int | None:
        """The id of a token by its text, special tokens first; None where there is no such token."""
        return self._native.id_of(token)

    def token_bytes(self) -> npt.NDArray[np.int32]:
        """Bytes of text behind each id, int32 [vocab_size]; 0 for special tokens. For bits per byte."""
        return pa.array(self._native.token_bytes()).to_numpy()  # type: ignore[no-any-return]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of `to_bytes()`."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return type(self).from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, pattern={self.pattern!r}, {self.fingerprint[:12]})"


def id_type(vocab_size: int) -> pa.DataType:
    """The narrowest Arrow type for ids below `vocab_size`: uint16 or uint32."""
    return pa.uint16() if vocab_size <= 1 << 16 else pa.uint32()


def _names(allowed: AllowedSpecial) -> list[str] | None:
    if allowed == "all":
        return None
    if isinstance(allowed, str):
        raise TypeError('allowed_special is "all" or a collection of tokens')
    return sorted(allowed)


def _read(path: str) -> bytes:
    with fsspec.open(str(path), "rb", compression="infer") as file:
        data: bytes = file.read()
    return data


def _batches(texts: Any) -> Iterator[pa.LargeStringArray]:
    """Texts as Arrow arrays, gathered in bounded memory where they come one by one."""
    if isinstance(texts, str | bytes):
        raise TypeError("expected several texts, got one; put it in a list")
    if isinstance(texts, pa.ChunkedArray):
        yield from map(as_large_strings, texts.iterchunks())
    elif isinstance(texts, pa.Array) or hasattr(texts, "__arrow_c_array__"):
        yield as_large_strings(texts)
    else:
        yield from _gathered(texts)


def _gathered(texts: Iterable[Any]) -> Iterator[pa.LargeStringArray]:
    held: list[str | None] = []
    characters = 0
    for item in texts:
        if item is None or isinstance(item, str):
            held.append(item)
            characters += len(item or "")
        else:
            yield from _batches(item)
        if len(held) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield as_large_strings(held)
            held, characters = [], 0
    yield as_large_strings(held)
