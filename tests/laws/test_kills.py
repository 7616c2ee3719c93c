"""Kills at random moments, of the driver, of workers and of what starts them, end in the bytes of a quiet run."""

import multiprocessing
import os
import random
import signal
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import curate as cu
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import Slow, write_lines

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system has no /proc")


def run(source: Path, output: Path) -> None:
    cu.run(pipeline(source, output, batch_rows=5, extra=[Slow(0.03)]), cu.Local(2))


def processes_of(driver: int) -> list[int]:
    """The driver, and the workers and their starter below it."""
    found, new = [driver], [driver]
    while new:
        below: list[int] = []
        for process in new:
            for task in Path(f"/proc/{process}/task").glob("*/children"):
                with suppress(OSError):
                    below += [int(child) for child in task.read_text().split()]
        new = below
        found += new
    return [process for process in found if process == driver or "forkserver" in command_of(process)]


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def start(source: Path, output: Path) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(source, output))
    process.start()
    return process


def kill_at_random(source: Path, folder: Path, kills: int, seed: int) -> int:
    """Runs until `kills` processes were killed; returns how many of them were drivers."""
    chance = random.Random(seed)
    run(source, folder / "quiet")
    quiet = tree(folder / "quiet")
    done = drivers = runs = 0
    while done < kills:
        output = folder / str(runs)
        runs += 1
        driver = start(source, output)
        while True:
            driver.join(chance.uniform(0.1, 1.5) if done < kills else None)
            if driver.exitcode is not None and driver.exitcode != -signal.SIGKILL:
                assert driver.exitcode == 0
                break
            if driver.exitcode is None and done < kills:
                assert driver.pid is not None
                victim = chance.choice(processes_of(driver.pid))
                with suppress(ProcessLookupError):  # it ended just now
                    os.kill(victim, signal.SIGKILL)
                    done += 1
                    drivers += victim == driver.pid
                if victim == driver.pid:
                    driver.join()
            if driver.exitcode == -signal.SIGKILL:
                driver = start(source, output)
        assert tree(output) == quiet
        assert verify(output) == []
    return drivers


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_lines(tmp_path / "lines", shards=4, lines=60)
    return tmp_path / "lines"


def test_a_few_kills(source: Path, tmp_path: Path) -> None:
    kill_at_random(source, tmp_path, 8, seed=int(os.environ.get("CURATE_SEED", "3")))


@pytest.mark.slow
def test_a_hundred_kills(source: Path, tmp_path: Path) -> None:
    drivers = kill_at_random(source, tmp_path, 100, seed=int(os.environ.get("CURATE_SEED", "7")))
    assert 5 < drivers < 95
