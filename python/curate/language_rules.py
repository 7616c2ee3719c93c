"""Stop words and limits of single languages, in the manner of FineWeb-2: data, and how it is derived from a corpus."""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import CurateError, PlanError
from curate.io.atomic import write_bytes
from curate.schema import as_large_strings
from curate.stages.language import detect_language, detect_script
from curate.stages.quality import text_stats
from curate.stages.rule_tables import C4, FINEWEB, GOPHER_QUALITY, GOPHER_REPETITION, Rule, RuleTable

#: How a limit for English becomes one for another language, see `derive`.
METHODS = ("median_ratio", "mean_std", "quantile")
#: As many as Gopher's English list.
FEWEST_STOP_WORDS = 8
#: A stop word is at least this share of the words, as FineWeb-2 takes them from Wikipedia (arXiv 2506.20920).
STOP_WORD_SHARE = 0.008
#: The rules that depend on how a language writes rather than on how pages are laid out.
RULES_OF_WRITING = ("words_too_short", "words_too_long", "too_few_alphabetic_words")
#: Characters of the pieces that long texts are measured in: the size of a page.
PIECE_CHARS = 4000
_MOST_STOP_WORDS = 50
_MOST_PIECES = 2000
_PUBLISHED = {rule.reason: rule for rule in GOPHER_REPETITION | GOPHER_QUALITY | C4 | FINEWEB}
_INPUT = "give the rules of published tables"


@dataclass(frozen=True)
class OneLanguage:
    """What differs from English in one language.

    Attributes:
        source: what it was derived from.
        stop_words: in lower case, the most frequent first; empty = the English ones.
        limits: by reason of a rule in the published tables.
        min_score: lowest probability of language identification; None = that of the stage.
    """

    source: str
    stop_words: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    min_score: float | None = None

    def __post_init__(self) -> None:
        unknown = set(self.limits) - set(_PUBLISHED)
        if unknown:
            raise PlanError(f"no published rule gives the reason `{min(unknown)}`", hint=_INPUT)


@dataclass(frozen=True)
class LanguageRules:
    """Stop words and limits by language label, for the stages that take them.

    `Language(min_scores=rules.min_scores)`, `TextStats(stop_words=rules.stop_words)` and
    `Rules(GOPHER_QUALITY, per_language=rules.tables(GOPHER_QUALITY))`.
    """

    languages: Mapping[str, OneLanguage]

    @classmethod
    def load(cls, folder: str | os.PathLike[str] | None = None) -> "LanguageRules":
        """Reads the files `LABEL.toml` of a folder; without one, those that the package carries.

        Raises:
            CurateError: a file is not what `save` writes.
        """
        place = Path(folder).expanduser() if folder is not None else files("curate") / "language_data"
        found = {}
        for path in sorted(place.iterdir(), key=lambda path: path.name):
            if not path.name.endswith(".toml"):
                continue
            try:
                stored = tomllib.loads(path.read_text(encoding="utf-8"))
                stored["stop_words"] = tuple(stored.get("stop_words", ()))
                found[path.name.removesuffix(".toml")] = OneLanguage(**stored)
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, PlanError) as error:
                raise CurateError(
                    f"{path}: {error}", hint="see `curate.language_rules.OneLanguage`"
                ) from error
        return cls(MappingProxyType(found))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes a file `LABEL.toml` per language; a file that is there already is replaced."""
        for label, one in self.languages.items():
            lines = [f"source = {_quoted(one.source)}"]
            if one.min_score is not None:
                lines.append(f"min_score = {one.min_score:g}")
            lines.append(f"stop_words = [{', '.join(map(_quoted, one.stop_words))}]")
            if one.limits:
                lines += ["", "[limits]", *(f"{reason} = {limit:g}" for reason, limit in one.limits.items())]
            write_bytes(Path(folder).expanduser() / f"{label}.toml", ("\n".join(lines) + "\n").encode())

    @property
    def stop_words(self) -> dict[str, tuple[str, ...]]:
        """For `TextStats`."""
        return {label: one.stop_words for label, one in self.languages.items() if one.stop_words}

    @property
    def min_scores(self) -> dict[str, float]:
        """For `Language`."""
        return {label: one.min_score for label, one in self.languages.items() if one.min_score is not None}

    def tables(self, table: RuleTable) -> dict[str, RuleTable]:
        """For `Rules`: the table with the limits of each language that has its own of one of the rules."""
        own = {}
        for label, one in self.languages.items():
            limits = {rule.reason: one.limits[rule.reason] for rule in table if rule.reason in one.limits}
            if limits:
                own[label] = table.with_limits(**limits)
        return own


def derive(
    corpora: Sequence[Iterable[str]],
    reference: Iterable[str],
    *,
    source: str,
    rules: Mapping[str, str] | None = None,
    stop_word_share: float = STOP_WORD_SHARE,
    only_loosen: bool = False,
    min_score_of: str | None = None,
) -> OneLanguage:
    """Stop words and limits of a language from texts in it.

    Stop words are the words that make up at least `stop_word_share` of the words of every corpus (of one corpus of
    laws, "paragraph" would be one), in the script of most words, and the next ones until there are eight.

    A limit is where the language's texts stand as the English ones stand at the published limit, texts cut into pieces
    of a page's size: at the same multiple of the median ("median_ratio"), as many standard deviations from the mean
    ("mean_std", for corpora that vary alike), or at the same quantile ("quantile", for rules that cut English texts).

    Args:
        corpora: texts in the language; the first corpus gives the limits.
        reference: English texts of the same kind as the first corpus.
        source: what the texts are, for the record.
        rules: methods by reason; by default `RULES_OF_WRITING` by "median_ratio".
        stop_word_share: 0 to 1.
        only_loosen: leave out limits that would be stricter than the published ones; for corpora of one kind of text,
            by which other kinds should not fall.
        min_score_of: label whose limit of identification by lid.176 is derived too: the median minus the standard
            deviation of the probabilities, at least 0.3 and at most 0.9. Only texts as the filter will meet them,
            of all qualities, give a meaningful one.

    Raises:
        CurateError: a corpus without words, a rule that is not in the published tables, or an unknown method.
    """
    methods: Mapping[str, str] = dict.fromkeys(RULES_OF_WRITING, "median_ratio") if rules is None else rules
    unknown = set(methods) - set(_PUBLISHED)
    if unknown:
        raise CurateError(f"no published rule gives the reason `{min(unknown)}`", hint=_INPUT)
    if not set(methods.values()) <= set(METHODS):
        raise CurateError("a rule with an unknown method", hint=f"REASON=METHOD; {', '.join(METHODS)}")
    whole = [list(texts) for texts in corpora]
    stop_words = _stop_words(whole, stop_word_share)
    limits: dict[str, float] = {}
    if methods:
        pieces, english = _pieces(whole[0]), _pieces(reference)
        ours, theirs = text_stats(pieces), text_stats(english)
        for reason, method in methods.items():
            rule = _PUBLISHED[reason]
            there, here = (_numbers(signals, rule) for signals in (theirs, ours))
            limit = _mapped(rule, there, here, method)
            if not only_loosen or (limit < rule.limit) == (rule.keep_if in {">=", ">"}):
                limits[reason] = limit
    min_score = None if min_score_of is None else _min_score(_pieces(whole[0]), min_score_of)
    return OneLanguage(source, stop_words, limits, min_score)


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _pieces(texts: Iterable[str]) -> pa.LargeStringArray:
    """The texts, long ones cut at line ends into pieces of about a page, evenly chosen, without the short rests."""
    pieces = []
    for text in texts:
        lines: list[str] = []
        size = 0
        for line in text.splitlines(keepends=True):
            lines.append(line)
            size += len(line)
            if size >= PIECE_CHARS:
                pieces.append("".join(lines))
                lines, size = [], 0
        if size >= PIECE_CHARS // 4:
            pieces.append("".join(lines))
    if not pieces:
        raise CurateError(
            "no text is long enough to measure", hint=f"texts of {PIECE_CHARS // 4} characters are"
        )
    return as_large_strings(pieces[:: -(-len(pieces) // _MOST_PIECES)])


def _stop_words(corpora: Sequence[Sequence[str]], share: float) -> tuple[str, ...]:
    shares = [_word_shares(corpus) for corpus in corpora]
    frequent = {word: min(one.get(word, 0.0) for one in shares) for word in shares[0]}
    best = sorted(frequent, key=lambda word: (-frequent[word], word))[: 4 * _MOST_STOP_WORDS]
    scripts = dict(zip(best, detect_script(best).field("script").to_pylist(), strict=True))
    weights = {
        script: sum(frequent[word] for word in best if scripts[word] == script) for script in scripts.values()
    }
    main = max(weights, key=lambda script: (weights[script], script or ""))
    own = [word for word in best if scripts[word] == main]
    enough = sum(frequent[word] >= share for word in own)
    return tuple(own[: min(max(enough, FEWEST_STOP_WORDS), _MOST_STOP_WORDS)])


def _word_shares(texts: Sequence[str]) -> dict[str, float]:
    """Each word of letters in lower case with its share of all such words."""
    counts: Counter[str] = Counter()
    for start in range(0, len(texts), 64):
        words = pc.list_flatten(pa.array(_native.split_words(as_large_strings(texts[start : start + 64]))))
        for entry in pc.value_counts(pc.utf8_lower(words)):
            word = entry["values"].as_py()
            if any(character.isalpha() for character in word) and not any(map(str.isdigit, word)):
                counts[word] += entry["counts"].as_py()
    total = counts.total()
    if not total:
        raise CurateError("a corpus without words", hint="give texts in the language")
    return {word: count / total for word, count in counts.items()}


def _numbers(signals: pa.StructArray, rule: Rule) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = (
        signals.field(rule.signal).cast(pa.float64()).to_numpy(zero_copy_only=False)
    )
    finite: npt.NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _mapped(
    rule: Rule, english: npt.NDArray[np.float64], ours: npt.NDArray[np.float64], method: str
) -> float:
    """The limit of a rule for texts with these numbers, where English texts have those; three digits of it."""
    if method == "median_ratio":
        limit = rule.limit * np.median(ours) / max(np.median(english), 1e-9)
    elif method == "mean_std":
        deviations = (rule.limit - english.mean()) / max(english.std(), 1e-9)
        limit = ours.mean() + deviations * ours.std()
    else:
        below = english < rule.limit if rule.keep_if == ">=" else english <= rule.limit
        limit = np.quantile(ours, below.mean())
    return float(f"{max(limit, 0.0):.3g}")


def _min_score(pieces: pa.LargeStringArray, label: str) -> float:
    found = detect_language(pieces)
    scores = found.field("score").filter(pc.equal(found.field("language"), label)).to_numpy()
    if not len(scores):
        raise CurateError(f"lid.176 takes no text for `{label}`", hint="are the texts in that language?")
    return float(f"{np.clip(np.median(scores) - scores.std(), 0.3, 0.9):.3f}")
