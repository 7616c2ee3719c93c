"""The loop of `docs/schedulers.md`, as it stands there, on a real Slurm that is started here."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import curate as cu
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import write_lines
from tests.run.test_steps import RECIPE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
#: Jobs of an array that run at a time, and seconds that all may take.
CPUS, PATIENCE_S = 2, 900

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={host} CPUs={cpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def waited_for(is_there: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if is_there.exists():
            return
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        time.sleep(0.1)
    pytest.fail(f"{is_there} did not come")


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A cluster of one node; yields the environment that its commands need."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"no {', '.join(missing)}: Debian has them in slurm-wlm and munge")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons start jobs as root alone")
    folder = tmp_path / "slurm"
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True, mode=0o700)
    key, munge = folder / "munge" / "key", folder / "munge.socket"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    configuration = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    ports = {"port": free_port(), "node_port": free_port()}
    configuration.write_text(CONFIGURATION.format(host=host, folder=folder, cpus=CPUS, **ports))
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    private = [f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
    daemons = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        daemons.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return daemons[-1]

    try:
        waited_for(munge, start("munged", "--foreground", "--force", f"--socket={munge}", *private))
        waited_for(folder / "slurmctld.pid", start("slurmctld", "-D", "-c"))
        waited_for(folder / "slurmd.pid", start("slurmd", "-D", "-c"))
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(30)


def loop_of_the_page(words: str, parts: int) -> str:
    page = (ROOT / "docs" / "schedulers.md").read_text()
    found = re.search(r"```sh\n(.*?sbatch.*?)```", page, re.DOTALL)
    assert found is not None
    told = found[1].replace("python -m curate recipe.py", f"{sys.executable} -m curate {words}")
    return told.replace("--array=0-15", f"--array=0-{parts - 1}").replace("ID/16", f"ID/{parts}")


@pytest.mark.timeout(PATIENCE_S)
def test_the_loop_of_the_page_makes_the_run_of_one_machine(slurm: dict[str, str], tmp_path: Path) -> None:
    source = tmp_path / "lines"
    source.mkdir()
    write_lines(source)
    cu.run(pipeline(source, tmp_path / "whole"), cu.Local(1))
    (tmp_path / "recipe.py").write_text(RECIPE)
    words = f"{tmp_path}/recipe.py source={source} output={tmp_path}/out"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "job=\n" + loop_of_the_page(words, 3)],
        env={**slurm, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    while queue := subprocess.run(
        ["squeue", "--noheader", "--format=%i %T %R"], env=slurm, capture_output=True, text=True, check=True
    ).stdout:
        assert "DependencyNeverSatisfied" not in queue, "\n".join(
            p.read_text() for p in tmp_path.glob("*.out")
        )
        assert time.monotonic() < deadline, queue
        time.sleep(1)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert verify(tmp_path / "out") == []
