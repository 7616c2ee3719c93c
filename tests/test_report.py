"""Seconds of steps add up over the starts of a run; the report follows a take-down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import curate as cu
from curate.progress import PatientConsole
from curate.report import Report, StepCount, add_step_time, step_times
from curate.run.remove import remove
from curate.run.verify import rewrite_report
from tests.laws.test_engine import pipeline
from tests.laws.toy import write_lines


def test_seconds_of_steps_add_up(tmp_path: Path) -> None:
    path = tmp_path / "steps.json"
    assert step_times(path) == {}
    add_step_time(path, "a", 1.5)
    add_step_time(path, "b", 1)
    add_step_time(path, "a", 2)
    assert step_times(path) == {"a": 3.5, "b": 1.0}
    path.write_text("{")
    assert step_times(path) == {}


def test_a_run_knows_its_steps_and_a_restart_forgets_them(tmp_path: Path) -> None:
    write_lines(tmp_path)
    cu.run(pipeline(tmp_path, tmp_path / "out"), cu.Local(1))
    path = tmp_path / "out" / "ledger" / "steps.json"
    first = step_times(path)
    assert next(iter(first)) == "phase-1"
    cu.run(pipeline(tmp_path, tmp_path / "out"), cu.Local(1))
    assert step_times(path) == first
    cu.run(pipeline(tmp_path, tmp_path / "out", min_words=3), cu.Local(1), restart=True)
    assert set(step_times(path)) == set(first)
    assert step_times(path) != first


def test_what_was_taken_down_leaves_the_report(tmp_path: Path) -> None:
    text = "SECRET words that nobody should read again"
    rows = [
        {"id": "gone", "text": text},
        {"id": "kept", "text": text + " at all, though longer than the other"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rule = cu.Rule("short", "n_words", ">=", 10, "this test")
    stages = [cu.TextStats(), cu.Rules(cu.RuleTable("length", (rule,)))]
    recipe = cu.Pipeline(
        cu.read_jsonl(str(tmp_path / "in.jsonl")), stages, cu.write_documents(str(tmp_path / "out"))
    )
    cu.run(recipe, cu.Local(1))
    files = [tmp_path / "out" / name for name in ("report.html", "report.json")]
    assert all("SECRET" in file.read_text() for file in files)
    remove(tmp_path / "out", {"gone"})
    assert not any("SECRET" in file.read_text() for file in files)
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    rewrite_report(tmp_path / "out")
    assert [file.read_bytes() for file in files] == before


def test_a_pipe_has_every_name_of_the_funnel(capsys: pytest.CaptureFixture[str]) -> None:
    rejected = {f"a_reason_with_a_long_name_{number}": 1 for number in range(40)}
    report = Report("out", {"records": 40, "kept": 0, "tokens": {}, "quarantined": {}}, {})
    report = replace(report, steps={"a_stage_with_a_long_name": StepCount(40, 0, rejected)})
    report.print(PatientConsole())
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "a_stage_with_a_long_name" in line)
    assert all(f"{reason} 1" in line for reason in rejected)
