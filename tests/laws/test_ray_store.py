"""Ray nodes that share nothing but an object store: the bytes of a local run, whatever network and nodes do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import curate as cu
from curate.run.verify import verify
from tests.laws.test_object_store import RECIPE, REPOSITORY, local_tree, results
from tests.object_store import FAULTS, ObjectStore, running_store
from tests.ray_cluster import Nodes, running_cluster

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

SMALL = """
import curate as cu


def pipeline(input: str, output: str) -> cu.Pipeline:
    return cu.Pipeline(cu.read_jsonl(input), [cu.ExactDedup()], cu.write_documents(output))
"""


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with running_store() as running:
        yield running


@pytest.fixture(scope="module")
def cluster(store: ObjectStore) -> Iterator[Nodes]:
    """Two nodes, which find the store as each node does: in their own environment."""
    with running_cluster(2) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(store: ObjectStore) -> Iterator[None]:
    yield
    store.faults.calm()


def command(recipe: str, *words: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "curate", recipe, *words, "--quiet"]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)


def finish(process: "subprocess.Popen[str]", code: int) -> None:
    _, told = process.communicate(timeout=800)
    assert process.returncode == code, told


def test_input_work_and_output_in_a_store(store: ObjectStore, cluster: Nodes, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(SMALL)
    for number in range(3):
        lines = (json.dumps({"id": f"{number}-{n}", "text": f"line {n * number % 50}"}) for n in range(100))
        store.client().put_object(Bucket="bucket", Key=f"in/{number}.jsonl", Body="\n".join(lines).encode())
    given = "s3://bucket/in/*.jsonl"
    local = cu.Pipeline(cu.read_jsonl(given), [cu.ExactDedup()], cu.write_documents(str(tmp_path / "local")))
    cu.run(local, cu.Local(1))
    store.faults.share, store.faults.seed = 0.05, 3
    finish(command(str(recipe), f"input={given}", "output=s3://bucket/small", "--executor", "ray"), 0)
    store.faults.calm()
    assert results(store.tree("small")) == results(local_tree(tmp_path / "local"))
    assert verify("s3://bucket/small") == []


@pytest.mark.slow
def test_the_main_job_with_faults_and_a_node_killed(
    store: ObjectStore, cluster: Nodes, tmp_path: Path
) -> None:
    planted = cu.write_sample(tmp_path / "crawl")
    for path in Path(planted.folder).glob("*.warc*"):
        store.client().upload_file(str(path), "bucket", f"crawl/{path.name}")
    store.client().upload_file(f"{planted.folder}/evals.jsonl", "bucket", "evals.jsonl")
    words = ["input=s3://bucket/crawl/*.warc*", "evals=s3://bucket/evals.jsonl", "engine=resiliparse"]
    words += ["profile=balanced", "vocab_size=700", "valid_share=0.1"]
    finish(
        command(RECIPE, *words, f"output={tmp_path / 'local'}", "--workers", "2"), 1
    )  # one file is damaged
    store.faults.share, store.faults.seed = 0.05, 11
    running = command(RECIPE, *words, "output=s3://bucket/main", "--executor", "ray")
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(20.0)
    cluster.kill()
    cluster.add()
    finish(running, 1)
    assert all(store.faults.counts[fault] for fault in FAULTS)
    store.faults.calm()
    assert results(store.tree("main")) == results(local_tree(tmp_path / "local"))
    assert verify("s3://bucket/main") == []
