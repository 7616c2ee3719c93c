"""Language identification with a fastText model, by native inference."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import resolve, sha256_file
from curate.errors import PlanError
from curate.schema import LANGUAGE, LANGUAGE_SCORE, TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column


@lru_cache(maxsize=8)
def _load(path: str, sha256: str) -> _native.LanguageModel:
    del sha256  # tells versions of the file apart
    return _native.LanguageModel(path)


def load_model(model: str) -> _native.LanguageModel:
    """The classifier in a fastText file, read once per process.

    Args:
        model: name of an asset or path of a `.bin` or `.ftz` file.

    Raises:
        CurateError: the asset is not on this machine, or the file is not a supervised fastText model.
        FileNotFoundError: there is no file at that path.

    """
    path = resolve(model)
    return _load(os.fspath(path), sha256_file(path))


def detect_language(
    texts: pa.Array | pa.ChunkedArray | Iterable[str | None], model: str = "lid.176"
) -> pa.StructArray:
    """The likeliest language of each text.

    Args:
        texts: any Arrow string array or an iterable of `str`; newlines count as spaces.
        model: name of an asset or path of a fastText model.

    Returns:
        `struct<language: string, score: float>`, score from 0 to 1; both null where the text is null or holds
        nothing the model knows.

    """
    return pa.array(load_model(model).detect(as_large_strings(texts)))


@dataclass(frozen=True)
class Language(Stage):
    """Adds `language` and `language_score`, and keeps the documents in the languages asked for.

    The threshold of 0.65 on lid.176 is that of FineWeb (Penedo et al. 2024, arXiv:2406.17557, section 3.2),
    after RefinedWeb (arXiv:2306.01116).

    Attributes:
        keep: labels of the model to keep, e.g. `{"en"}`; None keeps every language.
        min_score: lowest probability to keep, 0 to 1; the limit itself is kept.
        model: name of an asset or path of a fastText model.

    """

    keep: frozenset[str] | None = None
    min_score: float = 0.65
    model: str = "lid.176"

    def __post_init__(self) -> None:
        if isinstance(self.keep, str):
            raise PlanError(f"keep={self.keep!r} is one string", hint=f"pass a set: keep={{{self.keep!r}}}")
        if self.keep is not None:
            object.__setattr__(self, "keep", frozenset(self.keep))
        if not 0 <= self.min_score <= 1:
            raise PlanError(f"min_score={self.min_score} is not a probability", hint="use 0 to 1")

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """Label and probability."""
        return pa.schema([pa.field(LANGUAGE, pa.string()), pa.field(LANGUAGE_SCORE, pa.float32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a document can go."""
        return {
            "no_text": "there is no text, or nothing in it that the model knows",
            "language": "the likeliest language is not one of those to keep",
            "language_score": f"the probability of the likeliest language is below {self.min_score:g}",
        }

    def identity(self) -> dict[str, Any]:
        """Parameters and the digest of the model."""
        return {**super().identity(), "model_sha256": sha256_file(resolve(self.model))}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Labels every text and decides."""
        model = load_model(self.model)
        unknown = (self.keep or frozenset()) - set(model.labels)
        if unknown:
            raise PlanError(
                f"the model `{self.model}` has no language `{min(unknown)}`",
                hint=f"it knows {', '.join(sorted(model.labels)[:12])} ... ({len(model.labels)} in all)",
            )
        found = pa.array(model.detect(as_large_strings(batch[TEXT])))
        language, score = found.field(LANGUAGE), found.field("score")
        empty = pc.or_(pc.is_null(language), pc.match_substring_regex(batch[TEXT], r"^\s*$"))
        empty = pc.fill_null(empty, True)
        language = pc.if_else(empty, pa.scalar(None, pa.string()), language)
        score = pc.if_else(empty, pa.scalar(None, pa.float32()), score)
        other = (
            pa.array([False] * batch.num_rows, pa.bool_())
            if self.keep is None
            else pc.invert(pc.is_in(language, pa.array(sorted(self.keep), pa.string())))
        )
        unsure = pc.less(score, pa.scalar(self.min_score, pa.float32()))
        fails = [empty, pc.and_(other, pc.invert(empty)), pc.fill_null(unsure, False)]
        names = ["no_text", LANGUAGE, LANGUAGE_SCORE]
        reason = pc.case_when(pc.make_struct(*fails, field_names=names), *names)
        batch = set_column(set_column(batch, LANGUAGE, language), LANGUAGE_SCORE, score)
        return Outcome(batch, reason.cast(pa.string()))
