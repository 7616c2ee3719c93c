"""Two writers in one output folder: the second is told who is there; a killed one holds nobody up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import curate as cu
from curate.errors import OutputError
from curate.run.driver import run_part
from curate.run.lock import LOCK, locked
from tests.laws.test_engine import pipeline
from tests.laws.toy import write_lines

HOLD = """
import sys, time
from pathlib import Path
from curate.run.lock import locked
with locked(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_told_who_is_at_work_and_a_kill_frees_the_folder(tmp_path: Path) -> None:
    source, out = tmp_path / "lines", tmp_path / "out"
    write_lines(source)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"here\n"
    with pytest.raises(OutputError, match=f"process {holder.pid} on .* writes to"):
        cu.run(pipeline(source, out), cu.Local(1))
    with pytest.raises(OutputError, match=f"process {holder.pid} on"):
        run_part(pipeline(source, out), "open", 0, 2)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert (out / LOCK).exists()
    cu.run(pipeline(source, out), cu.Local(1))
    assert not (out / LOCK).exists()
    with locked(out), pytest.raises(OutputError, match=f"process {os.getpid()} on"):
        cu.remove(out, {"nobody"})
    assert cu.remove(out, {"nobody"}).missing == ["nobody"]


def test_parts_share_the_folder_which_a_run_does_not(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True):
        with locked(tmp_path, shared=True):
            pass
        with pytest.raises(OutputError), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_stays_as_it_is(tmp_path: Path) -> None:
    write_lines(tmp_path / "lines")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes").touch()
    with pytest.raises(OutputError, match="holds no run"):
        cu.run(pipeline(tmp_path / "lines", tmp_path / "out"), cu.Local(1))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes"]
