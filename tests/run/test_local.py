"""The worker pool: no death of a worker may hang a run, lose a task or pass for success."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError
from curate.run import local
from curate.run.driver import Silent
from curate.run.verify import verify
from curate.stage import Outcome, Stage
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import ReadLines, write_lines


@dataclass(frozen=True)
class ForkAndDie(Stage):
    """Dies once, and leaves a process behind that keeps the worker's pipe open for a minute."""

    marker: str

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    def __call__(self, batch):
        marker = Path(self.marker)
        if not marker.exists():
            child = os.fork()
            if not child:
                time.sleep(60)
                os._exit(0)
            marker.write_text(str(child))
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(batch)


@dataclass(frozen=True)
class BreakPipe(Stage):
    """Fails as a stage that talks to a process of its own can."""

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    def __call__(self, batch):
        raise BrokenPipeError(32, "Broken pipe")


@dataclass(frozen=True)
class Poisoned(Stage):
    """Dies of, or hangs in, every batch that holds a document with the word."""

    word: str
    hangs: bool = False

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"text"})

    def identity(self):
        return {"stage": "Poisoned"}

    def __call__(self, batch):
        if any(self.word in text for text in batch["text"].to_pylist()):
            if self.hangs:
                time.sleep(600)
            os.kill(os.getpid(), signal.SIGSEGV)
        return Outcome(batch)


@dataclass(frozen=True)
class DieOf(Stage):
    """Dies of batches of more than this many rows, which is no row's fault."""

    rows: int

    def identity(self):
        return {"stage": "DieOf"}

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    def __call__(self, batch):
        if batch.num_rows > self.rows:
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(batch)


@dataclass(frozen=True)
class DieReading(ReadLines):
    """Dies before any document is there."""

    def read(self, file):
        os.kill(os.getpid(), signal.SIGKILL)
        yield from super().read(file)


@cu.per_document("keep", reasons={"dropped": "not what the environment names"})
def keep(text: str) -> str | None:
    return None if os.environ.get("CURATE_TEST_KEEPS", "") in text else "dropped"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_lines(tmp_path / "lines", shards=2, lines=10)
    return tmp_path / "lines"


def test_a_dead_worker_is_noticed_though_its_child_lives(source: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    started = time.monotonic()
    cu.run(pipeline(source, tmp_path / "out", extra=[ForkAndDie(str(marker))]), cu.Local(1))
    assert time.monotonic() - started < 50
    os.kill(int(marker.read_text()), signal.SIGKILL)
    assert verify(tmp_path / "out") == []


def test_a_worker_that_dies_before_it_is_given_a_task_costs_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = []

    def start(pool: local._Pool) -> None:
        begin(pool)
        if not dead:
            dead.append(list(pool._workers.values())[-1].process)
            dead[0].kill()
            dead[0].join()

    begin = local._Pool._start
    monkeypatch.setattr(local._Pool, "_start", start)
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    assert dead
    assert verify(tmp_path / "out") == []


class BetweenSteps(Silent):
    """Does something with the workers before each step."""

    def __init__(self, act: Callable[[list[BaseProcess]], None]) -> None:
        self.act = act

    def begin(self, title: str, done: int, total: int) -> None:
        self.act(multiprocessing.active_children())


def test_workers_stay_from_step_to_step(source: Path, tmp_path: Path) -> None:
    seen: list[set[int | None]] = []
    watcher = BetweenSteps(lambda workers: seen.append({worker.pid for worker in workers}))
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(2), watcher=watcher)
    first, *later = seen
    assert len(later) > 2
    assert not first
    assert len(set.union(*later)) == 2
    assert not multiprocessing.active_children()


def test_workers_that_die_between_steps_are_replaced(source: Path, tmp_path: Path) -> None:
    def kill(workers: list[BaseProcess]) -> None:
        for worker in workers:
            worker.kill()
            worker.join()
            killed.append(worker)

    killed: list[BaseProcess] = []
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(2), watcher=BetweenSteps(kill))
    cu.run(pipeline(source, tmp_path / "whole"), cu.Local(1))
    assert len(killed) > 2
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_the_starter_of_workers_killed_while_it_is_asked_costs_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []

    def start(pool: local._Pool) -> None:
        forkserver.ensure_running()
        server = forkserver._forkserver._forkserver_pid
        if len(killed) < 3:
            killed.append(server)
            os.kill(server, signal.SIGSTOP)  # so that it is asked before it is dead
            threading.Timer(0.2, os.kill, (server, signal.SIGKILL)).start()
        begin(pool)

    begin = local._Pool._start
    monkeypatch.setattr(local._Pool, "_start", start)
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(2))
    assert len(set(killed)) == 3
    assert verify(tmp_path / "out") == []


def test_a_starter_that_is_killed_again_and_again_stops_the_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(local, "_START_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(forkserver, "connect_to_new_process", refuse)
    with pytest.raises(CurateError, match="cannot start a worker process: ConnectionRefusedError"):
        cu.run(pipeline(source, tmp_path / "out"), cu.Local(2))


def test_workers_have_the_environment_of_the_moment(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("told", "own"):
        monkeypatch.setenv("CURATE_TEST_KEEPS", word)
        cu.run(pipeline(source, tmp_path / word, extra=[keep]), cu.Local(1))
        assert {word in text for text in kept(tmp_path / word)} == {True}


def test_a_broken_pipe_in_a_stage_is_not_taken_for_a_closed_terminal(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="BrokenPipeError"):
        cu.run(pipeline(source, tmp_path / "out", extra=[BreakPipe()]), cu.Local(1))


def poison(source: Path, *numbers: int) -> None:
    """Adds documents that kill, in the middle of the second file."""
    path = source / "part-1.txt"
    lines = path.read_text().splitlines()
    for number in numbers:
        lines.insert(5, f"document {number} holds poison here")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_documents_that_kill_are_quarantined_and_the_rest_is_kept(
    source: Path, tmp_path: Path, workers: int
) -> None:
    poison(source, 1, 2)
    out, whole = tmp_path / "out", tmp_path / "whole"
    report = cu.run(pipeline(source, out, extra=[Poisoned("poison")]), cu.Local(workers))
    assert report.exit_code == 1
    rejected = [row for batch in cu.read_rejects(out) for row in batch.to_pylist()]
    killed = [row for row in rejected if row["reason"] == "killed_worker"]
    assert sorted(row["text"].split()[1] for row in killed) == ["1", "2"]
    assert {row["stage"] for row in killed} == {"poisoned"}
    assert verify(out) == []
    cu.run(pipeline(source, whole, extra=[Poisoned("nothing of the kind")]), cu.Local(1))
    assert kept(out) == [text for text in kept(whole) if "poison" not in text]


def kept(out: Path) -> list[str]:
    return [text for batch in cu.read_documents(out) for text in batch["text"].to_pylist()]


def test_a_document_that_hangs_is_quarantined(source: Path, tmp_path: Path) -> None:
    poison(source, 1)
    recipe = pipeline(source, tmp_path / "out", extra=[Poisoned("poison", hangs=True)])
    report = cu.run(recipe, cu.Local(2, hang_seconds=1.0))
    assert report.exit_code == 1
    assert verify(tmp_path / "out") == []
    assert [t for t in kept(tmp_path / "out") if "poison" in t] == []


HANGING = """
import time
import curate as cu

@cu.per_document("patient", reasons={"never": "not given"})
def patient(text):
    while "hang" in text:
        time.sleep(1)

def pipeline(input: str, output: str) -> cu.Pipeline:
    return cu.Pipeline(cu.read_jsonl(input), [patient], cu.write_documents(output))
"""


def test_the_command_line_says_how_long_a_batch_may_take(tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(HANGING)
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "fine"}\n{"id": "b", "text": "hangs"}\n')
    command = [sys.executable, "-m", "curate", "recipe.py", "input=in.jsonl", "output=out", "--quiet"]
    done = subprocess.run([*command, "--batch-timeout", "1"], cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 1
    rejected = [row for batch in cu.read_rejects(tmp_path / "out") for row in batch.to_pylist()]
    assert [(row["id"], row["reason"]) for row in rejected] == [("b", "killed_worker")]


def test_a_batch_that_kills_as_a_whole_goes_through_row_by_row(source: Path, tmp_path: Path) -> None:
    report = cu.run(pipeline(source, tmp_path / "out", extra=[DieOf(1)]), cu.Local(2))
    cu.run(pipeline(source, tmp_path / "whole", extra=[DieOf(99)]), cu.Local(1))
    assert "killed_worker" not in str(report.totals)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_death_that_is_no_rows_fault_stops_the_run(source: Path, tmp_path: Path) -> None:
    recipe = replace(pipeline(source, tmp_path / "out"), read=DieReading(str(source)))
    with pytest.raises(CurateError, match="killed its worker 3 times") as raised:
        cu.run(recipe, cu.Local(2))
    assert "out of memory" in str(raised.value.hint)


def test_a_script_without_a_guard_is_told_so(source: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import curate as cu\n"
        f"reader = cu.read_jsonl({str(tmp_path / 'in.jsonl')!r})\n"
        f"recipe = cu.Pipeline(reader, [], cu.write_documents({str(tmp_path / 'out')!r}))\n"
        "cu.run(recipe, cu.Local(1))\n"
    )
    (tmp_path / "in.jsonl").write_text('{"text": "a few words"}\n')
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode != 0
    assert '__name__ == "__main__"' in done.stderr.strip().splitlines()[-1]
