"""Quality: signals are measured once, natively; rules then decide from the numbers alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import PlanError
from curate.schema import LANGUAGE, SIGNALS, TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column
from curate.stages.rule_tables import OTHER_LANGUAGES, RuleTable, explained

#: Unit and meaning of every signal, in the order of the struct. "Words" are the tokens of an English-style
#: splitter without those that are only punctuation; "words and marks" are all its tokens.
SIGNAL_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "n_chars": "characters (Unicode scalar values)",
        "n_bytes": "bytes of UTF-8",
        "n_words": "words",
        "n_words_and_marks": "words and marks",
        "n_sentences": "sentences; the end of a line ends a sentence",
        "n_lines": "lines that are not blank",
        "n_paragraphs": "paragraphs, separated by blank lines",
        "mean_word_chars": "characters per word",
        "hash_per_word": "`#` per word or mark",
        "ellipsis_per_word": "`...` and `…` per word or mark",
        "bullet_line_ratio": "lines that start with `•` or `-`, 0 to 1 of all lines",
        "ellipsis_line_ratio": "lines that end with `...` or `…`, 0 to 1 of all lines",
        "alphabetic_word_ratio": "words and marks with a letter, 0 to 1",
        "stop_words": "distinct words among the, be, to, of, and, that, have, with: 0 to 8",
        "duplicate_paragraph_ratio": "paragraphs seen before in the text, 0 to 1 of paragraphs",
        "duplicate_paragraph_char_ratio": "characters in paragraphs seen before, 0 to 1",
        "duplicate_line_ratio": "lines seen before in the text, 0 to 1 of lines",
        "duplicate_line_char_ratio": "characters in lines seen before, 0 to 1",
        **{
            f"top_{n}gram_char_ratio": f"characters in the most frequent {n}-gram per character"
            for n in (2, 3, 4)
        },
        **{
            f"duplicate_{n}gram_char_ratio": f"characters in {n}-grams seen before, 0 to 1"
            for n in (5, 6, 7, 8, 9, 10)
        },
        "terminal_punctuation_line_ratio": "lines that end a sentence, 0 to 1 of `n_lines`",
        "short_line_ratio": "lines of at most 30 characters, 0 to 1 of `n_lines`",
        "repeated_line_char_ratio": "characters in non-blank lines seen before, 0 to 1 of all but line feeds",
        "newline_per_word": "line feeds per word or mark",
        "curly_brackets": "`{` characters",
        "lorem_ipsum": "occurrences of the placeholder phrase",
        "unique_word_ratio": "distinct words and marks, 0 to 1 of `n_words_and_marks`",
        "word_entropy": "bits per word or mark (Shannon entropy of their frequencies)",
        "digit_ratio": "decimal digits, 0 to 1 of characters",
        "upper_case_ratio": "upper-case letters, 0 to 1 of characters",
        "punctuation_ratio": "punctuation and control characters, 0 to 1 of characters",
        "white_space_ratio": "white space, 0 to 1 of characters",
    }
)

#: Signals of lines and of kinds of words, measured where they are asked for; lines are those that are not blank.
#: RedPajama-V2 (arXiv 2411.12372), line kinds of RefinedWeb (arXiv 2306.01116).
LINE_SIGNAL_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "stop_word_count": "occurrences of stop words",
        "stop_word_ratio": "occurrences of stop words, 0 to 1 of words and marks",
        "symbol_per_word": "`#`, `...` and `…` per word cut at white space",
        "all_caps_word_ratio": "words with two letters and more, all upper-case, 0 to 1 of words and marks",
        "numeric_word_ratio": "words with digits and no letter, 0 to 1 of words and marks",
        "address_word_ratio": "web and mail addresses, 0 to 1 of words and marks",
        "curly_bracket_ratio": "`{` and `}`, 0 to 1 of characters",
        "list_line_ratio": "lines that start with a bullet, `1.`, `1)` or `a)`, 0 to 1",
        "code_line_ratio": "lines that end or start as code does, 0 to 1",
        "javascript_line_ratio": "lines that mention JavaScript, 0 to 1",
        "upper_case_line_ratio": "lines of which most letters are upper-case, 0 to 1",
        "numeric_line_ratio": "lines without a letter, 0 to 1",
        "counter_line_ratio": "lines that are a number and a word (`3 likes`), 0 to 1",
        "one_word_line_ratio": "lines of one word, 0 to 1",
        "corrected_word_ratio": "words of lines of the last four kinds, 0 to 1 of words cut at white space",
        "mean_line_words": "words per line, cut at white space",
        "mean_line_digit_ratio": "decimal digits, 0 to 1 of a line's characters, mean over lines",
        "mean_line_upper_case_ratio": "upper-case letters, 0 to 1 of a line's characters, mean over lines",
    }
)


def text_stats(
    texts: pa.Array | pa.ChunkedArray | Iterable[str | None],
    *,
    lines: bool = False,
    languages: pa.Array | Iterable[str | None] | None = None,
    stop_words: Mapping[str, Sequence[str]] | None = None,
) -> pa.StructArray:
    """Every signal of each text; a null text counts as empty.

    Args:
        texts: any Arrow string array, or an iterable of `str`.
        lines: measure `LINE_SIGNAL_UNITS` too.
        languages: the language of each text, where stop words depend on it.
        stop_words: stop words by language; texts in other languages have the English ones.

    Returns:
        A struct array with a field per entry of `SIGNAL_UNITS`: int64 for counts, double for the rest.

    Raises:
        TypeError: the input holds something other than text.
    """
    known = None if languages is None else as_large_strings(languages)
    words = {language: list(listed) for language, listed in (stop_words or {}).items()}
    array = as_large_strings(texts)
    return pa.array(_native.text_stats(array, lines=lines, languages=known, stop_words=words))


@cache
def _signals_type(lines: bool) -> pa.StructType:
    return text_stats([], lines=lines).type


@dataclass(frozen=True)
class TextStats(Stage):
    """Measures each text and adds the `signals` struct; see `SIGNAL_UNITS`.

    Attributes:
        label: the stage's name, where a pipeline measures twice.
        lines: measure `LINE_SIGNAL_UNITS` too.
        stop_words: stop words by language, as pairs or a mapping; the column `language` says which a text has.
            Other texts have the English ones of Gopher.
    """

    label: str = "text_stats"
    lines: bool = False
    stop_words: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        pairs = self.stop_words.items() if isinstance(self.stop_words, Mapping) else self.stop_words
        sorted_pairs = tuple(sorted((language, tuple(words)) for language, words in pairs))
        object.__setattr__(self, "stop_words", sorted_pairs)

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def reads(self) -> frozenset[str]:
        """The text, and its language where stop words depend on it."""
        return frozenset({TEXT, LANGUAGE} if self.stop_words else {TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The signals."""
        return pa.schema([pa.field(SIGNALS, _signals_type(self.lines))])

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Keeps every row."""
        languages = batch[LANGUAGE] if self.stop_words else None
        stop_words = dict(self.stop_words)
        measured = text_stats(batch[TEXT], lines=self.lines, languages=languages, stop_words=stop_words)
        return Outcome(set_column(batch, SIGNALS, measured))


@dataclass(frozen=True)
class Rules(Stage):
    """Drops rows whose signals break a rule: the first broken rule is the reason, all are recorded.

    What it saw stays with every row in a column of its own, `signals_` and the name: another limit can be tried, and a
    decision be explained, where texts were edited and measured again afterwards. That is some 3 % of `documents/`.

    Attributes:
        table: the rules; its name is the stage's.
        per_language: tables for single languages in place of `table`, as pairs or a mapping; the column `language`
            says which. `OTHER_LANGUAGES` stands for those without one here, and for rows without a language. They give
            the reasons of `table` (change its limits with `.with_limits(...)`, leave rules out with `.without(...)`).
    """

    table: RuleTable
    per_language: tuple[tuple[str, RuleTable], ...] = ()

    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        pairs = self.per_language.items() if isinstance(self.per_language, Mapping) else self.per_language
        object.__setattr__(self, "per_language", tuple(sorted(pairs, key=lambda pair: pair[0])))
        known = {rule.reason for rule in self.table}
        for language, table in self.per_language:
            unknown = {rule.reason for rule in table} - known
            if unknown:
                raise PlanError(
                    f"the rules for `{language}` give the reason `{min(unknown)}`, which `{self.table.name}` has not",
                    hint="change limits with `.with_limits(...)`, leave rules out with `.without(...)`",
                )

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def reads(self) -> frozenset[str]:
        """The signals, and the language where rules depend on it."""
        return frozenset({SIGNALS, LANGUAGE} if self.per_language else {SIGNALS})

    @property
    def adds(self) -> pa.Schema:
        """The signals that the rules look at, as they are here."""
        tables = (self.table, *(table for _, table in self.per_language))
        names = dict.fromkeys(rule.signal for table in tables for rule in table)
        known = _signals_type(True)
        types = {field.name: field.type for field in known}
        seen = pa.struct([pa.field(name, types.get(name, pa.float64())) for name in names])
        return pa.schema([pa.field(signals_of(self.name), seen)] if names else [])

    @property
    def reasons(self) -> Mapping[str, str]:
        """One per rule, with the languages that it differs in."""
        return {rule.reason: explained(rule, dict(self.per_language)) for rule in self.table}

    def with_limits(self, **limits: float) -> "Rules":
        """The stage with other limits, by reason; languages that had their own limit of a rule keep it.

        Raises:
            PlanError: a reason that the table does not have.
        """
        common = {rule.reason: rule.limit for rule in self.table}
        tables = []
        for language, table in self.per_language:
            shared = {
                rule.reason: limits[rule.reason]
                for rule in table
                if rule.reason in limits and rule.limit == common[rule.reason]
            }
            tables.append((language, table.with_limits(**shared)))
        return replace(self, table=self.table.with_limits(**limits), per_language=tuple(tables))

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Decides from the signals alone."""
        signals = batch[SIGNALS]
        for added in self.adds:
            batch = set_column(batch, added.name, _part_of(signals, added.type))
        numbers = self._table_numbers(batch[LANGUAGE]) if self.per_language else np.zeros(len(signals), int)
        tables = [self.table, *(table for _, table in self.per_language)]
        present = np.unique(numbers)
        if len(present) < 2:
            return Outcome(batch, *decide(signals, tables[present[0] if len(present) else 0]))
        groups = [np.flatnonzero(numbers == number) for number in present]
        decided = [
            decide(signals.take(pa.array(rows)), tables[number])
            for number, rows in zip(present, groups, strict=True)
        ]
        back = pa.array(np.argsort(np.concatenate(groups)))
        reason, failed = (pa.concat_arrays(parts).take(back) for parts in zip(*decided, strict=True))
        return Outcome(batch, reason, failed)

    def _table_numbers(self, language: pa.StringArray) -> npt.NDArray[np.int64]:
        """Which table each row is judged by: 0 is `table`, the next ones those of `per_language`."""
        labels = [label for label, _ in self.per_language]
        other = labels.index(OTHER_LANGUAGES) if OTHER_LANGUAGES in labels else -1
        place = pc.fill_null(pc.index_in(language.cast(pa.string()), pa.array(labels, pa.string())), other)
        numbers: npt.NDArray[np.int64] = place.to_numpy(zero_copy_only=False).astype(np.int64) + 1
        return numbers


def signals_of(stage: str) -> str:
    """The column with the signals that a stage of rules saw."""
    return f"{SIGNALS}_{stage}"


def _part_of(signals: pa.StructArray, wanted: pa.StructType) -> pa.StructArray:
    """Some of the signals; a row without any has nulls."""
    flat = signals.flatten()
    columns = [flat[signals.type.get_field_index(field.name)].cast(field.type) for field in wanted]
    return pa.StructArray.from_arrays(columns, fields=list(wanted))


def decide(signals: pa.StructArray, table: RuleTable) -> tuple[pa.StringArray, pa.ListArray]:
    """The first broken rule (null = none) and all broken rules of each row.

    A rule about a number that is missing is broken: it cannot be shown to hold.
    """
    # A field of a struct does not know which rows are missing as a whole.
    flat = signals.flatten() if signals.null_count else None
    rules = []
    for rule in table:
        place = signals.type.get_field_index(rule.signal)
        if place < 0:
            raise PlanError(
                f"rule `{rule.reason}` needs the signal `{rule.signal}`, which is not measured",
                hint=f"known signals: {', '.join(field.name for field in signals.type)}",
            )
        numbers = flat[place] if flat else signals.field(place)
        rules.append((rule.reason, numbers, str(rule.keep_if), float(rule.limit)))
    reason, failed = _native.broken_rules(len(signals), rules)
    return pa.array(reason), pa.array(failed)


#: Lines that each rule of `C4Lines` drops; a line counts under the first rule that it breaks.
_DROPPED = pa.struct(
    [
        pa.field(rule, pa.int32())
        for rule in ("long_word", "no_terminal_punctuation", "few_words", "javascript", "policy")
    ]
)


@dataclass(frozen=True)
class C4Lines(Stage):
    """Removes lines that C4 removes, with FineWeb's settings; what is left is the new text.

    A line is dropped for: a word over `max_word_chars`; no terminal punctuation (an option); fewer than
    `min_words` words; the word "javascript"; a phrase of cookie and legal notices. Citation marks are cut out
    of the rest. Lines that condemn their document ("lorem ipsum", a curly bracket) stay for the rules of the
    table `C4`. Source: Raffel et al. 2020, 2.2, with the settings of FineWeb's pipeline (datatrove 0.10.1).

    Attributes:
        terminal_punctuation: drop lines that do not end with one of `. ? ! " '`, or that end with `...`.
        min_words: fewest words in a line, cut at white space; 0 keeps even blank lines.
        max_word_chars: most characters in a word.
        javascript: drop lines that mention JavaScript.
        policy: drop lines with a policy phrase.
        citations: remove `[1]`, `[edit]`, `[citation needed]`.
        counts: name of a column for the lines dropped, a struct with one count per rule; "" = none.
    """

    terminal_punctuation: bool = False
    min_words: int = 3
    max_word_chars: int = 1000
    javascript: bool = True
    policy: bool = True
    citations: bool = True
    counts: str = ""

    def __post_init__(self) -> None:
        if self.min_words < 0 or self.max_word_chars < 0:
            raise PlanError("C4Lines needs limits of at least 0", hint="min_words=0 switches that rule off")

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The text that is left, and how many lines each rule dropped if that is asked for."""
        text = pa.field(TEXT, pa.large_string())
        return pa.schema([text, pa.field(self.counts, _DROPPED)] if self.counts else [text])

    @property
    def invalidates(self) -> frozenset[str]:
        """The signals of the former text."""
        return frozenset({SIGNALS})

    @property
    def reasons(self) -> Mapping[str, str]:
        """One: nothing is left."""
        return {"no_lines_left": "the line rules removed every line"}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Replaces texts; a row of which no line is left keeps its text, so that rejects show it."""
        texts = as_large_strings(batch[TEXT])
        edited = pa.array(
            _native.c4_lines(
                texts,
                terminal_punctuation=self.terminal_punctuation,
                min_words=self.min_words,
                max_word_chars=self.max_word_chars,
                javascript=self.javascript,
                policy=self.policy,
                citations=self.citations,
            )
        )
        left = edited.field(TEXT)
        none_left = pc.equal(left, "")
        reason = pc.if_else(none_left, "no_lines_left", pa.scalar(None, pa.string()))
        batch = set_column(batch, TEXT, pc.if_else(none_left, texts, left))
        if self.counts:
            dropped = [edited.field(field.name) for field in _DROPPED]
            batch = set_column(batch, self.counts, pa.StructArray.from_arrays(dropped, fields=list(_DROPPED)))
        return Outcome(batch, reason)


__all__ = [
    "LINE_SIGNAL_UNITS",
    "SIGNAL_UNITS",
    "C4Lines",
    "Rules",
    "TextStats",
    "decide",
    "signals_of",
    "text_stats",
]
