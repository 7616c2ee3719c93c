"""Word lists: both reasons of a text to go or stay, list files, counting only."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import PlanError
from curate.stages.word_list import WordList


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def test_each_reason_and_its_neighbour() -> None:
    stage = WordList(("bad", "very bad thing"))
    outcome = stage(batch("Bad.", "a badge", "it is a VERY bad THING", None))
    assert outcome.reason.to_pylist() == ["too_many_listed_words", None, "too_many_listed_words", None]
    assert outcome.batch["listed_words"].to_pylist() == [1, 0, 2, 0]
    assert set(stage.reasons) == {"too_many_listed_words"}
    assert outcome.batch.schema.field("listed_words").type == stage.adds.field("listed_words").type
    assert WordList(("bad",), max_count=1)(batch("bad", "bad bad")).reason.to_pylist() == [
        None,
        "too_many_listed_words",
    ]


def test_a_file_and_counting_only(tmp_path: Path) -> None:
    path = tmp_path / "en"
    path.write_text("\ufeffbad\nworse thing\n\n", "utf-8")
    stage = WordList(str(path), max_count=None, column="slurs")
    outcome = stage(batch("a worse thing, bad"))
    assert outcome.reason is None
    assert outcome.batch["slurs"].to_pylist() == [2]
    assert stage.name == "slurs"
    assert not stage.reasons
    before = stage.identity()
    path.write_text("good\n", "utf-8")
    assert stage.identity() != before
    assert pickle.loads(pickle.dumps(stage)) == stage


def test_bad_parameters(tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        WordList(("bad",), max_count=-1)
    with pytest.raises(FileNotFoundError):
        WordList(str(tmp_path / "absent"))(batch("text"))
