"""Our signals and rule tables over texts in memory: MB/s. `python text_signals.py DATA`."""

import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from text_corpora import SAMPLES, megabytes, sample, texts_of

import curate as cu

TABLES = (cu.GOPHER_REPETITION, cu.GOPHER_QUALITY, cu.C4, cu.FINEWEB)


def decide(batches: list[pa.RecordBatch]) -> dict[str, int]:
    """Texts that each table drops."""
    dropped = {table.name: 0 for table in TABLES}
    for batch in batches:
        measured = cu.TextStats()(batch).batch
        for table in TABLES:
            reasons = cu.Rules(table)(measured).reason
            dropped[table.name] += pc.count(reasons).as_py()
    return dropped


def timed(texts: list[str]) -> tuple[float, dict[str, int]]:
    """MB/s of the median of five passes, and what was dropped."""
    rows = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    batches = [rows.slice(start, 512) for start in range(0, rows.num_rows, 512)]
    dropped = decide(batches[:1])
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        dropped = decide(batches)
        seconds.append(time.perf_counter() - started)
    return megabytes(texts) / statistics.median(seconds), dropped


def main() -> None:
    """Measures and prints one JSON line."""
    data = Path(sys.argv[1])
    figures: dict[str, float] = {}
    answer: dict[str, int] = {}
    for group, (names, total) in SAMPLES.items():
        whole = {name: texts_of(data, name) for name in names}
        chosen = [text for texts in whole.values() for text in sample(texts, total)]
        figures[f"{group}, MB/s"], dropped = timed(chosen)
        if group == "English":
            answer = {name: dropped[name] for name in ("gopher_repetition", "gopher_quality", "fineweb")}
        everything = [text for texts in whole.values() for text in texts]
        figures[f"{group} all, MB/s"], _ = timed(everything)
        for name, texts in whole.items():
            figures[f"{name} all, MB/s"], _ = timed(texts)
    print(json.dumps({"version": version("curate"), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
