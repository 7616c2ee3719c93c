"""Training of quality classifiers: good and ordinary documents in, a fastText model and its figures out."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import sha256_file
from curate.errors import CurateError
from curate.fasttext_child import CANNOT_TRAIN, NO_MODULE
from curate.io.atomic import replacing, write_bytes
from curate.io.texts import read_texts

_CHILD = Path(__file__).with_name("fasttext_child.py")
_INSTALL = "in an environment of its own: pip install 'fasttext-wheel' 'numpy<2', then python=PATH of its interpreter"
_LABEL = r"[^\s\0]+"
_LONGEST_WORD_NGRAM = 16  # of the models that `_native.LanguageModel` reads
# what fastText takes for white space; words that are labels or hold the end of a line
_SPACES = r"[ \n\r\t\x0b\x0c\x00]+"
_MARKS = r"(^| )(__label__[^ ]*|[^ ]*</s>[^ ]*)"


@dataclass(frozen=True)
class ClassifierReport:
    """What a training gave; the figures are of held-out texts that chose nothing.

    Attributes:
        model: path of the fastText model.
        sha256: its digest.
        label: label of good texts, for `QualityClassifier(model, label)`.
        package: the package that trained it.
        positives: good texts trained on.
        negatives: other texts trained on.
        ambiguous: texts that stood in both sets and were left out.
        threshold: lowest probability to keep: of the best F1 on the first half of the held-out texts.
        held_out: texts of the second half, on which the rest is measured.
        precision: good texts, 0 to 1 of those kept.
        recall: kept texts, 0 to 1 of the good ones.
        kept_negatives: kept texts, 0 to 1 of the others.
        roc_auc: probability that a good text has a higher score than another.
    """

    model: str
    sha256: str
    label: str
    package: str
    positives: int
    negatives: int
    ambiguous: int
    threshold: float
    held_out: int
    precision: float
    recall: float
    kept_negatives: float
    roc_auc: float

    def __str__(self) -> str:
        return "\n".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in asdict(self).items()
        )


def train_classifier(
    positive: str,
    negative: str,
    model: str,
    *,
    label: str = "hq",
    other: str = "lq",
    held_out: float = 0.2,
    word_ngrams: int = 2,
    dimension: int = 100,
    epochs: int = 5,
    learning_rate: float = 0.1,
    buckets: int = 2_000_000,
    python: str = sys.executable,
) -> ClassifierReport:
    """Trains a fastText classifier of good texts, as DCLM's is (Li et al. 2024, arXiv:2406.11794).

    Of each text, a hash decides whether it is held out, so equal texts are never on both sides. One thread trains: the
    same inputs give the same model. Where the model and its report (`MODEL.json` beside it) are there already and say
    the same inputs, parameters and digest, nothing is trained.

    Args:
        positive: paths, fsspec URLs or patterns of good documents, JSONL or Parquet with `text`.
        negative: likewise of the others.
        model: where the model goes; a name in `.ftz` is quantised, with less precision.
        label: name of good texts, without white space.
        other: name of the others, likewise.
        held_out: share of the texts that only measure, 0 to 1; half of them choose the threshold.
        word_ngrams: longest n-gram of words, 1 to 16.
        dimension: numbers per word and n-gram, at least 1.
        epochs: passes over the texts, at least 1.
        learning_rate: at the start; it falls to 0.
        buckets: rows that share all n-grams, at least 1.
        python: an interpreter that can import a `fasttext` that trains. Several packages provide the module of that
            name and overwrite each other (`fasttext-predict` among them, which ours brings along): if the one here
            cannot train, name another environment's.

    Raises:
        CurateError: a parameter out of range; no `fasttext` there, or one that cannot train; a set without texts.
    """
    if not 0 < held_out < 1 or label == other:
        raise CurateError("held_out is a share between 0 and 1, and the labels differ", hint="held_out=0.2")
    for name in (label, other):
        if not re.fullmatch(_LABEL, name):
            raise CurateError(f"{name!r} is no label of fastText", hint="use letters without white space")
    if not 1 <= word_ngrams <= _LONGEST_WORD_NGRAM:
        raise CurateError(
            f"word_ngrams={word_ngrams} is not 1 to {_LONGEST_WORD_NGRAM}", hint="word_ngrams=2"
        )
    for name, number in (("dimension", dimension), ("epochs", epochs), ("buckets", buckets)):
        if number < 1:
            raise CurateError(f"{name}={number} is less than 1", hint="leave it out for the usual one")
    texts, ambiguous = _apart(_read(positive), _read(negative))
    arguments: dict[str, int | float | str] = {
        "wordNgrams": word_ngrams,
        "dim": dimension,
        "epoch": epochs,
        "lr": learning_rate,
        "bucket": buckets,
        "loss": "softmax",
        "thread": 1,
        "verbose": 0,
    }
    task = hashlib.sha256(json.dumps([arguments, held_out, label, other]).encode())
    for one in texts:
        task.update(one.hashes.tobytes())
    known = _known(Path(model), task.hexdigest())
    if known is not None:
        return known
    parts = [one.parts(held_out) for one in texts]
    if not all(len(part) for part in (*parts[0], *parts[1])):
        raise CurateError("too few texts to train, to choose a threshold and to measure", hint="give more")
    train, choose, measure = zip(*parts, strict=True)
    package = _fit(dict(zip((label, other), train, strict=True)), Path(model), arguments, python)
    threshold = _best_threshold(*_scores(model, label, choose))
    scores, good = _scores(model, label, measure)
    kept = scores >= threshold
    report = ClassifierReport(
        model=model,
        sha256=sha256_file(model),
        label=label,
        package=package,
        positives=len(train[0]),
        negatives=len(train[1]),
        ambiguous=ambiguous,
        threshold=threshold,
        held_out=len(scores),
        precision=_share(kept & good, kept),
        recall=_share(kept & good, good),
        kept_negatives=_share(kept & ~good, ~good),
        roc_auc=_roc_auc(scores, good),
    )
    stored = {"task": task.hexdigest(), **asdict(report)}
    write_bytes(Path(f"{model}.json"), json.dumps(stored, indent=1).encode() + b"\n")
    return report


@dataclass(frozen=True)
class _Texts:
    """Texts without repetition, in the order of their hashes."""

    texts: pa.LargeStringArray
    hashes: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.texts)

    def where(self, mask: npt.NDArray[np.bool_]) -> "_Texts":
        return _Texts(self.texts.filter(pa.array(mask)), self.hashes[mask])

    def parts(self, held_out: float) -> tuple["_Texts", "_Texts", "_Texts"]:
        """Those to train on, to choose the threshold with, and to measure with."""
        place = (self.hashes >> np.uint64(11)) / float(1 << 53)
        choose, measure = place < held_out / 2, (place >= held_out / 2) & (place < held_out)
        return self.where(~choose & ~measure), self.where(choose), self.where(measure)


def _read(urls: str) -> _Texts:
    """All different texts of some files."""
    texts = read_texts(urls)
    hashes = pa.array(_native.text_hashes(texts, False))
    words = np.frombuffer(hashes.buffers()[1] or b"", "<u8")[: 2 * len(hashes)].reshape(-1, 2)[:, 0]
    hashes, places = np.unique(words, return_index=True)
    return _Texts(texts.take(pa.array(places)), hashes)


def _apart(good: _Texts, others: _Texts) -> tuple[tuple[_Texts, _Texts], int]:
    """Both sets without what stands in both, and how many texts that were."""
    shared = np.intersect1d(good.hashes, others.hashes)
    apart = tuple(one.where(~np.isin(one.hashes, shared)) for one in (good, others))
    return (apart[0], apart[1]), len(shared)


def _known(model: Path, task: str) -> ClassifierReport | None:
    """The report of an earlier training of the same, if it can be read and its model is still there."""
    try:
        stored = json.loads(Path(f"{model}.json").read_text("utf-8"))
        same = stored.pop("task") == task and stored["sha256"] == sha256_file(model)
        return ClassifierReport(**{**stored, "model": str(model)}) if same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _fit(texts: dict[str, _Texts], model: Path, arguments: dict[str, int | float | str], python: str) -> str:
    """Trains on labelled texts, mixed by their hashes; the package that did it."""
    with tempfile.TemporaryDirectory() as folder, replacing(model) as temporary:
        path = Path(folder) / "texts"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for line in _lines(texts):
                file.write(line + "\n")
        task = {"texts": str(path), "model": str(temporary), "arguments": arguments}
        temporary.unlink(missing_ok=True)  # what a killed training left must not pass for this one's model
        # Builds of fastText's newest sources leave most weights unset when one thread trains; the C library sets them.
        environment = {**os.environ, "MALLOC_PERTURB_": "255"}
        try:
            done = subprocess.run(
                [python, "-I", str(_CHILD)],
                input=json.dumps(task),
                capture_output=True,
                text=True,
                check=False,
                env=environment,
            )
        except OSError as error:
            raise CurateError(f"no interpreter at {python}: {error}", hint=_INSTALL) from error
        if done.returncode == NO_MODULE:
            raise CurateError(f"{python} has no module `fasttext`", hint=_INSTALL)
        told = _package(done.stdout)
        if done.returncode == CANNOT_TRAIN:
            raise CurateError(f"the module `fasttext` of {python} ({told}) cannot train", hint=_INSTALL)
        if done.returncode or not temporary.exists():
            ending = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
            message = done.stderr.strip()[-500:] or f"{python} ended with {ending} and left no model"
            raise CurateError(
                f"fastText failed: {message}", hint="see its message; python=PATH is an interpreter"
            )
    return told


def _package(stdout: str) -> str:
    """The package that the child names; nothing if it was another program that ran."""
    try:
        return str(json.loads(stdout.splitlines()[-1])["package"])
    except (IndexError, ValueError, KeyError, TypeError):
        return ""


def _lines(texts: dict[str, _Texts]) -> Iterator[str]:
    """Lines of a training file: label and text, without what fastText would take for a label or an end."""
    labels = pa.array(
        np.repeat([f"__label__{label}" for label in texts], [len(one) for one in texts.values()])
    )
    whole = pa.chunked_array([one.texts for one in texts.values()])
    order = np.argsort(np.concatenate([one.hashes for one in texts.values()]), kind="stable")
    for start in range(0, len(order), 1024):
        part = pa.array(order[start : start + 1024])
        spaced = pc.replace_substring_regex(whole.take(part), _SPACES, " ")
        cleaned = pc.replace_substring_regex(spaced, _MARKS, "")
        yield from pc.binary_join_element_wise(
            labels.take(part).cast(pa.large_string()), cleaned, pa.scalar(" ", pa.large_string())
        ).to_pylist()


def _scores(
    model: str, label: str, sets: tuple[_Texts, _Texts]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The probability of `label` for each text of both sets, and whether it is of the first."""
    loaded = _native.LanguageModel(model)
    scores = [pa.array(loaded.score(one.texts, label)).fill_null(0.0).to_numpy() for one in sets]
    return np.concatenate(scores), np.repeat([True, False], [len(one) for one in sets])


def _best_threshold(scores: npt.NDArray[np.float32], good: npt.NDArray[np.bool_]) -> float:
    """The score from which to keep for the best F1."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    f1 = 2 * np.cumsum(good[order]) / (np.arange(1, len(order) + 1) + good.sum())
    is_last_of_equals = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[np.argmax(np.where(is_last_of_equals, f1, -1))])


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float:
    return float(part.sum() / max(whole.sum(), 1))


def _roc_auc(scores: npt.NDArray[np.float32], good: npt.NDArray[np.bool_]) -> float:
    values, place = np.unique(scores, return_inverse=True)
    positives = np.bincount(place, good, len(values))
    negatives = np.bincount(place, ~good, len(values))
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / (good.sum() * (~good).sum()))
