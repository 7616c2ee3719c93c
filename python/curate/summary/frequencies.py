"""The most frequent values of a column, in bounded memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Distinct values held; beyond four times as many, the rare ones are let go.
CAPACITY = 50_000
#: What a value is cut to.
CHARACTERS = 300
_SCHEMA = pa.schema([("value", pa.string()), ("kept", pa.int64()), ("rejected", pa.int64())])


class Frequencies:
    """Counts of kept and of rejected rows by value.

    Exact as long as there are no more than `4 * capacity` different values. Beyond, the rarest are let go, and the
    counts of those that stay may be too low by what can have been let go of them: `error` says by how much at most
    (lossy counting after Manku and Motwani, VLDB 2002).

    Attributes:
        rows: counted so far, kept and rejected.
        error: see above.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._table = _SCHEMA.empty_table()
        self._new: list[pa.Table] = []
        self._new_rows = 0
        self.rows = {"kept": 0, "rejected": 0}
        self._null = {"kept": 0, "rejected": 0}
        self.error = 0

    def add(self, values: pa.Array, *, kept: bool) -> None:
        """Counts the values of a batch; nulls by themselves."""
        side, other = ("kept", "rejected") if kept else ("rejected", "kept")
        self.rows[side] += len(values)
        self._null[side] += values.null_count
        short = pc.utf8_slice_codeunits(values.drop_null(), 0, CHARACTERS)
        counted = pc.value_counts(short.cast(pa.string()))
        zeros = pa.array(np.zeros(len(counted), np.int64))
        columns = {"value": counted.field("values"), side: counted.field("counts"), other: zeros}
        self._add(pa.table([columns[name] for name in _SCHEMA.names], schema=_SCHEMA))

    def _add(self, counted: pa.Table) -> None:
        self._new.append(counted)
        self._new_rows += len(counted)
        if self._new_rows > 4 * self._capacity:
            self._gather()

    def to_table(self) -> pa.Table:
        """Columns value, kept and rejected; the rarest may be missing, and nulls are a row."""
        self._gather()
        nulls = pa.table([[None], [self._null["kept"]], [self._null["rejected"]]], schema=_SCHEMA)
        return pa.concat_tables([nulls, self._ranked()])

    def merge(self, table: pa.Table, rows: Mapping[str, int], error: int) -> None:
        """Adds what `to_table` told of so many rows, with that error."""
        nulls = pc.is_null(table["value"])
        for side in self.rows:
            self.rows[side] += rows[side]
            self._null[side] += pc.sum(table[side].filter(nulls), min_count=0).as_py()
        self.error += error
        self._add(table.filter(pc.invert(nulls)))

    def _gather(self) -> None:
        table = pa.concat_tables([self._table, *self._new]).group_by("value")
        summed = table.aggregate([("kept", "sum"), ("rejected", "sum")])
        self._table = summed.select(["value", "kept_sum", "rejected_sum"]).rename_columns(_SCHEMA.names)
        self._new, self._new_rows = [], 0
        if self._table.num_rows > 4 * self._capacity:
            ranked = self._ranked()
            self.error += pc.add(*(ranked[side][self._capacity] for side in self.rows)).as_py()
            self._table = ranked.slice(0, self._capacity)

    def _ranked(self) -> pa.Table:
        both = pc.add(self._table["kept"], self._table["rejected"])
        order = [("both", "descending"), ("value", "ascending")]
        return self._table.append_column("both", both).sort_by(order).drop_columns(["both"])

    def to_json(self, top: int) -> dict[str, Any]:
        """The `top` most frequent values, ties by value, and the sums of what is not listed."""
        self._gather()
        rows = self._ranked().slice(0, top).to_pylist()
        listed = {side: sum(row[side] for row in rows) for side in self.rows}
        others = {side: self.rows[side] - self._null[side] - listed[side] for side in self.rows}
        return {"rows": rows, "others": others, "none": self._null, "error": self.error}
