"""A few rejected documents per reason, to look at."""

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import _native
from curate.io.storage import Place
from curate.schema import (
    DUPLICATE_OF,
    FAILED,
    ID,
    LANGUAGE,
    REASON,
    SIMILARITY,
    STAGE,
    TEXT,
    URL,
    as_large_strings,
)

#: Documents per reason, and characters of each.
PER_REASON = 3
CHARACTERS = 600
#: Of an id, an address or a label: a hostile one is as long as a text.
NAME_CHARACTERS = 300
_TOLD = (ID, URL, LANGUAGE, FAILED, DUPLICATE_OF, SIMILARITY, TEXT)
_NAMES = {ID, URL, LANGUAGE, DUPLICATE_OF}


class _Place(NamedTuple):
    """Where a row is, by the digest of its id first."""

    digest: bytes
    path: Place
    group: int
    row: int


class Samples:
    """Picks, per stage and reason, the rows whose ids have the smallest digests: no order of the input matters."""

    columns = frozenset({ID, STAGE, REASON})

    def __init__(self, per_reason: int = PER_REASON, characters: int = CHARACTERS) -> None:
        self._per_reason, self._characters = per_reason, characters
        self._chosen: dict[tuple[str, str], list[_Place]] = defaultdict(list)

    def add(self, batch: pa.RecordBatch, path: Place, group: int) -> None:
        """Looks at the rejects of one row group."""
        digests = pa.array(_native.text_hashes(as_large_strings(batch[ID]), normalize=False))
        places = pa.table({"digest": digests.cast(pa.binary()), "row": pa.array(np.arange(len(batch)))})
        faults = pa.table({STAGE: batch[STAGE], REASON: batch[REASON]})
        for fault in faults.group_by([STAGE, REASON]).aggregate([]).to_pylist():
            here = pc.and_(pc.equal(batch[STAGE], fault[STAGE]), pc.equal(batch[REASON], fault[REASON]))
            order = [("digest", "ascending"), ("row", "ascending")]
            first = places.filter(here).sort_by(order).slice(0, self._per_reason)
            chosen = self._chosen[fault[STAGE], fault[REASON]]
            chosen += [_Place(row["digest"] or b"", path, group, row["row"]) for row in first.to_pylist()]
            chosen.sort()
            del chosen[self._per_reason :]

    def read(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The chosen rows by stage and reason, texts cut to their first characters."""
        wanted: dict[tuple[Place, int], list[int]] = defaultdict(list)
        for places in self._chosen.values():
            for place in places:
                wanted[place.path, place.group].append(place.row)
        found: dict[tuple[Place, int, int], dict[str, Any]] = {}
        for (path, group), rows in sorted(wanted.items()):
            with path.open("rb") as content, pq.ParquetFile(content) as file:
                columns = [name for name in _TOLD if name in file.schema_arrow.names]
                table = file.read_row_group(group, columns).take(rows)
            if TEXT in columns:
                lengths = pc.utf8_length(table[TEXT]).cast(pa.int64())
                at, cut = columns.index(TEXT), pc.utf8_slice_codeunits(table[TEXT], 0, self._characters)
                table = table.set_column(at, TEXT, cut).append_column("characters", lengths)
            for name in _NAMES & set(columns):
                short = pc.utf8_slice_codeunits(table[name].cast(pa.large_string()), 0, NAME_CHARACTERS)
                table = table.set_column(table.column_names.index(name), name, short)
            for row, told in zip(rows, table.to_pylist(), strict=True):
                found[path, group, row] = told
        samples: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for (stage, reason), places in sorted(self._chosen.items()):
            texts = [found[place.path, place.group, place.row] for place in places]
            samples.setdefault(stage, {})[reason] = texts
        return samples
