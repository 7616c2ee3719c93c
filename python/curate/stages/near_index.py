"""An index of documents that earlier runs kept, as one Arrow file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.assets import local_file, sha256_file
from curate.errors import CurateError
from curate.io.atomic import replacing
from curate.io.storage import place
from curate.schema import ID, TEXT, as_large_strings
from curate.stages import near_scheme

_SCHEME = b"curate.near_index"


class Parameters(near_scheme.Scheme, Protocol):
    """What an index is made for."""

    @property
    def bands(self) -> int:
        """Groups of slots."""


@dataclass(frozen=True)
class NearIndex:
    """The ids, band keys and shingles of documents; the parameters of the scheme are in the file."""

    path: str  # or URL

    def digest(self) -> str:
        """SHA-256 of the file.

        Raises:
            FileNotFoundError: there is none.
        """
        return sha256_file(local_file(self.path))

    def write(self, documents: Iterable[pa.RecordBatch], p: Parameters, extend: str | None) -> int:
        """Writes the index, perhaps of another one and more; see `write_near_index`."""
        schema = pa.schema(
            [
                pa.field(ID, pa.string()),
                pa.field("keys", pa.list_(pa.uint64(), p.bands)),
                pa.field("shingles", pa.large_list(pa.uint64())),
            ],
            metadata={_SCHEME: _described(p)},
        )
        rows = 0
        with (
            replacing(place(self.path)) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            if extend is not None:
                for batch in NearIndex(extend)._read(p).to_batches():
                    writer.write_batch(batch.cast(schema))
                    rows += batch.num_rows
            for batch in documents:
                texts = as_large_strings(batch[TEXT])
                keys = near_scheme.band_keys(texts, p)
                columns = [
                    batch[ID],
                    keys.cast(schema.field("keys").type),
                    near_scheme.shingle_sets(texts, p),
                ]
                columns[2] = columns[2].cast(schema.field("shingles").type)
                part = pa.record_batch(columns, schema=schema).filter(pc.is_valid(keys))
                writer.write_batch(part)
                rows += part.num_rows
        return rows

    def _read(self, p: Parameters) -> pa.Table:
        table = self._mapped()
        made_for = (table.schema.metadata or {}).get(_SCHEME)
        if made_for != _described(p):
            raise CurateError(
                f"the index `{self.path}` was made for other parameters: {(made_for or b'none').decode()}",
                hint="make it anew with `write_near_index`",
            )
        return table

    def _mapped(self) -> pa.Table:
        return pa.ipc.open_file(pa.memory_map(str(local_file(self.path)))).read_all()

    def keys(self, p: Parameters, band: int) -> npt.NDArray[np.uint64]:
        """The keys of one band, of all documents."""
        chunks = [c.flatten().to_numpy()[band :: p.bands] for c in self._read(p)["keys"].chunks]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.uint64)

    def documents(self, rows: npt.NDArray[np.int64], with_shingles: bool) -> dict[str, pa.Array]:
        """The ids, and shingles if wanted, of some rows."""
        names = [ID, "shingles"] if with_shingles else [ID]
        table = self._mapped().select(names).take(pa.array(rows))
        return {name: table[name].combine_chunks() for name in names}


def _described(p: Parameters) -> bytes:
    names = ("ngram", "unit", "bands", "rows", "seed", "scheme")
    return json.dumps({"version": 1, **{name: getattr(p, name) for name in names}}).encode()
