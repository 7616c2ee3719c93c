"""Kills at random moments on a Ray cluster, of the driver and of the workers of its nodes, cost no byte."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

import curate as cu
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.test_kills import command_of, descendants
from tests.laws.toy import Slow, write_lines
from tests.ray_cluster import running_cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(5400),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = """
import curate as cu
from tests.laws.test_engine import pipeline as toy
from tests.laws.toy import Slow


def pipeline(source: str, output: str) -> cu.Pipeline:
    return toy(source, output, batch_rows=5, extra=[Slow(0.1)])
"""
#: Exit codes of a run with damaged lines, and of one that gave up.
DONE, GAVE_UP = 1, 2
#: Between kills: long enough for whole runs to come to their end in between.
LONGEST_PAUSE_SECONDS = 6.0
DRIVER, BUSY, IDLE, BELOW = "driver", "Ray worker with a task", "idle Ray worker", "process of a Ray worker"


class Fire:
    """Kills, drawn from a seed, while one command is started again and again until it is done."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self._folder, self._kills, self._chance = folder, kills, random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.gave_up = 0

    @property
    def goes_on(self) -> bool:
        return self.killed.total() < self._kills

    def run(self, output: Path) -> None:
        """Returns when a start of the command has ended well."""
        driver = self._start(output)
        while (code := driver.poll()) != DONE:
            if code is None and self.goes_on:
                self._kill_one(driver)
            elif code is None:
                driver.wait(300)
            else:  # killed; or it gave up: so many losses of one task cannot be told from a bad document
                assert code in {-signal.SIGKILL, GAVE_UP}, driver.communicate()
                if code == GAVE_UP:
                    print(driver.communicate()[1])
                    self.gave_up += 1
                driver = self._start(output)
        told = driver.communicate()[1]
        assert json.loads((output / "manifest.json").read_bytes())["complete"], told

    def _start(self, output: Path) -> "subprocess.Popen[str]":
        words = [f"source={self._folder / 'lines'}", f"output={output}", "--executor", "ray", "--quiet"]
        return subprocess.Popen(
            [sys.executable, "-m", "curate", str(self._folder / "recipe.py"), *words],
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )

    def _kill_one(self, driver: "subprocess.Popen[str]") -> None:
        if self._chance.random() < 0.9:  # a few come while it is still starting
            while driver.poll() is None and BUSY not in processes(driver.pid):
                time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            driver.wait(self._chance.uniform(0.0, LONGEST_PAUSE_SECONDS))
            return
        found = processes(driver.pid)
        kind = self._chance.choice(sorted(found))
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(self._chance.choice(found[kind]), signal.SIGKILL)
            self.killed[kind] += 1
        if kind == DRIVER:
            driver.wait()


def processes(driver: int) -> dict[str, list[int]]:
    """What there is to kill: the driver, the Ray workers of the nodes, and what these started.

    Not the agents of a node: it ends with them, which is the loss of a node.
    """
    found = {DRIVER: [driver]}
    for process in descendants(os.getpid()):
        title = command_of(process)
        kind = BUSY if title.startswith("ray::_do") else IDLE if title.startswith("ray::IDLE") else None
        if kind:
            found.setdefault(kind, []).append(process)
            below = [one for one in descendants(process) if "forkserver" in command_of(one)]
            if below:
                found.setdefault(BELOW, []).extend(below)
    return found


def test_a_hundred_kills_on_ray(tmp_path: Path) -> None:
    kills, seed = int(os.environ.get("CURATE_KILLS", "100")), int(os.environ.get("CURATE_SEED", "11"))
    write_lines(tmp_path / "lines", shards=4, lines=60)
    (tmp_path / "recipe.py").write_text(RECIPE)
    quiet = pipeline(tmp_path / "lines", tmp_path / "quiet", batch_rows=5, extra=[Slow(0.0)])
    cu.run(quiet, cu.Local(2))
    fire, began, runs = Fire(tmp_path, kills, seed), time.monotonic(), 0
    with running_cluster(3):
        while fire.goes_on:
            output = tmp_path / str(runs)
            runs += 1
            fire.run(output)
            assert tree(output) == tree(tmp_path / "quiet")
            assert verify(output) == []
    told = f"{kills} kills in {runs} runs and {time.monotonic() - began:.0f} s"
    print(f"seed {seed}: {told}, gave up {fire.gave_up} times: {dict(fire.killed)}")
    assert fire.gave_up <= kills // 4
    assert min(fire.killed[kind] for kind in (DRIVER, BUSY, BELOW)) > 0
