"""Datatrove's four quality filters over texts in memory: MB/s. `python text_signals_datatrove.py DATA`."""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "operations"))

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from text_corpora import SAMPLES, megabytes, sample, texts_of

FILTERS = {
    "gopher_repetition": GopherRepetitionFilter(),
    "gopher_quality": GopherQualityFilter(),
    "c4": C4QualityFilter(filter_no_terminal_punct=False),
    "fineweb": FineWebQualityFilter(),
}


def decide(texts: list[str]) -> dict[str, int]:
    """Texts that each filter drops; every filter sees the unedited text, as our tables do."""
    dropped = dict.fromkeys(FILTERS, 0)
    for name, step in FILTERS.items():
        for text in texts:
            result = step.filter(Document(text=text, id=""))
            dropped[name] += not (result[0] if isinstance(result, tuple) else result)
    return dropped


def main() -> None:
    """Measures and prints one JSON line."""
    data = Path(sys.argv[1])
    figures: dict[str, float] = {}
    answer: dict[str, int] = {}
    decide(["A first text, so that nothing is loaded while the clock runs."])
    for group, (names, total) in SAMPLES.items():
        chosen = [text for name in names for text in sample(texts_of(data, name), total)]
        started = time.perf_counter()
        dropped = decide(chosen)
        figures[f"{group}, MB/s"] = megabytes(chosen) / (time.perf_counter() - started)
        if group == "English":
            answer = {name: dropped[name] for name in ("gopher_repetition", "gopher_quality", "fineweb")}
    print(json.dumps({"version": version("datatrove"), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
