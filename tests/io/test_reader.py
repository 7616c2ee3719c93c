import fsspec
import pyarrow as pa
import pytest

from curate.errors import CurateError
from curate.io.addresses import plain
from curate.io.files import read_jsonl
from curate.io.reader import FirstOfEachId, InputFile, named_apart
from curate.io.storage import place
from curate.pipeline import digest_of_files


def test_files_are_sorted_and_each_is_there_once(tmp_path):
    for name in "bac":
        (tmp_path / f"{name}.jsonl").write_text("{}")
    reader = read_jsonl([str(tmp_path / "c.jsonl"), str(tmp_path / "*.jsonl")])
    assert [file.name for file in reader.files()] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert all(file.size == 2 and file.stamp for file in reader.files())


def test_missing_files_have_a_hint(tmp_path):
    for name in ("no.jsonl", "no*.jsonl"):
        with pytest.raises(FileNotFoundError) as error:
            read_jsonl(str(tmp_path / name)).files()
        assert error.value.hint
    with pytest.raises(CurateError):
        read_jsonl(str(tmp_path)).files()
    with pytest.raises(CurateError):
        read_jsonl("nonsense://x").files()


def test_identity_covers_parameters_and_not_files():
    assert read_jsonl("a").identity() == read_jsonl("b").identity()
    assert read_jsonl("a").identity() != read_jsonl("a", text="body").identity()


def test_remote_files_have_sizes_and_stamps_that_follow_the_content():
    url = "memory://reader/a.jsonl"
    stamps = set()
    for content in (b"{}", b'{"a": 1}'):
        with fsspec.open(url, "wb") as stream:
            stream.write(content)
        (file,) = read_jsonl("memory://reader/*.jsonl").files()
        assert (file.name, file.size) == ("a.jsonl", len(content))
        stamps.add(file.stamp)
    assert len(stamps) == 2


def test_a_name_with_marks_of_a_pattern_is_taken_as_a_name_where_it_exists(tmp_path):
    path = tmp_path / "a[1].jsonl"
    path.write_text("{}")
    assert [file.path for file in read_jsonl(str(path)).files()] == [str(path)]


def test_links_are_the_files_they_lead_to(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "one").write_text("whole")
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "elsewhere" / "one")
    (tmp_path / "c.jsonl").symlink_to(tmp_path / "elsewhere")
    reader = read_jsonl(f"{tmp_path}/*.jsonl")
    assert [(file.name, file.size) for file in reader.files()] == [("a.jsonl", 0), ("b.jsonl", 5)]
    (tmp_path / "d.jsonl").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"d\.jsonl links to nothing"):
        reader.files()


def test_the_first_of_equal_ids_is_kept_across_batches():
    first = FirstOfEachId()

    def reasons(ids, given):
        batch = pa.record_batch({"id": pa.array(ids, pa.string())})
        return first(batch, pa.array(given, pa.string())).reason.to_pylist()

    assert reasons(["a", "b", "a"], [None, "bad", None]) == [None, "bad", "repeated_id"]
    assert reasons(["b", "a", None], [None, None, None]) == [None, "repeated_id", None]


def names(*paths):
    return [file.name for file in named_apart(InputFile(path, 1, "") for path in paths)]


def test_files_of_one_name_are_named_by_as_many_folders_as_tell_them_apart():
    assert names("/a/x", "/b/y") == ["x", "y"]
    assert names("/c/a/x", "/c/b/x", "/c/a/y") == ["a/x", "b/x", "y"]
    assert names("/a/1/x", "/b/1/x", "/b/2/x") == ["a/1/x", "b/1/x", "b/2/x"]
    assert names("s3://b/x", "/b/x") == ["s3://b/x", "/b/x"]
    assert names("/b/1/x", "/a/1/x")[::-1] == names("/a/1/x", "/b/1/x")


def test_equal_rows_of_two_folders_have_ids_of_their_own(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").write_text('{"text": "one"}\n' * 2)

    def shards(pattern):
        reader = read_jsonl(f"{tmp_path}/{pattern}", split_bytes=20)
        shards = reader.shards()
        found = pa.concat_batches([outcome.batch for shard in shards for outcome in reader.read(shard)])
        return shards, found["id"].to_pylist()

    alone, few = shards("a/*")
    both, all_ids = shards("*/*")
    assert len(set(all_ids)) == len(all_ids) == 2 * len(few)
    assert not set(few) & set(all_ids)
    assert digest_of_files(alone[:1]) != digest_of_files(both[:1])  # so that a renamed shard is read again


def test_a_file_is_one_however_it_is_spelled(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jsonl").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = [
        "a/x.jsonl",
        "../{}/a/x.jsonl",
        "{:/}//a/./x.jsonl",
        "file://{:/}/a/../a/*",
        "~/a/x.jsonl",
        "/{:/}/a/x.jsonl",
    ]
    urls = [s.replace("{:/}", str(tmp_path)).replace("{}", tmp_path.name) for s in spellings]
    for folder in (tmp_path, tmp_path / "a"):
        monkeypatch.chdir(folder)
        reader = read_jsonl([url for url in urls if folder == tmp_path or url[0] in "/~f"])
        assert [file.path for file in reader.files()] == [f"{tmp_path}/a/x.jsonl"]
    assert str(place("file:///tmp/b/../c/")) == "/tmp/c"
    assert place("~/out") == tmp_path / "out"
    assert str(place("out/")) == "out"
    assert str(place("s3://bucket/a//b/")) == "s3://bucket/a//b"
    monkeypatch.chdir(tmp_path)
    assert plain(plain("./~/x")) == plain("./~/x") == f"{tmp_path}/~/x"
