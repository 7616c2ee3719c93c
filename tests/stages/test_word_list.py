"""Word lists: both reasons of a text to go or stay, what counts as touching, list files, counting only."""

import pickle
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError, PlanError
from curate.stages import word_list
from curate.stages.word_list import WordList

UNSPACED = "悪事ですไม้ครบ"


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def counts(words: list[str], *texts: str) -> list[int]:
    return WordList(tuple(words), max_count=None)(batch(*texts)).batch["listed_words"].to_pylist()


def test_each_reason_and_its_neighbour() -> None:
    stage = WordList(("bad", "very bad thing"))
    outcome = stage(batch("Bad.", "a badge", "it is a VERY bad THING", None))
    assert outcome.reason.to_pylist() == ["too_many_listed_words", None, "too_many_listed_words", None]
    assert outcome.batch["listed_words"].to_pylist() == [1, 0, 2, None]
    assert set(stage.reasons) == {"too_many_listed_words"}
    assert outcome.batch.schema.field("listed_words").type == stage.adds.field("listed_words").type
    assert WordList(("bad",), max_count=1)(batch("bad", "bad bad")).reason.to_pylist() == [
        None,
        "too_many_listed_words",
    ]


def folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.lower()).replace("’", "'").split())


def touches(character: str) -> bool:
    return (character.isalnum() and character not in UNSPACED) or character == "_"


def stands_alone(before: str, after: str) -> bool:
    while before and unicodedata.category(before[-1])[0] == "M":
        before = before[:-1]
    marked = bool(after) and unicodedata.category(after[0])[0] == "M"
    return not (marked or any(map(touches, before[-1:] + after[:1])))


def slow_count(words: list[str], text: str) -> int:
    """How many places end an entry, looked for one by one."""
    # white space at the ends of a text would be lost to `split`
    text = folded(f"|{text}|")
    found = 0
    for end in range(len(text) + 1):
        for entry in filter(None, map(folded, words)):
            start = end - len(entry)
            anywhere = any(character in UNSPACED for character in entry)
            if (
                start >= 0
                and text[start:end] == entry
                and (anywhere or stands_alone(text[:start], text[end:]))
            ):
                found += 1
                break
    return found


PIECES = st.sampled_from(
    [
        *"abAÄe_1'’ \n\t\u00a0\u2028\u0301\u0308ßΣσςİ",
        *"悪事です",
        *"ไม้ครบ",
        *"भडवा",
        "\u093c",
        "\u094d",
        "\u095c",
    ]
)
STRINGS = st.text(PIECES, max_size=4)


@given(st.lists(STRINGS, max_size=5), st.lists(st.text(PIECES, max_size=20), max_size=4))
def test_the_counts_are_those_of_a_plain_search(words: list[str], texts: list[str]) -> None:
    assert counts(words, *texts) == [slow_count(words, text) for text in texts]


@given(STRINGS, st.lists(STRINGS, max_size=4), st.sampled_from(["NFC", "NFD"]))
def test_an_entry_among_others_is_found_in_any_composition(entry: str, others: list[str], form: str) -> None:
    text = unicodedata.normalize(form, " ".join([*others, entry, *others]))
    assert counts([entry], text) == [slow_count([entry], text)]


def test_scripts_marks_spaces_and_apostrophes() -> None:
    assert counts(["sm", "3p"], "これはsmです", "他们3p了", "ไม่smครับ", "これはismです") == [1, 1, 1, 0]
    assert counts(["cafe", "भड", "गांड"], "cafe\u0301", "भड़वा", "गांड्स", "गांड") == [0, 0, 0, 1]
    assert counts(["ärger"], unicodedata.normalize("NFD", "Ärger, ärger")) == [2]
    assert counts(["bad thing", "can't"], "bad  thing", "bad\u00a0thing", "bad\nthing", "can’t") == [
        1,
        1,
        1,
        1,
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
    assert stage(batch("good, bad")).batch["slurs"].to_pylist() == [1]
    assert pickle.loads(pickle.dumps(stage)) == stage


def test_lines_of_a_file_end_where_editors_end_them(tmp_path: Path) -> None:
    path = tmp_path / "en"
    path.write_bytes("\ufeffone\r\ntwo\rthree\nfour\u2028five\x1csix\n# seven".encode())
    texts = ["one", "two", "three", "four", "five", "six", "four five six", "seven", "# seven"]
    found = WordList(str(path), max_count=None)(batch(*texts)).batch["listed_words"].to_pylist()
    assert found == [1, 1, 1, 0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "de"
    path.write_text("blöd\nbad\n" if encoding == "latin-1" else "bad\n", encoding)
    stage = WordList(str(path))
    for use in (stage.identity, lambda: stage(batch("bad"))):
        with pytest.raises(CurateError, match=f"{path} is not in UTF-8") as raised:
            use()
        assert "iconv" in str(raised.value.hint)


def test_a_list_is_compiled_once_and_not_pickled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = []
    native = word_list._native.ListedWords
    monkeypatch.setattr(word_list._native, "ListedWords", lambda words: made.append(words) or native(words))
    path = tmp_path / "en"
    path.write_text("".join(f"nonsense{number}\n" for number in range(5000)), "utf-8")
    for stage in (WordList(str(path)), WordList(("nonsense1", "some nonsense of this test"))):
        made.clear()
        for text in ("nonsense1", "nonsense", "nonsense1"):
            stage = pickle.loads(pickle.dumps(stage))  # as in a worker  # noqa: PLW2901
            assert stage(batch(text)).batch["listed_words"].to_pylist() == [int(text == "nonsense1")]
        assert len(made) == 1
    assert len(pickle.dumps(WordList(str(path)))) < 1000


def test_bad_parameters(tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        WordList(("bad",), max_count=-1)
    with pytest.raises(FileNotFoundError):
        WordList(str(tmp_path / "absent"))(batch("text"))
