"""Packing once, on disk: a split of documents becomes a split of rows of one length."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import OutputError
from curate.io.token_dataset import TokenDataset
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard
from curate.schema import DOC_IDS, DOC_LENS, DOC_SOURCES, DOC_URLS, ID, INPUT_IDS, LOSS_MASK, SOURCE, URL

_BATCH = 256


def pack_tokens(
    source: str | Path,
    folder: str | Path,
    seq_len: int,
    *,
    packing: str = "best_fit",
    rows_per_shard: int = 1 << 18,
) -> dict[str, Any]:
    """Writes the rows of `TokenDataset(source, seq_len, packing=...)`, in stored order, as a packed split.

    Samples of the result are those of the dataset, row by row; opening it plans nothing.

    Args:
        source: a finished split in the form of documents.
        folder: the new split; its parent joins splits if `finish_tokens` is called on it.
        seq_len: tokens predicted per row; rows hold one more.
        packing: see `curate.io.packing.PACKING`.
        rows_per_shard: 2^18 rows of 1,025 16-bit ids are about 512 MiB.

    Returns:
        The manifest; `packing` says what was lost, in words and in tokens.

    Raises:
        FileNotFoundError: there is no such split.
        OutputError: the split is packed already, unfinished or damaged.
        CurateError: an unknown policy, a length out of range.
    """
    dataset = TokenDataset(source, seq_len, packing=packing, shuffle=False)
    store = dataset.store
    if store.row_tokens is not None:
        raise OutputError(f"{source} is packed already", hint="pack the split of documents")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "state.json").unlink(missing_ok=True)
    shards = max(-(-len(dataset) // rows_per_shard), 1)
    receipts = []
    for shard in range(shards):
        rows = range(shard * rows_per_shard, min((shard + 1) * rows_per_shard, len(dataset)))
        receipts.append(
            write_token_shard(
                target / f"data-{shard:05d}-of-{shards:05d}.arrow",
                _batches(dataset, rows),
                pa.type_for_alias(str(store.dtype)),
                row_tokens=seq_len + 1,
                loss_mask=dataset.masked,
            )
        )
    facts = TokenizerFacts(store.tokenizer_json(), store.vocab_size, store.eos_id, store.token_bytes())
    provenance = {**store.manifest["provenance"], "packed_from": store.content_digest}
    return finish_split(target, receipts, facts, provenance, dataset.packing_losses())


def _batches(dataset: TokenDataset, rows: range) -> Iterator[pa.RecordBatch]:
    row_tokens = dataset.seq_len + 1
    for at in range(rows.start, rows.stop, _BATCH):
        chosen = np.arange(at, min(at + _BATCH, rows.stop))
        columns: dict[str, Any] = {
            INPUT_IDS: pa.FixedSizeListArray.from_arrays(
                pa.array(dataset.rows(chosen).reshape(-1)), row_tokens
            )
        }
        if dataset.masked:
            mask = dataset.token_mask(chosen).reshape(-1)
            columns[LOSS_MASK] = pa.FixedSizeListArray.from_arrays(pa.array(mask), row_tokens)
        documents = [dataset.row_documents(row) for row in chosen.tolist()]
        for row in documents:
            row[-1][ID] = row[-1][ID] or ""  # padding is named by nothing
        columns[DOC_LENS] = pa.array([[d["tokens"] for d in row] for row in documents], pa.list_(pa.int32()))
        for name, key in ((DOC_IDS, ID), (DOC_URLS, URL), (DOC_SOURCES, SOURCE)):
            columns[name] = pa.array([[d[key] for d in row] for row in documents], pa.list_(pa.string()))
        yield pa.record_batch(columns)
