"""A table of the output folder, counted while it is written."""

from types import TracebackType
from typing import Any

import pyarrow as pa

from curate.io.documents import ParquetSink
from curate.io.storage import Place
from curate.summary.summary import Summary


class SummarizedTable(ParquetSink):
    """A Parquet file, and beside it what its columns hold, for the report.

    Args:
        path: of the table.
        counts: of the file with the counts, written after it.
        schema: of the table.
        kept: whether its rows were kept, or are rejects.
    """

    def __init__(self, path: Place, counts: Place, schema: pa.Schema, *, kept: bool, **options: Any) -> None:
        super().__init__(path, schema, **options)
        self._counts, self._kept = counts, kept
        self._summary = Summary()
        self._receipt_of_counts: dict[str, Any] = {}

    def _write(self, table: pa.Table) -> None:
        super()._write(table)
        for batch in table.combine_chunks().to_batches():
            self._summary.add(batch, kept=self._kept)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            told = self._summary.to_table()
            with ParquetSink(self._counts, told.schema) as sink:
                for batch in told.to_batches():
                    sink.append(batch)
            self._receipt_of_counts = sink.receipt()

    def receipts(self) -> dict[Place, dict[str, Any]]:
        """Rows, bytes and SHA-256 of both files."""
        return {**super().receipts(), self._counts: self._receipt_of_counts}
