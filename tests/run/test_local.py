"""The worker pool: no death of a worker may hang a run, lose a task or pass for success."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError
from curate.run import local
from curate.run.verify import verify
from curate.stage import Outcome, Stage
from tests.laws.test_engine import pipeline
from tests.laws.toy import write_lines


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
            dead.append(list(pool._workers.values())[-1])
            dead[0].kill()
            dead[0].join()

    begin = local._Pool._start
    monkeypatch.setattr(local._Pool, "_start", start)
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    assert dead
    assert verify(tmp_path / "out") == []


def test_a_broken_pipe_in_a_stage_is_not_taken_for_a_closed_terminal(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="BrokenPipeError"):
        cu.run(pipeline(source, tmp_path / "out", extra=[BreakPipe()]), cu.Local(1))
