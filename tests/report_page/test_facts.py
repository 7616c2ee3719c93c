"""What is added up column by column equals what a loop over rows counts."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import curate as cu
from curate.report_page.facts import facts
from curate.stages.url import registered_domain

SIDES = (("kept", "documents"), ("rejected", "rejects"))


def rows(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    read = cu.read_documents if kind == "documents" else cu.read_rejects
    for batch in read(folder):
        yield from batch.to_pylist()


def told(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_bytes())


def test_the_report_on_disk_is_what_the_tables_say(sample_run: Path) -> None:
    steps = json.loads((sample_run / "manifest.json").read_bytes())["plan"]["steps"]
    written = told(sample_run)
    for name, value in json.loads(json.dumps(facts(sample_run, steps))).items():
        if name not in ("text", "contamination"):  # the ledgers add to these
            assert written[name] == value


def test_signals_equal_a_loop_over_rows(sample_run: Path) -> None:
    values: dict[str, dict[str, list[float]]] = {}
    for side, kind in SIDES:
        for row in rows(sample_run, kind):
            measured = {"language_score": row.get("language_score"), **(row.get("signals") or {})}
            for name, value in measured.items():
                if value is not None:
                    values.setdefault(name, {"kept": [], "rejected": []})[side].append(value)
    signals = told(sample_run)["signals"]
    assert set(signals) == set(values)
    for name, own in signals.items():
        ends = [float("inf") if edge is None else edge for edge in own["edges"]]
        for at, (low, high) in enumerate(pairwise(ends)):
            for side in ("kept", "rejected"):
                assert own[side][at] == sum(low <= value < high for value in values[name][side]), (name, low)
    kept = values["n_bytes"]["kept"]
    assert (told(sample_run)["text"]["documents"], told(sample_run)["text"]["bytes"]) == (
        len(kept),
        sum(kept),
    )


def test_limits_are_those_of_the_rules(sample_run: Path) -> None:
    signals = told(sample_run)["signals"]
    words = [(rule["reason"], rule["keep_if"], rule["limit"]) for rule in signals["n_words"]["limits"]]
    assert words == [("too_few_words", ">=", 50), ("too_many_words", "<=", 100_000)]
    assert signals["language_score"]["limits"][0]["limit"] == 0.65
    every = [rule["reason"] for own in signals.values() for rule in own["limits"]]
    tables = (cu.GOPHER_REPETITION, cu.GOPHER_QUALITY, cu.C4, cu.FINEWEB)
    assert sorted(every) == sorted(["language_score", *(rule.reason for table in tables for rule in table)])


def test_languages_faults_and_personal_data_equal_a_loop_over_rows(sample_run: Path) -> None:
    report = told(sample_run)
    for side, kind in SIDES:
        languages = Counter(row.get("language") for row in rows(sample_run, kind))
        assert report["languages"]["none"][side] == languages.pop(None, 0)
        assert {row["value"]: row[side] for row in report["languages"]["rows"] if row[side]} == languages
    failed = Counter((row["stage"], fault) for row in rows(sample_run, "rejects") for fault in row["failed"])
    assert {(s, fault): n for s, own in report["failed"].items() for fault, n in own.items()} == failed
    found: Counter[str] = Counter()
    for row in rows(sample_run, "documents"):
        found.update({kind: n for kind, n in row["pii"].items() if isinstance(n, int)})
    assert {kind: own["found"] for kind, own in report["pii"].items()} == found
    assert found["email"] > 0


def test_domains_and_duplicates(sample_run: Path) -> None:
    report = told(sample_run)
    domains = {
        side: Counter(registered_domain(row["url"] or "") for row in rows(sample_run, kind))
        for side, kind in SIDES
    }
    assert report["domains"]["none"] == {side: own.pop(None, 0) for side, own in domains.items()}
    listed = report["domains"]["rows"]
    assert [row | {side: domains[side][row["value"]] for side in domains} for row in listed] == listed
    least = min(row["kept"] + row["rejected"] for row in listed)
    names = {row["value"] for row in listed}
    both = domains["kept"] + domains["rejected"]
    assert all(count <= least for name, count in both.items() if name not in names)
    others = {side: sum(n for name, n in own.items() if name not in names) for side, own in domains.items()}
    assert report["domains"]["others"] == others
    documents = list(rows(sample_run, "documents"))
    sizes = Counter(row["duplicates"] for row in documents if row["duplicates"])
    assert report["duplicates"]["kept_for"] == {str(size): n for size, n in sorted(sizes.items())}
    near = report["duplicates"]["similarity"]["near_dedup"]
    assert sum(near["rejected"]) == report["totals"]["rejected"]["near_dedup"]["near_duplicate"]
    assert near["limits"][0]["limit"] == 0.75


def test_columns_of_strange_types_are_left(hostile_run: Path) -> None:
    report = told(hostile_run)
    assert report["pii"] == {}
    assert report["duplicates"] == {"kept_for": {}, "similarity": {}, "clusters": {}}
    assert "language_score" not in report["signals"]
    assert report["contamination"] is None
    assert report["datasets"] == {}
