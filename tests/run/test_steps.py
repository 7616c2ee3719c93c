"""Parts of steps, done by processes that know nothing of each other, make the run that one process makes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError, OutputError
from curate.report import step_times
from curate.run.driver import run_part, step_names
from curate.run.job import Job
from curate.run.layout import Layout
from curate.run.part_times import add_parts, note_part
from curate.run.steps import part_of, steps
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import write_lines

PARTS = 2

RECIPE = """
import curate as cu
from tests.laws.test_engine import pipeline as toy


def pipeline(source: str, output: str) -> cu.Pipeline:
    return toy(source, output)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    write_lines(folder)
    return folder


def test_parts_of_steps_make_the_same_run(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "whole"), cu.Local(1))
    recipe = pipeline(source, tmp_path / "out")
    for step in step_names(recipe):
        for part in reversed(range(PARTS)):
            run_part(recipe, step, part, PARTS, cu.Local(1))
    report = cu.run(recipe, cu.Local(1))
    assert report.exit_code == 1  # the damaged lines
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    in_parts, at_once = (step_times(tmp_path / run / "ledger" / "steps.json") for run in ("out", "whole"))
    assert list(in_parts) == list(at_once)
    assert not list((tmp_path / "out" / "ledger").glob("part-*"))
    run_part(recipe, "phase-1", 0, 1, cu.Local(1))  # all is done: nothing happens
    assert verify(tmp_path / "out") == []


def test_a_step_lasts_from_its_first_part_to_its_last(source: Path, tmp_path: Path) -> None:
    job = Job(
        pipeline(source, tmp_path).plan(), pipeline(source, tmp_path).plan().read.shards(), Layout(tmp_path)
    )
    for part, (began, ended) in enumerate([(1000.5, 1004.0), (1002.0, 1007.0)]):
        note_part(job.layout, "phase-1", part, began, ended)
    note_part(job.layout, "phase-1-by_hash-reduce", 0, 2000.0, 2001.0)
    add_parts(job.layout, steps(job))
    assert step_times(job.layout.step_times) == {"phase-1": 6.5, "phase-1-by_hash-reduce": 1.0}


def test_jobs_side_by_side_from_the_command_line(source: Path, tmp_path: Path) -> None:
    """What a scheduler's array does: every part a process of its own, all at once, step after step."""
    cu.run(pipeline(source, tmp_path / "whole"), cu.Local(1))
    (tmp_path / "recipe.py").write_text(RECIPE)
    words = [str(tmp_path / "recipe.py"), f"source={source}", f"output={tmp_path / 'out'}"]
    listed = curate(*words, "--steps").stdout.split()
    assert listed == step_names(pipeline(source, tmp_path / "out"))
    for step in listed:
        with ThreadPoolExecutor() as pool:
            jobs = [
                pool.submit(
                    curate, *words, "--step", step, "--task", f"{part}/{PARTS}", "--quiet", "--workers", "1"
                )
                for part in range(PARTS)
            ]
        assert [(job.result().returncode, job.result().stderr) for job in jobs] == [(0, "")] * PARTS
    assert curate(*words, "--quiet").returncode == 1
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def curate(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curate", *words]
    here = Path(__file__).resolve().parents[2]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)


def test_a_step_before_its_time_is_refused(source: Path, tmp_path: Path) -> None:
    recipe = pipeline(source, tmp_path / "out")
    last = step_names(recipe)[-1]
    with pytest.raises(CurateError, match="needs step `open`"):
        run_part(recipe, "phase-1", 0, 1, cu.Local(1))
    run_part(recipe, "open", 0, 1)
    with pytest.raises(CurateError, match="needs step `phase-1`, of which 3 of 3 tasks are not done"):
        run_part(recipe, last, 0, 1, cu.Local(1))
    with pytest.raises(CurateError, match="no step `phase-7`"):
        run_part(recipe, "phase-7", 0, 1, cu.Local(1))


@pytest.mark.parametrize("part", [-1, 2])
def test_a_part_that_is_none_is_refused(source: Path, tmp_path: Path, part: int) -> None:
    with pytest.raises(CurateError, match="no part"):
        run_part(pipeline(source, tmp_path / "out"), "phase-1", part, 2, cu.Local(1))


def test_the_output_of_another_plan_is_refused(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    with pytest.raises(OutputError, match="different plan"):
        run_part(pipeline(source, tmp_path / "out", min_words=3), "phase-1", 0, 1, cu.Local(1))


@pytest.mark.parametrize("line", ["--task 0/2", "--step phase-1 --task two", "--step phase-1 --restart"])
def test_flags_that_make_no_sense_are_refused(source: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    done = curate(
        str(tmp_path / "recipe.py"), f"source={source}", f"output={tmp_path / 'out'}", *line.split()
    )
    assert done.returncode == 2
    assert "--task" in done.stderr


def test_parts_cover_the_tasks_once() -> None:
    tasks = list(range(10))
    for count in (1, 3, 10, 12):
        parts = [part_of(tasks, index, count) for index in range(count)]
        assert sorted(task for part in parts for task in part) == tasks
