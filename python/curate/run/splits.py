"""Splits of one input file, read independently, made to agree with what one reader of the whole file would find.

A split needs to know two things of the splits before it: where they end, since the beginning of its first record is a
guess in some formats, and which ids they hold, since the later row of two with one id is rejected. Both are almost
always as if there were nothing to know. So each split is read without, and what it found is compared afterwards; a
split that turns out to be wrong is read again with a correction.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.io.atomic import write_json
from curate.io.reader import REPEATED_ID, Extent, InputFile
from curate.io.spill import has_spill, read_spill, write_spill
from curate.pipeline import digest
from curate.report import Ledger
from curate.run.job import Job, Kind, Task
from curate.schema import ID, PARTITION, ROW
from curate.stage import Outcome

_HASH = "hash"
_HASH_BYTES = 16


@dataclass(frozen=True)
class Correction:
    """What a split is told.

    Attributes:
        start: byte offset at which it begins; None = as guessed.
        rewound: bytes that the splits before it read again after damage.
        repeated: positions of its rows whose id is in a split before it.
    """

    start: int | None = None
    rewound: int = 0
    repeated: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Names it in the ledger of the split that obeyed it; empty if there is nothing to obey."""
        return "" if self == Correction() else digest(vars(self))

    @classmethod
    def of(cls, job: Job, shard: int) -> "Correction":
        """The correction of a shard; nothing to obey if there is none of this plan and these inputs."""
        if not job.files[shard].is_split:
            return cls()
        try:
            value = json.loads(job.layout.correction(shard).read_bytes())
        except FileNotFoundError:
            return cls()
        if value.pop("fingerprint") != job.fingerprint(1, shard):
            return cls()
        return cls(value["start"], value["rewound"], tuple(value["repeated"]))

    def write(self, job: Job, shard: int) -> None:
        """Says it to all who will ever read the split."""
        write_json(job.layout.correction(shard), {"fingerprint": job.fingerprint(1, shard), **vars(self)})

    def apply(self, file: InputFile) -> InputFile:
        """The split as it has to be read."""
        if self.start is None:
            return file
        return replace(file, start=self.start, exact=True, rewound=self.rewound)


class Observed:
    """Looks on while a split is read."""

    def __init__(self, job: Job, shard: int) -> None:
        self._job, self._shard = job, shard
        self._correction = Correction.of(job, shard)
        self._repeated = pa.array(self._correction.repeated, pa.int64())
        self._ids: list[pa.Table] = []
        self.file = self._correction.apply(job.files[shard])

    def outcomes(self, ledger: Ledger) -> Iterator[Outcome]:
        """What the reader says, with the ids that splits before this one hold; then notes what is to be compared."""
        reader = self._job.plan.read
        reading = iter(reader.read(self.file))
        compares = self.file.is_split and REPEATED_ID in reader.reasons
        row = 0
        while True:
            try:
                outcome = next(reading)
            except StopIteration as stop:
                extent = stop.value
                break
            if compares:
                rows = pa.array(np.arange(row, row + outcome.batch.num_rows))
                row += outcome.batch.num_rows
                outcome = self._without_repeated(outcome, rows)
            yield outcome
        if self.file.is_split:
            self._write(extent, ledger)

    def _without_repeated(self, outcome: Outcome, rows: pa.Array) -> Outcome:
        none = pa.nulls(len(rows), pa.string())
        reason = none if outcome.reason is None else outcome.reason
        kept = pc.is_null(reason)
        hashes = pa.array(_native.id_hashes(outcome.batch[ID].filter(kept)))
        self._ids.append(pa.table({ROW: rows.filter(kept), _HASH: hashes}))
        if not len(self._repeated):
            return outcome
        repeated = pc.and_(kept, pc.is_in(rows, self._repeated))
        return replace(outcome, reason=pc.if_else(repeated, pa.scalar(REPEATED_ID), reason))

    def _write(self, extent: Extent | None, ledger: Ledger) -> None:
        partition = [t.append_column(PARTITION, pa.array(np.zeros(len(t), np.int32))) for t in self._ids]
        write_spill(self._job.layout.ids(self._shard), partition, PARTITION, 1, ledger.fingerprint)
        ledger.split = {"correction": self._correction.digest, "told": self._correction.rewound}
        ledger.split |= vars(extent) if extent is not None else {}


def has_ids(job: Job, shard: int) -> bool:
    """Whether the ids of a split are there to be compared."""
    return has_spill(job.layout.ids(shard), job.fingerprint(1, shard))


def is_divided(job: Job) -> bool:
    """Whether the run has any splits."""
    return any(file.is_split for file in job.files)


def unsettled(job: Job) -> list[Task]:
    """The splits that have to be read again, when all have been read; their corrections are written.

    It is to be called until it finds nothing. In a file that no hostile hand made, that is at once, or the second
    time; but each call settles at least one more split of each file.
    """
    settled = {"fingerprint": job.barrier_fingerprint(1)}
    if _read_json(job.layout.settled) == settled:
        return []
    again = [shard for group in _groups(job.files) for shard in _unsettled(job, group)]
    if not again:
        write_json(job.layout.settled, settled)
    return [Task(Kind.SHARD, 1, 0, shard) for shard in again]


def _read_json(path: Any) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _groups(files: Sequence[InputFile]) -> Iterator[list[int]]:
    """The shards of each divided file, in order."""
    for _, group in itertools.groupby(range(len(files)), key=lambda shard: files[shard].path):
        shards = list(group)
        if len(shards) > 1:
            yield shards


def _unsettled(job: Job, shards: Sequence[int]) -> list[int]:
    corrections = {shard: Correction.of(job, shard) for shard in shards}
    end, rewound = 0, 0
    for shard in shards:
        ledger = Ledger.read(job.layout.ledger(1, shard))
        assert ledger is not None, "all splits have been read"
        found = ledger.split
        if "begin" not in found:
            continue
        before = max(rewound, found["told"])
        alike = found["told"] == rewound or _native.warc_is_unaffected(found["rewound"], before)
        if found["begin"] != end or not alike:
            Correction(end, rewound).write(job, shard)
            return [shard]
        end, rewound = found["end"], rewound + found["rewound"]
    again = []
    for shard, repeated in _repeated(job, shards).items():
        if corrections[shard].repeated != repeated:
            replace(corrections[shard], repeated=repeated).write(job, shard)
            again.append(shard)
    return again


def _repeated(job: Job, shards: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """For each split, the positions of the rows whose id is in a split before it."""
    tables = [read_spill(job.layout.ids(shard), 0) for shard in shards]
    hashes = [_hashes(table) for table in tables]
    bounds = np.cumsum([0, *(len(part) for part in hashes)])
    order = np.lexsort(np.concatenate(hashes).T)  # stable: equal ids stay in the order of the file
    ordered = np.concatenate(hashes)[order]
    later = np.zeros(len(ordered), bool)
    later[order[1:]] = (ordered[1:] == ordered[:-1]).all(axis=1)
    found = {}
    for place, (shard, table) in enumerate(zip(shards, tables, strict=True)):
        mask = later[bounds[place] : bounds[place + 1]]
        found[shard] = tuple(table[ROW].to_numpy()[mask].tolist()) if mask.any() else ()
    return found


def _hashes(table: pa.Table) -> npt.NDArray[np.uint64]:
    if not table.num_rows:
        return np.empty((0, 2), np.uint64)
    column = table[_HASH].combine_chunks()
    data = np.frombuffer(column.buffers()[1], np.uint8)
    start = column.offset * _HASH_BYTES
    return data[start : start + len(column) * _HASH_BYTES].view(np.uint64).reshape(-1, 2)
