"""Documents and rejects as Parquet: written in row groups of fixed size, read back in batches."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from curate.io.atomic import replacing, sha256_of

#: Rows per row group. Cutting by count makes the bytes independent of how the rows arrived in batches.
ROWS_PER_GROUP = 2048


class ParquetSink:
    """Appends batches to a Parquet file that appears, whole, when the block ends without an exception."""

    def __init__(
        self, path: Path, schema: pa.Schema, *, rows_per_group: int = ROWS_PER_GROUP, durable: bool = True
    ) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._rows_per_group = rows_per_group
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._replacing = replacing(path, durable=durable)

    def __enter__(self) -> "ParquetSink":
        temporary = self._replacing.__enter__()
        self._writer = pq.ParquetWriter(
            temporary, self.schema, compression="zstd", compression_level=1, write_statistics=False
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
            if kind is None and self._pending:
                self._write(pa.Table.from_batches(self._pending, self.schema))
        finally:
            self._writer.close()
            self._replacing.__exit__(kind, error, trace)

    def receipt(self) -> dict[str, int | str]:
        """Rows, bytes and SHA-256 of the finished file."""
        return {"rows": self.rows, "bytes": self.path.stat().st_size, "sha256": sha256_of(self.path)}


def read_parquet_batches(
    path: Path, columns: list[str] | None = None, rows: int = 1024
) -> Iterator[pa.RecordBatch]:
    """Batches of at most `rows` rows; only the named columns."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=rows, columns=columns)


def _table_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder `{folder}`; give the output folder of a run")
    return sorted(folder.glob("*.parquet"))


def read_documents(folder: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of the kept documents of a finished run, in shard order.

    Raises:
        FileNotFoundError: `folder` is not the output folder of a run.
    """
    for path in _table_files(Path(folder) / "documents"):
        yield from read_parquet_batches(path, columns)


def read_rejects(folder: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of the rejected rows of a finished run, by phase, then shard. Columns differ between phases.

    Raises:
        FileNotFoundError: `folder` is not the output folder of a run.
    """
    for path in _table_files(Path(folder) / "rejects"):
        yield from read_parquet_batches(path, columns)
