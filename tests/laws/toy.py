"""A small pipeline over text files, one document per line, that exercises every part of the engine."""

import hashlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.io.reader import InputFile, Reader
from curate.schema import DUPLICATE_OF, ID, PARTITION, ROW, SHARD, SOURCE, TEXT
from curate.stage import Barrier, Outcome, Round, Stage, align, per_document, set_column


@dataclass(frozen=True)
class ReadLines(Reader):
    """Lines of `*.txt` files; an empty line is rejected, a line `!` is damage."""

    folder: str
    batch_rows: int = 7

    @property
    def name(self) -> str:
        return "read_lines"

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(ID, pa.string()), (TEXT, pa.large_string()), (SOURCE, pa.string())])

    @property
    def reasons(self) -> Mapping[str, str]:
        return {"empty_line": "nothing on the line", "damaged_line": "not readable"}

    @property
    def damage(self) -> frozenset[str]:
        return frozenset({"damaged_line"})

    def files(self) -> tuple[InputFile, ...]:
        paths = sorted(Path(self.folder).glob("*.txt"))
        return tuple(
            InputFile(str(path), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in paths
        )

    def read(self, file: InputFile) -> Iterator[Outcome]:
        lines = Path(file.path).read_text().splitlines()
        name = Path(file.path).stem
        for start in range(0, len(lines), self.batch_rows):
            part = lines[start : start + self.batch_rows]
            ids = [f"{name}-{start + i}" for i in range(len(part))]
            batch = pa.record_batch(
                [ids, pa.array(part, pa.large_string()), [name] * len(part)], self.schema.names
            )
            reasons = ["empty_line" if not line else "damaged_line" if line == "!" else None for line in part]
            yield Outcome(batch.cast(self.schema), pa.array(reasons, pa.string()))

    def identity(self) -> dict[str, Any]:
        return {"reader": "read_lines"}  # neither place nor batch size may change the result


@per_document("no_shouting", reasons={"shouting": "all letters are capitals"})
def no_shouting(text: str) -> str | None:
    return "shouting" if text.isupper() else None


@dataclass(frozen=True)
class CountWords(Stage):
    """Adds `words`; drops what has fewer than `min_words`."""

    min_words: int = 2

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([("words", pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        return {"too_few_words": "fewer words than min_words"}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        words = pa.array([len(text.split()) for text in batch[TEXT].to_pylist()], pa.int32())
        reason = pc.if_else(pc.less(words, self.min_words), "too_few_words", pa.scalar(None, pa.string()))
        return Outcome(set_column(batch, "words", words), reason)


@dataclass(frozen=True)
class ByHash(Round):
    """Rows of equal text meet in one partition; the smallest id of each group stays."""

    name = "by_hash"

    @property
    def partitions(self) -> int:
        return 3

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ID, TEXT})

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        assert inbox.num_columns == 0
        for batch in documents:
            hashes = [hashlib.sha256(text.encode()).hexdigest() for text in batch[TEXT].to_pylist()]
            yield pa.table(
                {
                    PARTITION: pa.array(
                        [int(value[:8], 16) % self.partitions for value in hashes], pa.int32()
                    ),
                    "hash": hashes,
                    ID: batch[ID],
                    SHARD: pa.array([shard] * len(hashes), pa.int32()),
                    ROW: batch[ROW],
                }
            )

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        verdicts, keepers = [], {}
        for row in sorted(rows.to_pylist(), key=lambda row: row[ID]):
            keeper = keepers.setdefault(row["hash"], row[ID])
            if keeper != row[ID]:
                verdicts.append({SHARD: row[SHARD], ROW: row[ROW], DUPLICATE_OF: keeper})
        return pa.Table.from_pylist(
            verdicts, pa.schema([(SHARD, pa.int32()), (ROW, pa.int64()), (DUPLICATE_OF, pa.string())])
        )


@dataclass(frozen=True)
class Confirm(Round):
    """A second round: looks at the nominated rows again and passes their verdicts on."""

    name = "confirm"

    @property
    def partitions(self) -> int:
        return 2

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ID})

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        present = {row for batch in documents for row in batch[ROW].to_pylist()}
        for row in inbox.to_pylist():
            assert row[ROW] in present
            yield pa.table(
                {
                    PARTITION: pa.array([shard % self.partitions], pa.int32()),
                    SHARD: pa.array([shard], pa.int32()),
                    ROW: pa.array([row[ROW]], pa.int64()),
                    DUPLICATE_OF: [row[DUPLICATE_OF]],
                }
            )

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        return rows


@dataclass(frozen=True)
class Distinct(Barrier):
    """Keeps one document of each text."""

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ID, TEXT})

    @property
    def reasons(self) -> Mapping[str, str]:
        return {"same_text": "another document has this text"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        return (ByHash(), Confirm())

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        found = align(batch, verdicts, pa.schema([(DUPLICATE_OF, pa.string())]))[DUPLICATE_OF]
        reason = pc.if_else(pc.is_valid(found), "same_text", pa.scalar(None, pa.string()))
        return Outcome(batch, reason, evidence={DUPLICATE_OF: found})


@dataclass(frozen=True)
class KillOnce(Stage):
    """Kills its worker at the first document that holds `poison`, unless `marker` exists already."""

    marker: str

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({TEXT})

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        marker = Path(self.marker)
        if any("poison" in text for text in batch[TEXT].to_pylist()) and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(batch)


@dataclass(frozen=True)
class Slow(Stage):
    """Takes its time, so that a kill can come in between."""

    seconds: float

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({TEXT})

    def identity(self) -> dict[str, Any]:
        return {"stage": "Slow"}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        time.sleep(self.seconds)
        return Outcome(batch)


def write_lines(folder: Path, shards: int = 3, lines: int = 40) -> None:
    """Files with duplicates across shards, shouting, short, empty and damaged lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        text = []
        for line in range(lines):
            kind = (line * 7 + shard) % 10
            text.append(
                ["", "!", "SHOUTING ALL DAY", "short"][kind]
                if kind < 4
                else f"the number {line % 13 * 17 % 11} is told here"
                if kind < 8
                else f"line {line} of shard {shard} is its own"
            )
        (folder / f"part-{shard}.txt").write_text("\n".join(text) + "\n")
