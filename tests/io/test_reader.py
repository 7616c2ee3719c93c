import pytest

from curate.errors import CurateError
from curate.io.files import read_jsonl


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
