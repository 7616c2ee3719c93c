"""Extraction of main content by one engine: bytes in, text out, one pinned core.

python extraction.py FOLDER --engine native|trafilatura|trafilatura-fast|resiliparse
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from scoring import pages, score, words

import curate as cu


def engine(name: str) -> tuple[Callable[[bytes], str | None], str]:
    """A function from bytes to text, and its version."""
    if name == "native":
        return cu.extract_text, version("curate")
    if name == "resiliparse":
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.encoding import bytes_to_str, detect_encoding

        def resiliparse(html: bytes) -> str:
            return str(extract_plain_text(bytes_to_str(html, detect_encoding(html)), main_content=True))

        return resiliparse, version("resiliparse")
    import trafilatura

    fast = name == "trafilatura-fast"
    return lambda html: trafilatura.extract(html, fast=fast), version("trafilatura")


def main() -> None:
    """Extracts every page, times each, scores each, prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", required=True)
    arguments = parser.parse_args()
    listed = list(pages(arguments.folder))
    extract, told = engine(arguments.engine)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    extract(listed[0].html)  # models and tables are loaded on first use
    seconds, texts = [], []
    for page in listed:
        started = time.perf_counter()
        texts.append(extract(page.html) or "")
        seconds.append(time.perf_counter() - started)
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for page, text in zip(listed, texts, strict=True):
        found = score(words(text), words(page.truth))
        scores.setdefault("all pages", []).append(found)
        scores.setdefault(page.page_type, []).append(found)
    ordered = sorted(seconds)
    figures = {
        "pages per core, 1/s": len(listed) / sum(seconds),
        "HTML per core, MB/s": sum(len(page.html) for page in listed) / 1e6 / sum(seconds),
        "p50, ms": 1000 * ordered[len(ordered) // 2],
        "p95, ms": 1000 * ordered[len(ordered) * 95 // 100],
        "slowest page, ms": 1000 * ordered[-1],
    }
    for kind in sorted(scores):
        for index, name in enumerate(("precision", "recall", "F1")):
            figures[f"{kind} {name}"] = statistics.mean(found[index] for found in scores[kind])
    print(json.dumps({"version": told, "answer": {"pages": len(listed)}, "figures": figures}))


if __name__ == "__main__":
    main()
