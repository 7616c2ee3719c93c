"""Language stage: reasons, hostile model files."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import assets
from curate.errors import CurateError, PlanError
from curate.stages.language import Language, detect_language, detect_languages, detect_script, load_model

ENGLISH = "The quick brown fox jumps over the lazy dog, and everybody in the village talks about it."
GERMAN = "Der Hund schläft heute den ganzen Tag unter dem Tisch und möchte nicht gestört werden."


def batch(*texts):
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def assert_declared(stage, out):
    for field in stage.adds:
        assert out.schema.field(field.name).type == field.type


def test_each_reason_and_its_neighbour():
    texts = [ENGLISH, GERMAN, "", None, " \n\t", "1234 5678"]
    outcome = Language(keep=frozenset({"en"}))(batch(*texts))
    reasons = outcome.reason.to_pylist()
    assert reasons[:5] == [None, "language", "no_text", "no_text", "no_text"]
    assert outcome.batch["language"].to_pylist()[:4] == ["en", "de", None, None]
    assert outcome.batch["language_score"].to_pylist()[2] is None
    assert set(filter(None, reasons)) <= set(Language().reasons)


def test_white_space_of_every_kind_is_no_text():
    blank = ["\u00a0", "\u3000\u3000", "\v", "\0\0", "\u200b\u00a0\ufeff\u2060", "\x85\u2028", "\u200d"]
    outcome = Language(min_score=0)(batch(*blank, "\u3000" + ENGLISH, "\u00a0" + GERMAN))
    assert outcome.reason.to_pylist() == ["no_text"] * len(blank) + [None] * 2
    assert outcome.batch["language"].to_pylist() == [None] * len(blank) + ["en", "de"]


def test_score_limit_is_inclusive_and_everything_can_be_kept():
    score = detect_language([ENGLISH]).field("score")[0].as_py()
    assert Language(min_score=0.0)(batch(ENGLISH, GERMAN)).reason.to_pylist() == [None, None]
    assert Language(min_score=score)(batch(ENGLISH)).reason.to_pylist() == [None]
    mixed = ENGLISH[:30] + GERMAN[:30] + "el perro no quiere comer hoy"
    assert Language(min_score=1.0)(batch(mixed)).reason.to_pylist() == ["language_score"]


def test_added_columns_are_as_declared():
    stage = Language()
    out = stage(batch(ENGLISH)).batch
    assert_declared(stage, out)
    assert stage(batch()).batch.num_rows == 0


def test_newlines_count_as_spaces():
    assert detect_language([ENGLISH.replace(" ", "\n")]) == detect_language([ENGLISH])


def test_batches_do_not_matter():
    texts = [ENGLISH, None, GERMAN, ""]
    whole = detect_language(texts).to_pylist()
    assert whole == [detect_language([text]).to_pylist()[0] for text in texts]


def test_bad_parameters():
    with pytest.raises(PlanError):
        Language(keep="en")
    with pytest.raises(PlanError):
        Language(min_score=65)
    with pytest.raises(PlanError, match="no language `xx`"):
        Language(keep=frozenset({"xx"}))(batch(ENGLISH))


def test_identity_covers_the_model():
    assert Language().identity()["model_sha256"] == assets.ASSETS["lid.176"].sha256


def test_top_k_is_ordered_and_thresholded():
    model = load_model("lid.176")
    found = pa.array(model.predict(pa.array([ENGLISH, None]), 5, 0.0)).to_pylist()
    scores = [item["score"] for item in found[0]]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert found[1] is None
    high = pa.array(model.predict(pa.array([ENGLISH]), 5, 0.5)).to_pylist()[0]
    assert [item["label"] for item in high] == ["en"]


def test_damaged_models_are_refused(tmp_path):
    good = assets.resolve("lid.176").read_bytes()
    path = tmp_path / "m.ftz"
    for content in (b"", b"PK\x03\x04", good[:100], good[: len(good) // 2], good[:-1]):
        path.write_bytes(content)
        with pytest.raises(CurateError):
            load_model(str(path))


@given(st.integers(0, 200), st.integers(-(2**31), 2**31 - 1))
def test_lying_headers_never_crash(tmp_path_factory, position, value):
    content = bytearray(assets.resolve("lid.176").read_bytes())
    struct.pack_into("<i", content, position, value)
    path = tmp_path_factory.mktemp("m") / "m.ftz"
    path.write_bytes(content)
    message = ""
    try:
        load_model(str(path)).detect(pa.array([ENGLISH]))
    except CurateError as error:
        message = str(error)
    assert "bug" not in message  # a panic would be reported as one


@given(st.lists(st.one_of(st.none(), st.text(max_size=200)), max_size=5))
def test_any_text_has_a_language_or_none(texts):
    for item in detect_language(texts).to_pylist():
        assert (item["language"] is None) == (item["score"] is None)
        assert item["score"] is None or 0 <= item["score"] <= 1


RUSSIAN = "Собака спит под столом и не хочет, чтобы её беспокоили весь день."


def test_scripts():
    texts = [ENGLISH, RUSSIAN, "日本語の文字です", "中文文字", "हिन्दी", "12, 34", "", None]
    found = detect_script(texts)
    assert found.field("script").to_pylist() == ["Latn", "Cyrl", "Jpan", "Hani", "Deva", None, None, None]
    assert found.field("share").to_pylist() == [1, 1, 1, 1, 1, None, None, None]
    stage = Language(script=True)
    out = stage(batch(ENGLISH + RUSSIAN * 9, " \n", None)).batch
    assert out["script"].to_pylist() == ["Cyrl", None, None]
    assert 0.8 < out["script_share"][0].as_py() < 1
    assert_declared(stage, out)


def test_the_likeliest_languages():
    stage = Language(top_k=3)
    out = stage(batch(ENGLISH, "", GERMAN, None)).batch
    assert_declared(stage, out)
    found = out["languages"].to_pylist()
    assert [None if row is None else row[0]["language"] for row in found] == ["en", None, "de", None]
    assert found[0][0]["score"] == out["language_score"][0].as_py()
    assert detect_languages([ENGLISH], 3).to_pylist() == [found[0]]
    assert detect_languages([None, ENGLISH], 1)[1].as_py() == found[0][:1]


def test_languages_of_lines_and_mixed_texts():
    mixed = f"{ENGLISH}\n\n  {GERMAN}  \n{ENGLISH}\n1234 5678\n"
    stage = Language(keep={"en", "de"}, min_score=0, lines=True, keep_mixed=False)
    outcome = stage(batch(mixed, ENGLISH, "", None, f"{GERMAN}\n" * 20 + ENGLISH))
    assert outcome.reason.to_pylist() == ["mixed_languages", None, "no_text", "no_text", None]
    assert_declared(stage, outcome.batch)
    assert outcome.batch["mixed_languages"].to_pylist() == [True, False, None, None, False]
    shares = outcome.batch["line_languages"].to_pylist()
    total = 2 * len(ENGLISH) + len(GERMAN) + len("1234 5678")
    assert [row["language"] for row in shares[0]][:2] == ["en", "de"]
    assert shares[0][0]["share"] == pytest.approx(2 * len(ENGLISH) / total)
    assert shares[0][1]["share"] == pytest.approx(len(GERMAN) / total)
    assert shares[1] == [{"language": "en", "share": 1.0}]
    assert shares[2] is shares[3] is None
    kept = Language(min_score=0, lines=True)(batch(mixed))
    assert kept.reason.to_pylist() == [None]
    assert "mixed_languages" not in Language(lines=True).reasons


def test_languages_have_limits_of_their_own():
    score = detect_language([GERMAN]).field("score")[0].as_py()
    stage = Language(min_score=1.0, min_scores={"de": score})
    assert stage(batch(GERMAN)).reason.to_pylist() == [None]
    strict = Language(min_score=0.0, min_scores={"de": 1.0})
    assert strict(batch(GERMAN, ENGLISH)).reason.to_pylist() == ["language_score", None]
    assert stage == Language(min_score=1.0, min_scores=(("de", score),))
    with pytest.raises(PlanError, match="no language `xx`"):
        Language(min_scores={"xx": 0.5})(batch(GERMAN))


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_scores": {"de": 2}},
        {"min_scores": {"de": "0.5"}},
        {"min_score": "0.5"},
        {"top_k": 0},
        {"keep": set()},
        {"keep_mixed": False},
        {"mixed_share": -1},
    ],
)
def test_more_bad_parameters(wrong):
    with pytest.raises(PlanError):
        Language(**wrong)


def test_what_is_asked_of_the_functions_is_checked():
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k={k} languages"):
            detect_languages([ENGLISH], k)
    with pytest.raises(TypeError, match="expected texts"):
        detect_language(pa.array([1, 2]))
    with pytest.raises(CurateError, match="no asset is named ``"):
        detect_language([ENGLISH], model="")


def test_batches_of_every_option_may_be_cut_anywhere():
    stage = Language(top_k=2, script=True, lines=True, min_scores={"de": 0.1})
    whole = batch(ENGLISH, None, f"{GERMAN}\n{ENGLISH}", "", RUSSIAN)
    for cut in range(whole.num_rows + 1):
        parts = [stage(part) for part in (whole.slice(0, cut), whole.slice(cut))]
        joined = pa.Table.from_batches([part.batch for part in parts]).to_pylist()
        assert joined == stage(whole).batch.to_pylist()
