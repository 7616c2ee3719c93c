"""Memory of workers: smaller batches for who takes too much, a word about it, and an end where that does not help."""

import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError
from curate.run import memory
from curate.run.job import Kind, Task
from curate.run.memory import MemoryWatch, default_memory_bytes, private_bytes
from curate.run.suspects import SMALLER_BATCHES, Deaths, Place
from curate.run.verify import verify
from curate.stage import Outcome, Stage
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import write_lines

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc")

MIB = 1 << 20


@dataclass(frozen=True)
class Hungry(Stage):
    """Takes a lot of memory, for a while, for batches of more than `rows` rows or with the word."""

    rows: int
    word: str = "nowhere"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"text"})

    def identity(self):
        return {"stage": "Hungry"}

    def __call__(self, batch):
        if batch.num_rows > self.rows or any(self.word in text for text in batch["text"].to_pylist()):
            taken = bytearray(os.urandom(MIB) * 900)
            time.sleep(20)
            del taken
        return Outcome(batch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_lines(tmp_path / "lines", shards=1, lines=30)
    return tmp_path / "lines"


def test_a_worker_that_takes_too_much_gets_smaller_batches(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="curate")
    cu.run(pipeline(source, tmp_path / "whole", extra=[Hungry(99)]), cu.Local(1))
    recipe = pipeline(source, tmp_path / "out", batch_rows=1000, extra=[Hungry(16)])
    cu.run(recipe, cu.Local(1, memory_gib=0.6))
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert "started again with batches of at most 128 rows" in caplog.text


def test_a_document_that_takes_too_much_alone_is_quarantined(source: Path, tmp_path: Path) -> None:
    recipe = pipeline(source, tmp_path / "out", extra=[Hungry(99, "line 4 of shard 0")])
    report = cu.run(recipe, cu.Local(1, memory_gib=0.6))
    assert report.totals["rejected"]["hungry"] == {"killed_worker": 1}
    assert verify(tmp_path / "out") == []


def test_batches_that_cannot_be_smaller_end_the_run() -> None:
    task = Task(Kind.SHARD, 1, 0, 3)
    deaths = Deaths([task])
    for rows in SMALLER_BATCHES:
        deaths.starve(task, Place(7), 2 << 30, 1 << 30)
        assert deaths.suspicion(task).batch_rows == rows
    with pytest.raises(CurateError, match=r"shard 3 of phase 1 takes 2\.00 GiB, with 1\.00 GiB") as raised:
        deaths.starve(task, Place(7), 2 << 30, 1 << 30)
    assert "--memory" in str(raised.value.hint)


def test_the_memory_of_a_process_is_that_of_all_below_it() -> None:
    before = private_bytes([os.getpid()])[os.getpid()]
    code = "x = bytearray(b'x') * (200 << 20); print('ready', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        found = private_bytes([os.getpid(), child.pid])
        child.stdin.close()
    assert found[child.pid] > 200 * MIB
    assert found[os.getpid()] > before + 190 * MIB
    assert private_bytes([child.pid]) == {}


def test_only_who_is_above_the_share_goes_and_only_when_there_is_not_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = MemoryWatch(100, 2)
    for used, above, crowded, gone in [
        ({1: 10, 2: 20}, [], False, None),
        ({1: 10, 2: 70}, [2], False, None),
        ({1: 25, 2: 70}, [2], True, None),
        ({1: 45, 2: 70}, [2], True, 2),
    ]:
        monkeypatch.setattr(memory, "private_bytes", lambda processes, used=used: used)
        watch.look([1, 2])
        assert [process for process in (1, 2) if watch.is_above_share(process)] == above
        assert (watch.is_crowded, watch.too_large) == (crowded, gone)


def test_without_a_limit_nobody_goes() -> None:
    watch = MemoryWatch(None, 2)
    watch.look([os.getpid()])
    assert (watch.is_crowded, watch.too_large, watch.is_above_share(os.getpid())) == (False, None, False)


def test_the_default_is_less_than_what_is_free() -> None:
    assert 0 < (default_memory_bytes() or 0) < 1 << 50


def test_memory_must_be_positive() -> None:
    with pytest.raises(CurateError, match="above 0"):
        cu.Local(1, memory_gib=0)
