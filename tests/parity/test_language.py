"""Language identification equals the `fasttext` package: labels, and probabilities within 1e-4."""

import io
import itertools
import json
import subprocess
import sys

import pyarrow as pa
import pytest

from curate import sample
from curate.assets import resolve
from curate.stages.language import load_model
from tests.fasttext_model import LOSSES, random_model

# in a process of its own, because several packages install a module of that name
REFERENCE = """
import json, sys
try:
    import fasttext
except ImportError:
    sys.exit(77)
model = fasttext.load_model(sys.argv[1])
for line in sys.stdin:
    labels, scores = model.predict(json.loads(line).replace("\\n", " "), 3)
    print(json.dumps([list(labels), [float(s) for s in scores]]))
"""


def fasttext_top3(texts, model):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    command = [sys.executable, "-c", REFERENCE, str(model)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the fasttext module is not installed")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(texts, model="lid.176"):
    ours = pa.array(load_model(str(model)).predict(pa.array(texts, pa.large_string()), 3)).to_pylist()
    for text, mine, (labels, scores) in zip(texts, ours, fasttext_top3(texts, resolve(model)), strict=True):
        # fastText adds a small constant to every logarithm, so its probabilities exceed 1 by rounding
        theirs = [min(score, 1.0) for score in scores]
        assert [item["score"] for item in mine] == pytest.approx(theirs, abs=1e-4), text[:80]
        gaps = [abs(a - b) for a, b in itertools.pairwise(scores)]
        if all(gap > 1e-4 for gap in gaps):
            assert [item["label"] for item in mine[:2]] == [s.removeprefix("__label__") for s in labels[:2]]


def read(path):
    zstandard = pytest.importorskip("zstandard")
    with zstandard.open(path, "rb") as raw:
        for line in io.TextIOWrapper(raw, "utf-8"):
            yield json.loads(line)["text"]


def test_awkward_texts():
    compare(
        [
            "a",
            "Hello, world",
            "tab\tand\x0bvertical\x0c\x00zero",
            "__label__en inside a text",
            "before </s> after",
            "日本語のテキスト",
            "é" * 300,
            "🙂 🙃",
        ]
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", [1, 2])
def test_losses_and_ngrams(loss, seed, tmp_path):
    content, texts = random_model(LOSSES[loss], seed)
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    compare(texts, path)


def test_the_sample():
    compare([text for language in sample.LANGUAGES for text in sample.sample_texts(language)[:20]])


def test_sentences(data_dir):
    compare(
        [text for index, text in enumerate(read(data_dir / "lid" / "sentences.jsonl.zst")) if index % 25 == 0]
    )


@pytest.mark.parametrize("corpus", ["ar-openiti", "en-cppdocs", "ja-aozora", "hi-ltrc", "react-docs"])
def test_documents(data_dir, corpus):
    documents = read(data_dir / "text" / f"{corpus}.jsonl.zst")
    compare([text[:300_000] for text, _ in zip(documents, range(8), strict=False)])
