import pyarrow as pa
import pytest

from curate.schema import as_large_strings
from curate.text_batches import text_batches


def test_texts_of_every_kind_become_the_same_rows() -> None:
    texts = ["a", None, "", "漢"]
    array = pa.array(texts)
    for given in (texts, iter(texts), array, pa.chunked_array([array[:1], array[1:]]), [array[:2], "", "漢"]):
        assert [row for batch in text_batches(given) for row in batch.to_pylist()] == texts


def test_batches_of_an_iterator_are_bounded() -> None:
    sizes = [len(batch) for batch in text_batches("x" * 100 for _ in range(10_000))]
    assert sum(sizes) == 10_000
    assert max(sizes) == 4096
    assert len(list(text_batches(iter(["x" * (1 << 19)] * 3)))) == 4


@pytest.mark.parametrize("one", ["text", b"text"])
def test_one_text_is_an_error(one: str | bytes) -> None:
    with pytest.raises(TypeError, match="several"):
        list(text_batches(one))


def test_strings_become_what_arrow_makes_of_them() -> None:
    for texts in ([], [None], ["a", None, "", "漢\0é"], [None] * 9 + ["x"], ["é"] * 9):
        array = as_large_strings(texts)
        array.validate(full=True)
        assert array.equals(pa.array(texts, pa.large_string()))
        assert array.null_count == texts.count(None)
    with pytest.raises(UnicodeEncodeError):
        as_large_strings(["\ud800"])


def test_arrow_arrays_of_text_are_taken_and_others_are_not() -> None:
    array = pa.array(["a", None])
    for given in (array, array.dictionary_encode(), array.cast(pa.string_view())):
        assert as_large_strings(given).to_pylist() == ["a", None]
    assert as_large_strings(pa.array(["{}"], pa.json_())).to_pylist() == ["{}"]
    assert as_large_strings(pa.nulls(2)).to_pylist() == [None, None]
    for wrong in (
        [1, 2],
        pa.array([1, 2]),
        pa.array([b"a"]),
        pa.chunked_array([[1.5]]),
        pa.array([[b"a"]]),
        ["a", 1],
    ):
        with pytest.raises(TypeError, match="expected texts"):
            as_large_strings(wrong)
