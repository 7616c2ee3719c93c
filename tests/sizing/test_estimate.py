"""Scaling by hand; the command line; and a run of ten times the size costs what was foretold, by its records."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from curate.io.reader import InputFile
from curate.run.job import Kind
from curate.sizing import estimate, estimate_run
from curate.sizing.estimate import START_SECONDS, WORKER_GROWTH, quantity, span
from curate.sizing.measure import Measured, StepCost
from tests.sizing.test_measure import pipeline, write

MEASURED = Measured(
    files=2,
    bytes=1000,
    records=10,
    kept=8,
    tokens=400,
    steps=(
        StepCost("phase 1", Kind.SHARD, 3.0, 3.0, 2, 500, stages={"read": 0.5, "judge": 0.25}),
        StepCost("hashes (reduce)", Kind.REDUCE, 2.0, 1.0, 4, 300, rows_bytes=80, keys_bytes=80),
        StepCost("pieces (reduce)", Kind.REDUCE, 1.0, 0.5, 1, 300, 200, 100, 0.5, keys_vary=True),
    ),
    finish=StepCost("start, indexes and report", Kind.REDUCE, 0.5, 0.1, 1),
    disk_bytes=700,
    output_bytes=600,
    disk_grows=700,
    output_grows=500,
)


def test_scaling_by_hand(tmp_path: Path) -> None:
    files = [InputFile("a", 1000, ""), InputFile("b", 3000, "")]
    plan = pipeline(tmp_path).plan()
    told = estimate(plan, files, MEASURED, cores=8, count=50, price=2.0)
    assert (told.files, told.bytes) == (50, 100_000)  # a hundred times the sample
    phase, hashes, pieces, finish = told.steps
    assert (phase.core_seconds, phase.tasks, phase.wall_seconds) == (300, 50, 37.5)
    assert phase.memory_bytes == 500 * WORKER_GROWTH
    assert phase.stages == {"read": 150, "judge": 75}
    assert (hashes.core_seconds, hashes.tasks, hashes.wall_seconds) == (
        101,
        4,
        101 / 4,
    )  # no more cores than tasks
    assert hashes.memory_bytes == 300 * WORKER_GROWTH + 4.5 * 80 / 4 * 99
    assert (pieces.wall_seconds, pieces.mapped_bytes) == (50.5, 20_000)
    assert pieces.memory_bytes == pytest.approx(300 * WORKER_GROWTH + 10 * 100 * (100**0.5 - 1))
    assert finish.core_seconds == pytest.approx(0.5 + 0.1 * 24 + START_SECONDS)  # 50 files for 2
    assert told.largest is hashes or told.largest is pieces
    assert told.largest is max((hashes, pieces), key=lambda step: step.memory_bytes or 0)
    assert told.wall_seconds == pytest.approx(37.5 + 101 / 4 + 50.5 + 2.9 + START_SECONDS)
    assert told.money == pytest.approx(2.0 * 8 * told.wall_seconds / 3600)
    assert (told.disk_bytes, told.output_bytes, told.records, told.tokens) == (70_000, 50_100, 1000, 40_000)
    lines = "\n".join(told.lines())
    assert f"set by {told.largest.name}" in lines
    assert told.to_json()["core_seconds"] == told.core_seconds


def test_long_files_are_as_many_tasks_as_they_have_splits(tmp_path: Path) -> None:
    plan = pipeline(tmp_path).plan()
    size = plan.read.split_size
    assert size is not None
    told = estimate(plan, [InputFile("a", 3 * size, "")], MEASURED, cores=1000)
    assert told.steps[0].tasks == 3


def test_the_input_itself_costs_what_was_measured(tmp_path: Path) -> None:
    plan = pipeline(tmp_path).plan()
    told = estimate(plan, [InputFile("a", 600, ""), InputFile("b", 400, "")], MEASURED, cores=1)
    assert told.core_seconds == told.wall_seconds == pytest.approx(MEASURED.seconds + START_SECONDS)
    assert told.money is None
    assert (told.records, told.disk_bytes) == (10, 700)


def test_a_run_ten_times_as_long_is_foretold(tmp_path: Path) -> None:
    for name, count in (("small", 2), ("large", 20)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, count, 300)
    told = estimate_run(pipeline(tmp_path / "small"), cores=1, count=20)
    true = estimate_run(pipeline(tmp_path / "large"), cores=1)
    assert told.records == pytest.approx(true.records, rel=0.05)
    assert told.kept == pytest.approx(true.kept, rel=0.05)
    assert told.tokens == pytest.approx(true.tokens, rel=0.25)  # a vocabulary of more text has other tokens
    assert told.disk_bytes == pytest.approx(true.disk_bytes, rel=0.4)
    assert told.bytes == pytest.approx(true.bytes, rel=0.05)


def test_the_command_line_tells_it(tmp_path: Path) -> None:
    recipe = Path(__file__).resolve().parents[2] / "pipelines" / "fineweb_like.py"
    words = [str(recipe), f"output={tmp_path / 'out'}", "--explain", "--files", "90000", "--workers", "64"]
    command = [sys.executable, "-m", "curate", *words, "--price", "0.05"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"^estimate for 90,000 files, [\d.]+ [GT]B, on 64 cores; from ", done.stdout, re.MULTILINE
    )
    for step in ("phase 1", "near_dedup: bands (reduce)", "tokenize: count_pieces (reduce)", "extract_text"):
        assert re.search(rf"^ +{re.escape(step)} +[\d.]+ ", done.stdout, re.MULTILINE)
    assert re.search(r"^  money   [\d.,]+ at 0.05 for a core and hour$", done.stdout, re.MULTILINE)
    assert re.search(r"^  memory  [\d.]+ [MG]B a worker, set by ", done.stdout, re.MULTILINE)
    assert re.search(r"^  disk    [\d.]+ [MGT]B at most, ", done.stdout, re.MULTILINE)
    assert not (tmp_path / "out").exists()


def test_quantities_and_spans() -> None:
    assert [quantity(n, "B") for n in (0, 999, 1000, 2.5e9, 1e15)] == [
        "0 B",
        "999 B",
        "1 kB",
        "2.5 GB",
        "1 PB",
    ]
    assert [quantity(n) for n in (5, 38.1e9)] == ["5", "38.1 G"]
    times = [span(s) for s in (0.004, 42, 119, 7000, 7200, 3 * 86400, 4e7)]
    assert times == ["0.00 s", "42 s", "119 s", "117 min", "2 h", "3 days", "1.27 years"]
