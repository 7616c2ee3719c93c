"""Pages with known main content, and how well a text matches it."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zstandard
from warcio.archiveiterator import ArchiveIterator

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Page:
    """A page of WCXB and what its annotator called its main content."""

    part: int
    html: bytes
    truth: str
    page_type: str


def pages(folder: Path) -> Iterator[Page]:
    """The pages of `part-*.warc.gz` that `truth.jsonl.zst` knows, in the order of the files."""
    with (folder / "truth.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        truth = {row["sha256"]: row for row in map(json.loads, lines)}
    for part, path in enumerate(sorted(folder.glob("part-*.warc.gz"))):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type != "response":
                    continue
                html = record.content_stream().read()
                row = truth[sha256(html).hexdigest()]
                yield Page(part, html, row["main_content"] or "", row["page_type"])


def word_list(text: str) -> list[str]:
    """Words of a text, in lower case."""
    return _WORD.findall(text.lower())


def words(text: str) -> Counter[str]:
    """Words of a text, in lower case, with their counts."""
    return Counter(word_list(text))


def score(found: Counter[str], truth: Counter[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the words of a text; 1 where both are empty, 0 where one is."""
    if not found or not truth:
        perfect = float(not found and not truth)
        return perfect, perfect, perfect
    shared = (found & truth).total()
    precision, recall = shared / found.total(), shared / truth.total()
    return precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0
