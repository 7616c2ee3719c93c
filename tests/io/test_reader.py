import fsspec
import pyarrow as pa
import pytest

from curate.errors import CurateError
from curate.io.files import read_jsonl
from curate.io.reader import FirstOfEachId


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
