"""Whether a finished run is whole: conservation, digests, rows on disk against the ledgers, token datasets."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.io.atomic import sha256_of
from curate.io.storage import listing, local_copy, place
from curate.io.token_verify import verify_tokens
from curate.report import Ledger, Report, totals
from curate.run.finish import conclude, finished_manifest
from curate.run.layout import Layout
from curate.schema import REASON, STAGE


def verify(folder: str | Path) -> list[str]:
    """Everything wrong with the output of a run, one line each; empty = whole.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
    """
    layout = Layout(place(folder))
    manifest = finished_manifest(layout)
    ledgers, problems = [], []
    for path in listing(layout.ledgers, "phase-*.json"):
        ledger = Ledger.read(path)
        if ledger is None:
            problems.append(f"{layout.relative(path)} is damaged")
        else:
            ledgers.append(ledger)
    for ledger in ledgers:
        problems += ledger.imbalances()
        problems += _check_outputs(layout, ledger)
    problems += _check_chain(ledgers)
    problems += _strangers(layout, ledgers)
    problems += _check_artifacts(layout, manifest.get("artifacts", {}))
    if totals(ledgers) != manifest["totals"]:
        problems.append("manifest.json: totals differ from the sum of the ledgers")
    for dataset in listing(layout.tokens, "**/dataset_dict.json"):
        problems += verify_tokens(dataset.parent)
    return problems


def report_of(folder: str | Path) -> Report:
    """The report of a finished run, summed from its ledgers.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
    """
    return Report.of(str(folder), _finished_ledgers(folder))


def rewrite_report(folder: str | Path) -> None:
    """Writes `report.json` and `report.html` of a finished run anew.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
    """
    layout = Layout(place(folder))
    conclude(layout, _finished_ledgers(folder), finished_manifest(layout))


def _finished_ledgers(folder: str | Path) -> list[Ledger]:
    layout = Layout(place(folder))
    finished_manifest(layout)
    paths = listing(layout.ledgers, "phase-*.json")
    return [ledger for path in paths if (ledger := Ledger.read(path))]


def _check_chain(ledgers: list[Ledger]) -> list[str]:
    """What left a phase must have entered the next one, shard by shard."""
    left = {(ledger.phase, ledger.shard): ledger.rows_out for ledger in ledgers}
    return [
        f"phase {ledger.phase}, shard {ledger.shard}: {ledger.rows_in} rows entered, "
        f"{left.get((ledger.phase - 1, ledger.shard))} had left the phase before"
        for ledger in ledgers
        if ledger.phase > 1 and left.get((ledger.phase - 1, ledger.shard)) != ledger.rows_in
    ]


def _strangers(layout: Layout, ledgers: list[Ledger]) -> list[str]:
    """Tables that no ledger names: whoever reads the folder would take them for part of the run."""
    named = {name for ledger in ledgers for name in ledger.outputs}
    folders = ("documents", "rejects", "counts/documents", "counts/rejects")
    tables = [path for folder in folders for path in listing(layout.root / folder, "*.parquet")]
    return [f"{name} is in no ledger" for name in map(layout.relative, tables) if name not in named]


def _check_artifacts(layout: Layout, artifacts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What lies beside the tables: summaries of barriers, the tokenizer, the report."""
    problems = []
    for name, receipt in artifacts.items():
        path = layout.root / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif sha256_of(path) != receipt["sha256"]:
            problems.append(f"{name} has changed: its SHA-256 is not the manifest's")
    return problems


def _check_outputs(layout: Layout, ledger: Ledger) -> list[str]:
    problems = []
    for name, receipt in ledger.outputs.items():
        path = layout.root / name
        if layout.work in path.parents:
            continue
        if not path.is_file():
            problems.append(f"{name} is missing")
            continue
        with local_copy(path) as local:
            if sha256_of(local) != receipt["sha256"]:
                problems.append(f"{name} has changed: its SHA-256 is not the ledger's")
            elif name.startswith("rejects/"):
                problems += _check_rejects(local, name, ledger)
            elif name.startswith("documents/") and pq.read_metadata(local).num_rows != receipt["rows"]:
                problems.append(f"{name} has other rows than the ledger says")
    return problems


def _check_rejects(path: Path, name: str, ledger: Ledger) -> list[str]:
    table = pq.read_table(path, columns=[STAGE, REASON])
    found = Counter(zip(table[STAGE].to_pylist(), table[REASON].to_pylist(), strict=True))
    expected = {
        (stage, reason): rows
        for stage, count in ledger.steps.items()
        for reason, rows in count.rejected.items()
    }
    if dict(found) != expected:
        return [f"{name}: reasons on disk are not the ledger's"]
    return []
