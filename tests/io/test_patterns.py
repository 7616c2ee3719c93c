"""What a pattern names: as fsspec says where nothing fails, and all of it or an error where something does."""

import string
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError, StorageError
from curate.io import retries
from curate.io.patterns import divided, matching
from curate.io.reader import list_files
from curate.io.storage import listing, place, remove_tree
from curate.stages.evaluation_sets import read_items
from tests.object_store import ObjectStore, running_store

NAMES = st.text("ab.[", min_size=1, max_size=3).filter(lambda name: name.strip("."))
PARTS = st.sampled_from(["*", "?", "a*", "*.b", "[ab]*", "[!a]", "**", "a", "b", "ab", "a.b"])


@given(
    st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12),
    st.lists(PARTS, min_size=1, max_size=4).map("/".join),
)
def test_a_pattern_names_what_fsspec_says(names: set[str], pattern: str) -> None:
    system, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    files = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
    for name in files:
        system.pipe_file(f"{root}/{name}", b"")
    found = [info["name"] for info in matching(system, root, pattern, pattern, hidden=True)]
    expected = system.glob(f"{root}/{pattern}", detail=True)
    assert found == sorted(name for name, info in expected.items() if info["type"] == "file")
    if system.exists(root):
        system.rm(root, recursive=True)


@given(st.text(string.ascii_letters + "*?[]/", max_size=20))
def test_a_path_is_divided_before_its_first_mark(path: str) -> None:
    folder, pattern = divided(path)
    assert f"{folder}/{pattern}".removeprefix("" if folder or path.startswith("/") else "/") == path
    assert not set("*?[") & set(folder)


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.jsonl", "b/2.jsonl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    whole = LocalFileSystem.ls

    def ls(self: LocalFileSystem, path: str, detail: bool = False, **options: Any) -> Any:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return whole(self, path, detail=detail, **options)

    monkeypatch.setattr(LocalFileSystem, "ls", ls)
    for pattern in ("*/*.jsonl", "**/*.jsonl"):
        with pytest.raises(StorageError, match="permission denied"):
            list_files(f"{tmp_path}/{pattern}")
    with pytest.raises(StorageError, match="permission denied"):
        read_items([str(tmp_path)], ("text",))


def test_linked_folders_are_searched_and_loops_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "below").mkdir(parents=True)
    (tmp_path / "elsewhere" / "below" / "x.jsonl").write_text("{}")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "input" / "nothing").symlink_to(tmp_path / "gone")
    for pattern in ("*/below/*.jsonl", "**/*.jsonl", "link/**/x.jsonl"):
        (found,) = list_files(f"{tmp_path}/input/{pattern}")
        assert found.path == f"{tmp_path}/input/link/below/x.jsonl"
    (tmp_path / "elsewhere" / "below" / "up").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CurateError, match="leads to a folder above itself"):
        list_files(f"{tmp_path}/input/**/*.jsonl")
    with pytest.raises(CurateError, match="stands for whole folders"):
        list_files(f"{tmp_path}/a**b")


def test_hidden_names_are_read_where_the_pattern_says_so(tmp_path: Path) -> None:
    for name in ("a/1.jsonl", "a/.2.jsonl", ".ipynb_checkpoints/1.jsonl", "_temporary/1.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")

    def named(pattern: str) -> set[str]:
        return {file.path.removeprefix(f"{tmp_path}/") for file in list_files(f"{tmp_path}/{pattern}")}

    assert named("**/*.jsonl") == named("*/*.jsonl") == {"a/1.jsonl", "_temporary/1.jsonl"}
    assert named("a/.*") == {"a/.2.jsonl"}
    assert named(".i*/*") == named(".ipynb_checkpoints/*") == {".ipynb_checkpoints/1.jsonl"}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with running_store() as running:
        import s3fs

        monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)  # it would wait a second before it says anything
        monkeypatch.setattr(retries, "BACKOFF", retries.Backoff(attempts=30, first_seconds=0.001))
        yield running


def test_listings_through_faults_are_whole(store: ObjectStore) -> None:
    client = store.client()
    names = [f"{folder}/{number}.jsonl" for folder in ("a", "a/b", "c[1]") for number in range(3)]
    for name in names:
        client.put_object(Bucket="bucket", Key=f"in/{name}", Body=b"{}")
    store.faults.share = 0.5
    top = place("s3://bucket/in")
    for seed in range(5):
        store.faults.seed = seed
        assert [path.relative_to(top).as_posix() for path in listing(top, "**/*")] == sorted(names)
        assert [path.name for path in listing(top / "a", "*.jsonl")] == [
            f"{number}.jsonl" for number in range(3)
        ]
        assert len(list_files("s3://bucket/in/*/*.jsonl")) == 6
        assert len(list_files("s3://bucket/in/c[1]/0.jsonl")) == 1
        assert [path.name for path in top.iterdir()] == ["a", "c[1]"]
        assert top.is_dir()
        assert not (top / "none").is_dir()
    assert store.faults.counts["slow_down"] > 5
    remove_tree(top)
    store.faults.calm()
    assert store.tree("in") == {}


def test_a_store_that_stays_away_is_not_an_empty_folder(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "BACKOFF", retries.Backoff(attempts=2, first_seconds=0.001))
    store.client().put_object(Bucket="bucket", Key="away/x", Body=b"1")
    store.faults.share, store.faults.kinds = 1.0, ("slow_down",)
    folder = place("s3://bucket/away")
    try:
        for look in (
            lambda: listing(folder, "*"),
            lambda: listing(folder, "**/*"),
            folder.is_dir,
            folder.iterdir,
            lambda: remove_tree(folder),
            lambda: list_files("s3://bucket/away/*"),
            lambda: read_items(["s3://bucket/away"], ("text",)),
        ):
            with pytest.raises(StorageError, match="failed 2 times"):
                look()
    finally:
        store.faults.calm()
    assert store.tree("away") == {"x": b"1"}
