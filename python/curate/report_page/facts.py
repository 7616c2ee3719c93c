"""What the tables of a finished run hold, added up column by column: memory does not grow with the run."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import _native
from curate.io.storage import Place, listing, local_copy, name_below
from curate.report_page.contamination import COLUMN, Contamination
from curate.report_page.frequencies import Frequencies
from curate.report_page.histograms import OCTAVE_EDGES, UNIT_EDGES, Histogram
from curate.report_page.samples import Samples
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

#: Domains and languages listed; the rest is summed.
TOP = 30
_KEPT = (URL, LANGUAGE, LANGUAGE_SCORE, SIGNALS, PII, DUPLICATES, COLUMN)
_REJECTED = (URL, LANGUAGE, LANGUAGE_SCORE, SIGNALS, SIMILARITY, STAGE, FAILED, COLUMN, *Samples.columns)
_UNIT_ENDINGS = ("_ratio", "_per_word", "_score", "_share", "similarity")


def facts(folder: Place, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the report says beyond counts of the ledgers, as JSON values.

    Args:
        folder: the output folder of a finished run.
        steps: stage -> identity, of the manifest's plan.
    """
    counted = count(folder)
    return {
        "signals": counted.distributions(_limits(steps)),
        "languages": counted.languages.to_json(TOP) if counted.has_languages else None,
        "domains": counted.domains.to_json(TOP) if counted.has_domains else None,
        "pii": counted.pii,
        "duplicates": {
            "kept_for": {str(n): rows for n, rows in sorted(counted.duplicates.items())},
            "similarity": counted.similarities(steps),
            "clusters": _clusters(folder, steps),
        },
        "contamination": counted.contamination.to_json() if counted.contamination else None,
        "text": counted.text,
        "datasets": _datasets(folder),
        "failed": {stage: dict(sorted(own.items())) for stage, own in sorted(counted.failed.items())},
        "samples": counted.samples.read(),
    }


def count(folder: Place) -> "_Counted":
    """Goes through the tables once: all that takes longer when a run is larger."""
    counted = _Counted(folder)
    for batch, _, _ in _row_groups(folder / "documents", _KEPT):
        counted.add(batch, kept=True)
    for batch, path, group in _row_groups(folder / "rejects", _REJECTED):
        counted.add(batch, kept=False)
        counted.samples.add(batch, path, group)
    return counted


class _Counted:
    """The sums over all batches so far. Columns of a type that is not ours (a recipe may bring its own) are left."""

    def __init__(self, folder: Place) -> None:
        self.signals: dict[str, Histogram] = {}
        self.languages, self.domains = Frequencies(), Frequencies()
        self.has_languages = self.has_domains = False
        self.text = {"documents": 0, "bytes": 0}
        self.pii: dict[str, dict[str, int]] = {}
        self.duplicates: dict[int, int] = defaultdict(int)
        self.similarity: dict[str, Histogram] = {}
        self.failed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.contamination = Contamination.of_run(folder)
        self.samples = Samples()

    def add(self, batch: pa.RecordBatch, *, kept: bool) -> None:
        """Counts the rows of a batch."""
        columns = {field.name: batch[field.name] for field in batch.schema}
        self._add_origin(columns, len(batch), kept=kept)
        for name, values in _numbers(columns):
            edges = UNIT_EDGES if name.endswith(_UNIT_ENDINGS) else OCTAVE_EDGES
            self.signals.setdefault(name, Histogram(edges)).add(values, kept=kept)
            if kept and name == "n_bytes":
                self.text["documents"] += len(values) - values.null_count
                self.text["bytes"] += int(pc.sum(values, min_count=0).as_py())
        if kept:
            for kind, found in _fields(columns.get(PII)):
                if _is_integer(found):
                    self._add_pii(kind, found)
        if kept and _is_integer(duplicates := columns.get(DUPLICATES)):
            for entry in pc.value_counts(duplicates.drop_null()).to_pylist():
                if entry["values"]:
                    self.duplicates[entry["values"]] += entry["counts"]
        if self.contamination and pa.types.is_list(getattr(columns.get(COLUMN), "type", pa.null())):
            self.contamination.add(columns[COLUMN])
        if not kept:
            self._add_faults(columns)

    def _add_origin(self, columns: Mapping[str, pa.Array], rows: int, *, kept: bool) -> None:
        languages, urls = columns.get(LANGUAGE), columns.get(URL)
        self.has_languages |= _is_text(languages)
        self.languages.add(languages if _is_text(languages) else pa.nulls(rows, pa.string()), kept=kept)
        domains = pa.nulls(rows, pa.string())
        if _is_text(urls):
            self.has_domains = True
            domains = pa.array(_native.registered_domains(urls.cast(pa.string())))
        self.domains.add(domains, kept=kept)

    def _add_pii(self, kind: str, counts: pa.Array) -> None:
        found = self.pii.setdefault(kind, {"documents": 0, "found": 0})
        found["documents"] += pc.sum(pc.greater(counts, 0), min_count=0).as_py()
        found["found"] += pc.sum(counts, min_count=0).as_py()

    def _add_faults(self, columns: Mapping[str, pa.Array]) -> None:
        stage, similarity, failed = columns[STAGE], columns[SIMILARITY], columns[FAILED]
        for name in pc.unique(stage).to_pylist():
            here = pc.equal(stage, name)
            values = similarity.filter(here).drop_null()
            if len(values):
                self.similarity.setdefault(name, Histogram(UNIT_EDGES)).add(values, kept=False)
            for entry in pc.value_counts(pc.list_flatten(failed.filter(here))).to_pylist():
                self.failed[name][entry["values"]] += entry["counts"]

    def distributions(self, limits: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """Signal -> bins, counts and limits; those that rules look at first, in the order of the rules."""
        names = [name for name in limits if name in self.signals]
        names += [name for name in self.signals if name not in limits]
        told = {}
        for name in names:
            own = limits.get(name, [])
            bins = self.signals[name].to_json([rule["limit"] for rule in own])
            scale = "unit" if name.endswith(_UNIT_ENDINGS) else "octaves"
            told[name] = {"scale": scale, **bins, "limits": own}
        return told

    def similarities(self, steps: Mapping[str, Any]) -> dict[str, Any]:
        """Stage -> distribution of how much the rows it rejected resemble the ones kept instead."""
        told = {}
        for stage, own in sorted(self.similarity.items()):
            least = steps.get(stage, {}).get("min_jaccard")
            limits = [] if least is None else [{"stage": stage, "keep_if": "<", "limit": least}]
            told[stage] = {**own.to_json([rule["limit"] for rule in limits]), "limits": limits}
        return told


def _row_groups(folder: Place, wanted: tuple[str, ...]) -> Iterator[tuple[pa.RecordBatch, Place, int]]:
    for path in listing(folder, "*.parquet"):
        with local_copy(path) as local, pq.ParquetFile(local) as file:
            columns = [name for name in file.schema_arrow.names if name in wanted]
            for group in range(file.num_row_groups):
                for batch in file.read_row_group(group, columns).combine_chunks().to_batches():
                    yield batch, path, group


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


def _limits(steps: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Signal -> the limits that the run's rules set for it, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for stage, identity in steps.items():
        if identity.get("stage") == "Language" and identity.get("min_score"):
            limit = {"reason": "language_score", "keep_if": ">=", "limit": identity["min_score"]}
            found[LANGUAGE_SCORE].append({"stage": stage, **limit})
        if identity.get("stage") == "Rules":
            for rule in identity["table"]["rules"]:
                named = {name: rule[name] for name in ("reason", "keep_if", "limit")}
                found[rule["signal"]].append({"stage": stage, **named})
    return dict(found)


def _clusters(folder: Place, steps: Mapping[str, Any]) -> dict[str, Any]:
    """What each deduplication that leaves a summary beside the run says of its clusters."""
    found = {}
    for stage in steps:
        with suppress(FileNotFoundError, ValueError):
            summary = json.loads((folder / f"{stage}.json").read_bytes())
            if isinstance(summary, dict) and "clusters_by_size" in summary:
                found[stage] = summary
    return found


def _datasets(folder: Place) -> dict[str, Any]:
    """Dataset -> rows, tokens, bytes of text and the tokenizer, from the datasets' own manifests."""
    found = {}
    for path in listing(folder / "tokens", "**/manifest.json"):
        manifest = json.loads(path.read_bytes())
        told = {name: manifest[name] for name in ("rows", "tokens", "bytes", "dtype", "content_digest")}
        tokenizer = {
            "vocab_size": manifest["tokenizer"]["vocab_size"],
            "tokenizer": manifest["tokenizer"]["sha256"],
        }
        found[name_below(folder, path.parent)] = {**told, **tokenizer}
    return found


__all__ = ["TOP", "facts"]
