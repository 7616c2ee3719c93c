"""The door to files: objects of a real store, through a proxy that spoils requests, and full disks."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import curate as cu
from curate.assets import resolve
from curate.errors import CurateError, PlanError, StorageError
from curate.io import retries
from curate.io.atomic import replacing, sha256_of, write_bytes, write_json
from curate.io.documents import ParquetSink, read_parquet_batches
from curate.io.reader import InputFile, chunks, list_files
from curate.io.scratch import scratch_file
from curate.io.spill import DamagedSpillError, gather, has_spill, read_spill, write_spill
from curate.io.storage import BLOCK_BYTES, Remote, listing, local_copy, place, remove_tree, size_of
from curate.run.layout import Layout
from curate.run.verify import verify
from tests.laws.test_engine import pipeline, tree
from tests.laws.toy import write_lines
from tests.object_store import FAULTS, ObjectStore, running_store


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with running_store() as running:
        yield running


@pytest.fixture(autouse=True)
def calm(store: ObjectStore) -> Iterator[None]:
    yield
    store.faults.calm()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", retries.Backoff(attempts=12, first_seconds=0.01))


@pytest.fixture
def flaky(store: ObjectStore) -> ObjectStore:
    store.faults.share, store.faults.seed = 0.25, 5
    return store


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def test_what_is_written_through_faults_is_read_back(flaky: ObjectStore) -> None:
    before = flaky.faults.counts.copy()
    for size in (0, 1, 5000, 2 * BLOCK_BYTES + 17) * 2:  # the last one is a multipart upload
        path = place(f"s3://bucket/bytes/{size}.bin")
        write_bytes(path, content(size))
        assert size_of(path) == size
        assert path.read_bytes() == content(size)
        with local_copy(path, sha256_of(path)) as local:
            assert local.read_bytes() == content(size)
    happened = flaky.faults.counts - before
    assert all(happened[fault] for fault in FAULTS), happened
    assert {path.name for path in listing(place("s3://bucket/bytes"), "*.bin")} == {
        "0.bin",
        "1.bin",
        "5000.bin",
        f"{2 * BLOCK_BYTES + 17}.bin",
    }
    remove_tree(place("s3://bucket/bytes"))
    assert listing(place("s3://bucket/bytes"), "**/*") == []


def test_an_object_appears_whole_or_not_at_all(store: ObjectStore) -> None:
    path = place("s3://bucket/whole.bin")

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise ValueError(str(temporary))

    with pytest.raises(ValueError, match=r"whole\.bin") as raised:
        fail_half_way()
    assert size_of(path) is None
    assert not Path(str(raised.value)).exists()
    assert store.unfinished_uploads() == 0


def test_numbers_in_names_are_sorted_by_value(store: ObjectStore, tmp_path: Path) -> None:
    numbers = [0, 9, 10, 99_998, 99_999, 100_000, 100_001, 1_000_000]
    for root in (tmp_path / "many", place("s3://bucket/many")):
        layout = Layout(root)
        expected = [layout.ledger(phase, shard) for phase in (1, 2, 10) for shard in numbers]
        for path in reversed(expected):
            write_bytes(path, b"1")
        assert listing(layout.ledgers, "phase-*.json") == expected
        folders = [root / name / "x" for name in ("a", "a-b", "a.b", "ab", "b1")]
        for path in folders:
            write_bytes(path, b"1")
        assert listing(root, "*/x") == folders  # as paths are compared, part by part


def test_objects_are_listed_as_files_are(store: ObjectStore, tmp_path: Path) -> None:
    names = ["a/x.json", "a/y.json", "a/b/z.json", "a/b/c/x.txt", "ab/x.json"]
    for folder in (tmp_path / "tree", place("s3://bucket/tree")):
        for name in names:
            write_bytes(folder / name, b"1")
    for folder, pattern in (("a", "*.json"), ("a", "**/*.json"), ("", "a/b/*"), ("", "**/*"), ("none", "*")):
        local = tmp_path / "tree" / folder if folder else tmp_path / "tree"
        remote = place("s3://bucket/tree") / folder if folder else place("s3://bucket/tree")
        expected = [path.relative_to(local).as_posix() for path in listing(local, pattern) if path.is_file()]
        assert [path.relative_to(remote).as_posix() for path in listing(remote, pattern)] == expected
        assert remote.is_dir() == local.is_dir()
    at = place("s3://bucket/tree/a/b/z.json")
    assert (at.name, str(at.parent), at.exists(), (at.parent / "no").exists()) == (
        "z.json",
        "s3://bucket/tree/a/b",
        True,
        False,
    )
    assert place("s3://bucket/tree") in at.parents
    assert [path.name for path in place("s3://bucket/tree").iterdir()] == ["a", "ab"]


def test_a_missing_object_is_a_missing_file(store: ObjectStore) -> None:
    path = place("s3://bucket/none")
    for read in (path.read_bytes, lambda: list_files(str(path)), lambda: read_spill(path, 0)):
        with pytest.raises(FileNotFoundError, match="none"):
            read()


def test_a_changed_object_is_not_believed(store: ObjectStore) -> None:
    path = place("s3://bucket/changed")
    write_bytes(path, b"others")
    with pytest.raises(StorageError, match="not those of its ledger"), local_copy(path, "0" * 64):
        pass


def test_tables_and_spills_through_faults(flaky: ObjectStore, tmp_path: Path) -> None:
    batch = pa.record_batch({"number": pa.array(range(5000))})
    for folder in (tmp_path, place("s3://bucket/tables")):
        with ParquetSink(folder / "t.parquet", batch.schema) as sink:
            sink.append(batch)
        rows = pa.table({"key": pa.array([i % 3 for i in range(300)], pa.int32()), "n": range(300)})
        write_spill(folder / "s.arrow", [rows], "key", 4, "print")
    remote = place("s3://bucket/tables")
    assert sink.receipt()["sha256"] == sha256_of(tmp_path / "t.parquet") == sha256_of(remote / "t.parquet")
    assert pa.Table.from_batches(read_parquet_batches(remote / "t.parquet")).num_rows == 5000
    assert has_spill(remote / "s.arrow", "print")
    assert not has_spill(remote / "s.arrow", "another")
    assert not has_spill(remote / "none.arrow", "print")
    paths = [remote / "s.arrow", remote / "s.arrow"]
    local = gather([tmp_path / "s.arrow"] * 2, 1, 3, 2, number="shard")
    assert gather(paths, 1, 3, 2, number="shard").equals(local)
    damaged = bytearray((tmp_path / "s.arrow").read_bytes())
    damaged[100] ^= 1
    write_bytes(remote / "s.arrow", bytes(damaged))
    with pytest.raises(DamagedSpillError) as raised:
        read_spill(remote / "s.arrow", 0)
    assert raised.value.path == remote / "s.arrow"


def test_inputs_are_read_through_faults(flaky: ObjectStore) -> None:
    flaky.client().put_object(Bucket="bucket", Key="in/a.bin", Body=content(3 << 20))
    flaky.client().put_object(Bucket="bucket", Key="in/b.bin", Body=b"b")
    files = list_files("s3://bucket/in/*.bin")
    assert [(file.path, file.size) for file in files] == [
        ("s3://bucket/in/a.bin", 3 << 20),
        ("s3://bucket/in/b.bin", 1),
    ]
    assert b"".join(chunks(files[0])) == content(3 << 20)


def test_a_dead_service_is_not_taken_for_a_damaged_archive(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "BACKOFF", retries.Backoff(attempts=2, first_seconds=0.01))
    planted = cu.write_sample(tmp_path / "crawl")
    archive = next(iter(sorted(Path(planted.folder).glob("*.warc.gz"))))
    arc = b"filedesc://x.arc 0.0.0.0 20200101000000 text/plain 10\n1 0 x\n\n\n\n"
    for name, body in (("x.warc.gz", archive.read_bytes()), ("x.arc", arc), ("x.parquet", b"PAR1")):
        store.client().put_object(Bucket="bucket", Key=f"dead/{name}", Body=body)
    readers = {"x.warc.gz": cu.read_warc, "x.arc": cu.read_warc, "x.parquet": cu.read_parquet}
    for name, reader in readers.items():
        (file,) = reader(f"s3://bucket/dead/{name}").files()
        store.faults.share, store.faults.kinds = 1.0, ("slow_down",)
        with pytest.raises(StorageError, match="failed 2 times"):
            list(reader(file.path).read(file))
        store.faults.calm()


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("s3://no-such-bucket/x.json", "bucket does not exist", "create the bucket"),
        ("nowhere://bucket/x.json", "Protocol not known", "fsspec package"),
        ("s3://bad name!/x.json", "refused", "address"),
    ],
)
def test_what_cannot_be_written_is_told_at_once(
    store: ObjectStore, url: str, message: str, hint: str
) -> None:
    with pytest.raises(StorageError, match=message) as raised:
        write_json(place(url), {})
    assert hint in str(raised.value.hint)


def test_no_permission_is_told_at_once(store: ObjectStore) -> None:
    store.faults.denied, before = True, store.faults.counts["requests"]
    for act in (lambda: write_json(place("s3://bucket/x"), {}), lambda: list_files("s3://bucket/x")):
        with pytest.raises(StorageError, match="permission denied"):
            act()
    assert store.faults.counts["requests"] - before < 6


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['s3fs'] = None\nfrom curate.cli import main\nmain(['verify', 's3://bucket/x'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr.strip().splitlines()[-1] == "hint: pip install 'curate[s3]'"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OSError(errno.EBUSY, "slow down"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (retries.TruncatedBodyError("1 of 2"), True),
        (OSError(errno.EINVAL, "bad name"), False),
        (PermissionError(), False),
        (FileNotFoundError(), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_what_passes_is_tried_again(error: Exception, passes: bool) -> None:
    tried = []

    def act() -> None:
        tried.append(1)
        raise error

    with pytest.raises((CurateError, FileNotFoundError, ZeroDivisionError)):
        retries.retrying(act, "it", retries.Backoff(attempts=3, first_seconds=0.001))
    assert len(tried) == (3 if passes else 1)


def test_scratch_of_a_killed_process_goes(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom curate.io.scratch import scratch_file\n"
        "with scratch_file('x') as path:\n    path.write_bytes(b'1')\n    print(path, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    settings = {**os.environ, "TMPDIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=settings
    )
    left = Path(killed.stdout.strip())
    assert left.is_file()
    subprocess.run([sys.executable, "-c", code.replace("SIGKILL", "SIGCONT")], check=True, env=settings)
    assert not left.exists()
    assert [*tmp_path.rglob("*")] == [tmp_path / f"curate-{os.getuid()}"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB. Skips where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_in_one_message_and_a_clean_resume(small_disk: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "lines", shards=3, lines=40)
    with pytest.raises(StorageError, match="no space left on the device: `") as raised:
        cu.run(pipeline(tmp_path / "lines", small_disk / "out"), cu.Local(2))
    assert "goes on where it stopped" in str(raised.value.hint)
    assert not [*small_disk.rglob(".*.tmp")]
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    cu.run(pipeline(tmp_path / "lines", small_disk / "out"), cu.Local(2))
    cu.run(pipeline(tmp_path / "lines", tmp_path / "whole"), cu.Local(1))
    assert tree(small_disk / "out") == tree(tmp_path / "whole")
    assert verify(small_disk / "out") == []


def test_a_limit_of_file_sizes_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "words"}\n' * 3)
    (tmp_path / "recipe.py").write_text(
        "import curate as cu\n"
        "def pipeline(output: str) -> cu.Pipeline:\n"
        f"    return cu.Pipeline(cu.read_jsonl({str(tmp_path / 'in.jsonl')!r}), [], cu.write_documents(output))\n"
    )
    words = [
        sys.executable,
        "-m",
        "curate",
        str(tmp_path / "recipe.py"),
        f"output={tmp_path / 'out'}",
        "--quiet",
    ]
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *words]  # one block of 512 bytes
    told = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 2
    assert "the limit of file sizes is reached" in told.stderr
    assert subprocess.run(words, check=False, timeout=120).returncode == 0
    assert verify(tmp_path / "out") == []


def test_scratch_is_told_apart_by_thread() -> None:
    names: list[str] = []

    def take() -> None:
        with scratch_file("x") as path:
            names.append(str(path))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8


def test_places() -> None:
    assert place("a/b") == Path("a/b")
    assert place("s3://bucket/a/") == Remote("s3://bucket/a") == place(Remote("s3://bucket/a"))
    assert InputFile("s3://bucket/a/x.gz", 1, "").name == "x.gz"


def test_lists_models_and_indexes_may_be_objects(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    model = resolve("lid.176")
    for name, content in (
        ("urls.txt", b"https://a.example/\n"),
        ("words.txt", b"rude\n"),
        ("lid.ftz", model.read_bytes()),
    ):
        write_bytes(place(f"s3://bucket/given/{name}"), content)
    store.faults.share, store.faults.seed = 0.2, 7
    batch = pa.record_batch(
        {
            "id": ["1", "2", "3"],
            "url": ["https://a.example/", "https://b.example/", None],
            "text": pa.array(
                ["one two three four", "a rude word", "Der Hund schläft im Garten"], pa.large_string()
            ),
        }
    )
    opted = cu.OptOut(robots=False, tdm=False, urls="s3://bucket/given/urls.txt")
    assert opted(batch).reason.to_pylist() == ["opted_out", None, None]
    rude = cu.WordList("s3://bucket/given/words.txt")
    before = rude.identity()
    assert rude(batch).batch["listed_words"].to_pylist() == [0, 1, 0]
    write_bytes(place("s3://bucket/given/words.txt"), b"rude\nfour\n")
    assert rude(batch).batch["listed_words"].to_pylist() == [1, 1, 0]
    assert rude.identity() != before
    language = cu.Language(model="s3://bucket/given/lid.ftz", min_score=0.0)
    assert language.identity()["model_sha256"] == sha256_of(model)
    assert language(batch).batch["language"].to_pylist()[2] == "de"
    barrier = cu.NearDedup(index="s3://bucket/given/index.arrow")
    assert cu.write_near_index("s3://bucket/given/index.arrow", [batch], barrier) == 3
    local = tmp_path / "index.arrow"
    cu.write_near_index(str(local), [batch], barrier)
    assert barrier.identity()["index"] == sha256_of(local)
    with pytest.raises(PlanError, match=r"none\.txt` is missing"):
        cu.OptOut(urls="s3://bucket/given/none.txt")
