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


def sample(texts: list[str], chars: int = 100_000, total: int = 300_000) -> list[str]:
    """Evenly chosen texts, cut, of about `total` characters together."""
    cut = [text[:chars] for text in texts]
    step = max(1, sum(map(len, cut)) // total)
    return cut[::step]


def megabytes(texts: list[str]) -> float:
    """Size in UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6
