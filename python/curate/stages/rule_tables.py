"""Published quality rules as data: what is measured, what is kept, where the number is printed.

The order of a table is the order in which its rules give the reason, as in datatrove 0.10.1's filters.
The pipeline of FineWeb (Penedo et al. 2024, arXiv 2406.17557) runs all four.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from curate.errors import PlanError

Comparison = Literal[">=", "<=", ">", "<", "=="]
#: In tables by language: every language that has none of its own there.
OTHER_LANGUAGES = "*"
COMPARISONS: tuple[Comparison, ...] = (">=", "<=", ">", "<", "==")


@dataclass(frozen=True)
class Rule:
    """A document is kept if `signal keep_if limit` holds.

    Attributes:
        reason: snake_case name of the fault, given where the rule does not hold.
        signal: field of the `signals` struct, see `SIGNAL_UNITS`.
        keep_if: the comparison that must hold.
        limit: in the unit of the signal.
        source: where the limit comes from.
    """

    reason: str
    signal: str
    keep_if: Comparison
    limit: float
    source: str = ""

    def __post_init__(self) -> None:
        if self.keep_if not in COMPARISONS:
            raise PlanError(
                f"rule `{self.reason}` compares with `{self.keep_if}`",
                hint=f"use one of {', '.join(COMPARISONS)}",
            )
        is_number = isinstance(self.limit, int | float) and not isinstance(self.limit, bool)
        if not is_number or math.isnan(self.limit):
            raise PlanError(
                f"the limit of rule `{self.reason}` is {self.limit!r}",
                hint="give a number; `.without(reason)` takes a rule out",
            )

    def __str__(self) -> str:
        return f"not ({self.signal} {self.keep_if} {self.limit:g})"


@dataclass(frozen=True)
class RuleTable:
    """Rules in order, under a snake_case name. Tables combine: `GOPHER_REPETITION | GOPHER_QUALITY`."""

    name: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        reasons = [rule.reason for rule in self.rules]
        repeated = sorted({reason for reason in reasons if reasons.count(reason) > 1})
        if repeated:
            raise PlanError(
                f"rule table `{self.name}` gives the reason `{repeated[0]}` twice",
                hint="give each rule a reason of its own, or change a limit with `.with_limits(...)`",
            )

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __or__(self, other: "RuleTable") -> "RuleTable":
        """Both tables' rules, this one's first; a rule that both have stands once."""
        more = tuple(rule for rule in other.rules if rule not in self.rules)
        return RuleTable(f"{self.name}_{other.name}", self.rules + more)

    def named(self, name: str) -> "RuleTable":
        """The same rules under another name, e.g. to use one table in two stages."""
        return replace(self, name=name)

    def with_limits(self, **limits: float) -> "RuleTable":
        """The table with other limits, by reason: `GOPHER_QUALITY.with_limits(too_few_words=40)`.

        Raises:
            PlanError: a reason that the table does not have, or a limit that is no number.
        """
        self._known(limits)
        changed = (
            replace(rule, limit=limits[rule.reason], source="set by the recipe")
            if rule.reason in limits
            else rule
            for rule in self.rules
        )
        return replace(self, rules=tuple(changed))

    def without(self, *reasons: str) -> "RuleTable":
        """The table without the rules that give these reasons.

        Raises:
            PlanError: a reason that the table does not have.
        """
        self._known(reasons)
        return replace(self, rules=tuple(rule for rule in self.rules if rule.reason not in reasons))

    def _known(self, reasons: object) -> None:
        known = [rule.reason for rule in self.rules]
        unknown = [reason for reason in reasons if reason not in known]  # type: ignore[attr-defined]
        if unknown:
            raise PlanError(
                f"rule table `{self.name}` has no rule `{unknown[0]}`", hint=f"it has {', '.join(known)}"
            )


def explained(rule: Rule, per_language: Mapping[str, RuleTable]) -> str:
    """What a rule asks for, and which languages have another limit or none."""
    told = f"{rule}; {rule.source}" if rule.source else str(rule)
    limits = {
        language: next((own.limit for own in table if own.reason == rule.reason), None)
        for language, table in per_language.items()
    }
    others = limits.pop(OTHER_LANGUAGES, rule.limit)
    own = [
        f"{language} {limit:g}"
        for language, limit in limits.items()
        if limit is not None and limit != rule.limit
    ]
    exempt = [language for language, limit in limits.items() if limit is None]
    if own:
        told += f"; own limits: {', '.join(own)}"
    if exempt:
        told += f"; not for {', '.join(exempt)}"
    if others != rule.limit:
        told += "; not" if others is None else f"; {others:g}"
        told += f" for languages other than {', '.join(limits)}" if limits else " for any language"
    return told


_GOPHER = "Gopher, arXiv 2112.11446, Table A1"
_GOPHER_TEXT = "Gopher, arXiv 2112.11446, A.1.1"
_C4 = "C4, Raffel et al. 2020, 2.2"
_FINEWEB = "FineWeb, arXiv 2406.17557, 3.6"
_FINEWEB_CODE = "FineWeb's code; not in the paper"

GOPHER_REPETITION = RuleTable(
    "gopher_repetition",
    (
        Rule("empty", "n_chars", ">=", 1, "an empty text has no ratios"),
        Rule("duplicate_paragraphs", "duplicate_paragraph_ratio", "<=", 0.30, _GOPHER),
        Rule("duplicate_paragraph_chars", "duplicate_paragraph_char_ratio", "<=", 0.20, _GOPHER),
        Rule("duplicate_lines", "duplicate_line_ratio", "<=", 0.30, _GOPHER),
        Rule("duplicate_line_chars", "duplicate_line_char_ratio", "<=", 0.20, _GOPHER),
        Rule("top_2gram", "top_2gram_char_ratio", "<=", 0.20, _GOPHER),
        Rule("top_3gram", "top_3gram_char_ratio", "<=", 0.18, _GOPHER),
        Rule("top_4gram", "top_4gram_char_ratio", "<=", 0.16, _GOPHER),
        Rule("duplicate_5grams", "duplicate_5gram_char_ratio", "<=", 0.15, _GOPHER),
        Rule("duplicate_6grams", "duplicate_6gram_char_ratio", "<=", 0.14, _GOPHER),
        Rule("duplicate_7grams", "duplicate_7gram_char_ratio", "<=", 0.13, _GOPHER),
        Rule("duplicate_8grams", "duplicate_8gram_char_ratio", "<=", 0.12, _GOPHER),
        Rule("duplicate_9grams", "duplicate_9gram_char_ratio", "<=", 0.11, _GOPHER),
        Rule("duplicate_10grams", "duplicate_10gram_char_ratio", "<=", 0.10, _GOPHER),
    ),
)

GOPHER_QUALITY = RuleTable(
    "gopher_quality",
    (
        Rule("too_few_words", "n_words", ">=", 50, _GOPHER_TEXT),
        Rule("too_many_words", "n_words", "<=", 100_000, _GOPHER_TEXT),
        Rule("words_too_short", "mean_word_chars", ">=", 3, _GOPHER_TEXT),
        Rule("words_too_long", "mean_word_chars", "<=", 10, _GOPHER_TEXT),
        Rule("too_many_hashes", "hash_per_word", "<=", 0.1, _GOPHER_TEXT),
        Rule("too_many_ellipses", "ellipsis_per_word", "<=", 0.1, _GOPHER_TEXT),
        Rule("too_many_bullets", "bullet_line_ratio", "<=", 0.9, _GOPHER_TEXT),
        Rule("too_many_ellipsis_lines", "ellipsis_line_ratio", "<=", 0.3, _GOPHER_TEXT),
        Rule("too_few_alphabetic_words", "alphabetic_word_ratio", ">=", 0.8, _GOPHER_TEXT),
        Rule("too_few_stop_words", "stop_words", ">=", 2, _GOPHER_TEXT),
    ),
)

# The document rules of C4; its line rules are the stage `C4Lines`, which goes before.
C4 = RuleTable(
    "c4",
    (
        Rule("lorem_ipsum", "lorem_ipsum", "==", 0, _C4),
        Rule("curly_bracket", "curly_brackets", "==", 0, _C4),
        Rule("too_few_sentences", "n_sentences", ">=", 5, _C4),
    ),
)

# 0.01: the paper's Table 2 and the code; its running text prints 0.1 for the same share removed.
FINEWEB = RuleTable(
    "fineweb",
    (
        Rule("no_lines", "n_lines", ">=", 1, "a blank text has no ratios"),
        Rule("unpunctuated_lines", "terminal_punctuation_line_ratio", ">=", 0.12, _FINEWEB),
        Rule("short_lines", "short_line_ratio", "<=", 0.67, _FINEWEB),
        Rule("repeated_lines", "repeated_line_char_ratio", "<=", 0.01, _FINEWEB),
        Rule("too_many_newlines", "newline_per_word", "<=", 0.3, _FINEWEB_CODE),
    ),
)

_DCLM = "DCLM, arXiv 2406.11794, dclm_baseline_refinedweb.yaml"

# DCLM-Baseline after RefinedWeb (arXiv 2306.01116), with the limits of DCLM's configuration: symbols count together
# and over words cut at white space, stop words by occurrence, and a document goes where more than 5 % of its words
# stand in lines that RefinedWeb's corrections remove. Needs `TextStats(lines=True)`. The limits are DCLM's, the signals
# are ours: its code counts words cut at white space, every occurrence of what is repeated, stop words in any case and
# more kinds of bullets and lines, see docs/parity.md.
DCLM = RuleTable(
    "dclm",
    (
        *GOPHER_REPETITION,
        *GOPHER_QUALITY.without("too_many_hashes", "too_many_ellipses", "too_few_stop_words"),
        Rule("too_many_symbols", "symbol_per_word", "<=", 0.1, _DCLM),
        Rule("too_few_stop_words", "stop_word_count", ">=", 2, _DCLM),
        Rule("too_many_corrected_words", "corrected_word_ratio", "<=", 0.05, _DCLM),
    ),
)
