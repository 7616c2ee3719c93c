"""A few rejected documents per reason, to look at."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import _native
from curate.io.storage import Place, place
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
    """Where a row is, by the digest of its id first; in the table at hand while `url` is empty."""

    digest: bytes
    url: str
    group: int
    row: int


class Samples:
    """Picks, per stage and reason, the rows whose ids have the smallest digests: no order of the input matters."""

    def __init__(self, per_reason: int = PER_REASON, characters: int = CHARACTERS) -> None:
        self._per_reason, self._characters = per_reason, characters
        self._chosen: dict[tuple[str, str], list[_Place]] = defaultdict(list)

    def add(self, batch: pa.RecordBatch, group: int) -> None:
        """Looks at the rejects of one row group of the table at hand."""
        digests = pa.array(_native.text_hashes(as_large_strings(batch[ID]), normalize=False))
        places = pa.table({"digest": digests.cast(pa.binary()), "row": pa.array(np.arange(len(batch)))})
        faults = pa.table({STAGE: batch[STAGE], REASON: batch[REASON]})
        for fault in faults.group_by([STAGE, REASON]).aggregate([]).to_pylist():
            here = pc.and_(pc.equal(batch[STAGE], fault[STAGE]), pc.equal(batch[REASON], fault[REASON]))
            order = [("digest", "ascending"), ("row", "ascending")]
            first = places.filter(here).sort_by(order).slice(0, self._per_reason)
            chosen = [_Place(row["digest"] or b"", "", group, row["row"]) for row in first.to_pylist()]
            self._choose(fault[STAGE], fault[REASON], chosen)

    def _choose(self, stage: str, reason: str, rows: list[_Place]) -> None:
        self._chosen[stage, reason] = sorted(self._chosen[stage, reason] + rows)[: self._per_reason]

    def told(self) -> list[tuple[str, str, list[tuple[str, int, int]]]]:
        """The rows chosen of the table at hand, as JSON values: stage, reason, and digest, group and row of each."""
        return [
            (stage, reason, [(row.digest.hex(), row.group, row.row) for row in rows])
            for (stage, reason), rows in self._chosen.items()
        ]

    def merge(self, told: Iterable[Sequence[Any]], path: Place) -> None:
        """Looks at the rows that were chosen of the table at `path`."""
        for stage, reason, rows in told:
            found = [_Place(bytes.fromhex(digest), str(path), group, row) for digest, group, row in rows]
            self._choose(stage, reason, found)

    def read(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The chosen rows of all tables by stage and reason, texts cut to their first characters."""
        wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
        for chosen in self._chosen.values():
            for at in chosen:
                wanted[at.url, at.group].append(at.row)
        found: dict[tuple[str, int, int], dict[str, Any]] = {}
        for (url, group), rows in sorted(wanted.items()):
            with place(url).open("rb") as content, pq.ParquetFile(content) as file:
                columns = [name for name in _TOLD if name in file.schema_arrow.names]
                table = file.read_row_group(group, columns).take(rows)
            if TEXT in columns:
                lengths = pc.utf8_length(table[TEXT]).cast(pa.int64())
                index, cut = columns.index(TEXT), pc.utf8_slice_codeunits(table[TEXT], 0, self._characters)
                table = table.set_column(index, TEXT, cut).append_column("characters", lengths)
            for name in _NAMES & set(columns):
                short = pc.utf8_slice_codeunits(table[name].cast(pa.large_string()), 0, NAME_CHARACTERS)
                table = table.set_column(table.column_names.index(name), name, short)
            for row, told in zip(rows, table.to_pylist(), strict=True):
                found[url, group, row] = told
        samples: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for (stage, reason), chosen in sorted(self._chosen.items()):
            texts = [found[at.url, at.group, at.row] for at in chosen]
            samples.setdefault(stage, {})[reason] = texts
        return samples
