"""Quality classifier: reasons and scores, with a model whose probabilities are known in closed form."""

import math

import pyarrow as pa
import pytest

from curate.assets import sha256_file
from curate.errors import CurateError, PlanError
from curate.stages.classifier import QualityClassifier
from curate.stages.word_list import WordList
from tests.fasttext_model import LOSSES, model_bytes

# the hidden vector of "good" is (1, 0), that of "bad" (0, 1), of both their mean
WORDS = {"good": [1.0, 0.0], "bad": [0.0, 1.0]}
LABELS = {"hq": [2.0, -1.0], "lq": [0.0, 0.0]}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("model") / "quality.bin"
    path.write_bytes(model_bytes(WORDS, LABELS))
    return str(path)


def batch(*texts):
    return pa.record_batch(
        {"id": pa.array([str(n) for n in range(len(texts))]), "text": pa.array(texts, pa.large_string())}
    )


def probability(good, bad):
    activation = (2.0 * good - 1.0 * bad) / (good + bad)
    return 1 / (1 + math.exp(-activation))


def test_each_reason_and_its_neighbour(model):
    texts = ["good good", "good bad", "bad", "unknown words", "", None, " \n"]
    stage = QualityClassifier(model, "hq")
    outcome = stage(batch(*texts))
    assert outcome.reason.to_pylist() == [None, None, "low_quality", *["no_text"] * 4]
    assert set(stage.reasons) == {"no_text", "low_quality"}
    scores = outcome.batch["quality_score"].to_pylist()
    assert scores[:3] == pytest.approx([probability(2, 0), probability(1, 1), probability(0, 1)], abs=1e-4)
    assert scores[3:] == [None] * 4
    assert outcome.batch["text"] == batch(*texts)["text"]


def test_the_limit_is_inclusive_and_each_label_has_its_score(model):
    score = QualityClassifier(model, "hq")(batch("good bad")).batch["quality_score"][0].as_py()
    assert QualityClassifier(model, "hq", min_score=score)(batch("good bad")).reason.to_pylist() == [None]
    above = min(1.0, score + 1e-3)
    assert QualityClassifier(model, "hq", above)(batch("good bad")).reason.to_pylist() == ["low_quality"]
    other = QualityClassifier(model, "lq", 0.0)(batch("good bad")).batch["quality_score"][0].as_py()
    assert score + other == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_prefers_the_same_label(loss, tmp_path):
    path = tmp_path / "m.bin"
    path.write_bytes(model_bytes(WORDS, {"hq": [4.0, -4.0], "lq": [-4.0, 4.0]}, loss=LOSSES[loss]))
    outcome = QualityClassifier(str(path), "hq")(batch("good", "bad"))
    assert outcome.reason.to_pylist() == [None, "low_quality"]


def test_two_classifiers_in_one_pipeline(model):
    first, second = QualityClassifier(model, "hq"), QualityClassifier(model, "lq", 0.0, column="dullness")
    assert first.name != second.name
    out = second(first(batch("good")).batch).batch
    assert out.schema.names == ["id", "text", "quality_score", "dullness"]
    for stage in (first, second):
        for field in stage.adds:
            assert out.schema.field(field.name).type == field.type


def test_unwanted_text_by_classifier_and_by_word_list(model, tmp_path):
    """The hooks for adult and toxic text: a model with a label for harmless text, a list with an entry per line."""
    listed = tmp_path / "en"
    listed.write_text("bad bad\ndreadful\n", encoding="utf-8")
    stages = [
        QualityClassifier(model, "hq", min_score=0.3, column="harmless"),
        WordList(str(listed), max_count=None, column="listed"),
    ]
    whole = batch("good", "bad", "good dreadful", "Dreadful! Bad bad.")
    out = whole
    for stage in stages:
        out = stage(out).batch
    assert out["listed"].to_pylist() == [0, 0, 1, 2]
    harmless = stages[0](whole)
    assert harmless.reason.to_pylist() == [None, "low_quality", None, "no_text"]
    assert stages[0].name == "harmless"
    assert WordList(str(listed), column="listed")(whole).reason.to_pylist() == [
        None,
        None,
        "too_many_listed",
        "too_many_listed",
    ]


def test_batches_may_be_cut_anywhere(model):
    stage, whole = QualityClassifier(model, "hq"), batch("good", None, "bad", "good bad", "")
    for cut in range(whole.num_rows + 1):
        parts = [stage(part).reason for part in (whole.slice(0, cut), whole.slice(cut))]
        assert pa.concat_arrays(parts) == stage(whole).reason


def test_text_of_any_arrow_type(model):
    plain = pa.array(["good", "bad", None, " "])
    expected = QualityClassifier(model, "hq")(pa.record_batch({"text": plain}))
    for text in (plain.cast(pa.string_view()), plain.dictionary_encode()):
        outcome = QualityClassifier(model, "hq")(pa.record_batch({"text": text}))
        assert outcome.reason == expected.reason
        assert outcome.batch["quality_score"] == expected.batch["quality_score"]


def test_bad_parameters_and_files(model, tmp_path):
    for wrong in (1.5, "0.5"):
        with pytest.raises(PlanError, match="not a probability"):
            QualityClassifier(model, "hq", min_score=wrong)
    with pytest.raises(PlanError, match="no label `best`") as raised:
        QualityClassifier(model, "best")(batch("good"))
    assert "hq" in raised.value.hint
    with pytest.raises(FileNotFoundError):
        QualityClassifier(str(tmp_path / "absent.bin"), "hq")(batch("good"))
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(model_bytes(WORDS, LABELS)[:-1])
    with pytest.raises(CurateError, match="damaged"):
        QualityClassifier(str(damaged), "hq")(batch("good"))


def test_identity_covers_the_model(model):
    assert QualityClassifier(model, "hq").identity()["model_sha256"] == sha256_file(model)
