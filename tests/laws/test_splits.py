"""The law of splits: as whole tables in order, a run over splits writes what a run over whole files writes."""

import gzip
import json
import os
import random
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.io.reader import Reader, splits
from curate.report import Ledger
from curate.run.driver import run_part, step_names
from curate.run.job import Job, Task
from curate.run.layout import Layout
from curate.run.local import Execute
from curate.run.phase import run_task
from curate.run.splits import unsettled
from curate.run.suspects import Attempt
from curate.run.verify import verify
from tests.io.test_warc import http, record
from tests.laws.test_engine import tree
from tests.laws.toy import Distinct

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pipelines"))
import fineweb_like

WHOLE = 1 << 40


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Here:
    """An executor in this very process: thousands of splits in seconds."""

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        return nullcontext(partial(self.execute, job))

    def execute(self, job: Job, tasks: Sequence[Task], on_progress: Any) -> None:
        for task in tasks:
            run_task(job, task, Attempt())
            on_progress(task, 0, 0, True)


def outcome(reader: Reader, output: Path, split_bytes: int, stages: Sequence[Any] = ()) -> dict[str, Any]:
    """What a run leaves behind, without regard to where its files begin and end."""
    recipe = cu.Pipeline(replace(reader, split_bytes=split_bytes), stages, cu.write_documents(str(output)))
    cu.run(recipe, Here())
    assert verify(output) == []
    return left_behind(output)


def left_behind(output: Path) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for path in sorted((output / "documents").glob("*")):
        tables.setdefault("documents", []).append(pq.read_table(path))
    for path in sorted((output / "rejects").glob("*")):
        tables.setdefault(path.name.rsplit("-", 1)[0], []).append(pq.read_table(path))
    joined = {name: pa.concat_tables(parts).combine_chunks() for name, parts in tables.items()}
    return joined | {"report": json.loads((output / "report.json").read_text())}


def corrected(output: Path) -> int:
    ledgers = [Ledger.read(path) for path in (output / "ledger").glob("phase-1-*")]
    return sum(bool(ledger and ledger.split.get("correction")) for ledger in ledgers)


def real_files(data_dir: Path, limit: int = 300_000) -> list[Path]:
    files = [path for path in sorted((data_dir / "warc-real").rglob("*")) if path.is_file()]
    return [path for path in files if path.name != "INVENTORY.tsv" and path.stat().st_size <= limit]


ANY: dict[str, Any] = {"record_types": None, "mime_types": None, "statuses": None}


@pytest.mark.parametrize("size", [700, 9_000])
def test_every_real_archive(data_dir: Path, tmp_path: Path, size: int) -> None:
    """Whole and damaged files as they were found; small splits of small ones only, so that there are not too many."""
    paths = [str(path) for path in real_files(data_dir) if path.stat().st_size < 60 * size]
    assert len(paths) > 50
    reader = cu.read_warc(paths, **ANY)
    assert outcome(reader, tmp_path / "splits", size) == outcome(reader, tmp_path / "whole", WHOLE)


def test_truncated_and_flipped_archives(data_dir: Path, tmp_path: Path) -> None:
    chance = random.Random(4)
    sources = [path for path in real_files(data_dir, 60_000) if path.stat().st_size > 3000]
    for number in range(40):
        data = bytearray(chance.choice(sources).read_bytes())
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if number % 2:
            del data[chance.randrange(len(data) // 2, len(data)) :]
        (tmp_path / f"{number:02}.warc").write_bytes(data)
    reader = cu.read_warc(str(tmp_path / "*.warc"), **ANY)
    assert outcome(reader, tmp_path / "splits", 1500) == outcome(reader, tmp_path / "whole", WHOLE)


def page(number: int, *, label: str | None = None, payload: bytes | None = None) -> bytes:
    body = payload or f"<p>page {number} {'word ' * (number % 50)}".encode()
    return record(label or f"page-{number}", http(body))


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_in_a_payload_is_no_place_to_begin(tmp_path: Path, *, compress: bool) -> None:
    """Stored without compression, the inner archive stands in the file as it is."""
    inner = b"".join(page(1000 + n) for n in range(40))
    if compress:
        inner = b"".join(gzip.compress(page(1000 + n), mtime=0) for n in range(40))
    pages = [page(n, payload=b"<p>" + inner if n % 3 == 1 else None) for n in range(12)]
    store = [gzip.compress(one, 0, mtime=0) for one in pages] if compress else pages
    (tmp_path / "a.warc").write_bytes(b"".join(store))
    reader = cu.read_warc(str(tmp_path / "a.warc"))
    assert outcome(reader, tmp_path / "splits", 2000) == outcome(reader, tmp_path / "whole", WHOLE)
    assert corrected(tmp_path / "splits") > 0


def repeating() -> list[bytes]:
    return [page(n, label=f"page-{n % 70}") for n in range(100)]


def test_ids_repeated_in_another_split_are_rejected_by_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(b"".join(gzip.compress(one, mtime=0) for one in repeating()))
    reader = cu.read_warc(str(tmp_path / "a.warc.gz"))
    whole = outcome(reader, tmp_path / "whole", WHOLE)
    assert whole["report"]["totals"]["rejected"] == {"read_warc": {"repeated_id": 30}}
    assert outcome(reader, tmp_path / "splits", 1500) == whole
    assert corrected(tmp_path / "splits") > 0


@pytest.mark.parametrize("size", [200, 2000])
def test_lines(tmp_path: Path, size: int) -> None:
    chance = random.Random(size)
    lines = [
        chance.choice(
            [
                json.dumps({"id": str(chance.randrange(400)), "text": "word " * chance.randrange(60)}),
                json.dumps({"text": f"no id {n} " * chance.randrange(9)}),
                "",
                "   ",
                "{broken",
                "x" * chance.randrange(500),
            ]
        )
        for n in range(300)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "b.jsonl").write_text("\n".join(lines[:50]) + "\n\n\n")
    (tmp_path / "c.jsonl").write_bytes(b"\n" * 5 + b'{"text": "one line longer than its split"}')
    (tmp_path / "d.jsonl").write_bytes(gzip.compress("\n".join(lines).encode()))
    reader = cu.read_jsonl(str(tmp_path / "*.jsonl"), max_line_bytes=250)
    whole = outcome(reader, tmp_path / "whole", WHOLE)
    assert outcome(reader, tmp_path / "splits", size) == whole
    assert {"line_too_long", "repeated_id", "bad_json"} <= set(
        whole["report"]["totals"]["rejected"]["read_jsonl"]
    )


def test_row_groups(tmp_path: Path) -> None:
    rows = [{"id": str(n % 90), "text": f"text {n}" if n % 7 else None, "n": n} for n in range(120)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=13, compression="none")
    shutil.copy(tmp_path / "a.parquet", tmp_path / "b.parquet")
    data = bytearray((tmp_path / "b.parquet").read_bytes())
    at = pq.read_metadata(tmp_path / "b.parquet").row_group(3).column(1).data_page_offset
    data[at : at + 30] = b"\xff" * 30
    (tmp_path / "b.parquet").write_bytes(data)
    (tmp_path / "c.parquet").write_bytes(data[:-100])
    reader = cu.read_parquet(str(tmp_path / "*.parquet"), columns={"n": "int64"})
    whole = outcome(reader, tmp_path / "whole", WHOLE)
    for size in (400, 3000):
        assert outcome(reader, tmp_path / f"splits-{size}", size) == whole
    found = whole["report"]["totals"]["rejected"]["read_parquet"]
    assert {"corrupt_row_group", "corrupt_file", "repeated_id", "missing_text"} == set(found)


def lines_recipe(folder: Path, output: Path, split_bytes: int) -> cu.Pipeline:
    if not (folder / "a.jsonl").exists():
        rows = [{"id": f"{n % 150}", "text": f"the text number {n % 61} is told"} for n in range(200)]
        (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = cu.read_jsonl(str(folder / "a.jsonl"), split_bytes=split_bytes)
    return cu.Pipeline(read, [Distinct()], cu.write_documents(str(output)))


def test_barriers_see_the_same_documents(tmp_path: Path) -> None:
    for name, size in (("whole", WHOLE), ("splits", 900)):
        cu.run(lines_recipe(tmp_path, tmp_path / name, size), Here())
    assert left_behind(tmp_path / "splits") == left_behind(tmp_path / "whole")


def test_workers_and_parts_of_steps_make_the_same_bytes(tmp_path: Path) -> None:
    """Two workers share one file; a scheduler's jobs do, step by step."""
    cu.run(lines_recipe(tmp_path, tmp_path / "one", 900), cu.Local(1))
    cu.run(lines_recipe(tmp_path, tmp_path / "two", 900), cu.Local(2))
    recipe = lines_recipe(tmp_path, tmp_path / "steps", 900)
    assert "phase-1-splits" in step_names(recipe)
    for step in step_names(recipe):
        for part in reversed(range(2)):
            run_part(recipe, step, part, 2, Here())
    cu.run(recipe, Here())
    assert tree(tmp_path / "two") == tree(tmp_path / "one") == tree(tmp_path / "steps")


def test_a_run_stopped_between_correction_and_correct_goes_on(tmp_path: Path) -> None:
    cu.run(lines_recipe(tmp_path, tmp_path / "whole", 900), Here())

    class StopAt(Here):
        """Stops before the n-th task."""

        def __init__(self, number: int) -> None:
            self.left = number

        def execute(self, job: Job, tasks: Sequence[Task], on_progress: Any) -> None:
            for task in tasks:
                if not self.left:
                    raise KeyboardInterrupt
                self.left -= 1
                super().execute(job, [task], on_progress)

    stops = 0
    for number in range(1, 60, 3):
        try:
            cu.run(lines_recipe(tmp_path, tmp_path / "out", 900), StopAt(number))
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > 3
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_nothing_is_compared_twice(tmp_path: Path) -> None:
    recipe = lines_recipe(tmp_path, tmp_path / "out", 900)
    for step in step_names(recipe)[:3]:
        run_part(recipe, step, 0, 1, Here())
    plan = recipe.plan()
    job = Job(plan, plan.read.shards(), Layout(tmp_path / "out"))
    for path in (tmp_path / "out" / "work" / "1" / "splits").glob("*-ids.arrow"):
        path.write_bytes(b"not to be read")
    assert unsettled(job) == []


def test_splits_cover_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(bytes(1000))
    (file,) = cu.read_jsonl(str(tmp_path / "a.jsonl")).files()
    for size in (1, 333, 500, 999, 1000, 1001):
        parts = splits(file, size)
        ends = [part.stop or 1000 for part in parts]
        assert [part.start for part in parts] == [0, *ends[:-1]]
        assert sum(part.length or 0 for part in parts) == 1000
    assert splits(replace(file, size=None), 10) == [replace(file, size=None)]


def test_the_flagship_recipe(tmp_path: Path) -> None:
    """Deduplication, contamination, a trained tokenizer and tokens, over plain, gzip and zstd archives."""
    sample = cu.write_sample(tmp_path / "sample")
    found = []
    for name, size in (("whole", WHOLE), ("splits", 120_000)):
        recipe = fineweb_like.pipeline(
            input=f"{sample.folder}/*.warc*", output=str(tmp_path / name), vocab_size=400
        )
        cu.run(replace(recipe, read=replace(recipe.read, split_bytes=size)), Here())
        assert verify(tmp_path / name) == []
        left = left_behind(tmp_path / name)
        del left["report"]["datasets"]  # bytes and digests of token shards follow where they are cut
        left["tokenizer"] = (tmp_path / name / "tokenizer" / "tokenizer.json").read_bytes()
        for split in ("train", "valid"):
            shards = sorted((tmp_path / name / "tokens" / split).glob("data-*.arrow"))
            tables = [pa.ipc.open_stream(shard.read_bytes()).read_all() for shard in shards]
            left[split] = pa.concat_tables(tables).combine_chunks()
        found.append(left)
    assert found[0] == found[1]
    assert len(list((tmp_path / "splits" / "ledger").glob("phase-1-*"))) > 15


@pytest.mark.slow
def test_many_damaged_archives(data_dir: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("CURATE_SEED", "0"))
    for number in range(200):
        chance = random.Random(seed + number)
        folder = tmp_path / str(number)
        folder.mkdir()
        data = bytearray(chance.choice(real_files(data_dir, 250_000)).read_bytes())
        for _ in range(chance.randrange(12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        del data[chance.randrange(len(data) // 3, len(data) + 1) :]
        (folder / "a.warc").write_bytes(data)
        reader = cu.read_warc(str(folder / "a.warc"), **ANY)
        size = chance.randrange(len(data) // 60 + 1, len(data) // 2 + 3)
        assert outcome(reader, folder / "splits", size) == outcome(reader, folder / "whole", WHOLE), number
        shutil.rmtree(folder)
