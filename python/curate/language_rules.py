"""Stop words and limits of single languages, in the manner of FineWeb-2: data, and how it is derived from a corpus."""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from importlib.resources import files
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
from curate.stages.rule_tables import (
    C4,
    FINEWEB,
    GOPHER_QUALITY,
    GOPHER_REPETITION,
    OTHER_LANGUAGES,
    Rule,
    RuleTable,
)

#: How a limit for English becomes one for another language, see `derive`.
METHODS = ("median_ratio", "mean_std", "quantile")
#: As many as Gopher's English list.
FEWEST_STOP_WORDS = 8
#: A stop word is at least this share of the words, as FineWeb-2 takes them from Wikipedia (arXiv 2506.20920).
STOP_WORD_SHARE = 0.008
#: The rules that depend on how a language writes rather than on how pages are laid out.
RULES_OF_WRITING = ("words_too_short", "words_too_long", "too_few_alphabetic_words")
#: What models of language identification call the language of the published tables.
ENGLISH = ("en", "eng", "eng_Latn")
#: Characters of the pieces that long texts are measured in: the size of a page.
PIECE_CHARS = 4000
#: The stop words together are at least this share, where so many have it: of 80 words a dozen.
STOP_WORDS_SHARE = 0.15
#: A word that stands beside one and the same word in so many of its places is part of a name or a phrase.
PHRASE_SHARE = 0.5
_MOST_STOP_WORDS = 50
_MOST_PIECES = 2000
_FEWEST_PLACES = 10
_STOP_WORD_SIGNALS = frozenset({"stop_words", "stop_word_count", "stop_word_ratio"})
_PUBLISHED = {rule.reason: rule for rule in GOPHER_REPETITION | GOPHER_QUALITY | C4 | FINEWEB}
_INPUT = "give the rules of published tables"


@dataclass(frozen=True)
class OneLanguage:
    """What differs from English in one language.

    Attributes:
        source: what it was derived from.
        stop_words: in lower case, the most frequent first; empty = none are known.
        limits: by reason of a rule in the published tables.
        min_score: lowest probability of language identification, 0 to 1; None = that of the stage.

    Raises:
        PlanError: a value of another kind, a stop word that no text can hold, or a limit of no published rule.
    """

    source: str
    stop_words: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    min_score: float | None = None

    def __post_init__(self) -> None:
        self._check()
        unknown = set(self.limits) - set(_PUBLISHED)
        if unknown:
            raise PlanError(f"no published rule gives the reason `{min(unknown)}`", hint=_INPUT)

    def _check(self) -> None:
        if not isinstance(self.source, str):
            raise PlanError(f"source={self.source!r} is no text", hint="say what the rules were derived from")
        if isinstance(self.stop_words, str) or not isinstance(self.stop_words, Sequence):
            raise PlanError(f"stop_words={self.stop_words!r} is no list", hint='stop_words = ["der", "die"]')
        for word in self.stop_words:
            if not isinstance(word, str) or not word or word != word.lower() or word.split() != [word]:
                raise PlanError(f"{word!r} is no stop word", hint="give single words in lower case")
        if not isinstance(self.limits, Mapping):
            raise PlanError(f"limits={self.limits!r} is no table", hint="[limits] with REASON = NUMBER")
        for reason, limit in self.limits.items():
            if not _is_number(limit):
                raise PlanError(f"the limit of `{reason}` is {limit!r}", hint="give a finite number")
        if self.min_score is not None and not (_is_number(self.min_score) and 0 <= self.min_score <= 1):
            raise PlanError(f"min_score={self.min_score!r} is not a probability", hint="use 0 to 1")


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
            FileNotFoundError: there is no such folder.
            CurateError: no such file is in it, or one is not what `save` writes.
        """
        place = Path(folder).expanduser() if folder is not None else files("curate") / "language_data"
        if not place.is_dir():
            raise FileNotFoundError(f"no folder `{place}`; `python -m curate languages derive` writes one")
        paths = [path for path in place.iterdir() if path.name.endswith(".toml")]
        if not paths:
            raise CurateError(
                f"{place} holds no LABEL.toml", hint="`curate languages derive` writes such files"
            )
        found = {}
        for path in sorted(paths, key=lambda path: path.name):
            try:
                found[path.name.removesuffix(".toml")] = _one(tomllib.loads(path.read_text(encoding="utf-8")))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise CurateError(f"{path}: {error}", hint="files are TOML in UTF-8") from error
            except PlanError as error:
                raise CurateError(f"{path}: {error}", hint=error.hint) from error
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
        """For `Rules`: the table with the limits of each language that has its own of one of the rules.

        Where languages have their own stop words, English ones say nothing about the others: those without are judged
        without the rules about stop words.
        """
        about_stop_words = {rule.reason for rule in table if rule.signal in _STOP_WORD_SIGNALS}
        if not self.stop_words:
            about_stop_words = set()
        own = {OTHER_LANGUAGES: table.without(*about_stop_words)} if about_stop_words else {}
        own |= dict.fromkeys(ENGLISH, table) if about_stop_words else {}
        for label, one in self.languages.items():
            limits = {rule.reason: one.limits[rule.reason] for rule in table if rule.reason in one.limits}
            meaningless = set() if one.stop_words or label in ENGLISH else about_stop_words - set(limits)
            if limits or about_stop_words:
                own[label] = table.without(*meaningless).with_limits(**limits)
        return own


def derive(
    corpora: Sequence[Iterable[str]],
    reference: Iterable[str],
    *,
    source: str,
    rules: Mapping[str, str] | None = None,
    stop_word_share: float = STOP_WORD_SHARE,
    not_stop_words: Set[str] = frozenset(),
    only_loosen: bool = False,
    min_score_of: str | None = None,
) -> OneLanguage:
    """Stop words and limits of a language from texts in it.

    Stop words are the words that make up at least `stop_word_share` of the words of every corpus (of one corpus of
    laws, "paragraph" would be one), in the script of most words, and the next ones until there are eight that make up
    `STOP_WORDS_SHARE` together; at most fifty. A word that stands beside the same word in half of its places
    ("marino" after "San") is none.

    A limit is where the language's texts stand as the English ones stand at the published limit, texts cut into pieces
    of a page's size: at the same multiple of the median ("median_ratio"), as many standard deviations from the mean
    ("mean_std", for corpora that vary alike), or at the same quantile ("quantile", for rules that cut English texts).

    Args:
        corpora: texts in the language; the first corpus gives the limits.
        reference: English texts of the same kind as the first corpus.
        source: what the texts are, for the record.
        rules: methods by reason; by default `RULES_OF_WRITING` by "median_ratio".
        stop_word_share: 0 to 1.
        not_stop_words: words in lower case that are known to be no stop words.
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
    stop_words = _stop_words(whole, stop_word_share, not_stop_words)
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


def _one(stored: dict[str, Any]) -> OneLanguage:
    """What a file holds."""
    names = [each.name for each in fields(OneLanguage)]
    unknown = set(stored) - set(names)
    if unknown:
        raise PlanError(f"`{min(unknown)}` is unknown", hint=f"a file may hold {', '.join(names)}")
    if "source" not in stored:
        raise PlanError("there is no `source`", hint="say what the rules were derived from")
    words = stored.get("stop_words", ())
    return OneLanguage(**{**stored, "stop_words": tuple(words) if isinstance(words, list) else words})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


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


def _stop_words(corpora: Sequence[Sequence[str]], share: float, not_stop_words: Set[str]) -> tuple[str, ...]:
    shares = [_word_shares(corpus) for corpus in corpora]
    frequent = {word: min(one.get(word, 0.0) for one in shares) for word in shares[0]}
    best = sorted(frequent, key=lambda word: (-frequent[word], word))[: 4 * _MOST_STOP_WORDS]
    scripts = dict(zip(best, detect_script(best).field("script").to_pylist(), strict=True))
    weights = {
        script: sum(frequent[word] for word in best if scripts[word] == script) for script in scripts.values()
    }
    main = max(weights, key=lambda script: (weights[script], script or ""))
    in_phrases = set.intersection(*(_in_phrases(corpus, best) for corpus in corpora))
    own = [
        word
        for word in best
        if scripts[word] == main and word not in in_phrases and word not in not_stop_words
    ]
    enough = sum(frequent[word] >= share for word in own)
    together = np.cumsum([frequent[word] for word in own])
    covering = int(np.searchsorted(together, STOP_WORDS_SHARE)) + 1
    return tuple(own[: min(max(enough, covering, FEWEST_STOP_WORDS), _MOST_STOP_WORDS)])


def _words(texts: Sequence[str]) -> Iterator[tuple[pa.LargeStringArray, pa.Int64Array]]:
    """The words of letters in lower case, with the number of the text that each is in; some texts at a time."""
    for start in range(0, len(texts), 64):
        split = pa.array(_native.split_words(as_large_strings(texts[start : start + 64])))
        words, text = pc.utf8_lower(pc.list_flatten(split)), pc.list_parent_indices(split)
        distinct = pc.unique(words)
        of_letters = pa.array(
            [
                any(map(str.isalpha, word)) and not any(map(str.isdigit, word))
                for word in distinct.to_pylist()
            ],
            pa.bool_(),
        )
        keep = of_letters.take(pc.index_in(words, distinct))
        yield words.filter(keep), text.filter(keep)


def _word_shares(texts: Sequence[str]) -> dict[str, float]:
    """Each word of letters in lower case with its share of all such words."""
    counts: Counter[str] = Counter()
    for words, _ in _words(texts):
        for entry in pc.value_counts(words):
            counts[entry["values"].as_py()] += entry["counts"].as_py()
    total = counts.total()
    if not total:
        raise CurateError("a corpus without words", hint="give texts in the language")
    return {word: count / total for word, count in counts.items()}


def _in_phrases(texts: Sequence[str], among: Sequence[str]) -> set[str]:
    """Those of the words that have the same word before them, or the same one after them, in most of their places."""
    candidates = pa.array(among, pa.large_string())
    places: Counter[str] = Counter()
    pairs: tuple[Counter[tuple[str, str]], ...] = (Counter(), Counter())
    for words, text in _words(texts):
        for entry in pc.value_counts(words.filter(pc.is_in(words, candidates))):
            places[entry["values"].as_py()] += entry["counts"].as_py()
        together = pc.equal(text[1:], text[:-1])
        for counts, word, other in ((pairs[0], words[1:], words[:-1]), (pairs[1], words[:-1], words[1:])):
            chosen = pc.and_(together, pc.is_in(word, candidates))
            counts.update(zip(word.filter(chosen).to_pylist(), other.filter(chosen).to_pylist(), strict=True))
    return {
        word
        for counts in pairs
        for (word, _), count in counts.items()
        if count >= PHRASE_SHARE * places[word] and places[word] >= _FEWEST_PLACES
    }


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
