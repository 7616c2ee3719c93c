"""Exact deduplication: documents that are equal in one column."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.schema import DUPLICATES, ID, PARTITION, ROW, TEXT, URL
from curate.stage import Barrier, Outcome, Round
from curate.stages.survivors import (
    KEY_PARTITIONS,
    ORDER,
    VERDICTS,
    Keep,
    KeepBy,
    addresses,
    check_keep,
    check_keeper_columns,
    clusters_by_size,
    columns_of,
    decide,
    noted,
    precedence,
    removals,
    summary_file,
    weights,
)


@dataclass(frozen=True)
class ExactDedup(Barrier):
    """Keeps one of the documents that are equal in one column.

    The result depends on the set of documents alone: not on their order, on how they are cut into shards, or
    on the number of workers.

    Documents where the column is null or empty equal no other one. Keys are 128 bits of SHA-256.
    `exact_dedup.json` tells how many were compared and removed, and the sizes of clusters.

    Attributes:
        column: a string column, e.g. `text` or `url`.
        normalize: compare without case and layout; a URL as `normalize_url` spells it. Numbers and
            punctuation always count.
        keep: `longest` text, `newest` or `oldest` date, the `first` id, `Highest` signal or `Preferred` values of a
            column, e.g. sources; ties go to the first id.

    """

    column: str = TEXT
    normalize: bool = True
    keep: Keep | KeepBy = "longest"

    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_keep(self.keep)

    @property
    def name(self) -> str:
        """`exact_dedup`, with the column where it is not the text."""
        return "exact_dedup" if self.column == TEXT else f"exact_dedup_{self.column}"

    @property
    def reason(self) -> str:
        """The one reason this gives."""
        return "exact_duplicate" if self.column == TEXT else f"duplicate_{self.column}"

    @property
    def reads(self) -> frozenset[str]:
        """The id, the column, and what the keeper order looks at."""
        return frozenset({ID, self.column}) | columns_of(self.keep)

    def check_columns(self, columns: pa.Schema) -> None:
        """The keeper order must find its numbers."""
        check_keeper_columns(self.keep, columns)

    @property
    def adds(self) -> pa.Schema:
        """How many documents were removed in favour of this one."""
        return pa.schema([pa.field(DUPLICATES, pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Equal to a document that was kept."""
        return {self.reason: f"equal in `{self.column}` to a document that is kept"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """One: documents meet by hash."""
        return (_ByHash(self),)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Removes the duplicates and counts them at their keepers."""
        return decide(batch, verdicts)

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """A JSON file named like the stage: documents compared and removed, and the sizes of clusters."""
        return summary_file(self.name, verdicts, _summary(0, np.zeros(0, np.int64)))

    def keys(self, batch: pa.RecordBatch) -> pa.Array:
        """fixed_size_binary(16) per row; null where there is nothing to compare."""
        values = batch[self.column].cast(pa.large_string())
        if not self.normalize or self.column != URL:
            return pa.array(_native.text_hashes(values, self.normalize))
        normal = pa.array(_native.normalize_urls(values)).cast(pa.large_string())
        return pa.array(_native.text_hashes(pc.coalesce(normal, values), False))


@dataclass(frozen=True)
class _ByHash(Round):
    barrier: ExactDedup

    name: ClassVar[str] = "hashes"

    @property
    def partitions(self) -> int:
        return KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del inbox
        for batch in documents:
            keys = self.barrier.keys(batch)
            table = pa.table(
                {
                    "key": keys.cast(pa.binary()),
                    "address": addresses(shard, batch[ROW]),
                    ID: batch[ID],
                    "precedence": precedence(batch, self.barrier.keep),
                    "weight": weights(batch),
                }
            ).filter(pc.is_valid(keys))
            partition = _leading_word(keys.drop_null()) % KEY_PARTITIONS
            yield table.append_column(PARTITION, pa.array(partition.astype(np.int32)))

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return VERDICTS.empty_table()
        # Only keys that occur twice matter, which is what keeps the sort small.
        counts = pc.value_counts(rows["key"].combine_chunks())
        repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        compared, rows = rows.num_rows, rows.filter(pc.is_in(rows["key"], repeated))
        if rows.num_rows == 0:
            return noted(VERDICTS.empty_table(), _summary(compared, np.zeros(0, np.int64)))
        rows = rows.sort_by([(name, "ascending") for name in ("key", *ORDER)])
        group = pc.index_in(rows["key"], repeated).combine_chunks().to_numpy()
        starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
        keeper = np.repeat(starts, np.diff(np.append(starts, len(group))))
        removed = np.setdiff1d(np.arange(len(group)), starts)
        ones = pa.array(np.ones(len(removed), np.float32))
        verdicts = removals(rows, removed, keeper[removed], ones, self.barrier.reason)
        return noted(verdicts, _summary(compared, keeper[removed]))


def _summary(compared: int, keeper: npt.NDArray[np.int64]) -> dict[str, Any]:
    return {"compared": compared, **clusters_by_size(keeper)}


def _leading_word(hashes: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """The first eight bytes of each 16-byte hash; none may be null."""
    if len(hashes) == 0:
        return np.zeros(0, np.uint64)
    words = np.frombuffer(hashes.buffers()[1], "<u8").reshape(-1, 2)
    return words[hashes.offset : hashes.offset + len(hashes), 0]
