"""Repeated lines, paragraphs and runs of sentences are cut out over the whole corpus."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import PlanError
from curate.schema import ID, PARTITION, ROW, SHARD, TEXT, as_large_strings
from curate.stage import Outcome, Round
from curate.stages.clusters import key_partition, keyed, row_addresses
from curate.stages.cuts import SHOWN, SPANS, CutBarrier, most_repeated_first, summed_notes, without
from curate.stages.survivors import (
    KEY_PARTITIONS,
    ORDER,
    ROW_BITS,
    Keep,
    KeepBy,
    addresses,
    check_keep,
    int64_values,
    precedence,
    table_of,
)

Unit = Literal["line", "paragraph", "sentence"]

_REPEATED = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field("address", pa.int64()),
        pa.field("key", pa.uint64()),
        pa.field("shown", pa.bool_()),
    ]
)
_COPIES = pa.schema(
    [
        pa.field(PARTITION, pa.int32()),
        pa.field("key", pa.uint64()),
        pa.field("precedence", pa.int64()),
        pa.field(ID, pa.string()),
        pa.field("address", pa.int64()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field(TEXT, pa.string()),
    ]
)
#: Characters of a segment in the report.
_SHOWN_LENGTH = 200
_CUTS = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field(ROW, pa.int64()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("summary", pa.string()),
    ]
)


@dataclass(frozen=True)
class SegmentDedup(CutBarrier):
    """Cuts out lines, paragraphs or sentences, or runs of them, that occur often in the corpus.

    They are compared without case and layout, by a hash of 64 bits. Copies stay in keeper order of their documents,
    then in the order of the text. A sentence ends at a stop mark before white space, and with its line.

    Attributes:
        unit: `line`, `paragraph` (lines without an empty one between them) or `sentence`.
        span: adjoining units that are compared as one.
        min_copies: least number of occurrences of what is cut.
        keep_copies: copies that stay.
        keep: the order of documents: `longest` text, `newest` or `oldest` date, the `first` id, `Highest` or
            `Preferred`.

    """

    unit: Unit = "line"
    span: int = 1
    min_copies: int = 2
    keep_copies: int = 1
    keep: Keep | KeepBy = "longest"

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if self.unit not in ("line", "paragraph", "sentence"):
            raise PlanError(f"unknown unit `{self.unit}`", hint="one of line, paragraph, sentence")
        if self.span < 1 or self.keep_copies < 0 or self.min_copies < max(2, self.keep_copies + 1):
            raise PlanError("span is at least 1, keep_copies at least 0, min_copies at least 2 and above it")

    @classmethod
    def c4(cls) -> "SegmentDedup":
        """All but one of each run of three sentences, as C4 (arXiv 1910.10683)."""
        return cls(unit="sentence", span=3)

    @property
    def name(self) -> str:
        """With the unit, so that one pipeline may hold several."""
        return f"segment_dedup_{self.unit}"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Nothing is left."""
        return {f"all_{self.unit}s_repeated": f"no {self.unit} is left that is not repeated elsewhere"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Which are repeated, then which copies go."""
        return _Segments(self), _Copies(self)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Cuts the copies; a text of which nothing is left goes."""
        return without(batch, _spans(batch, verdicts), next(iter(self.reasons)))

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`segment_dedup_<unit>.json`: repeated segments, their copies, copies and bytes cut, and the most repeated."""
        return summed_notes(self.name, verdicts, ("repeated", "copies", "cut", "bytes"))


def _spans(batch: pa.RecordBatch, verdicts: pa.Table) -> pa.Array:
    """The cuts of each row of a batch, united where they overlap; null where there is none."""
    first = batch[ROW][0].as_py() if batch.num_rows else 0
    if verdicts.num_rows:
        row = int64_values(verdicts, ROW)
        verdicts = verdicts.filter(pa.array((row >= first) & (row < first + batch.num_rows)))
    if verdicts.num_rows == 0:
        return pa.nulls(batch.num_rows, SPANS)
    verdicts = verdicts.sort_by([(ROW, "ascending"), ("start", "ascending")])
    row, start, end = (int64_values(verdicts, name) for name in (ROW, "start", "end"))
    # Numbers that grow from row to row, so that no span reaches into the next one.
    beyond = np.int64(end.max() + 1)
    reach = np.maximum.accumulate((row - first) * beyond + end)
    new = np.append(True, (row[1:] - first) * beyond + start[1:] > reach[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, len(row) - 1)
    ends = reach[last] - (row[last] - first) * beyond
    counts = np.bincount(row[new] - first, minlength=batch.num_rows)
    offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int64())
    spans = pa.StructArray.from_arrays([pa.array(start[new]), pa.array(ends)], ["start", "end"])
    lists = pa.LargeListArray.from_arrays(offsets, spans).cast(SPANS)
    return pc.if_else(pa.array(counts > 0), lists, pa.scalar(None, SPANS))


def _found(texts: pa.Array, barrier: SegmentDedup) -> tuple[npt.NDArray[np.int64], pa.StructArray]:
    """Positions in `texts` and segments, in order."""
    found = pa.array(_native.segment_spans(as_large_strings(texts), barrier.unit, barrier.span))
    return pc.list_parent_indices(found).to_numpy(), found.flatten()


def _normalised(
    texts: pa.Array, at: npt.NDArray[np.int64], segments: pa.StructArray, told: npt.NDArray[np.int64]
) -> pa.Array:
    """The beginnings of the segments numbered `told`, alike in all their copies; null for the others."""
    shown = []
    for number in told.tolist():
        start, end = segments[number]["start"].as_py(), segments[number]["end"].as_py()
        piece = texts[int(at[number])].as_buffer()[start : min(end, start + 16 * _SHOWN_LENGTH)]
        shown.append(" ".join(piece.to_pybytes().decode(errors="ignore").lower().split())[:_SHOWN_LENGTH])
    is_told = np.zeros(len(segments), bool)
    is_told[told] = True
    nothing = pa.nulls(len(segments), pa.string())
    by_number = pa.array(shown, pa.string()).take(pa.array(np.argsort(told, kind="stable")))
    return pc.replace_with_mask(nothing, pa.array(is_told), by_number)


@dataclass(frozen=True)
class _Segments(Round):
    barrier: SegmentDedup

    name: ClassVar[str] = "segments"
    names_shard: ClassVar[bool] = True

    @property
    def partitions(self) -> int:
        return KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del shard, inbox
        for batch in documents:
            at, segments = _found(batch[TEXT], self.barrier)
            keys = segments.field("key").to_numpy()
            yield keyed(keys, batch[ROW].to_numpy()[at], key_partition(keys))

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _REPEATED.empty_table()
        keys, address = rows["key"].combine_chunks().to_numpy(), row_addresses(rows)
        distinct, of, counts = np.unique(keys, return_inverse=True, return_counts=True)
        often = counts[of] >= self.barrier.min_copies
        pairs = np.unique(np.stack([address[often], keys[often].view(np.int64)]), axis=1)
        holder, key = pairs[0], pairs[1].view(np.uint64)
        most = distinct[np.lexsort((distinct, -counts))[:SHOWN]]
        shown = np.zeros(len(key), bool)
        told, first = np.unique(key, return_index=True)
        shown[first] = np.isin(told, most)
        columns = [(holder >> ROW_BITS).astype(np.int32), holder, key, shown]
        return pa.table([pa.array(column) for column in columns], schema=_REPEATED)


@dataclass(frozen=True)
class _Copies(Round):
    barrier: SegmentDedup

    name: ClassVar[str] = "copies"

    @property
    def partitions(self) -> int:
        return KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        if inbox.num_rows == 0:
            return
        # A key that is repeated somewhere is repeated wherever it stands, so the keys alone are enough.
        repeated = np.unique(inbox["key"].combine_chunks().to_numpy())
        holders = np.unique(int64_values(inbox, "address"))
        shown = inbox.filter(inbox["shown"])
        shown_keys, shown_in = shown["key"].combine_chunks().to_numpy(), int64_values(shown, "address")
        for batch in documents:
            here = addresses(shard, batch[ROW]).to_numpy()
            nominated = np.flatnonzero(np.isin(here, holders, assume_unique=True))
            if len(nominated) == 0:
                continue
            chosen = batch.take(pa.array(nominated))
            at, segments = _found(chosen[TEXT], self.barrier)
            keys = segments.field("key").to_numpy()
            wanted = np.isin(keys, repeated)
            at, keys, segments = at[wanted], keys[wanted], segments.filter(pa.array(wanted))
            address = here[nominated][at]
            told = np.flatnonzero(np.isin(keys, shown_keys) & np.isin(address, shown_in))
            told = told[np.unique(keys[told], return_index=True)[1]]
            columns = {
                PARTITION: key_partition(keys),
                "key": keys,
                "precedence": precedence(chosen, self.barrier.keep).take(pa.array(at)),
                ID: chosen[ID].take(pa.array(at)),
                "address": address,
                "start": segments.field("start"),
                "end": segments.field("end"),
                TEXT: _normalised(chosen[TEXT], at, segments, told),
            }
            yield table_of(columns, _COPIES)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _CUTS.empty_table()
        rows = rows.sort_by([(name, "ascending") for name in ("key", *ORDER, "start")])
        key = rows["key"].combine_chunks().to_numpy()
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        place = np.arange(len(key)) - np.repeat(first, np.diff(np.append(first, len(key))))
        cut = rows.filter(pa.array(place >= self.barrier.keep_copies))
        address, start, end = (int64_values(cut, name) for name in ("address", "start", "end"))
        told = rows.filter(pc.is_valid(rows[TEXT]))
        copies = np.diff(np.append(first, len(key)))[np.searchsorted(key[first], told["key"].to_numpy())]
        told_copies = zip(copies.tolist(), told[TEXT].to_pylist(), strict=True)
        summary = {
            "repeated": len(first),
            "copies": len(key),
            "cut": len(start),
            "bytes": int((end - start).sum()),
            "most_repeated": most_repeated_first([{"copies": n, "text": text} for n, text in told_copies]),
        }
        where = {SHARD: address >> ROW_BITS, ROW: address & ((1 << ROW_BITS) - 1), "start": start, "end": end}
        note = {SHARD: pa.array([0]), ROW: pa.array([-1]), "summary": pa.array([json.dumps(summary)])}
        return pa.concat_tables([table_of(where, _CUTS), table_of(note, _CUTS)])
