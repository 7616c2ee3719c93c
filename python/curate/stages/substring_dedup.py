"""Exact substring deduplication: long stretches that an earlier document has too are cut out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.schema import ID, PARTITION, ROW, SHARD, TEXT, as_large_strings
from curate.stage import Outcome, Round, align
from curate.stages.clusters import (
    COMPONENT_PARTITIONS,
    Components,
    Members,
    component_partition,
    key_partition,
    keyed,
    links,
    row_addresses,
)
from curate.stages.cuts import SPANS, CutBarrier, summed_notes, without
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

_CUTS = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field(ROW, pa.int64()),
        pa.field("spans", SPANS),
        pa.field("summary", pa.string()),
    ]
)
_SENT = pa.schema(
    [
        pa.field(PARTITION, pa.int32()),
        pa.field("address", pa.int64()),
        pa.field("component", pa.int64()),
        pa.field(ID, pa.string()),
        pa.field("precedence", pa.int64()),
        pa.field(TEXT, pa.large_string()),
    ]
)


@dataclass(frozen=True)
class SubstringDedup(CutBarrier):
    """Cuts out every stretch of at least `min_bytes` that stands in a document before it in keeper order as well.

    The first copy stays. Stretches are compared byte by byte, as long as they are, and cut to whole characters.
    Documents meet by the hashes of anchors, about one per 0.37 · `min_bytes`, chosen such that all copies of a stretch
    of that length share one; an anchor with more than 64 different surroundings is compared with the first 64.
    Repeats within one document stay.

    Attributes:
        min_bytes: least length of a repeat in UTF-8; 500 is that of OLMo 3 (arXiv 2512.13961).
        keep: the order of documents: `longest` text, `newest` or `oldest` date, the `first` id, `Highest` or
            `Preferred`.

    """

    min_bytes: int = 500
    keep: Keep | KeepBy = "longest"

    def __post_init__(self) -> None:
        check_keep(self.keep)
        _native.anchor_keys(pa.array([], pa.large_string()), self.min_bytes)  # knows the limits

    @property
    def reasons(self) -> Mapping[str, str]:
        """Nothing is left."""
        return {"all_repeated": f"nothing but repeats of at least {self.min_bytes} bytes"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Anchors nominate, links become components, texts are compared."""
        return _Anchors(self), Components(), _Repeats(self)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Cuts the repeats; a text of which nothing is left goes."""
        found = align(batch, verdicts, pa.schema([_CUTS.field("spans")]))
        return without(batch, found["spans"], "all_repeated")

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`substring_dedup.json`: documents compared and cut, spans and bytes cut."""
        return summed_notes(self.name, verdicts, ("documents_compared", "documents_cut", "spans", "bytes"))


@dataclass(frozen=True)
class _Anchors(Round):
    barrier: SubstringDedup

    name: ClassVar[str] = "anchors"
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
            found = pa.array(_native.anchor_keys(as_large_strings(batch[TEXT]), self.barrier.min_bytes))
            keys = found.flatten().to_numpy()
            rows = batch[ROW].to_numpy()[pc.list_parent_indices(found).to_numpy()]
            yield keyed(keys, rows, key_partition(keys))

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return links(np.zeros(0, np.uint64), np.zeros(0, np.int64))
        return links(rows["key"].combine_chunks().to_numpy(), row_addresses(rows))


@dataclass(frozen=True)
class _Repeats(Round):
    barrier: SubstringDedup

    name: ClassVar[str] = "repeats"

    @property
    def partitions(self) -> int:
        return COMPONENT_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        members = Members.of(inbox)
        for batch in documents:
            here = addresses(shard, batch[ROW])
            positions, component = members.within(here)
            if len(positions):
                nominated = batch.take(pa.array(positions))
                columns = {
                    "address": here.take(pa.array(positions)),
                    "component": component,
                    ID: nominated[ID],
                    "precedence": precedence(nominated, self.barrier.keep),
                    TEXT: as_large_strings(nominated[TEXT]),
                    PARTITION: component_partition(component),
                }
                yield table_of(columns, _SENT)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _CUTS.empty_table()
        documents = rows.sort_by([(name, "ascending") for name in ORDER]).combine_chunks()
        component, texts = (documents[name].combine_chunks() for name in ("component", TEXT))
        spans = pa.array(_native.repeated_spans(component, texts, self.barrier.min_bytes)).cast(SPANS)
        cut = pc.greater(pc.list_value_length(spans), 0)
        address = int64_values(documents, "address")[cut.to_numpy(zero_copy_only=False)]
        spans = spans.filter(cut)
        ends, starts = (pc.struct_field(spans.flatten(), name) for name in ("end", "start"))
        counts = {
            "documents_compared": documents.num_rows,
            "documents_cut": len(spans),
            "spans": len(ends),
            "bytes": pc.sum(pc.subtract(ends, starts)).as_py() or 0,
        }
        where = {SHARD: address >> ROW_BITS, ROW: address & ((1 << ROW_BITS) - 1)}
        note = {SHARD: pa.array([0]), ROW: pa.array([-1]), "summary": pa.array([json.dumps(counts)])}
        return pa.concat_tables([table_of({**where, "spans": spans}, _CUTS), table_of(note, _CUTS)])
