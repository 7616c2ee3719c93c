"""Evaluation items that a run met, added up per set without naming documents."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.io.storage import Place

COLUMN = "contamination"
_FILE = "contamination.json"
_VERSION = 1


class Contamination:
    """The summary that `curate.contamination_report` gives of each set, in memory bounded by the number of items."""

    def __init__(self, evaluation: Mapping[str, Any]) -> None:
        self._evaluation = evaluation
        self._met: set[tuple[str, str, str]] = set()  # set, item, definition
        self._documents: dict[str, int] = defaultdict(int)
        self._longest: dict[str, int] = defaultdict(int)

    @classmethod
    def of_run(cls, folder: Place) -> "Contamination | None":
        """For the items that a run looked for; None if it looked for none."""
        try:
            evaluation = json.loads((folder / _FILE).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return cls(evaluation) if evaluation.get("version") == _VERSION else None

    def add(self, found: pa.Array) -> None:
        """Counts what was found in a batch of documents."""
        matches = pc.list_flatten(found)
        if not len(matches):
            return
        rows = pc.list_parent_indices(found)
        definitions = matches.field("definitions")
        sets, items = matches.field("set"), matches.field("item")
        for row in (
            pa.table([sets, matches.field("longest_words")], ["set", "words"])
            .group_by("set")
            .aggregate([("words", "max")])
            .to_pylist()
        ):
            self._longest[row["set"]] = max(self._longest[row["set"]], row["words_max"])
        at = pc.list_parent_indices(definitions)
        met = pa.table(
            [sets.take(at), items.take(at), pc.list_flatten(definitions)], ["set", "item", "definition"]
        )
        distinct = met.group_by(met.column_names).aggregate([])
        self._met.update(zip(*(distinct[name].to_pylist() for name in met.column_names), strict=True))
        documents = (
            pa.table([sets.take(at), rows.take(at)], ["set", "row"]).group_by(["set", "row"]).aggregate([])
        )
        for entry in pc.value_counts(documents["set"].combine_chunks()).to_pylist():
            self._documents[entry["values"]] += entry["counts"]

    def to_json(self) -> dict[str, Any]:
        """Definitions, and per set: items, checkable ones, contaminated ones, documents."""
        definitions = [definition["name"] for definition in self._evaluation["definitions"]]
        sets = {}
        for name, items in self._evaluation["sets"].items():
            met = {(item, definition) for own, item, definition in self._met if own == name}
            sets[name] = {
                "n_items": len({item for item, _, _ in items}),
                "n_checkable": len({item for item, _, checkable in items if checkable}),
                "contaminated": {d: sum(own == d for _, own in met) for d in definitions},
                "any": len({item for item, _ in met}),
                "n_documents": self._documents[name],
                "longest_words": self._longest[name],
            }
        return {"definitions": definitions, "sets": sets}
