"""Byte-level BPE tokenizers: train, encode, decode, load, save."""

import codecs
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, Self

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import _native
from curate.errors import CurateError
from curate.schema import as_large_strings
from curate.text_batches import text_batches

END_OF_TEXT = "<|endoftext|>"
_CONVERT = (
    'Tokenizer.from_tiktoken(path, "cl100k", {"<|endoftext|>": 100257}).save("tokenizer.json") makes one'
)

#: Special tokens a text may spell: "all", or these; the others are ordinary text.
AllowedSpecial = Literal["all"] | Collection[str]

#: Told the bytes counted so far.
Progress = Callable[[int], None]

#: Pieces for superwords: numbers by three, line ends, and all that stands between them.
SUPERWORD_PATTERN = _native.SUPERWORD_PATTERN


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
        pattern: str | Sequence[str] = "gpt2",
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        min_frequency: int = 0,
        max_token_length: int | None = None,
        *,
        digits: int | None = None,
        superwords_from: int | None = None,
        superword_pattern: str | Sequence[str] = SUPERWORD_PATTERN,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> Self:
        """Learns merges: those of Hugging Face `tokenizers` 0.23 `BpeTrainer` with the full byte alphabet.

        Memory grows with the number of distinct pieces, not with the number of texts; the result depends on
        neither the number of threads nor the order of texts. Counts are of 64 bits, those of `BpeTrainer` of 32.

        Args:
            texts: Arrow strings, or an iterable of `str` or of Arrow string arrays.
            vocab_size: highest number of ids, the special tokens and the 256 bytes included.
            pattern: "gpt2", "cl100k", "o200k", "qwen2", "deepseek", a regular expression, or several that are
                applied one after the other.
            special_tokens: get the first ids; no merge may spell one of them.
            min_frequency: pairs that occur less often are not merged.
            max_token_length: merges stay strictly below this many bytes (two are always allowed),
                as in `BpeTrainer`; None = no limit.
            digits: most numbers in a piece (1 to 3) instead of what "cl100k" and "o200k" say.
            superwords_from: size of the vocabulary from which merges may cross words, as in SuperBPE
                (arXiv 2503.13423); None = never. Memory then grows with the distinct lines of the texts.
            superword_pattern: what still separates then; it becomes the pattern of the tokenizer.
            threads: threads that count.
            progress: called with the bytes counted so far.

        Raises:
            CurateError: a parameter that cannot hold, or a custom pattern that gave up on a text.
        """
        counts = PieceCounts(pattern, digits=digits)
        wider = None if superwords_from is None else PieceCounts(superword_pattern)
        _count([counts] if wider is None else [counts, wider], texts, threads, progress)
        numbers = ([vocab_size], list(special_tokens), min_frequency, max_token_length)
        second = None if wider is None else wider._native
        (trained,) = counts._native.train(*numbers, second, superwords_from or 0, forget=True)
        return cls(trained)

    @classmethod
    def load(cls, path: str) -> Self:
        """Reads a `tokenizer.json` from a path or URL; a compressed file by its extension.

        Raises:
            CurateError: the file is damaged, not byte-level BPE, or a `.tiktoken` file: see `from_tiktoken`.
        """
        if ".tiktoken" in str(path).rpartition("/")[2]:
            raise CurateError(f"{path} tells neither its pattern nor its special tokens", hint=_CONVERT)
        return cls.from_bytes(_read(path))

    @classmethod
    def from_tiktoken(
        cls, path: str, pattern: str | Sequence[str], special_tokens: Mapping[str, int] | None = None
    ) -> Self:
        """Reads a `.tiktoken` file, which names neither its pattern nor its special tokens.

        Raises:
            CurateError: the file is damaged, or the ids of special tokens are taken.
        """
        specials = list((special_tokens or {}).items())
        return cls(_native.BpeTokenizer.from_tiktoken(_read(path), _listed(pattern), specials))

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

    def save_tiktoken(self, path: str) -> None:
        """Writes a `.tiktoken` file to a path or URL: ordinary tokens alone, without pattern and special tokens.

        Raises:
            CurateError: the merges do not follow from the order of the ids, so the file would be another tokenizer.
        """
        data = self._native.to_tiktoken()
        with fsspec.open(str(path), "wb") as file:
            file.write(data)

    def encode(
        self, text: str, *, allowed_special: AllowedSpecial = (), max_tokens: int | None = None
    ) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
        """The ids of a text, as `id_type`; with `max_tokens`, of as much of it as fits, in whole characters.

        Raises:
            CurateError: `allowed_special` names an unknown token, or a custom pattern gave up.
            UnicodeEncodeError: the text holds lone surrogates.
        """
        if not isinstance(text, str):
            raise TypeError(f"expected one text, got {type(text).__name__}; for several: encode_batch")
        ids = self.encode_batch([text], allowed_special=allowed_special, max_tokens=max_tokens)
        return ids.values.to_numpy()  # type: ignore[no-any-return]

    def encode_batch(
        self,
        texts: Any,
        *,
        allowed_special: AllowedSpecial = (),
        last: int | None = None,
        id_type: pa.DataType | None = None,
        max_tokens: int | None = None,
    ) -> pa.ListArray:
        """The ids of each text, as an Arrow `list<uint16 | uint32>`; a null text counts as empty.

        Args:
            texts: Arrow strings or an iterable of `str`.
            allowed_special: special tokens a text may spell.
            last: an id appended to every text, e.g. `eos_id`.
            id_type: `pa.uint16()` or `pa.uint32()`; None = `self.id_type`.
            max_tokens: most ids of a text, `last` not counted; texts are cut between two characters.

        Raises:
            CurateError: as `encode`; an `id_type` too narrow; more than 2^31 tokens.
        """
        if last is not None and not 0 <= last < self.vocab_size:
            raise ValueError(f"last={last} is not an id of this tokenizer")
        wide = (id_type or self.id_type) == pa.uint32()
        if max_tokens is not None and max_tokens < 0:
            raise ValueError(f"max_tokens={max_tokens} is negative")
        strings, names = as_large_strings(texts), _names(allowed_special)
        return pa.array(self._native.encode_batch(strings, names, last, wide, max_tokens))

    def encode_with_offsets(
        self, text: str, *, allowed_special: AllowedSpecial = ()
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        """The ids of a text (uint32 [n]) and where each starts and ends in its UTF-8 bytes (int64 [n, 2]).

        Raises:
            CurateError: as `encode`; or the tokenizer normalizes texts, so that ids have no place in them.
        """
        texts = as_large_strings([text])
        ids, ends = map(pa.array, self._native.encode_with_ends(texts, _names(allowed_special)))
        stops = ends.values.to_numpy()
        return ids.values.to_numpy(), np.stack(
            [np.concatenate([[0], stops[:-1]])[: len(stops)], stops], axis=1
        )

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

    def decode_batch(self, rows: Iterable[Any], errors: str = "replace") -> list[str]:
        """The text of each row of ids. Raises what `decode` raises."""
        if isinstance(rows, pa.Array | pa.ChunkedArray):
            rows = (row.values for row in rows)
        return [self.decode(row, errors) for row in rows]

    def decode_stream(self, ids: Iterable[int], errors: str = "replace") -> Iterator[str]:
        """The text of ids as they come: every character as soon as its last byte is there.

        The strings joined are `decode` of all ids; those between two characters are not yielded.

        Raises:
            CurateError: an id that is not in the vocabulary.
            UnicodeDecodeError: not UTF-8, with errors="strict".
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors)
        for one in ids:
            if text := decoder.decode(self.decode_bytes([one])):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    @property
    def vocab_size(self) -> int:
        """One more than the highest id: the rows an embedding needs."""
        return self._native.vocab_size

    @property
    def id_type(self) -> pa.DataType:
        """uint16 where every id fits, else uint32."""
        return id_type(self.vocab_size)

    @property
    def pattern(self) -> str | tuple[str, ...]:
        """Name of the pre-tokenization pattern, or its regular expression; several where they follow each other."""
        found = self._native.pattern
        return found[0] if len(found) == 1 else tuple(found)

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

    def tokens(self) -> list[bytes | None]:
        """The bytes of every ordinary token by id; None for special tokens and ids that stand for nothing."""
        return pa.array(self._native.tokens()).to_pylist()  # type: ignore[no-any-return]

    def unreachable(self) -> npt.NDArray[np.uint32]:
        """Ids of ordinary tokens that even their own text does not encode to, ascending."""
        return pa.array(self._native.unreachable()).to_numpy()  # type: ignore[no-any-return]

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


class PieceCounts:
    """How often each pre-token occurs: all that training needs of a corpus.

    Counts of parts of a corpus, made anywhere, add up to those of the whole; they can be saved, loaded and
    counted on, and train any number of tokenizers.
    """

    def __init__(self, pattern: str | Sequence[str] = "gpt2", *, digits: int | None = None) -> None:
        self._native = _native.BpeCounts(_listed(pattern), digits)

    @property
    def pattern(self) -> str | tuple[str, ...]:
        """As `Tokenizer.pattern`."""
        found = self._native.pattern
        return found[0] if len(found) == 1 else tuple(found)

    def count(self, texts: Any, *, threads: int = 1, progress: Progress | None = None) -> None:
        """Counts the pieces of texts. The order of texts and the number of threads do not matter.

        Args:
            texts: Arrow strings, or an iterable of `str` or of Arrow string arrays.
            threads: threads that count.
            progress: called with the bytes counted so far in this call.

        Raises:
            CurateError: a custom pattern gave up on a text.
        """
        _count([self], texts, threads, progress)

    def add(self, other: "PieceCounts", *, times: Fraction | int = 1) -> None:
        """Adds counts of the same pattern, each multiplied by `times` and rounded, but at least 1.

        Raises:
            CurateError: the patterns differ.
        """
        if self._native.pattern != other._native.pattern:
            raise CurateError(
                "counts of different patterns do not add up", hint="count both with one pattern"
            )
        factor = Fraction(times)
        self._native.add_scaled(other._native, factor.numerator, factor.denominator)

    @classmethod
    def balanced(cls, parts: Mapping[str, "PieceCounts"]) -> Self:
        """Counts in which every part (say, a language) weighs as many bytes as the largest.

        Raises:
            CurateError: no parts, or their patterns differ.
        """
        if not parts:
            raise CurateError("nothing to balance", hint="pass counts by language")
        sizes = {name: counts._native.bytes() for name, counts in parts.items()}
        largest = max(sizes.values())
        total = cls(next(iter(parts.values())).pattern)
        for name, counts in parts.items():
            if sizes[name]:
                total.add(counts, times=Fraction(largest, sizes[name]).limit_denominator(1 << 32))
        return total

    def save(self, path: str) -> None:
        """Writes the counts to a path or URL as Parquet; equal counts give equal tables."""
        pieces, counts = (pa.array(column) for column in self._native.to_arrays())
        told = {"curate.pattern": json.dumps(self._native.pattern)}
        table = pa.table({"piece": pieces, "count": counts}).replace_schema_metadata(told)
        with fsspec.open(str(path), "wb") as file:
            pq.write_table(table, file)

    @classmethod
    def load(cls, path: str) -> Self:
        """Reads what `save` wrote.

        Raises:
            CurateError: the file holds no counts.
        """
        with fsspec.open(str(path), "rb") as file:
            try:
                table = pq.read_table(pa.BufferReader(file.read()))
                pattern = json.loads(table.schema.metadata[b"curate.pattern"])
                pieces, numbers = table["piece"], table["count"]
            except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
                raise CurateError(f"{path} holds no counts: {error}", hint="use PieceCounts.save") from error
        counts = cls(pattern)
        for batch in pa.table([pieces, numbers], ["piece", "count"]).to_batches():
            counts._native.add(batch["piece"], batch["count"])
        return counts

    def train(
        self,
        vocab_sizes: Sequence[int],
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        min_frequency: int = 0,
        max_token_length: int | None = None,
        *,
        superwords: "PieceCounts | None" = None,
        superwords_from: int = 0,
    ) -> list[Tokenizer]:
        """One tokenizer for each size, out of one run. Arguments and errors as of `Tokenizer.train`.

        From a vocabulary of `superwords_from` on, merges are learned from `superwords`: counts of the same texts
        by a pattern that separates less, such as `SUPERWORD_PATTERN`.
        """
        sizes, specials = list(vocab_sizes), list(special_tokens)
        wider = superwords._native if superwords is not None else None
        found = self._native.train(sizes, specials, min_frequency, max_token_length, wider, superwords_from)
        return [Tokenizer(one) for one in found]

    def __len__(self) -> int:
        return len(self._native)


def _count(counts: Sequence[PieceCounts], texts: Any, threads: int, progress: Progress | None) -> None:
    done = 0
    for batch in text_batches(texts):
        for one in counts:
            one._native.count(batch, threads=threads)
        if progress is not None:
            done += pc.sum(pc.binary_length(batch)).as_py() or 0
            progress(done)


def id_type(vocab_size: int) -> pa.DataType:
    """The narrowest Arrow type for ids below `vocab_size`: uint16 or uint32."""
    return pa.uint16() if vocab_size <= 1 << 16 else pa.uint32()


def _names(allowed: AllowedSpecial) -> list[str] | None:
    if allowed == "all":
        return None
    if isinstance(allowed, str):
        raise TypeError('allowed_special is "all" or a collection of tokens')
    return sorted(allowed)


def _listed(pattern: str | Sequence[str]) -> list[str]:
    return [pattern] if isinstance(pattern, str) else list(pattern)


def _read(path: str) -> bytes:
    with fsspec.open(str(path), "rb", compression="infer") as file:
        return bytes(file.read())
