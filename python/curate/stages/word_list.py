"""Texts with words of a list: the lists of bad words that filters for adult and toxic text use."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import local_file, sha256_file
from curate.errors import PlanError
from curate.schema import TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column


@dataclass(frozen=True)
class WordList(Stage):
    """Counts the words of a list in each text, and drops texts with too many.

    An entry, a word or a phrase, is found in either case where no letter or digit touches it; in scripts written
    without spaces anywhere. C4 (Raffel et al. 2020, 2.2) drops a page for one word of the list of LDNOOBW, whose
    format, an entry per line, is read here; RedPajama-V2 counts its words (`rps_doc_ldnoobw_words`). For a
    classifier in place of a list see `QualityClassifier`.

    Attributes:
        words: the entries, or the path or URL of a file of them in UTF-8, one per line.
        max_count: most occurrences in a text that stays; None only counts.
        column: name of the column that receives the number of occurrences, and of the stage.
    """

    words: tuple[str, ...] | str
    max_count: int | None = 0
    column: str = "listed_words"

    def __post_init__(self) -> None:
        if isinstance(self.words, os.PathLike):
            object.__setattr__(self, "words", os.fspath(self.words))
        elif not isinstance(self.words, str):
            object.__setattr__(self, "words", tuple(self.words))
        if self.max_count is not None and self.max_count < 0:
            raise PlanError("a word list needs max_count of at least 0", hint="max_count=None only counts")

    @property
    def name(self) -> str:
        """The column's."""
        return self.column

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The count."""
        return pa.schema([pa.field(self.column, pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """One: too many words of the list."""
        return (
            {} if self.max_count is None else {self._reason: f"more than {self.max_count} words of the list"}
        )

    @property
    def _reason(self) -> str:
        return f"too_many_{self.column}"

    def identity(self) -> dict[str, Any]:
        """Parameters and the digest of the file."""
        digest = {"words_sha256": sha256_file(local_file(self.words))} if isinstance(self.words, str) else {}
        return {**super().identity(), **digest}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Counts and decides."""
        words = self.words
        if isinstance(words, str):
            words = tuple(local_file(words).read_text("utf-8-sig").splitlines())
        counts = pa.array(_native.count_listed_words(as_large_strings(batch[TEXT]), list(words)))
        batch = set_column(batch, self.column, counts)
        if self.max_count is None:
            return Outcome(batch)
        over = pc.greater(counts, pa.scalar(self.max_count, pa.int32()))
        return Outcome(batch, pc.if_else(over, self._reason, pa.scalar(None, pa.string())))
