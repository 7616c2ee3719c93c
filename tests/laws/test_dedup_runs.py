"""Deduplication as a run: any sharding and order, damage and kills between rounds, the same keepers."""

import json
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import pytest

import curate as cu
from curate.run.job import Job, Kind, Task
from curate.run.local import Execute, OnProgress
from curate.run.phase import run_task
from curate.run.suspects import Attempt
from curate.stages.segment_dedup import SegmentDedup
from curate.stages.substring_dedup import SubstringDedup
from tests.laws.test_engine import tree
from tests.stages.barriers import variants

NOTICE = (
    " The same long notice stands at the end of many of these pages, and one copy of it is enough for us."
)


class Here:
    """Runs tasks in this process and lets a test step in after each."""

    def __init__(self, after: Callable[[Job, Task], None] = lambda job, task: None) -> None:
        self.after = after

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        return nullcontext(partial(self.execute, job))

    def execute(self, job: Job, tasks: Sequence[Task], on_progress: OnProgress) -> None:
        for task in tasks:
            run_task(job, task, Attempt())
            self.after(job, task)
            on_progress(task, 0, 0, True)


def write(folder: Path, shards: int, seed: int) -> Path:
    documents = variants(5, families=12, copies=4, length=80)
    for number, document in enumerate(sorted(documents, key=lambda d: str(d["id"]))):
        document["text"] = f"{document['text']}\nline {number % 9}\n" + (NOTICE if number % 3 else "")
    random.Random(seed).shuffle(documents)
    folder.mkdir()
    for shard in range(shards):
        rows = (json.dumps(document) + "\n" for document in documents[shard::shards])
        (folder / f"{shard}.jsonl").write_text("".join(rows))
    return folder


def pipeline(source: Path, output: Path) -> cu.Pipeline:
    stages = [
        cu.NearDedup(min_jaccard=0.7, bands=28, rows=4),
        SegmentDedup(keep="first"),
        SubstringDedup(min_bytes=80, keep="first"),
    ]
    return cu.Pipeline(cu.read_jsonl(f"{source}/*.jsonl"), stages, cu.write_documents(str(output)))


def outcome(output: Path) -> tuple[list[object], list[object]]:
    kept = [(r["id"], r["text"], r["duplicates"]) for b in cu.read_documents(output) for r in b.to_pylist()]
    names = ("id", "stage", "reason", "duplicate_of", "similarity")
    gone = [tuple(r[n] for n in names) for b in cu.read_rejects(output) for r in b.to_pylist()]
    return sorted(kept), sorted(gone, key=str)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("dedup")
    source = write(folder / "in", 3, seed=0)
    cu.run(pipeline(source, folder / "out"), Here())
    kept, gone = outcome(folder / "out")
    assert len(kept) >= 12
    assert len(gone) >= 12
    assert sum(NOTICE in str(text) for _, text, _ in kept) == 1  # type: ignore[misc]
    return source, folder / "out"


@pytest.mark.parametrize(("shards", "seed", "workers"), [(1, 1, 1), (5, 2, 2), (3, 3, 4)])
def test_any_sharding_order_and_workers(
    reference: tuple[Path, Path], tmp_path: Path, shards: int, seed: int, workers: int
) -> None:
    source = write(tmp_path / "in", shards, seed)
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(workers))
    assert outcome(tmp_path / "out") == outcome(reference[1])


def test_a_damaged_spill_is_made_again(reference: tuple[Path, Path], tmp_path: Path) -> None:
    named = []

    class Watcher:
        def begin(self, title: str, done: int, total: int) -> None:
            named.append(title)

        def advance(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None: ...

        def end(self) -> None: ...

    damaged: set[str] = set()

    def damage(job: Job, task: Task) -> None:
        """Flips a byte of one map and one reduce spill of each barrier as soon as they are there."""
        for path in sorted(job.layout.work.rglob("*.arrow")):
            kind = f"{path.parent.name} {path.name.split('-')[1]}"
            content = bytearray(path.read_bytes())
            if kind in damaged or len(content) < 2000:
                continue
            damaged.add(kind)
            content[len(content) * 2 // 5] ^= 0xFF
            content[len(content) // 2] ^= 0xFF
            path.write_bytes(content)

    cu.run(pipeline(reference[0], tmp_path / "out"), Here(damage), watcher=Watcher())
    assert tree(tmp_path / "out") == tree(reference[1])
    assert len(damaged) >= 5
    titles = [title for title in named if title.startswith("damaged, made again: ")]
    assert len(titles) >= 2
    assert all(title.endswith(".arrow") for title in titles)


def test_a_spill_that_is_damaged_again_stops_the_run(reference: tuple[Path, Path], tmp_path: Path) -> None:
    def damage(job: Job, task: Task) -> None:
        for path in job.layout.work.rglob("bands-map-00001.arrow"):
            path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(cu.CurateError, match=r"bands-map-00001\.arrow` is damaged again"):
        cu.run(pipeline(reference[0], tmp_path / "out"), Here(damage))


@pytest.mark.parametrize("stop", [3, 20, 37, 50, 80])
def test_killed_between_any_two_tasks_it_goes_on(
    reference: tuple[Path, Path], tmp_path: Path, stop: int
) -> None:
    class KilledError(Exception):
        pass

    done: list[Task] = []

    def kill(job: Job, task: Task) -> None:
        done.append(task)
        if len(done) == stop:
            raise KilledError

    with pytest.raises(KilledError):
        cu.run(pipeline(reference[0], tmp_path / "out"), Here(kill))
    spills = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*-reduce-*.arrow")}
    assert not spills or done[-1].kind in set(Kind)

    def unchanged(job: Job, task: Task) -> None:
        for path, stamp in spills.items():
            assert not path.exists() or path.stat().st_mtime_ns == stamp, "a reduced partition was done again"

    cu.run(pipeline(reference[0], tmp_path / "out"), Here(unchanged))
    assert tree(tmp_path / "out") == tree(reference[1])
