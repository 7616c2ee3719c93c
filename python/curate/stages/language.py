"""Language identification with a fastText model, by native inference; scripts."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import resolve, sha256_file
from curate.errors import PlanError
from curate.schema import (
    LANGUAGE,
    LANGUAGE_SCORE,
    LANGUAGES,
    LINE_LANGUAGES,
    MIXED_LANGUAGES,
    SCRIPT,
    SCRIPT_SHARE,
    TEXT,
    as_large_strings,
    is_blank,
)
from curate.stage import Outcome, Stage, set_column


@lru_cache(maxsize=8)
def _load(path: str, sha256: str) -> _native.LanguageModel:
    del sha256  # tells versions of the file apart
    return _native.LanguageModel(path)


def load_model(model: str) -> _native.LanguageModel:
    """The classifier in a fastText file, read once per process.

    Args:
        model: name of an asset, path or URL of a `.bin` or `.ftz` file.

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


def detect_languages(
    texts: pa.Array | pa.ChunkedArray | Iterable[str | None], k: int = 3, model: str = "lid.176"
) -> pa.ListArray:
    """The `k` likeliest languages of each text, best first.

    Args:
        texts: any Arrow string array or an iterable of `str`; newlines count as spaces.
        k: most languages per text, at least 1.
        model: name of an asset or path of a fastText model.

    Returns:
        `list<struct<language: string, score: float>>`, null where the text is null.

    Raises:
        ValueError: k is less than 1.

    """
    if k < 1:
        raise ValueError(f"k={k} languages per text: use 1 or more")
    return _likeliest(load_model(model), as_large_strings(texts), k)


def detect_script(texts: pa.Array | pa.ChunkedArray | Iterable[str | None]) -> pa.StructArray:
    """The script that most characters of each text belong to.

    Args:
        texts: any Arrow string array or an iterable of `str`.

    Returns:
        `struct<script: string, share: float>`: the code of ISO 15924 (`Jpan` for Han and kana together) and its share
        of the characters that belong to one script; both null where none does.

    """
    return pa.array(_native.dominant_scripts(as_large_strings(texts)))


_LANGUAGES = pa.list_(pa.struct([(LANGUAGE, pa.string()), ("score", pa.float32())]))
_SHARES = pa.list_(pa.struct([(LANGUAGE, pa.string()), ("share", pa.float32())]))


def _likeliest(model: _native.LanguageModel, texts: pa.LargeStringArray, k: int) -> pa.ListArray:
    found = pa.array(model.predict(texts, k))
    columns = [found.values.field(name) for name in ("label", "score")]
    values = pa.StructArray.from_arrays(columns, fields=list(_LANGUAGES.value_type))
    return pa.ListArray.from_arrays(found.offsets, values, mask=found.is_null())


@dataclass(frozen=True)
class Language(Stage):
    """Adds `language` and `language_score`, and keeps the documents in the languages asked for.

    The threshold of 0.65 on lid.176 is that of FineWeb (Penedo et al. 2024, arXiv:2406.17557, section 3.2),
    after RefinedWeb (arXiv:2306.01116). FineWeb-2 has one per language (arXiv:2506.20920).

    Attributes:
        keep: labels of the model to keep, e.g. `{"en"}`; None keeps every language.
        min_score: lowest probability to keep, 0 to 1; the limit itself is kept.
        model: name of an asset or path of a fastText model.
        min_scores: limits of single languages in place of `min_score`, as pairs or a mapping.
        top_k: adds `languages`, so many of the likeliest, best first; 1 adds nothing.
        script: adds `script` and `script_share`, see `detect_script`.
        lines: adds `line_languages`, the share of the text's characters in lines of each language, most first, and
            `mixed_languages`. A line (of extracted text: a paragraph) is labelled by itself, if its probability is at
            least `min_line_score`.
        min_line_score: lowest probability of a line's label; 0.5 means likelier than not.
        mixed_share: a text is mixed if two languages and more have at least this share of it; a tenth by default.
        keep_mixed: False drops mixed texts; needs `lines`.

    """

    keep: frozenset[str] | None = None
    min_score: float = 0.65
    model: str = "lid.176"
    min_scores: tuple[tuple[str, float], ...] = ()
    top_k: int = 1
    script: bool = False
    lines: bool = False
    min_line_score: float = 0.5
    mixed_share: float = 0.1
    keep_mixed: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.keep, str):
            raise PlanError(f"keep={self.keep!r} is one string", hint=f"pass a set: keep={{{self.keep!r}}}")
        if self.keep is not None:
            object.__setattr__(self, "keep", frozenset(self.keep))
            if not self.keep:
                raise PlanError("an empty `keep` keeps no document", hint="keep=None keeps every language")
        pairs = self.min_scores.items() if isinstance(self.min_scores, Mapping) else self.min_scores
        object.__setattr__(self, "min_scores", tuple(sorted(pairs)))
        limits = {f"min_scores[{label!r}]": limit for label, limit in self.min_scores}
        for name in ("min_score", "min_line_score", "mixed_share"):
            limits[name] = getattr(self, name)
        for name, limit in limits.items():
            if not isinstance(limit, Real) or not 0 <= limit <= 1:
                raise PlanError(f"{name}={limit!r} is not a probability or share", hint="use 0 to 1")
        if self.top_k < 1:
            raise PlanError(f"top_k={self.top_k} labels nothing", hint="use 1 or more")
        if not self.keep_mixed and not self.lines:
            raise PlanError("keep_mixed=False needs the languages of lines", hint="add lines=True")

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """Label and probability, and what else is asked for."""
        fields = [pa.field(LANGUAGE, pa.string()), pa.field(LANGUAGE_SCORE, pa.float32())]
        if self.top_k > 1:
            fields.append(pa.field(LANGUAGES, _LANGUAGES))
        if self.script:
            fields += [pa.field(SCRIPT, pa.string()), pa.field(SCRIPT_SHARE, pa.float32())]
        if self.lines:
            fields += [pa.field(LINE_LANGUAGES, _SHARES), pa.field(MIXED_LANGUAGES, pa.bool_())]
        return pa.schema(fields)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a document can go."""
        unsure = f"the probability of the likeliest language is below {self.min_score:g}"
        return {
            "no_text": "there is no text, or nothing in it to see or that the model knows",
            "language": "the likeliest language is not one of those to keep",
            "language_score": f"{unsure}, or its own limit" if self.min_scores else unsure,
            **({} if self.keep_mixed else {MIXED_LANGUAGES: "lines in several languages"}),
        }

    def identity(self) -> dict[str, Any]:
        """Parameters and the digest of the model."""
        return {**super().identity(), "model_sha256": sha256_file(resolve(self.model))}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Labels every text and decides."""
        model = load_model(self.model)
        known = set(model.labels)
        unknown = {*(self.keep or ()), *(label for label, _ in self.min_scores)} - known
        if unknown:
            raise PlanError(
                f"the model `{self.model}` has no language `{min(unknown)}`",
                hint=f"it knows {', '.join(sorted(known)[:12])} ... ({len(known)} in all)",
            )
        texts = as_large_strings(batch[TEXT])
        found = pa.array(model.detect(texts))
        language, score = found.field(LANGUAGE), found.field("score")
        empty = pc.or_(pc.is_null(language), is_blank(texts))
        empty = pc.fill_null(empty, True)
        added = {LANGUAGE: language, LANGUAGE_SCORE: score}
        if self.top_k > 1:
            added[LANGUAGES] = _likeliest(model, texts, self.top_k)
        if self.script:
            scripts = detect_script(texts)
            added |= {SCRIPT: scripts.field("script"), SCRIPT_SHARE: scripts.field("share")}
        if self.lines:
            shares = pa.array(model.line_shares(texts, self.min_line_score))
            added |= {LINE_LANGUAGES: shares, MIXED_LANGUAGES: self._mixed(shares)}
        for name, column in added.items():
            batch = set_column(batch, name, pc.if_else(empty, pa.scalar(None, column.type), column))
        language, score = batch[LANGUAGE], batch[LANGUAGE_SCORE]
        other = (
            pa.array([False] * batch.num_rows, pa.bool_())
            if self.keep is None
            else pc.invert(pc.is_in(language, pa.array(sorted(self.keep), pa.string())))
        )
        fails = {
            "no_text": empty,
            LANGUAGE: pc.and_(other, pc.invert(empty)),
            LANGUAGE_SCORE: pc.fill_null(pc.less(score, self._limits(language)), False),
        }
        if not self.keep_mixed:
            fails[MIXED_LANGUAGES] = pc.fill_null(batch[MIXED_LANGUAGES], False)
        names = list(fails)
        reason = pc.case_when(pc.make_struct(*fails.values(), field_names=names), *names)
        return Outcome(batch, reason.cast(pa.string()))

    def _limits(self, language: pa.StringArray) -> pa.FloatArray:
        """The lowest probability to keep, for each row's language."""
        default = pa.scalar(self.min_score, pa.float32())
        if not self.min_scores:
            return default
        labels, limits = zip(*self.min_scores, strict=True)
        place = pc.index_in(language, pa.array(labels, pa.string()))
        return pc.fill_null(pa.array(limits, pa.float32()).take(place), default)

    def _mixed(self, shares: pa.ListArray) -> pa.BooleanArray:
        """Whether the second language of each row has a fair share; they come most first."""
        second = pc.list_element(shares.filter(pc.greater(pc.list_value_length(shares), 1)), 1)
        has_second = pc.fill_null(pc.greater(pc.list_value_length(shares), 1), False)
        fair = pc.greater_equal(second.field("share"), pa.scalar(self.mixed_share, pa.float32()))
        return pc.replace_with_mask(pa.array([False] * len(shares), pa.bool_()), has_second, fair)
