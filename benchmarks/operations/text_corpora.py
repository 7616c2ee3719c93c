"""Texts for the cases about text: main content of web pages, and the corpora of `text/`. Imports nothing of ours."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

ENGLISH = ("pages", "en-cppdocs", "en-novels")
MULTILINGUAL = (
    "ar-openiti",
    "de-gesetze",
    "fr-eltec",
    "hi-ltrc",
    "ja-aozora",
    "react-docs",
    "ru-jsinfo",
)

#: Corpora of the samples of a group, and characters of each: of English so many that no table that is kept from text to
#: text knows its runs in the next pass, of the others as many as the smallest corpus has.
SAMPLES = {"English": (ENGLISH, 1_000_000), "multilingual": (MULTILINGUAL, 300_000)}


def texts_of(data: Path, name: str) -> list[str]:
    """All texts of a corpus; of `pages`, those in the truth of the WCXB dev split."""
    if name == "pages":
        return [row["main_content"] or "" for row in rows(data / "wcxb-dev" / "truth.jsonl.zst")]
    return [row["text"] for row in rows(data / "text" / f"{name}.jsonl.zst")]


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a compressed JSONL file."""
    import zstandard

    with zstandard.open(path, "rb") as raw:
        for line in io.TextIOWrapper(raw, "utf-8"):
            yield json.loads(line)


def sample(texts: list[str], total: int, chars: int = 100_000) -> list[str]:
    """Evenly chosen texts, cut, of about `total` characters together."""
    cut = [text[:chars] for text in texts]
    step = max(1, sum(map(len, cut)) // total)
    return cut[::step]


def megabytes(texts: list[str]) -> float:
    """Size in UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6
