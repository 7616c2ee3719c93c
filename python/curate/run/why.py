"""Where a document of a finished run went, and why: from the columns of its row and the plan, without its text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.io.storage import listing, local_copy, place
from curate.run.finish import finished_manifest
from curate.run.layout import Layout
from curate.run.tables import DOCUMENTS, REJECTS
from curate.schema import (
    DUPLICATE_OF,
    DUPLICATES,
    FAILED,
    ID,
    INPUT_IDS,
    LANGUAGE,
    LANGUAGE_SCORE,
    METADATA,
    OFFSET,
    REASON,
    SIMILARITY,
    SOURCE,
    STAGE,
    TEXT,
    URL,
)
from curate.stages.quality import signals_of

_CONTAMINATION = "contamination"
#: Columns that are long and explain nothing.
_BULK = frozenset({TEXT, METADATA, INPUT_IDS})


@dataclass(frozen=True)
class Whereabouts:
    """One row of a finished run.

    Attributes:
        table: its file below the output folder.
        row: its columns, without the text.
        reasons: lines that say why it is there; empty for a document that was kept.
    """

    table: str
    row: Mapping[str, Any]
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether it is among the documents."""
        return self.table.startswith(f"{DOCUMENTS}/")

    def sentences(self) -> list[str]:
        """What it is, where it went, and why."""
        row = self.row
        fate = "kept" if self.is_kept else f"rejected by {row[STAGE]}: {row[REASON]}"
        lines = [f"{row[ID]}: {fate}", f"  in {self.table}"]
        if row.get(URL):
            lines.append(f"  url {row[URL]}")
        if row.get(SOURCE):
            at = f", byte {row[OFFSET]}" if row.get(OFFSET) is not None else ""
            lines.append(f"  from {row[SOURCE]}{at}")
        if row.get(LANGUAGE):
            score = f", score {row[LANGUAGE_SCORE]:.3f}" if row.get(LANGUAGE_SCORE) is not None else ""
            lines.append(f"  language {row[LANGUAGE]}{score}")
        if self.is_kept and row.get(DUPLICATES):
            lines.append(f"  {row[DUPLICATES]} documents went in its favour")
        return [*lines, *(f"  {reason}" for reason in self.reasons)]


def why(folder: str | Path, name: str) -> list[Whereabouts]:
    """Every row of a finished run with this id or URL; none if it has none.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
    """
    layout = Layout(place(folder))
    manifest = finished_manifest(layout)
    found = _rows(layout, name, by=(ID, URL))
    return [Whereabouts(table, row, tuple(_reasons(layout, manifest, row))) for table, row in found]


def taken_down(folder: str | Path, name: str) -> bool:
    """Whether a take-down named, or reached, the id or URL."""
    journal = Layout(place(folder)).removals
    known = json.loads(journal.read_bytes()) if journal.exists() else {}
    return any(name in known.get(kind, ()) for kind in ("ids", "urls"))


def _rows(layout: Layout, name: str, by: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    """The rows that have the name in one of the columns, with all columns but bulk."""
    found = []
    for kind in (DOCUMENTS, REJECTS):
        for path in listing(layout.root / kind, "*.parquet"):
            with local_copy(path) as local, pq.ParquetFile(local) as file:
                columns = [column for column in file.schema_arrow.names if column not in _BULK]
                names = [column for column in by if column in columns]
                for group in range(file.num_row_groups):
                    narrow = file.read_row_group(group, columns=names)
                    hits = [pc.equal(narrow[column], name) for column in names]
                    rows = pc.indices_nonzero(pc.fill_null(_any(hits), False))
                    if len(rows):
                        whole = file.read_row_group(group, columns=columns).take(rows)
                        found += [(layout.relative(path), row) for row in whole.to_pylist()]
    return found


def _any(masks: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    first, *others = masks
    for mask in others:
        first = pc.or_kleene(first, mask)
    return first


def _reasons(layout: Layout, manifest: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    stage, reason = row.get(STAGE), row.get(REASON)
    lines = _matches(row)
    if stage is None:
        return lines
    step = manifest["plan"]["steps"].get(stage, {})
    if step.get("stage") == "Rules":
        return [*lines, *_broken_rules(stage, step, row)]
    meaning = manifest.get("reasons", {}).get(stage, {}).get(reason)
    told = [f"{reason}: {meaning}"] if meaning else []
    if step.get("stage") == "Language":
        told += [f"{name} is {step[name]}" for name in ("keep", "min_score", "min_scores") if step.get(name)]
    if row.get(DUPLICATE_OF) is not None:
        told.append(_keeper(layout, row))
    return [*told, *lines]


def _broken_rules(stage: str, step: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """What each broken rule saw and what it asks for, the reason first."""
    own = dict(step["per_language"]).get(row.get(LANGUAGE))
    rules = {rule["reason"]: rule for rule in (own or step["table"])["rules"]}
    seen = row.get(signals_of(stage)) or {}
    lines = []
    for reason in row.get(FAILED) or [row[REASON]]:
        rule = rules.get(reason)
        if rule is None:  # a row that killed its worker
            lines.append(reason)
            continue
        value = seen.get(rule["signal"])
        number = "not known" if value is None else f"{value:g}"
        source = f" ({rule['source']})" if rule["source"] else ""
        kept_if = f"kept if {rule['keep_if']} {rule['limit']:g}"
        lines.append(f"{reason}: {rule['signal']} is {number}, {kept_if}{source}")
    return lines


def _keeper(layout: Layout, row: Mapping[str, Any]) -> str:
    """The document that a duplicate went for, and what became of it."""
    told = f"duplicate of {row[DUPLICATE_OF]}"
    if row.get(SIMILARITY) is not None:
        told += f", similarity {row[SIMILARITY]:.3f}"
    rows = _rows(layout, row[DUPLICATE_OF], by=(ID,))
    if not rows:
        return f"{told}, which this run does not hold"
    table, keeper = rows[0]
    source = f", from {keeper[SOURCE]}" if keeper.get(SOURCE) else ""
    fate = f"which {keeper[STAGE]} rejected later" if keeper.get(STAGE) else f"kept in {table}"
    return f"{told}, {fate}{source}"


def _matches(row: Mapping[str, Any]) -> list[str]:
    """The evaluation items that a document holds, where a definition of contamination is fulfilled."""
    found = row.get(_CONTAMINATION)
    matches = found if isinstance(found, list) else []
    return [
        f"holds {match['set']}/{match['item']}: {', '.join(match['definitions'])}, "
        f"{match['longest_words']} words in a row"
        for match in matches
        if isinstance(match, Mapping) and match.get("definitions")
    ]
