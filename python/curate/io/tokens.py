"""Token datasets on disk: Arrow IPC streams that `datasets.load_from_disk`, and we, read in place.

A split is a folder; `dataset_dict.json` in its parent joins the splits:

    data-*.arrow        IPC stream, uncompressed (so that it can be mapped), in one of two forms:
                        documents: input_ids (list), id, url, source, optional loss_mask; a row per document
                        packed: input_ids (fixed_size_list), doc_lens, doc_ids, doc_urls, doc_sources (a value
                        per document in the row), optional loss_mask; see `curate.io.packing`
    index.npy           int64 [batches + 1, 8], a line per record batch, see `INDEX_COLUMNS`; the last line holds
                        the number of shards, and all rows and tokens
    token_bytes.npy     int32 [vocab_size]: bytes of text a token stands for, 0 for special tokens
    tokenizer.json      the exact tokenizer
    manifest.json       format version, dtype, tokenizer, digests and counts per shard, totals, provenance
    dataset_info.json   `{}`: readers of every version infer the features from the Arrow schema
    state.json          what `datasets` needs to find the shards; written last, so its presence means complete
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import OutputError
from curate.io.atomic import replacing, write_bytes
from curate.io.storage import Place
from curate.io.token_rows import places_of, rechunked
from curate.schema import (
    DOC_IDS,
    DOC_LENS,
    DOC_SOURCES,
    DOC_URLS,
    ID,
    INPUT_IDS,
    LOSS_MASK,
    SOURCE,
    URL,
)

FORMAT_VERSION = "2.0"
#: What a line of index.npy says of a record batch. The last four are byte positions in the shard: of the ids, of the
#: 32-bit list offsets (of `input_ids`, or of `doc_lens` in the packed form), of the values of `doc_lens`, and of
#: the bits of `loss_mask`; -1 where there is no such column. With them a reader needs no Arrow to find a token.
INDEX_COLUMNS = ("shard", "offset", "rows", "tokens", "ids_at", "bounds_at", "lens_at", "mask_at")
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


def token_schema(dtype: pa.DataType, row_tokens: int | None = None, loss_mask: bool = False) -> pa.Schema:
    """The columns of a token shard.

    Args:
        dtype: of the ids, uint16 or uint32.
        row_tokens: tokens of every row of the packed form; None = the form of documents.
        loss_mask: with a mask, true where a token is to be learned.
    """
    if dtype not in (pa.uint16(), pa.uint32()):
        raise OutputError(f"token ids cannot be stored as {dtype}", hint="use pyarrow.uint16() or uint32()")
    if row_tokens is None:
        mask = [pa.field(LOSS_MASK, pa.list_(pa.bool_()))] if loss_mask else []
        names = [pa.field(name, pa.string()) for name in (ID, URL, SOURCE)]
        return pa.schema([pa.field(INPUT_IDS, pa.list_(dtype)), *mask, *names])
    mask = [pa.field(LOSS_MASK, pa.list_(pa.bool_(), row_tokens))] if loss_mask else []
    names = [pa.field(name, pa.list_(pa.string())) for name in (DOC_IDS, DOC_URLS, DOC_SOURCES)]
    lens = pa.field(DOC_LENS, pa.list_(pa.int32()))
    return pa.schema([pa.field(INPUT_IDS, pa.list_(dtype, row_tokens)), lens, *mask, *names])


def write_token_shard(
    path: Place,
    batches: Iterable[pa.RecordBatch],
    dtype: pa.DataType,
    rows_per_batch: int = 1000,
    *,
    row_tokens: int | None = None,
    loss_mask: bool = False,
) -> dict[str, Any]:
    """Writes one shard; the bytes depend on the rows and their order alone, not on how they were batched.

    Args:
        path: the file to write; it appears, whole, when everything is on disk.
        batches: with the columns of `token_schema`, `input_ids` a list or large_list of integers; other columns
            are left out. There are no nulls but in `url`, `source` and their plurals.
        dtype: uint16 or uint32.
        rows_per_batch: rows of each record batch written (fewer where tokens would pass `MAX_BATCH_TOKENS`).
        row_tokens: tokens of every row of the packed form; None = the form of documents.
        loss_mask: write the column `loss_mask`.

    Returns:
        JSON values for `finish_split`: file, dtype, row_tokens, loss_mask, max_id (-1 without tokens), rows,
        tokens, bytes, sha256, batches (of each what `INDEX_COLUMNS` says).

    Raises:
        OutputError: an id does not fit `dtype`, a column is missing, or there is a null where none may be.
    """
    if rows_per_batch < 1:
        raise OutputError(f"rows_per_batch is {rows_per_batch}", hint="write at least one row per batch")
    schema = token_schema(dtype, row_tokens, loss_mask)
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
        for batch in rechunked(batches, schema, rows_per_batch, MAX_BATCH_TOKENS):
            ids = batch.column(0).values.to_numpy()
            n_tokens = len(ids)
            max_id = max(max_id, int(ids.max(initial=0)) if n_tokens else -1)
            message = batch.serialize()
            places = {name: at + position for name, at in places_of(message, schema).items()}
            written.append({"offset": position, "rows": batch.num_rows, "tokens": n_tokens, **places})
            put(memoryview(message))
            rows += batch.num_rows
            tokens += n_tokens
        put(END_OF_STREAM)
    return {
        "file": path.name,
        "dtype": str(dtype),
        "row_tokens": row_tokens,
        "loss_mask": loss_mask,
        "max_id": max_id,
        "rows": rows,
        "tokens": tokens,
        "bytes": position,
        "sha256": digest.hexdigest(),
        "batches": written,
    }


def finish_split(
    folder: Place,
    shards: Sequence[Mapping[str, Any]],
    tokenizer: TokenizerFacts,
    provenance: Mapping[str, Any],
    packing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes everything beside the shards of a split, `state.json` last.

    Args:
        folder: holds the shards already.
        shards: what `write_token_shard` returned for each, in the order of the rows; at least one, which may
            be empty (`datasets` cannot load a split without a shard).
        tokenizer: what made the ids.
        provenance: JSON values kept in the manifest (plan, versions, input digests).
        packing: JSON values on how packed rows were made, and what that lost; None = the form of documents.

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
    forms = sorted({(s["dtype"], s["row_tokens"] or 0, s["loss_mask"]) for s in shards})
    if len(forms) > 1:
        raise OutputError(
            f"the shards of {folder} differ: (type of ids, tokens per row, loss_mask) are {forms}",
            hint="write one form",
        )
    dtype, row_tokens, loss_mask = forms[0]
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
        "dtype": dtype,
        "form": "packed" if row_tokens else "documents",
        "row_tokens": row_tokens or None,
        "loss_mask": loss_mask,
        "packing": dict(packing) if packing else None,
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
        "content_digest": content_digest(dtype, tokenizer.digest, [shard["sha256"] for shard in shards]),
        "provenance": dict(provenance),
    }
    write_bytes(folder / "tokenizer.json", tokenizer.json)
    write_bytes(folder / "token_bytes.npy", token_bytes)
    write_bytes(folder / "index.npy", index)
    write_bytes(folder / "manifest.json", _json(manifest))
    write_bytes(folder / "dataset_info.json", _json({}))
    write_bytes(folder / "state.json", _json(hf_state(manifest)))
    return manifest


def finish_tokens(folder: Place, splits: Sequence[str]) -> None:
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


def _index(shards: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int64]:
    lines = []
    rows = tokens = 0
    for number, shard in enumerate(shards):
        for batch in shard["batches"]:
            places = (batch.get(name, -1) for name in INDEX_COLUMNS[4:])
            lines.append((number, batch["offset"], rows, tokens, *places))
            rows += batch["rows"]
            tokens += batch["tokens"]
    return np.array([*lines, (len(shards), 0, rows, tokens, -1, -1, -1, -1)], dtype="<i8")


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
