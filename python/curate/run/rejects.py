"""Rejected rows on their way to disk, in the order in which they arrived at the phase."""

import numpy as np
import pyarrow as pa

from curate.io.documents import ParquetSink
from curate.run.decide import Reject, conform
from curate.schema import HTTP_HEADERS, INPUT_IDS, PAYLOAD, REJECTS, TEXT


class RejectSink:
    """Orders the rejected rows of all stages by arrival, so that batch boundaries never show in the file."""

    def __init__(self, sink: ParquetSink) -> None:
        self._sink = sink
        self._pending: list[Reject] = []

    def add(self, reject: Reject | None) -> None:
        """Takes rejected rows with the positions at which they arrived in the shard."""
        if reject is not None:
            positions, rows = reject
            self._pending.append((positions, conform(rows, self._sink.schema)))

    def flush(self) -> None:
        """Writes what is pending; call it when no earlier row can be rejected any more."""
        if not self._pending:
            return
        table = pa.Table.from_batches([rows for _, rows in self._pending], self._sink.schema)
        order = np.argsort(np.concatenate([positions for positions, _ in self._pending]), kind="stable")
        for batch in table.take(pa.array(order)).combine_chunks().to_batches():
            self._sink.append(batch)
        self._pending = []


def reject_schema(columns: pa.Schema, *, keep_text: bool) -> pa.Schema:
    """Columns of a phase's rejects: the fixed ones, then every column that a row may have had, without the bulk."""
    fields = {f.name: f for f in REJECTS}
    for column in columns:
        if column.name not in {PAYLOAD, HTTP_HEADERS, INPUT_IDS}:
            fields.setdefault(column.name, column)
    if not keep_text:
        del fields[TEXT]
    return pa.schema(fields.values())
