"""Counts over the columns of one table or of many: they take little room, and adding them up needs no rows."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeGuard

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.schema import (
    DUPLICATES,
    FAILED,
    LANGUAGE,
    LANGUAGE_SCORE,
    PII,
    SIGNALS,
    SIMILARITY,
    STAGE,
    URL,
)
from curate.summary.contamination import COLUMN, Contamination
from curate.summary.frequencies import Frequencies
from curate.summary.histograms import OCTAVE_EDGES, UNIT_EDGES, Histogram
from curate.summary.samples import Samples

#: How often a value of a measure occurs among the kept and among the rejected rows; of a distribution the value is the
#: number of a bin, of a sample its row as JSON. What is no count stands in the schema's metadata.
SCHEMA = pa.schema(
    [("measure", pa.string()), ("value", pa.string()), ("kept", pa.int64()), ("rejected", pa.int64())]
)
_FACTS = b"facts"
_UNIT_ENDINGS = ("_ratio", "_per_word", "_score", "_share", "similarity")
_Row = tuple[str, str | None, int, int]


class Summary:
    """The sums over all rows so far. Columns of a type that is not ours (a recipe may bring its own) are left.

    Attributes:
        signals: distribution of each, and of the score of languages.
        languages, domains: how often each occurs.
        has_languages, has_domains: whether any table had such a column.
        documents, text_bytes: kept rows whose size is known, and their bytes of text.
        pii: kind -> documents with it, and how often it was found.
        duplicates: copies that a kept document stands for -> documents.
        similarity: stage -> distribution of how much its rejects resemble what was kept instead.
        failed: stage -> rule -> rejected rows that broke it.
        contamination: evaluation items that rows met.
        samples: which rejected rows to show.
    """

    def __init__(self) -> None:
        self.signals: dict[str, Histogram] = {}
        self.languages, self.domains = Frequencies(), Frequencies()
        self.has_languages = self.has_domains = False
        self.documents = self.text_bytes = 0
        self.pii: dict[str, dict[str, int]] = {}
        self.duplicates: dict[int, int] = defaultdict(int)
        self.similarity: dict[str, Histogram] = {}
        self.failed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.contamination = Contamination()
        self.samples = Samples()

    def add(self, batch: pa.RecordBatch, *, kept: bool) -> None:
        """Counts rows."""
        columns = {field.name: batch[field.name] for field in batch.schema}
        self._add_origin(columns, len(batch), kept=kept)
        for name, values in _numbers(columns):
            self._signal(name).add(values, kept=kept)
            if kept and name == "n_bytes":
                self.documents += len(values) - values.null_count
                self.text_bytes += int(pc.sum(values, min_count=0).as_py())
        if COLUMN in columns:
            self.contamination.add(columns[COLUMN])
        if kept:
            self._add_kept(columns)
        else:
            self._add_faults(columns)
            self.samples.add(batch)

    def _signal(self, name: str) -> Histogram:
        edges = UNIT_EDGES if is_share(name) else OCTAVE_EDGES
        return self.signals.setdefault(name, Histogram(edges))

    def _add_origin(self, columns: Mapping[str, pa.Array], rows: int, *, kept: bool) -> None:
        languages, urls = columns.get(LANGUAGE), columns.get(URL)
        self.has_languages |= _is_text(languages)
        self.languages.add(languages if _is_text(languages) else pa.nulls(rows, pa.string()), kept=kept)
        domains = pa.nulls(rows, pa.string())
        if _is_text(urls):
            self.has_domains = True
            domains = pa.array(_native.registered_domains(urls.cast(pa.string())))
        self.domains.add(domains, kept=kept)

    def _add_kept(self, columns: Mapping[str, pa.Array]) -> None:
        for kind, counts in _fields(columns.get(PII)):
            if _is_integer(counts):
                found = self.pii.setdefault(kind, {"documents": 0, "found": 0})
                found["documents"] += pc.sum(pc.greater(counts, 0), min_count=0).as_py()
                found["found"] += pc.sum(counts, min_count=0).as_py()
        if _is_integer(duplicates := columns.get(DUPLICATES)):
            for entry in pc.value_counts(duplicates.drop_null()).to_pylist():
                if entry["values"]:
                    self.duplicates[entry["values"]] += entry["counts"]

    def _add_faults(self, columns: Mapping[str, pa.Array]) -> None:
        stage, similarity, failed = columns[STAGE], columns[SIMILARITY], columns[FAILED]
        for name in pc.unique(stage).to_pylist():
            here = pc.equal(stage, name)
            values = similarity.filter(here).drop_null()
            if len(values):
                self.similarity.setdefault(name, Histogram(UNIT_EDGES)).add(values, kept=False)
            for entry in pc.value_counts(pc.list_flatten(failed.filter(here))).to_pylist():
                self.failed[name][entry["values"]] += entry["counts"]

    def to_table(self) -> pa.Table:
        """Everything as one table, from which `merge` adds it up again."""
        told = [dict(zip(SCHEMA.names, row, strict=True)) for row in self._told()]
        tables = [pa.Table.from_pylist(told, SCHEMA)]
        for measure, values in (("language", self.languages), ("domain", self.domains)):
            counts = values.to_table()
            tables.append(counts.add_column(0, "measure", pa.array([measure] * len(counts), pa.string())))
        facts = {
            "language": {"known": self.has_languages, "error": self.languages.error},
            "domain": {"known": self.has_domains, "error": self.domains.error},
        }
        return pa.concat_tables(tables).combine_chunks().replace_schema_metadata({_FACTS: json.dumps(facts)})

    def _told(self) -> Iterator[_Row]:
        yield "rows", None, self.languages.rows["kept"], self.languages.rows["rejected"]
        yield "text", "documents", self.documents, 0
        yield "text", "bytes", self.text_bytes, 0
        for name, own in self.signals.items():
            yield from ((f"signal:{name}", str(at), *counts) for at, counts in own.bins())
        for kind, found in self.pii.items():
            yield from ((f"pii:{name}", kind, n, 0) for name, n in found.items())
        for copies, documents in sorted(self.duplicates.items()):
            yield "duplicates", str(copies), documents, 0
        for stage, own in self.similarity.items():
            yield from ((f"similarity:{stage}", str(at), *counts) for at, counts in own.bins())
        for stage, rules in self.failed.items():
            yield from ((f"failed:{stage}", rule, 0, n) for rule, n in rules.items())
        yield from (("contamination", told, n, 0) for told, n in self.contamination.told())
        yield from (("sample", json.dumps(told), 0, 1) for told in self.samples.told())

    def merge(self, table: pa.Table) -> None:
        """Adds what `to_table` told."""
        by_value = pc.is_in(table["measure"], pa.array(["language", "domain"]))
        rest = table.filter(pc.invert(by_value))
        rows = {"kept": 0, "rejected": 0}
        for measure, value, kept, rejected in zip(*(c.to_pylist() for c in rest.columns), strict=True):
            if measure == "rows":
                rows = {"kept": kept, "rejected": rejected}
            else:
                self._merge_row(measure, value, kept, rejected)
        facts = json.loads(table.schema.metadata[_FACTS])
        for measure, values in (("language", self.languages), ("domain", self.domains)):
            own = table.filter(pc.equal(table["measure"], measure)).drop_columns(["measure"])
            values.merge(own, rows, facts[measure]["error"])
        self.has_languages |= facts["language"]["known"]
        self.has_domains |= facts["domain"]["known"]

    def _merge_row(self, measure: str, value: str, kept: int, rejected: int) -> None:
        kind, _, name = measure.partition(":")
        if kind == "text":
            self.documents += kept if value == "documents" else 0
            self.text_bytes += kept if value == "bytes" else 0
        elif kind == "signal":
            self._signal(name).add_bin(int(value), kept, rejected)
        elif kind == "pii":
            self.pii.setdefault(value, {"documents": 0, "found": 0})[name] += kept
        elif kind == "duplicates":
            self.duplicates[int(value)] += kept
        elif kind == "similarity":
            self.similarity.setdefault(name, Histogram(UNIT_EDGES)).add_bin(int(value), kept, rejected)
        elif kind == "failed":
            self.failed[name][value] += rejected
        elif kind == "sample":
            self.samples.merge(*json.loads(value))
        else:
            self.contamination.merge(value, kept)


def is_share(signal: str) -> bool:
    """Whether a signal lies between 0 and 1, or near it."""
    return signal.endswith(_UNIT_ENDINGS)


def _numbers(columns: Mapping[str, pa.Array]) -> Iterator[tuple[str, pa.Array]]:
    if _is_number(score := columns.get(LANGUAGE_SCORE)):
        yield LANGUAGE_SCORE, score
    for name, values in _fields(columns.get(SIGNALS)):
        if _is_number(values):
            yield name, values


def _fields(column: pa.Array | None) -> Iterator[tuple[str, pa.Array]]:
    """The fields of a struct, null where the struct is; nothing of any other column."""
    if column is not None and pa.types.is_struct(column.type):
        for field in column.type:
            yield field.name, pc.struct_field(column, field.name)


def _is_text(column: pa.Array | None) -> TypeGuard[pa.Array]:
    return column is not None and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _is_integer(column: pa.Array | None) -> TypeGuard[pa.Array]:
    return column is not None and pa.types.is_integer(column.type)


def _is_number(column: pa.Array | None) -> TypeGuard[pa.Array]:
    return column is not None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
