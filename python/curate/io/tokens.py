"""Token datasets on disk: Arrow IPC streams that `datasets.load_from_disk`, and we, read in place.

A split is a folder; `dataset_dict.json` in its parent joins the splits:

    data-*.arrow        IPC stream, uncompressed (so that it can be mapped): input_ids, id, url, source;
                        a row per document
    index.npy           int64 [batches + 1, 4]: shard, byte offset of the record batch's message in it,
                        rows before it, tokens before it; the last line is (shards, 0, all rows, all tokens)
    token_bytes.npy     int32 [vocab_size]: bytes of text a token stands for, 0 for special tokens
    tokenizer.json      the exact tokenizer
    manifest.json       format version, dtype, tokenizer, digests and counts per shard, totals, provenance
    dataset_info.json   `{}`: readers of every version infer the features from the Arrow schema
    state.json          what `datasets` needs to find the shards; written last, so its presence means complete
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import OutputError
from curate.io.atomic import replacing, write_bytes
from curate.schema import ID, INPUT_IDS, SOURCE, URL

FORMAT_VERSION = "1.0"
#: IPC end-of-stream marker: continuation word and a metadata length of zero
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
# A batch is cut before the row that would take it past this, so that 32-bit list offsets cannot overflow and
# a writer's memory stays bounded however long the documents are.
MAX_BATCH_TOKENS = 1 << 24


@dataclass(frozen=True)
class TokenizerFacts:
    """What a token dataset keeps of its tokenizer.

    Attributes:
        json: the bytes of tokenizer.json.
        vocab_size: ids are below this.
        eos_id: the delimiter that ends every row; None = rows end without one.
        token_bytes: int array [vocab_size], bytes of text each id stands for, 0 for special tokens.
    """

    json: bytes
    vocab_size: int
    eos_id: int | None
    token_bytes: npt.NDArray[np.integer[Any]]

    @property
    def digest(self) -> str:
        """SHA-256 of `json`."""
        return hashlib.sha256(self.json).hexdigest()


def token_schema(dtype: pa.DataType) -> pa.Schema:
    """The columns of a token shard whose ids are stored as `dtype` (uint16 or uint32)."""
    if dtype not in (pa.uint16(), pa.uint32()):
        raise OutputError(f"token ids cannot be stored as {dtype}", hint="use pyarrow.uint16() or uint32()")
    return pa.schema(
        [
            pa.field(INPUT_IDS, pa.list_(dtype)),
            pa.field(ID, pa.string()),
            pa.field(URL, pa.string()),
            pa.field(SOURCE, pa.string()),
        ]
    )


def write_token_shard(
    path: Path, batches: Iterable[pa.RecordBatch], dtype: pa.DataType, rows_per_batch: int = 1000
) -> dict[str, Any]:
    """Writes one shard; the bytes depend on the rows and their order alone, not on how they were batched.

    Args:
        path: the file to write; it appears, whole, when everything is on disk.
        batches: with columns `input_ids` (list or large_list of integers), `id`, `url`, `source`; others are
            left out. `id` and `input_ids` hold no nulls.
        dtype: uint16 or uint32.
        rows_per_batch: rows of each record batch written (fewer where tokens would pass `MAX_BATCH_TOKENS`).

    Returns:
        JSON values for `finish_split`: file, dtype, max_id (-1 without tokens), rows, tokens, bytes, sha256,
        batches (offset, rows, tokens of each).

    Raises:
        OutputError: an id does not fit `dtype`, a column is missing, or there is a null where none may be.
    """
    if rows_per_batch < 1:
        raise OutputError(f"rows_per_batch is {rows_per_batch}", hint="write at least one row per batch")
    schema = token_schema(dtype)
    digest = hashlib.sha256()
    position = rows = tokens = 0
    max_id = -1
    written: list[dict[str, int]] = []
    with replacing(path) as temporary, temporary.open("wb") as file:

        def put(data: Any) -> None:
            nonlocal position
            file.write(data)
            digest.update(data)
            position += len(data)

        put(memoryview(schema.serialize()))
        for batch in _rechunk(batches, schema, rows_per_batch):
            ids = batch.column(0).values.to_numpy()
            n_tokens = len(ids)
            max_id = max(max_id, int(ids.max(initial=0)) if n_tokens else -1)
            written.append({"offset": position, "rows": batch.num_rows, "tokens": n_tokens})
            put(memoryview(batch.serialize()))
            rows += batch.num_rows
            tokens += n_tokens
        put(END_OF_STREAM)
    return {
        "file": path.name,
        "dtype": str(dtype),
        "max_id": max_id,
        "rows": rows,
        "tokens": tokens,
        "bytes": position,
        "sha256": digest.hexdigest(),
        "batches": written,
    }


def finish_split(
    folder: Path,
    shards: Sequence[Mapping[str, Any]],
    tokenizer: TokenizerFacts,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes everything beside the shards of a split, `state.json` last.

    Args:
        folder: holds the shards already.
        shards: what `write_token_shard` returned for each, in the order of the rows; at least one, which may
            be empty (`datasets` cannot load a split without a shard).
        tokenizer: what made the ids.
        provenance: JSON values kept in the manifest (plan, versions, input digests).

    Returns:
        The manifest.

    Raises:
        OutputError: no shard, shards of several types, a tokenizer whose tables disagree, ids beyond it.
    """
    if not shards:
        raise OutputError(
            f"{folder} has no token shard", hint="write a shard without rows for an empty split"
        )
    if tokenizer.token_bytes.shape != (tokenizer.vocab_size,):
        raise OutputError(
            f"token_bytes has shape {tokenizer.token_bytes.shape} for {tokenizer.vocab_size} tokens",
            hint="give one length per token id",
        )
    dtypes = sorted({shard["dtype"] for shard in shards})
    if len(dtypes) > 1:
        raise OutputError(
            f"the shards of {folder} store ids as {' and '.join(dtypes)}", hint="write one type"
        )
    max_id = max(shard["max_id"] for shard in shards)
    if max_id >= tokenizer.vocab_size:
        raise OutputError(
            f"token id {max_id} is outside the vocabulary of {tokenizer.vocab_size}",
            hint="give the tokenizer that made the ids",
        )
    (folder / "state.json").unlink(missing_ok=True)
    index = _npy(_index(shards))
    token_bytes = _npy(tokenizer.token_bytes.astype("<i4"))
    manifest = {
        "format": "curate-tokens",
        "format_version": FORMAT_VERSION,
        "dtype": dtypes[0],
        "tokenizer": {
            "sha256": tokenizer.digest,
            "vocab_size": tokenizer.vocab_size,
            "eos_id": tokenizer.eos_id,
        },
        "rows": sum(shard["rows"] for shard in shards),
        "tokens": sum(shard["tokens"] for shard in shards),
        "bytes": sum(shard["bytes"] for shard in shards),
        "shards": [{k: shard[k] for k in ("file", "rows", "tokens", "bytes", "sha256")} for shard in shards],
        "sha256": {
            "index.npy": hashlib.sha256(index).hexdigest(),
            "token_bytes.npy": hashlib.sha256(token_bytes).hexdigest(),
        },
        "content_digest": content_digest(dtypes[0], tokenizer.digest, [shard["sha256"] for shard in shards]),
        "provenance": dict(provenance),
    }
    write_bytes(folder / "tokenizer.json", tokenizer.json)
    write_bytes(folder / "token_bytes.npy", token_bytes)
    write_bytes(folder / "index.npy", index)
    write_bytes(folder / "manifest.json", _json(manifest))
    write_bytes(folder / "dataset_info.json", _json({}))
    write_bytes(folder / "state.json", _json(hf_state(manifest)))
    return manifest


def finish_tokens(folder: Path, splits: Sequence[str]) -> None:
    """Joins finished splits, subfolders of `folder`, so that `datasets.load_from_disk(folder)` finds them."""
    for split in splits:
        if not (folder / split / "state.json").is_file():
            raise OutputError(f"split `{split}` of {folder} is not finished", hint="finish every split first")
    write_bytes(folder / "dataset_dict.json", _json({"splits": list(splits)}))


def content_digest(dtype: str, tokenizer_digest: str, shard_digests: Sequence[str]) -> str:
    """SHA-256 over the ids' type, the tokenizer and the digest of every shard in row order."""
    whole = [FORMAT_VERSION.partition(".")[0], dtype, tokenizer_digest, *shard_digests]
    return hashlib.sha256("\n".join(whole).encode()).hexdigest()


def hf_state(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The seven keys that `datasets` (2.14 to 5.x) reads from state.json; it trusts the fingerprint."""
    return {
        "_data_files": [{"filename": shard["file"]} for shard in manifest["shards"]],
        "_fingerprint": manifest["content_digest"][:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }


def split_of(ids: pa.Array, valid_share: float) -> pa.BooleanArray:
    """True for the rows of the validation split.

    A row is in it when the first 8 bytes (big-endian) of the BLAKE2b digest of its id are below
    `valid_share` x 2^64: the choice follows the id through any reordering, and a larger share only adds rows.

    Args:
        ids: string array without nulls.
        valid_share: expected fraction of rows, 0 to 1.
    """
    if not 0.0 <= valid_share <= 1.0:
        raise OutputError(f"valid_share is {valid_share}", hint="give a fraction between 0 and 1")
    if ids.null_count:
        raise OutputError("a row without an id cannot be put into a split", hint="fill the `id` column")
    limit = int(valid_share * 2**64)
    if limit >= 2**64:
        return pa.array(np.ones(len(ids), np.bool_))
    keys = b"".join(hashlib.blake2b(i.encode(), digest_size=8).digest() for i in ids.to_pylist())
    return pa.array(np.frombuffer(keys, ">u8") < np.uint64(limit))


def _rechunk(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows_per_batch: int
) -> Iterator[pa.RecordBatch]:
    pending: list[pa.RecordBatch] = []
    rows = tokens = 0
    for batch in batches:
        clean = _checked(batch, schema)
        ends = clean.column(0).offsets.to_numpy()[1:].astype(np.int64)
        start = 0
        while start < clean.num_rows:
            before = int(ends[start - 1]) if start else 0
            fitting = int(np.searchsorted(ends, before + MAX_BATCH_TOKENS - tokens, side="right"))
            shortest = start if rows else start + 1  # one row is written however long it is
            stop = max(min(start + rows_per_batch - rows, fitting), shortest)
            if stop > start:
                pending.append(clean.slice(start, stop - start))
                rows += stop - start
                tokens += int(ends[stop - 1]) - before
            if rows == rows_per_batch or stop < clean.num_rows:
                yield _joined(pending, schema)
                pending, rows, tokens = [], 0, 0
            start = stop
    if rows:
        yield _joined(pending, schema)


def _checked(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The four columns in their types, with list offsets from zero."""
    for name in schema.names:
        if name not in batch.schema.names:
            raise OutputError(f"token rows have no column `{name}`", hint="carry id, url and source along")
    ids = batch[INPUT_IDS]
    if not (pa.types.is_list(ids.type) or pa.types.is_large_list(ids.type)):
        raise OutputError(f"`{INPUT_IDS}` is {ids.type}", hint="give a list of integers per row")
    if ids.null_count or batch[ID].null_count:
        raise OutputError(f"`{INPUT_IDS}` or `{ID}` has a null", hint="reject such rows before they get here")
    offsets = ids.offsets.to_numpy()
    values = ids.values.slice(offsets[0], offsets[-1] - offsets[0])
    if values.null_count:
        raise OutputError("a token id is null", hint="a tokenizer gives an integer for every token")
    if not pa.types.is_integer(values.type):
        raise OutputError(f"token ids are {values.type}", hint="give integers")
    try:
        values = values.cast(schema.field(INPUT_IDS).type.value_type)
    except pa.ArrowInvalid as error:
        raise OutputError(
            f"a token id does not fit: {error}", hint="store the ids as uint32; no id may be negative"
        ) from error
    starts = (offsets - offsets[0]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(starts), values, type=schema.field(INPUT_IDS).type)
    others = [batch[name].cast(pa.string()) for name in schema.names[1:]]
    return pa.record_batch([lists, *others], schema=schema)


def _joined(parts: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """One batch with buffers of its own, so that nothing of the input's layout reaches the file."""
    columns = [pa.concat_arrays([part.column(i) for part in parts]) for i in range(len(schema))]
    lists = columns[0]
    offsets = lists.offsets.to_numpy()
    values = lists.values.slice(offsets[0], offsets[-1] - offsets[0])
    starts = pa.array((offsets - offsets[0]).astype(np.int32))
    rows = pa.array(np.arange(len(lists)))
    fresh = [pa.ListArray.from_arrays(starts, values, type=schema.field(0).type)]
    return pa.record_batch([*fresh, *(column.take(rows) for column in columns[1:])], schema=schema)


def _index(shards: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int64]:
    lines = []
    rows = tokens = 0
    for number, shard in enumerate(shards):
        for batch in shard["batches"]:
            lines.append((number, batch["offset"], rows, tokens))
            rows += batch["rows"]
            tokens += batch["tokens"]
    return np.array([*lines, (len(shards), 0, rows, tokens)], dtype="<i8")


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
