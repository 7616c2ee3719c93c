"""From text to ids: with a given tokenizer (a stage), or with one trained on the documents kept (a barrier)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from os import PathLike, fspath
from typing import Any, ClassVar

import pyarrow as pa

from curate import _native
from curate.errors import OutputError, PlanError
from curate.schema import EVERY_SHARD, ID, INPUT_IDS, PARTITION, SHARD, TEXT
from curate.stage import Barrier, Outcome, Round, Stage, set_column
from curate.tokenizer import END_OF_TEXT, Tokenizer, id_type

#: Where a run keeps its tokenizer, below the output folder.
ARTIFACT = "tokenizer/tokenizer.json"

_NAME = "tokenize"
_PIECE = "piece"
_COUNT = "count"
_JSON = "tokenizer_json"

_COUNTED = pa.schema([(PARTITION, pa.int32()), (_PIECE, pa.large_binary()), (_COUNT, pa.uint64())])
_TRAINED = pa.schema([(SHARD, pa.int32()), (_JSON, pa.large_binary())])


@dataclass(frozen=True)
class TrainTokenizer(Barrier):
    """Trains a byte-level BPE tokenizer on the documents kept; see `Tokenizer.train`.

    On its own, a barrier that leaves the documents as they are; inside `Tokenize`, the tokenizer to use.

    Attributes:
        vocab_size: highest number of ids, the special tokens and the 256 bytes included.
        pattern: "gpt2", "cl100k", "o200k", "qwen2", "deepseek", or a regular expression.
        special_tokens: get the first ids.
        min_frequency: pairs that occur less often are not merged.
        max_token_length: merges stay strictly below this many bytes; None = no limit.
        sample: share of the documents to learn from, 0 to 1, chosen by hash of their id.

    Raises:
        PlanError: a vocabulary without room for bytes and special tokens, or a share outside (0, 1].
        CurateError: an unknown or invalid pattern.
    """

    vocab_size: int = 32768
    pattern: str = "gpt2"
    special_tokens: tuple[str, ...] = (END_OF_TEXT,)
    min_frequency: int = 0
    max_token_length: int | None = None
    sample: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.special_tokens, str):
            raise PlanError("special_tokens is one string", hint="pass a tuple of strings")
        object.__setattr__(self, "special_tokens", tuple(self.special_tokens))
        if not 0 < self.sample <= 1:
            raise PlanError(f"sample={self.sample} is not a share", hint="choose 0 < sample <= 1")
        # Training on nothing checks every other parameter before a run starts.
        try:
            self.train(_native.BpeCounts([self.pattern]))
        except OverflowError:
            raise PlanError("a parameter of the tokenizer is negative or too large") from None

    def train(self, counts: _native.BpeCounts) -> Tokenizer:
        """The tokenizer that these parameters give on these counts."""
        specials = list(self.special_tokens)
        (trained,) = counts.train([self.vocab_size], specials, self.min_frequency, self.max_token_length)
        return Tokenizer(trained)

    @property
    def reads(self) -> frozenset[str]:
        """The text, and the id where a sample is drawn."""
        return frozenset({TEXT} if self.sample == 1 else {TEXT, ID})

    @property
    def rounds(self) -> tuple[Round, ...]:
        """One: count pieces per shard, then add up and train."""
        return (CountPieces(self),)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """The documents as they are."""
        del verdicts
        return Outcome(batch)

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`tokenizer/tokenizer.json`."""
        return {ARTIFACT: _trained_json(verdicts)}


@dataclass(frozen=True)
class CountPieces(Round):
    """Counts the pieces of each shard; their sum is all that training needs."""

    name: ClassVar[str] = "count_pieces"
    params: TrainTokenizer

    @property
    def partitions(self) -> int:
        """One: merges depend on all counts together."""
        return 1

    @property
    def reads(self) -> frozenset[str]:
        """What the barrier reads."""
        return self.params.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        """One table of the shard's distinct pieces, sorted, and their counts."""
        del shard, inbox
        counts = _native.BpeCounts([self.params.pattern])
        for batch in documents:
            ids = batch[ID] if self.params.sample < 1 else None
            counts.count(batch[TEXT], ids, self.params.sample)
        pieces, numbers = (pa.array(column) for column in counts.to_arrays())
        yield pa.table([pa.repeat(pa.scalar(0, pa.int32()), len(pieces)), pieces, numbers], schema=_COUNTED)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        """The tokenizer, for every shard. Without documents it is the 256 bytes and the special tokens."""
        del partition
        counts = _native.BpeCounts([self.params.pattern])
        for batch in rows.to_batches() if rows.num_rows else []:
            counts.add(batch[_PIECE], batch[_COUNT])
        trained = self.params.train(counts).to_bytes()
        return pa.table([[EVERY_SHARD], [trained]], schema=_TRAINED)


@dataclass(frozen=True)
class Encode(Stage):
    """Adds `input_ids` with a given tokenizer. Made by `Tokenize(path)`.

    Attributes:
        tokenizer: path or URL of a `tokenizer.json`.
        append_eos: whether every document ends with `eos_token`.
        eos_token: the document delimiter, a special token of the tokenizer.
    """

    tokenizer: str
    append_eos: bool = True
    eos_token: str = END_OF_TEXT

    @property
    def name(self) -> str:
        """`tokenize`, whichever way the tokenizer comes."""
        return _NAME

    # Loaded once per process, and carried along when pickled: every worker uses the same tokenizer.
    @cached_property
    def _loaded(self) -> Tokenizer:
        return Tokenizer.load(self.tokenizer)

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """`input_ids`: uint16 where every id fits, else uint32.

        Raises:
            FileNotFoundError: no such file.
            CurateError: not a usable tokenizer.
            PlanError: the tokenizer has no such `eos_token`.
        """
        self._last()
        return _adds(self._loaded.vocab_size)

    def identity(self) -> dict[str, Any]:
        """The tokenizer by its content, wherever it lies."""
        return super().identity() | {"tokenizer": {"sha256": self._loaded.fingerprint}}

    def tokenizer_bytes(self) -> bytes:
        """The `tokenizer.json` in use, for a copy beside the tokens."""
        return self._loaded.to_bytes()

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`tokenizer/tokenizer.json`."""
        del verdicts
        return {ARTIFACT: self.tokenizer_bytes()}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """The documents with their ids; a null text counts as empty."""
        return _encode(batch, self._loaded, self._last(), self._loaded.id_type)

    def _last(self) -> int | None:
        return _eos_id(self._loaded.special_tokens, self.eos_token) if self.append_eos else None


@dataclass(frozen=True)
class TrainAndEncode(Barrier):
    """Trains a tokenizer on the documents kept and adds `input_ids`. Made by `Tokenize(TrainTokenizer(...))`.

    Attributes:
        tokenizer: how to train.
        append_eos: whether every document ends with `eos_token`.
        eos_token: the document delimiter, one of the special tokens.
    """

    tokenizer: TrainTokenizer
    append_eos: bool = True
    eos_token: str = END_OF_TEXT

    def __post_init__(self) -> None:
        if self.append_eos:
            _eos_id(dict.fromkeys(self.tokenizer.special_tokens, 0), self.eos_token)

    @property
    def name(self) -> str:
        """`tokenize`, whichever way the tokenizer comes."""
        return _NAME

    @property
    def reads(self) -> frozenset[str]:
        """What training reads."""
        return self.tokenizer.reads

    @property
    def adds(self) -> pa.Schema:
        """`input_ids`: uint16 where every id below `vocab_size` fits, else uint32."""
        return _adds(self.tokenizer.vocab_size)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Those of training."""
        return self.tokenizer.rounds

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """The documents with their ids; a null text counts as empty."""
        tokenizer = _parsed(_trained_json(verdicts))
        last = _eos_id(tokenizer.special_tokens, self.eos_token) if self.append_eos else None
        # The corpus may give fewer tokens than asked for: the type is the one the plan declared.
        return _encode(batch, tokenizer, last, id_type(self.tokenizer.vocab_size))

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`tokenizer/tokenizer.json`."""
        return self.tokenizer.artifacts(verdicts)


def Tokenize(  # noqa: N802  it stands for the class of stage it returns
    tokenizer: str | PathLike[str] | TrainTokenizer, append_eos: bool = True, eos_token: str = END_OF_TEXT
) -> Encode | TrainAndEncode:
    """Adds `input_ids` (list<uint16 | uint32>): the ids of each text, then the document delimiter.

    Special tokens that occur in a text are encoded as ordinary text.

    Args:
        tokenizer: path or URL of a `tokenizer.json`, or how to train one on the documents kept.
        append_eos: whether every document ends with `eos_token`.
        eos_token: the document delimiter, a special token of the tokenizer.

    Raises:
        PlanError: the tokenizer to train has no such `eos_token`.
    """
    if isinstance(tokenizer, TrainTokenizer):
        return TrainAndEncode(tokenizer, append_eos, eos_token)
    return Encode(fspath(tokenizer), append_eos, eos_token)


def _adds(vocab_size: int) -> pa.Schema:
    return pa.schema([pa.field(INPUT_IDS, pa.list_(id_type(vocab_size)))])


def _encode(batch: pa.RecordBatch, tokenizer: Tokenizer, last: int | None, ids: pa.DataType) -> Outcome:
    found = tokenizer.encode_batch(batch[TEXT], last=last, id_type=ids)
    return Outcome(set_column(batch, INPUT_IDS, found))


def _eos_id(special_tokens: Mapping[str, int], eos_token: str) -> int:
    if eos_token not in special_tokens:
        known = ", ".join(special_tokens) or "none"
        raise PlanError(
            f"the tokenizer has no special token `{eos_token}`",
            hint=f"choose eos_token among its special tokens ({known}), or append_eos=False",
        )
    return special_tokens[eos_token]


def _trained_json(verdicts: pa.Table) -> bytes:
    if verdicts.num_rows != 1 or _JSON not in verdicts.column_names:
        raise OutputError("the trained tokenizer is missing", hint="run again with --restart")
    data: bytes = verdicts[_JSON][0].as_py()
    return data


@lru_cache(maxsize=4)
def _parsed(data: bytes) -> Tokenizer:
    return Tokenizer.from_bytes(data)
