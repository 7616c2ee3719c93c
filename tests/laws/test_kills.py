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

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")


def run(source: Path, output: Path) -> None:
    cu.run(pipeline(source, output, batch_rows=5, extra=[Slow(0.03)]), cu.Local(2))


def descendants(process: int) -> list[int]:
    """The process and all below it, parents before children."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            text = stat.read_text(errors="replace")
            parents[int(stat.parent.name)] = int(text[text.rindex(")") + 1 :].split()[1])
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def processes_of(driver: int) -> list[int]:
    """The driver, and the workers and their starter below it."""
    return [one for one in descendants(driver) if one == driver or "forkserver" in command_of(one)]


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def start(source: Path, output: Path) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(source, output))
    process.start()
    return process


def wait_for_workers(driver: BaseProcess) -> None:
    """Until there is more than the driver to kill."""
    assert driver.pid is not None
    while driver.exitcode is None and len(processes_of(driver.pid)) < 4:
        driver.join(0.02)


def kill_at_random(source: Path, folder: Path, kills: int, seed: int) -> int:
    """Runs until `kills` processes were killed; returns how many of them were drivers."""
    chance = random.Random(seed)
    run(source, folder / "quiet")
    quiet = tree(folder / "quiet")
    done = drivers = runs = gave_up = 0
    while done < kills:
        output = folder / str(runs)
        runs += 1
        driver = start(source, output)
        while True:
            if chance.random() < 0.8:  # a few come while it is still starting
                wait_for_workers(driver)
            driver.join(chance.uniform(0.0, 1.0) if done < kills else None)
            if driver.exitcode == 0:
                break
            if (
                driver.exitcode == 1
            ):  # three kills of one task before its first batch: that is no chance, it says
                gave_up += 1
                driver = start(source, output)
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
    assert gave_up <= kills // 4
    return drivers


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_lines(tmp_path / "lines", shards=4, lines=60)
    return tmp_path / "lines"


def test_a_few_kills(source: Path, tmp_path: Path) -> None:
    drivers = kill_at_random(source, tmp_path, 8, seed=int(os.environ.get("CURATE_SEED", "3")))
    assert drivers < 8


@pytest.mark.slow
def test_a_hundred_kills(source: Path, tmp_path: Path) -> None:
    drivers = kill_at_random(source, tmp_path, 100, seed=int(os.environ.get("CURATE_SEED", "7")))
    assert 5 < drivers < 95
