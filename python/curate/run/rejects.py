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

    def flush(self, before: int | None = None) -> None:
        """Writes what is pending, in order.

        Args:
            before: no row that stood before this position can be rejected any more; later ones wait. None = no row.
        """
        if not self._pending:
            return
        table = pa.Table.from_batches([rows for _, rows in self._pending], self._sink.schema)
        positions = np.concatenate([positions for positions, _ in self._pending])
        order = np.argsort(positions, kind="stable")
        ready = len(order) if before is None else int(np.searchsorted(positions[order], before))
        for batch in table.take(pa.array(order[:ready])).combine_chunks().to_batches():
            self._sink.append(batch)
        later = table.take(pa.array(order[ready:])).combine_chunks().to_batches()
        self._pending = [(positions[order[ready:]], later[0])] if later else []


def reject_schema(columns: pa.Schema, *, keep_text: bool) -> pa.Schema:
    """Columns of a phase's rejects: the fixed ones, then every column that a row may have had, without the bulk."""
    fields = {f.name: f for f in REJECTS}
    for column in columns:
        if column.name not in {PAYLOAD, HTTP_HEADERS, INPUT_IDS}:
            fields.setdefault(column.name, column)
    if not keep_text:
        del fields[TEXT]
    return pa.schema(fields.values())
