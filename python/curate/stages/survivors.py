"""What exact and near deduplication share: which document stays, and how verdicts say so."""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import PlanError
from curate.schema import (
    DATE,
    DUPLICATE_OF,
    DUPLICATES,
    ID,
    REASON,
    ROW,
    SHARD,
    SIMILARITY,
    TEXT,
    as_large_strings,
)
from curate.stage import Outcome, align, set_column

Keep = Literal["longest", "newest", "oldest", "first"]


@dataclass(frozen=True)
class Highest:
    """Keeps the document with the highest (or lowest) value of a signal; one without a value comes last.

    Attributes:
        signal: a field of `signals`, or a column of numbers.
        lowest: the lowest instead.

    """

    signal: str
    lowest: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """The column that it looks at."""
        return frozenset({self.signal.partition(".")[0]})

    def rank(self, batch: pa.RecordBatch) -> pa.Array:
        """int64 per row, in the order of the numbers."""
        name, _, inner = self.signal.partition(".")
        column = batch[name]
        values = (pc.struct_field(column, inner) if inner else column).cast(pa.float64())
        numbers = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
        numbers = (numbers if self.lowest else -numbers) + 0.0  # no negative zero
        bits = numbers.view(np.int64)
        ordered = np.where(bits < 0, ~bits ^ np.iinfo(np.int64).min, bits)
        return pa.array(np.where(np.isnan(numbers), np.iinfo(np.int64).max, ordered))


@dataclass(frozen=True)
class Preferred:
    """Keeps the document whose value of a column is named first, e.g. the better source; others come last.

    Attributes:
        column: a string column.
        values: the most preferred first.

    """

    column: str
    values: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The column that it looks at."""
        return frozenset({self.column})

    def rank(self, batch: pa.RecordBatch) -> pa.Array:
        """int64 per row: the place of its value."""
        values = batch[self.column].cast(pa.string())
        places = pc.index_in(values, pa.array(self.values, pa.string()))
        return pc.fill_null(places, len(self.values)).cast(pa.int64())


KeepBy = Highest | Preferred

#: Keeper orders, and the columns each looks at beside the id.
KEEPS: Mapping[Keep, frozenset[str]] = {
    "longest": frozenset({TEXT}),
    "newest": frozenset({DATE}),
    "oldest": frozenset({DATE}),
    "first": frozenset(),
}

#: Reduced in parallel; part of no result, so it may be changed.
KEY_PARTITIONS = 16

#: Keeper order: the position only parts documents that share their id.
ORDER = ("precedence", ID, "address")

#: A row of an immutable spill as one number: its shard above, its row in the low 40 bits.
ROW_BITS = 40

#: What the last round of both barriers says of removed rows and of their keepers.
VERDICTS = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field(ROW, pa.int64()),
        pa.field(REASON, pa.string()),
        pa.field(DUPLICATE_OF, pa.string()),
        pa.field(SIMILARITY, pa.float32()),
        pa.field(DUPLICATES, pa.int32()),
        pa.field("summary", pa.string()),
    ]
)


def check_keep(keep: Keep | KeepBy) -> None:
    """Raises a `PlanError` for a keeper order that does not exist."""
    if not isinstance(keep, KeepBy) and keep not in KEEPS:
        raise PlanError(f"unknown keeper order `{keep}`", hint=f"one of {', '.join(KEEPS)}")


def check_keeper_columns(keep: Keep | KeepBy, columns: pa.Schema) -> None:
    """Raises a `PlanError` where the signal of a keeper order is not there, or is no number."""
    if not isinstance(keep, Highest):
        return
    name, _, inner = keep.signal.partition(".")
    found = columns.field(name)
    if inner:
        fields = {f.name: f for f in found.type} if pa.types.is_struct(found.type) else {}
        if inner not in fields:
            near = difflib.get_close_matches(inner, fields) or fields
            raise PlanError(
                f"`{name}` has no field `{inner}` to keep the highest of",
                hint=f"perhaps {', '.join(near)}" if fields else f"`{name}` is a {found.type}",
            )
        found = fields[inner]
    kind = found.type
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    if not any(is_one(kind) for is_one in numbers):
        raise PlanError(
            f"`{keep.signal}` is a {kind}, which has no highest",
            hint="name a column of numbers, or a field of `signals`",
        )


def columns_of(keep: Keep | KeepBy) -> frozenset[str]:
    """The columns that a keeper order looks at beside the id."""
    return keep.columns if isinstance(keep, KeepBy) else KEEPS[keep]


def precedence(batch: pa.RecordBatch, keep: Keep | KeepBy) -> pa.Array:
    """int64 per row, the smallest being the most worth keeping.

    Lengths count characters. Dates are ISO 8601 and compared to the second as written; a missing or
    malformed one comes last. `first` leaves the choice to the id.
    """
    if isinstance(keep, KeepBy):
        return keep.rank(batch)
    if keep == "longest":
        lengths = pc.fill_null(pc.utf8_length(as_large_strings(batch[TEXT])), 0)
        return pc.negate(lengths.cast(pa.int64()))
    if keep == "first":
        return pa.array(np.zeros(batch.num_rows, np.int64))
    dates = batch[DATE].cast(pa.string())
    dated = pc.fill_null(pc.match_substring_regex(dates, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"), False)
    digits = pc.replace_substring_regex(pc.if_else(dated, dates, "0"), r"[.+Z].*|[^0-9]", "")
    seconds = pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 14, "0"), 0, 14).cast(pa.int64())
    return pc.if_else(dated, pc.negate(seconds) if keep == "newest" else seconds, np.iinfo(np.int64).max)


def weights(batch: pa.RecordBatch) -> pa.Array:
    """How many documents a row stands for: itself and those removed in its favour so far."""
    if DUPLICATES in batch.schema.names:
        return pc.add(pc.fill_null(batch[DUPLICATES], 0), 1).cast(pa.int64())
    return pa.array(np.ones(batch.num_rows, np.int64))


def addresses(shard: int, rows: pa.Array) -> pa.Array:
    """int64 per row: shard and row of an immutable spill as one number."""
    return pa.array(rows.to_numpy() + (shard << ROW_BITS), pa.int64())


def _located(addresses: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    return {SHARD: addresses >> ROW_BITS, ROW: addresses & ((1 << ROW_BITS) - 1)}


def int64_values(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A column without nulls."""
    values: npt.NDArray[np.int64] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return values


def table_of(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from some of its columns; the others are null."""
    given = {
        name: pa.array(values) if isinstance(values, np.ndarray) else values
        for name, values in columns.items()
    }
    length = len(next(iter(given.values())))
    return pa.table(
        [given[f.name].cast(f.type) if f.name in given else pa.nulls(length, f.type) for f in schema], schema
    )


def removals(
    documents: pa.Table,
    removed: npt.NDArray[np.int64],
    keeper: npt.NDArray[np.int64],
    similarity: pa.Array,
    reason: str,
) -> pa.Table:
    """The verdicts on removed rows and their keepers, given as positions in `documents`.

    `documents` has `address`, `id` and `weight`; a keeper's count is the weight of all that goes for it.
    """
    address, weight = int64_values(documents, "address"), int64_values(documents, "weight")
    gone = {
        **_located(address[removed]),
        REASON: pa.repeat(reason, len(removed)),
        DUPLICATE_OF: documents[ID].combine_chunks().take(pa.array(keeper)),
        SIMILARITY: similarity,
    }
    keepers, places = np.unique(keeper, return_inverse=True)
    counts = np.zeros(len(keepers), np.int64)
    np.add.at(counts, places, weight[removed])
    kept = {**_located(address[keepers]), DUPLICATES: np.minimum(counts, np.iinfo(np.int32).max)}
    return pa.concat_tables([table_of(gone, VERDICTS), table_of(kept, VERDICTS)])


def clusters_by_size(keeper: npt.NDArray[np.int64]) -> dict[str, Any]:
    """How many documents go, and the sizes of what they leave one document of; a keeper per document that goes."""
    sizes, counts = np.unique(np.unique(keeper, return_counts=True)[1] + 1, return_counts=True)
    return {
        "removed": len(keeper),
        "clusters": int(counts.sum()),
        "largest_cluster": int(sizes.max(initial=0)),
        "clusters_by_size": {str(size): int(count) for size, count in zip(sizes, counts, strict=True)},
    }


def noted(verdicts: pa.Table, summary: Mapping[str, Any]) -> pa.Table:
    """The verdicts of a partition with what it counted, which rides along to the first shard: row -1 is no document."""
    told = pa.array([json.dumps(summary)])
    note = table_of({SHARD: pa.array([0]), ROW: pa.array([-1]), "summary": told}, VERDICTS)
    return pa.concat_tables([verdicts, note])


def summary_file(name: str, verdicts: pa.Table, nothing: Mapping[str, Any]) -> Mapping[str, bytes]:
    """The counts of all partitions as one file; `nothing` are those of a partition without rows."""
    notes = verdicts["summary"].drop_null().to_pylist() if verdicts.num_rows else []
    report = summed([nothing, *(json.loads(note) for note in notes)])
    return {f"{name}.json": json.dumps(report, indent=2).encode()}


def summed(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of parts as one: counts add up, but the `largest` of anything is the largest of all."""
    total: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            if isinstance(value, Mapping):
                total[name] = summed([total.get(name, {}), value])
            else:
                total[name] = (max if name.startswith("largest") else sum)([total.get(name, 0), value])
    return {name: total[name] for name in sorted(total, key=int)} if all(map(str.isdigit, total)) else total


def decide(batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
    """The outcome that the verdicts of `removals` ask for."""
    wanted = pa.schema([VERDICTS.field(n) for n in (REASON, DUPLICATE_OF, SIMILARITY, DUPLICATES)])
    found = align(batch, verdicts, wanted)
    before = batch[DUPLICATES] if DUPLICATES in batch.schema.names else pa.nulls(batch.num_rows, pa.int32())
    counts = pc.add(pc.fill_null(before, 0), pc.fill_null(found[DUPLICATES], 0)).cast(pa.int32())
    evidence = {DUPLICATE_OF: found[DUPLICATE_OF], SIMILARITY: found[SIMILARITY]}
    return Outcome(set_column(batch, DUPLICATES, counts), found[REASON], evidence=evidence)
