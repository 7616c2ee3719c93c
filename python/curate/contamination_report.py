"""Which evaluation items a run met, and where: by item, by document, and as a table that a paper can print."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from curate.errors import OutputError
from curate.io.documents import read_documents, read_rejects
from curate.io.storage import place
from curate.schema import ID

Format = Literal["text", "markdown", "latex"]
_COLUMN = "contamination"
_FILE = "contamination.json"
_VERSION = 1


@dataclass
class ItemFinding:
    """What the documents hold of one item.

    Attributes:
        id: of the item in its set.
        words: of the item.
        checkable: false for what is too short, too monotonous or all boilerplate.
        documents: number of documents that share anything with it.
        definitions: definition -> number of documents that fulfil it.
        longest_words: longest run in any document.
        coverage: largest share of its words in shared n-grams (of the smallest size) of one document.
        coverage_of_all: the same over all documents together.
        places: the first of those that fulfil a definition: document id, definitions, longest run, passages as
            byte offsets in the text that the stage read.
    """

    id: str
    words: int
    checkable: bool
    documents: int = 0
    definitions: dict[str, int] = field(default_factory=dict)
    longest_words: int = 0
    coverage: float = 0.0
    coverage_of_all: float = 0.0
    places: list[dict[str, Any]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set, repr=False)

    def add(self, document: str, match: Mapping[str, Any], places: int) -> None:
        """Counts a document."""
        self.documents += 1
        self.longest_words = max(self.longest_words, match["longest_words"])
        self.coverage = max(self.coverage, match["coverage"])
        self._seen.update(word for span in match["item_spans"] for word in range(span["start"], span["end"]))
        self.coverage_of_all = len(self._seen) / self.words if self.words else 0.0
        for name in match["definitions"]:
            self.definitions[name] = self.definitions.get(name, 0) + 1
        if match["definitions"] and len(self.places) < places:
            passages = [[span["start"], span["end"]] for span in match["passages"]]
            told = {"document": document, "definitions": match["definitions"], "passages": passages}
            self.places.append({**told, "longest_words": match["longest_words"]})

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


@dataclass(frozen=True)
class ContaminationReport:
    """What a run found of its evaluation sets.

    Attributes:
        definitions: their names, in order.
        sets: set -> its items, in their order. An id that a set holds twice is one finding, with the longer text.
        documents: id -> the items, as (set, id), whose definitions it fulfils; only documents with some.
        scanned: number of documents looked at.
    """

    definitions: Sequence[str]
    sets: Mapping[str, Sequence[ItemFinding]]
    documents: Mapping[str, Sequence[tuple[str, str]]]
    scanned: int

    @classmethod
    def of(
        cls, evaluation: Mapping[str, Any], batches: Iterable[pa.RecordBatch], places: int = 10
    ) -> "ContaminationReport":
        """Adds up what was found.

        Args:
            evaluation: `Decontaminate.evaluation()`.
            batches: with the columns `id` and `contamination`; others are not counted.
            places: kept per item.
        """
        sets: dict[str, dict[str, ItemFinding]] = {}
        for name, items in evaluation["sets"].items():
            own = sets.setdefault(name, {})
            for item, words, checkable in items:
                known = own.get(item)
                if known is None:
                    own[item] = ItemFinding(item, words, checkable)
                else:
                    known.words, known.checkable = max(known.words, words), known.checkable or checkable
        documents: dict[str, list[tuple[str, str]]] = {}
        scanned = 0
        for batch in batches:
            if _COLUMN not in batch.schema.names:
                continue
            scanned += batch.num_rows
            rows = batch.filter(batch[_COLUMN].is_valid())
            for document, matches in zip(rows[ID].to_pylist(), rows[_COLUMN].to_pylist(), strict=True):
                for match in matches:
                    sets[match["set"]][match["item"]].add(document, match, places)
                    if match["definitions"]:
                        documents.setdefault(document, []).append((match["set"], match["item"]))
        names = [definition["name"] for definition in evaluation["definitions"]]
        return cls(names, {name: list(items.values()) for name, items in sets.items()}, documents, scanned)

    @classmethod
    def of_run(cls, folder: str | Path, places: int = 10) -> "ContaminationReport":
        """The report of a finished run: documents and rejects alike.

        Raises:
            FileNotFoundError: `folder` holds no run.
            OutputError: the run had no stage `Decontaminate`.
        """
        columns = [ID, _COLUMN]
        if not (place(folder) / "manifest.json").is_file():
            raise FileNotFoundError(f"`{folder}` is not the output folder of a run: it has no manifest.json")
        try:
            evaluation = json.loads((place(folder) / _FILE).read_bytes())
        except FileNotFoundError as error:
            raise OutputError(
                f"the run in `{folder}` looked for no evaluation items",
                hint="put `cu.Decontaminate(evals, action='tag')` into its recipe",
            ) from error
        if evaluation.get("version") != _VERSION:
            raise OutputError(
                f"`{_FILE}` has version {evaluation.get('version')}, this is {_VERSION}",
                hint="read it with the version of curate that wrote it",
            )
        tables = (table for read in (read_documents, read_rejects) for table in read(folder, columns))
        return cls.of(evaluation, tables, places)

    def to_json(self) -> dict[str, Any]:
        """Both views as JSON values: by set and item, and by document."""
        sets = {
            name: {
                **self.summary(name),
                "items": [item.to_json() for item in items if item.documents],
                "clean": [item.id for item in items if item.checkable and not item.definitions],
                "unchecked": [item.id for item in items if not item.checkable],
            }
            for name, items in self.sets.items()
        }
        documents = {document: [list(item) for item in found] for document, found in self.documents.items()}
        return {
            "definitions": list(self.definitions),
            "scanned": self.scanned,
            "sets": sets,
            "documents": documents,
        }

    def summary(self, name: str) -> dict[str, Any]:
        """Counts of a set, and its longest match.

        Counted are items, those that can be looked for, contaminated ones under each definition and under any,
        and documents.
        """
        items = self.sets[name]
        return {
            "n_items": len(items),
            "n_checkable": sum(item.checkable for item in items),
            "contaminated": {d: sum(d in item.definitions for item in items) for d in self.definitions},
            "any": sum(bool(item.definitions) for item in items),
            "n_documents": sum(any(own == name for own, _ in found) for found in self.documents.values()),
            "longest_words": max((item.longest_words for item in items), default=0),
        }

    def table(self, form: Format = "text") -> str:
        """One line per set: items contaminated under each definition, in per cent of the checkable ones."""
        head = ["set", "items", "checkable", *self.definitions, "any", "documents", "longest"]
        rows = []
        for name in self.sets:
            told = self.summary(name)
            counts = [*(told["contaminated"][d] for d in self.definitions), told["any"]]
            whole = told["n_checkable"]
            shares = [f"{count} ({count / whole:.1%})" if whole else str(count) for count in counts]
            ends = [str(told["n_documents"]), str(told["longest_words"])]
            rows.append([name, str(told["n_items"]), str(whole), *shares, *ends])
        return _TABLES[form](head, rows)


def _text(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    def line(row: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"

    return "\n".join([line(head), "|---" + "|---:" * (len(head) - 1) + "|", *map(line, rows)])


#: What LaTeX would take for itself.
_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\n": " ",
}


def _latex(head: list[str], rows: list[list[str]]) -> str:
    def line(row: list[str]) -> str:
        return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in row) + r" \\"

    body = [r"\hline", line(head), r"\hline", *map(line, rows), r"\hline"]
    return "\n".join([rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", *body, r"\end{tabular}"])


_TABLES = {"text": _text, "markdown": _markdown, "latex": _latex}
