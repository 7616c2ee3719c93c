"""Evaluation items that a run met, added up per set without naming documents."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.io.storage import Place

COLUMN = "contamination"
_FILE = "contamination.json"
_VERSION = 1
_FIELDS = {"set", "item", "definitions", "longest_words"}


class Contamination:
    """The summary that `curate.contamination_report` gives of each set, in memory bounded by the number of items."""

    def __init__(self) -> None:
        self._met: set[tuple[str, str, str]] = set()  # set, item, definition
        self._documents: dict[str, int] = defaultdict(int)
        self._longest: dict[str, int] = defaultdict(int)

    def add(self, found: pa.Array) -> None:
        """Counts what was found in a batch of documents; a column of another type is not ours."""
        if not pa.types.is_list(found.type) or not _is_match(found.type.value_type):
            return
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

    def told(self) -> Iterator[tuple[str, int]]:
        """Everything as pairs of a text and a count."""
        for met in sorted(self._met):
            yield json.dumps(["met", *met]), 1
        for name, documents in sorted(self._documents.items()):
            yield json.dumps(["documents", name]), documents
        for name, words in sorted(self._longest.items()):
            yield json.dumps(["longest", name]), words

    def merge(self, text: str, count: int) -> None:
        """Adds one of the pairs that `told` gave."""
        kind, name, *rest = json.loads(text)
        if kind == "met":
            self._met.add((name, *rest))
        elif kind == "documents":
            self._documents[name] += count
        else:
            self._longest[name] = max(self._longest[name], count)

    def to_json(self, evaluation: Mapping[str, Any]) -> dict[str, Any]:
        """Definitions, and per set: items, checkable ones, contaminated ones, documents.

        Args:
            evaluation: the items that the run looked for, see `evaluation_of`.
        """
        definitions = [definition["name"] for definition in evaluation["definitions"]]
        sets = {}
        for name, items in evaluation["sets"].items():
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


def evaluation_of(folder: Place) -> dict[str, Any] | None:
    """The items that a run looked for; None if it looked for none."""
    try:
        evaluation: dict[str, Any] = json.loads((folder / _FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return evaluation if evaluation.get("version") == _VERSION else None


def _is_match(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {field.name for field in kind} >= _FIELDS
