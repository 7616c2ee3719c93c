"""The main job with input and output in an object store: the bytes of a local run, whatever the network does."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.run.verify import verify
from tests.object_store import FAULTS, ObjectStore, running_store

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = str(REPOSITORY / "pipelines" / "fineweb_like.py")
#: What tells times.
TIMED = ("ledger/", "report.html")


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with running_store() as running:
        yield running


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Any:
    planted = cu.write_sample(tmp_path_factory.mktemp("crawl"))
    for path in Path(planted.folder).glob("*.warc*"):
        store.client().upload_file(str(path), "bucket", f"crawl/{path.name}")
    return planted


@pytest.fixture(autouse=True)
def calm(store: ObjectStore) -> Iterator[None]:
    yield
    store.faults.calm()


def start(sample: Any, crawl: str, output: str) -> subprocess.Popen[str]:
    words = [f"input={crawl}", f"evals={sample.folder}/evals.jsonl", f"output={output}"]
    words += ["engine=resiliparse", "profile=balanced", "vocab_size=700", "valid_share=0.1"]
    arguments = [sys.executable, "-m", "curate", RECIPE, *words, "--workers", "2", "--quiet"]
    return subprocess.Popen(arguments, start_new_session=True, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = process.communicate(timeout=280)
    return process.returncode, told


def local_tree(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def results(tree: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in tree.items() if not name.startswith(TIMED)}


def kill_one_worker(driver: int) -> None:
    """Ends one of the worker processes, as the system does when memory runs out."""
    children = Path(f"/proc/{driver}/task/{driver}/children").read_text().split()
    workers = [w for c in children for w in Path(f"/proc/{c}/task/{c}/children").read_text().split()]
    if workers:
        os.kill(int(random.Random(3).choice(workers)), signal.SIGKILL)


def test_faults_and_kills_change_no_byte(sample: Any, store: ObjectStore, tmp_path: Path) -> None:
    crawl = "s3://bucket/crawl/crawl-0000[24]*"
    code, told = finish(start(sample, crawl, str(tmp_path / "local")))
    assert code == 0, told
    store.faults.share, store.faults.seed = 0.05, 7
    process = start(sample, crawl, "s3://bucket/flaky")
    time.sleep(6)
    kill_one_worker(process.pid)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    code, told = finish(start(sample, crawl, "s3://bucket/flaky"))
    assert code == 0, told
    assert all(store.faults.counts[fault] for fault in FAULTS)
    store.faults.share = 0.0
    assert results(store.tree("flaky")) == results(local_tree(tmp_path / "local"))
    assert verify("s3://bucket/flaky") == []
    removed = cu.remove("s3://bucket/flaky", {next(iter(ids("s3://bucket/flaky")))})
    assert removed.documents == 1
    assert verify("s3://bucket/flaky") == []


def ids(folder: str) -> list[str]:
    return [name for batch in cu.read_documents(folder, ["id"]) for name in batch["id"].to_pylist()]


def test_access_denied_and_no_bucket_end_in_one_message(sample: Any, store: ObjectStore) -> None:
    code, told = finish(start(sample, f"{sample.folder}/crawl-00004*", "s3://nobody-has-it/out"))
    assert code == 2
    assert "cannot write s3://nobody-has-it/out/manifest.json" in told
    assert told.strip().splitlines()[-1] == "hint: create the bucket, or name another one"
    store.faults.denied = True
    code, told = finish(start(sample, "s3://bucket/crawl/*", "s3://bucket/denied"))
    assert code == 2
    assert "permission denied: s3://bucket/crawl" in told
    assert "Traceback" not in told
    assert told.strip().splitlines()[-1].startswith("hint: check the credentials")


@pytest.mark.slow
def test_the_whole_sample_is_the_local_run(sample: Any, store: ObjectStore, tmp_path: Path) -> None:
    crawl = "s3://bucket/crawl/*.warc*"
    for name, output, share in (
        ("mixed", str(tmp_path / "mixed"), 0.0),
        ("calm", "s3://bucket/calm", 0.0),
        ("faulty", "s3://bucket/faulty", 0.1),
    ):
        store.faults.share = share
        code, told = finish(start(sample, crawl, output))
        assert code == 1, (name, told)  # one file is damaged
    store.faults.share = 0.0
    assert finish(start(sample, f"{sample.folder}/*.warc*", str(tmp_path / "local")))[0] == 1
    local = results(local_tree(tmp_path / "mixed"))
    assert results(store.tree("calm")) == local
    assert results(store.tree("faulty")) == local
    for path in sorted((tmp_path / "local" / "documents").glob("*.parquet")):
        here, there = (
            without_source(pq.read_table(pa.BufferReader(data)))
            for data in (path.read_bytes(), local[f"documents/{path.name}"])
        )
        assert here.equals(there)


def without_source(table: pa.Table) -> pa.Table:
    """The name of the input file is all that differs when the input lies elsewhere."""
    return table.drop_columns(["source"])
