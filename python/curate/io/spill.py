"""Spills between the rounds of a barrier: a file of partitions, each an Arrow IPC stream with a digest.

A partition is read only if its bytes are those that were written: a damaged spill is found before anything is decided
from it, named, and made again. Behind the partitions stands an index, with its own digest at the end of the file.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError
from curate.io.atomic import replacing
from curate.io.storage import Place, Ranges, Remote, for_each
from curate.io.storage import place as place_of

_MAGIC = b"curspil1"
_DIGEST_BYTES = 16
#: Length of the index, its digest, magic.
_TAIL_BYTES = 8 + _DIGEST_BYTES + len(_MAGIC)
#: Partitions begin at multiples of this, so that they can be used where they are mapped.
_ALIGNMENT = 64


class DamagedSpillError(CurateError):
    """A spill that does not hold what was written; the runner makes it again. The message is the path alone."""

    @property
    def path(self) -> Place:
        """The damaged file."""
        return place_of(str(self))


def _digest(data: Any) -> bytes:
    return hashlib.sha256(data).digest()[:_DIGEST_BYTES]


def write_spill(path: Place, tables: Iterable[pa.Table], key: str, partitions: int, fingerprint: str) -> None:
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
        table = table.take(order).drop_columns([key])
        parts: list[tuple[int, int, str]] = []
        with pa.OSFile(str(temporary), "wb") as file:
            for start, end in itertools.pairwise(bounds):
                content = _packed(table.slice(start, end - start)) if end > start else b""
                file.write(b"\0" * (-file.tell() % _ALIGNMENT))
                parts.append((file.tell(), len(content), _digest(content).hex()))
                file.write(content)
            index = json.dumps({"fingerprint": fingerprint, "partitions": parts}).encode()
            file.write(index + len(index).to_bytes(8, "little") + _digest(index) + _MAGIC)


def _packed(part: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.schema) as writer:
        writer.write_table(part.combine_chunks())
    return sink.getvalue()


def _index(path: Place, whole: Any) -> dict[str, Any]:
    """What is in the file.

    Raises:
        DamagedSpillError: the end of the file is not what was written.
    """
    tail = whole[max(0, whole.size - _TAIL_BYTES) :].to_pybytes()
    length = int.from_bytes(tail[:8], "little")
    start = whole.size - _TAIL_BYTES - length
    if not tail.endswith(_MAGIC) or start < 0:
        raise DamagedSpillError(str(path))
    content = whole[start : start + length].to_pybytes()
    if _digest(content) != tail[8 : 8 + _DIGEST_BYTES]:
        raise DamagedSpillError(str(path))
    index: dict[str, Any] = json.loads(content)
    return index


def _mapped(path: Place) -> Any:
    """The bytes of a spill, to be sliced: mapped, or fetched where they are asked for."""
    if isinstance(path, Remote):
        return Ranges(path)
    if path.stat().st_size == 0:
        raise DamagedSpillError(str(path))
    with pa.memory_map(str(path)) as file:
        return file.read_buffer()


def read_spill(path: Place, partition: int) -> pa.Table:
    """The rows of one partition; a table without columns if there are none. They stay where they are mapped.

    Raises:
        DamagedSpillError: the rows are not those that were written.
    """
    return _read_parts(path, [partition])[0]


def _read_parts(path: Place, partitions: Sequence[int]) -> list[pa.Table]:
    whole = _mapped(path)
    index = _index(path, whole)["partitions"]
    return [_part(path, whole, *index[partition]) for partition in partitions]


def _part(path: Place, whole: Any, start: int, length: int, digest: str) -> pa.Table:
    if not length:
        return pa.table({})
    content = whole[start : start + length]
    if _digest(content).hex() != digest:
        raise DamagedSpillError(str(path))
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def gather(paths: Iterable[Place], *partitions: int, number: str | None = None) -> pa.Table:
    """Partitions of several spills, each in the order of `paths`; without columns if there are no rows.

    With `number`, a column of that name says which spill a row is from, counted from 0.
    """
    found: list[list[pa.Table]] = [[] for _ in partitions]
    for place, tables in enumerate(for_each(lambda path: _read_parts(path, partitions), paths)):
        for parts, table in zip(found, tables, strict=True):
            if table.num_rows and number is not None:
                parts.append(table.append_column(number, pa.array(np.full(table.num_rows, place, np.int32))))
            elif table.num_rows:
                parts.append(table)
    every = [table for parts in found for table in parts]
    return pa.concat_tables(every) if every else pa.table({})


def has_spill(path: Place, fingerprint: str) -> bool:
    """Whether a whole spill of this fingerprint is there; its partitions are checked when they are read."""
    try:
        return bool(_index(path, _mapped(path))["fingerprint"] == fingerprint)
    except (DamagedSpillError, FileNotFoundError):
        return False
