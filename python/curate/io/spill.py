"""Spills between the rounds of a barrier: an Arrow IPC file whose n-th batch is the n-th partition."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError
from curate.io.atomic import replacing

_FINGERPRINT = b"curate.fingerprint"


def write_spill(path: Path, tables: Iterable[pa.Table], key: str, partitions: int, fingerprint: str) -> None:
    """Writes rows grouped by the int32 column `key`, which is dropped; order within a group is kept.

    Raises:
        CurateError: a key outside 0 to `partitions` - 1.
    """
    tables = [table for table in tables if table.num_rows]
    with replacing(path, durable=False) as temporary:  # made again if it is lost
        table = pa.concat_tables(tables) if tables else pa.table({key: pa.array([], pa.int32())})
        keys = table[key].to_numpy()
        if len(keys) and (keys.min() < 0 or keys.max() >= partitions):
            raise CurateError(f"a spilled row names {key} {keys.max()}, but there are {partitions}")
        order = pc.sort_indices(table[key])  # a stable sort
        bounds = np.searchsorted(keys[order.to_numpy()], np.arange(partitions + 1))
        table = table.take(order).drop_columns([key]).combine_chunks()
        schema = table.schema.with_metadata({_FINGERPRINT: fingerprint.encode()})
        with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for start, end in itertools.pairwise(bounds):
                part = table.slice(start, end - start).combine_chunks()
                batch = part.to_batches()[0] if part.num_rows else pa.RecordBatch.from_pylist([], schema)
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def read_spill(path: Path, partition: int) -> pa.Table:
    """The rows of one partition; a table without columns if there are none."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
        batch = reader.get_batch(partition)
    if not batch.num_rows:
        return pa.table({})
    return pa.Table.from_batches([batch]).replace_schema_metadata(None)


def gather(paths: Iterable[Path], partition: int) -> pa.Table:
    """One partition of several spills, in the order of `paths`; without columns if there are no rows."""
    parts = [table for table in (read_spill(path, partition) for path in paths) if table.num_rows]
    return pa.concat_tables(parts) if parts else pa.table({})


def has_spill(path: Path, fingerprint: str) -> bool:
    """Whether a whole spill of this fingerprint is there."""
    if not path.exists():
        return False
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            return bool((reader.schema.metadata or {}).get(_FINGERPRINT) == fingerprint.encode())
    except pa.ArrowInvalid:
        return False
