"""The Ray executor on real clusters of this machine: the bytes of one machine, whatever happens to the nodes."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import Slow, write_lines
from tests.ray_cluster import Nodes, running_cluster
from tests.run.test_local import BreakPipe, Poisoned, kept, poison

pytest.importorskip("ray", reason="ray is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.fixture
def start() -> Iterator[Callable[[int], Nodes]]:
    """Starts a cluster and connects this process to it."""
    import ray

    with ExitStack() as stack:

        def begin(nodes: int) -> Nodes:
            cluster = stack.enter_context(running_cluster(nodes))
            ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
            stack.callback(ray.shutdown)
            return cluster

        yield begin


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    write_lines(folder, shards=4)
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    cu.run(pipeline(source, folder, extra=[Slow(0.0)]), cu.Local(2))
    return tree(folder)


def test_one_two_and_three_nodes_write_the_bytes_of_one_machine(
    source: Path, whole: dict[str, bytes], tmp_path: Path, start: Callable[[int], Nodes]
) -> None:
    cluster = start(1)
    for nodes in (1, 2, 3):
        while len(cluster.nodes) < nodes:
            cluster.add()
        output = tmp_path / str(nodes)
        report = cu.run(pipeline(source, output, extra=[Slow(0.0)]), cu.Ray())
        assert report.exit_code == 1  # the damaged lines
        assert tree(output) == whole
        assert verify(output) == []
    with pytest.raises(CurateError, match="BrokenPipeError"):
        cu.run(pipeline(source, tmp_path / "broken", extra=[BreakPipe()]), cu.Ray())
    write_lines(tmp_path / "poisoned", shards=2, lines=10)
    poison(tmp_path / "poisoned", 1)
    report = cu.run(
        pipeline(tmp_path / "poisoned", tmp_path / "killed", extra=[Poisoned("poison")]), cu.Ray()
    )
    assert report.totals["rejected"]["poisoned"] == {"killed_worker": 1}
    assert [text for text in kept(tmp_path / "killed") if "poison" in text] == []


def run_under_fire(source: Path, output: Path, cluster: Nodes, kills: int, pause: tuple[float, float]) -> int:
    """Runs while nodes are killed at random moments, one started for each; returns how many were killed."""
    chance, killed = random.Random(5), 0
    recipe = pipeline(source, output, batch_rows=2, extra=[Slow(0.1)])
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(cu.run, recipe, cu.Ray())
        while not wait([running], timeout=chance.uniform(*pause)).done and killed < kills:
            cluster.kill(chance.randrange(len(cluster.nodes)))
            killed += 1
            cluster.add()
        running.result()
    return killed


def test_a_node_killed_in_the_middle_costs_nothing(
    source: Path, whole: dict[str, bytes], tmp_path: Path, start: Callable[[int], Nodes]
) -> None:
    cluster = start(2)
    assert run_under_fire(source, tmp_path / "out", cluster, 1, (3.0, 3.0)) == 1
    assert tree(tmp_path / "out") == whole
    assert verify(tmp_path / "out") == []


@pytest.mark.slow
def test_twenty_nodes_killed(
    source: Path, whole: dict[str, bytes], tmp_path: Path, start: Callable[[int], Nodes]
) -> None:
    cluster = start(3)
    killed = 0
    for number in range(40):
        killed += run_under_fire(source, tmp_path / str(number), cluster, 20 - killed, (0.5, 4.0))
        assert tree(tmp_path / str(number)) == whole
        if killed == 20:
            break
    assert killed == 20


def test_from_the_command_line_with_a_ray_of_its_own(
    source: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        "import curate as cu\n"
        "from tests.laws.test_engine import pipeline as toy\n"
        "from tests.laws.toy import Slow\n\n\n"
        "def pipeline(source: str, output: str) -> cu.Pipeline:\n"
        "    return toy(source, output, extra=[Slow(0.0)])\n"
    )
    words = [str(recipe), f"source={source}", f"output={tmp_path / 'out'}", "--executor", "ray", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "curate", *words, "--workers", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert tree(tmp_path / "out") == whole


def test_no_cluster_at_the_address(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="cannot reach the Ray cluster"):
        cu.run(pipeline(source, tmp_path / "out"), cu.Ray("127.0.0.1:1"))


def test_workers_must_be_positive() -> None:
    with pytest.raises(CurateError, match="from 1 on"):
        cu.Ray(workers=0)
