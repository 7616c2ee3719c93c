"""Memory and time of this process and of those below it."""

import subprocess
import sys
import time

import pytest

from curate.processes import forget_peak, peak_bytes, usage

BUSY = """
import time
held = b"x" * 200_000_000
until = time.process_time() + 0.5
while time.process_time() < until: pass
print(flush=True)
time.sleep(60)
"""


def test_processes_below_count_while_they_run_and_after() -> None:
    before = usage()
    if before is None:
        pytest.skip("this system does not tell what processes use")
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = usage()
        child.kill()
    after = usage()
    assert during is not None
    assert after is not None
    assert during.memory_bytes - before.memory_bytes > 190_000_000
    assert after.memory_bytes - before.memory_bytes < 100_000_000
    for now in (during, after):  # what it used is not forgotten when it has ended
        assert now.seconds - before.seconds >= 0.4
        assert now.seconds_below - before.seconds_below >= 0.4
    assert during.seconds >= during.seconds_below


def test_own_time_is_not_below() -> None:
    before = usage()
    if before is None:
        pytest.skip("this system does not tell what processes use")
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    after = usage()
    assert after is not None
    assert after.seconds_below == before.seconds_below
    assert after.seconds - before.seconds >= 0.25


def test_peak_is_forgotten() -> None:
    if peak_bytes() is None:
        pytest.skip("this system does not tell the peak of memory")
    held = b"x" * 300_000_000
    high = peak_bytes()
    del held
    forget_peak()
    low = peak_bytes()
    assert high is not None
    assert low is not None
    if low >= high:
        pytest.skip("this system does not let a peak be forgotten")
    assert high - low > 200_000_000
