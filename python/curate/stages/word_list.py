"""Texts with words of a list: the lists of bad words that filters for adult and toxic text use."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import local_file, sha256_file
from curate.errors import CurateError, PlanError
from curate.schema import TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column


@lru_cache(maxsize=8)
def _compiled(words: tuple[str, ...]) -> _native.ListedWords:
    return _native.ListedWords(list(words))


@lru_cache(maxsize=8)
def _entries(path: Path, sha256: str) -> tuple[str, ...]:
    """The lines of a file: ends as editors count them, so that an entry may hold any other character."""
    del sha256  # tells versions of the file apart
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    if "\0" in text:
        raise _not_utf8(path)
    return tuple(re.split(r"\r\n|\n|\r", text))


def _not_utf8(path: Path) -> CurateError:
    return CurateError(f"the word list {path} is not in UTF-8", hint="convert it, e.g. with iconv -t UTF-8")


@dataclass(frozen=True)
class WordList(Stage):
    """Counts the words of a list in each text, and drops texts with too many.

    An entry, a word or a phrase, is found where no letter, digit or combining mark touches it. Letters of scripts
    written without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) touch nothing, and entries with such letters
    are found anywhere. Case, Unicode composition, `’` or `'`, and the kind and number of white space do not matter.
    C4 (Raffel et al. 2020, 2.2) drops a page for one word of the list of LDNOOBW, whose format, an entry per line, is
    read here; RedPajama-V2 counts its words (`rps_doc_ldnoobw_words`). For a classifier in place of a list see
    `QualityClassifier`.

    Attributes:
        words: the entries, or the path or URL of a file of them in UTF-8. Every line is an entry: there are no
            comments.
        max_count: most occurrences in a text that stays; None only counts.
        column: name of the column that receives the number of occurrences, null where the text is null, and of the
            stage.

    Raises:
        CurateError: the file is not in UTF-8.
        FileNotFoundError: there is no such file.
        PlanError: max_count is negative.
    """

    version = 2

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
        if not isinstance(self.words, str):
            return super().identity()
        path = local_file(self.words)
        sha256 = sha256_file(path)
        _entries(path, sha256)  # a file that cannot be read stops the plan, not its first batch
        return {**super().identity(), "words_sha256": sha256}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Counts and decides."""
        words = self.words
        if isinstance(words, str):
            path = local_file(words)
            words = _entries(path, sha256_file(path))
        counts = pa.array(_compiled(words).count(as_large_strings(batch[TEXT])))
        batch = set_column(batch, self.column, counts)
        if self.max_count is None:
            return Outcome(batch)
        over = pc.greater(counts, pa.scalar(self.max_count, pa.int32()))
        return Outcome(batch, pc.if_else(over, self._reason, pa.scalar(None, pa.string())))
