"""The tables of a finished run read by columns: what its rows are called and where they went, without their texts."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from curate.io.storage import Place, listing, local_copy
from curate.run.layout import Layout

#: Folders of the tables.
DOCUMENTS, REJECTS = "documents", "rejects"


def narrow_batches(layout: Layout, columns: Iterable[str]) -> Iterator[tuple[Place, pa.RecordBatch]]:
    """The rows of all tables, rejects first, with some columns; one that a table does not have is null strings."""
    wanted = sorted(set(columns))
    for kind in (REJECTS, DOCUMENTS):
        for path in listing(layout.root / kind, "*.parquet"):
            with local_copy(path) as local, pq.ParquetFile(local) as file:
                here = set(file.schema_arrow.names)
                for rows in file.iter_batches(columns=[name for name in wanted if name in here]):
                    known = {name: rows[name] for name in rows.schema.names}
                    absent = {
                        name: pa.nulls(rows.num_rows, pa.string()) for name in wanted if name not in here
                    }
                    yield path, pa.record_batch({**known, **absent})
