"""Quality classifiers: any supervised fastText model, by native inference."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import resolve, sha256_file
from curate.errors import PlanError
from curate.schema import TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column


@lru_cache(maxsize=8)
def _load(path: str, sha256: str) -> _native.LanguageModel:
    del sha256  # tells versions of the file apart
    return _native.LanguageModel(path)


@dataclass(frozen=True)
class QualityClassifier(Stage):
    """Scores each text with the probability of one label, and drops what scores too low.

    DCLM keeps what its classifier gives at least 0.018112 for the label `hq` (Li et al. 2024,
    arXiv:2406.11794).

    Attributes:
        model: name of an asset, path or URL of a fastText model, `.bin` or `.ftz`.
        label: label of the model, without the `__label__` prefix.
        min_score: lowest probability to keep, 0 to 1; the limit itself is kept.
        column: name of the column that receives the probability.

    """

    model: str
    label: str
    min_score: float = 0.5
    column: str = "quality_score"

    def __post_init__(self) -> None:
        if not isinstance(self.min_score, Real) or not 0 <= self.min_score <= 1:
            raise PlanError(f"min_score={self.min_score!r} is not a probability", hint="use 0 to 1")

    @property
    def name(self) -> str:
        """Two classifiers in one pipeline differ by their columns."""
        return "quality_classifier" if self.column == "quality_score" else self.column

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The probability."""
        return pa.schema([pa.field(self.column, pa.float32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a document can go."""
        return {
            "no_text": "there is no text, or nothing in it that the model knows",
            "low_quality": f"the probability of `{self.label}` is below {self.min_score:g}",
        }

    def identity(self) -> dict[str, Any]:
        """Parameters and the digest of the model."""
        return {**super().identity(), "model_sha256": sha256_file(resolve(self.model))}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Scores every text and decides."""
        path = resolve(self.model)
        model = _load(os.fspath(path), sha256_file(path))
        if self.label not in model.labels:
            raise PlanError(
                f"the model {path} has no label `{self.label}`", hint=f"it has {', '.join(model.labels[:12])}"
            )
        texts = as_large_strings(batch[TEXT])
        score = pa.array(model.score(texts, self.label))
        empty = pc.or_(pc.is_null(score), pc.match_substring_regex(texts, r"^\s*$"))
        empty = pc.fill_null(empty, True)
        score = pc.if_else(empty, pa.scalar(None, pa.float32()), score)
        low = pc.fill_null(pc.less(score, pa.scalar(self.min_score, pa.float32())), False)
        names = ["no_text", "low_quality"]
        reason = pc.case_when(pc.make_struct(empty, low, field_names=names), *names)
        return Outcome(set_column(batch, self.column, score), reason.cast(pa.string()))
