"""A few rejected documents per reason, to look at."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
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


class Samples:
    """Picks, per stage and reason, the rows whose ids have the smallest digests: no order of the input matters."""

    def __init__(self, per_reason: int = PER_REASON, characters: int = CHARACTERS) -> None:
        self._per_reason, self._characters = per_reason, characters
        # (stage, reason) -> digest of the id and the row as JSON, the smallest first
        self._chosen: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Looks at some rejects."""
        digests = pa.array(_native.text_hashes(as_large_strings(batch[ID]), normalize=False))
        rows = pa.table({"digest": digests.cast(pa.binary()), "row": pa.array(np.arange(len(batch)))})
        faults = pa.table({STAGE: batch[STAGE], REASON: batch[REASON]})
        for fault in faults.group_by([STAGE, REASON]).aggregate([]).to_pylist():
            here = pc.and_(pc.equal(batch[STAGE], fault[STAGE]), pc.equal(batch[REASON], fault[REASON]))
            order = [("digest", "ascending"), ("row", "ascending")]
            first = rows.filter(here).sort_by(order).slice(0, self._per_reason)
            told = self._told(batch.take(first["row"].combine_chunks()))
            for digest, row in zip(first["digest"].to_pylist(), told, strict=True):
                self.merge(fault[STAGE], fault[REASON], (digest or b"").hex(), json.dumps(row))

    def _told(self, rows: pa.RecordBatch) -> list[dict[str, Any]]:
        """What is shown of rows, texts cut to their first characters."""
        columns: dict[str, pa.Array] = {}
        for name in _TOLD:
            if name not in rows.schema.names:
                continue
            values = rows[name]
            if name == TEXT:
                columns[name] = pc.utf8_slice_codeunits(values, 0, self._characters)
                columns["characters"] = pc.utf8_length(values).cast(pa.int64())
            elif name not in _NAMES:
                columns[name] = values
            elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                columns[name] = pc.utf8_slice_codeunits(values, 0, NAME_CHARACTERS)
        told: list[dict[str, Any]] = pa.table(columns).to_pylist()
        return told

    def told(self) -> Iterator[tuple[str, str, str, str]]:
        """Stage, reason, digest and row of each that was chosen, for `merge`."""
        for (stage, reason), chosen in sorted(self._chosen.items()):
            yield from ((stage, reason, digest, row) for digest, row in chosen)

    def merge(self, stage: str, reason: str, digest: str, row: str) -> None:
        """Looks at one that was chosen elsewhere."""
        chosen = [*self._chosen[stage, reason], (digest, row)]
        self._chosen[stage, reason] = sorted(chosen)[: self._per_reason]

    def to_json(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """The chosen rows by stage and reason."""
        samples: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for (stage, reason), chosen in sorted(self._chosen.items()):
            samples.setdefault(stage, {})[reason] = [json.loads(row) for _, row in chosen]
        return samples
