"""Documents and rejects as Parquet: written in row groups of fixed size, read back in batches."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.io.atomic import replacing, sha256_of
from curate.io.storage import Place, listing, local_copy, place

#: Rows per row group. Cutting by count makes the bytes independent of how the rows arrived in batches.
ROWS_PER_GROUP = 2048


class ParquetSink:
    """Appends batches to a Parquet file that appears, whole, when the block ends without an exception."""

    def __init__(
        self, path: Place, schema: pa.Schema, *, rows_per_group: int = ROWS_PER_GROUP, durable: bool = True
    ) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._rows_per_group = rows_per_group
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._replacing = replacing(path, durable=durable)
        self._receipt: dict[str, int | str] = {}

    def __enter__(self) -> "ParquetSink":
        self._temporary = self._replacing.__enter__()
        self._writer = pq.ParquetWriter(
            self._temporary, self.schema, compression="zstd", compression_level=1, write_statistics=False
        )
        return self

    def append(self, batch: pa.RecordBatch) -> None:
        """Adds rows; `batch` must have exactly the sink's columns."""
        if not batch.num_rows:
            return
        self.rows += batch.num_rows
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= self._rows_per_group:
            table = pa.Table.from_batches(self._pending, self.schema)
            whole = self._pending_rows // self._rows_per_group * self._rows_per_group
            for start in range(0, whole, self._rows_per_group):
                self._write(table.slice(start, self._rows_per_group))
            rest = table.slice(whole)
            self._pending = rest.to_batches()
            self._pending_rows = rest.num_rows

    def _write(self, table: pa.Table) -> None:
        # One chunk per column: otherwise page boundaries would follow the batches.
        self._writer.write_table(table.combine_chunks(), row_group_size=self._rows_per_group)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                if kind is None and self._pending:
                    self._write(pa.Table.from_batches(self._pending, self.schema))
            finally:
                self._writer.close()
            if kind is None:
                size, digest = self._temporary.stat().st_size, sha256_of(self._temporary)
                self._receipt = {"rows": self.rows, "bytes": size, "sha256": digest}
        except Exception as failure:
            self._replacing.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._replacing.__exit__(kind, error, trace)

    def receipt(self) -> dict[str, int | str]:
        """Rows, bytes and SHA-256 of the finished file."""
        return self._receipt

    def receipts(self) -> dict[Place, dict[str, Any]]:
        """The same for every file that was written."""
        return {self.path: self._receipt}


def read_parquet_batches(
    path: Place, columns: list[str] | None = None, rows: int = 1024, sha256: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of at most `rows` rows; only the named columns. `sha256` is what is fetched must be."""
    with local_copy(path, sha256) as local, pq.ParquetFile(local) as file:
        yield from file.iter_batches(batch_size=rows, columns=columns)


def _table_files(folder: Place) -> list[Place]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder `{folder}`; give the output folder of a run")
    return listing(folder, "*.parquet")


def read_documents(folder: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of the kept documents of a finished run, in shard order.

    Raises:
        FileNotFoundError: `folder` is not the output folder of a run.
    """
    for path in _table_files(place(folder) / "documents"):
        yield from read_parquet_batches(path, columns)


def read_rejects(folder: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of the rejected rows of a finished run, by phase, then shard. Columns differ between phases.

    Raises:
        FileNotFoundError: `folder` is not the output folder of a run.
    """
    for path in _table_files(place(folder) / "rejects"):
        yield from read_parquet_batches(path, columns)
