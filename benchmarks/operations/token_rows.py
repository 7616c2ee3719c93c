"""Random rows of 1,025 tokens from a packed split of 500 million synthetic ids, as int64, by one process.

python token_rows.py --engine curate|datasets|arrow [--tokens N] [--rows N] [--shards N]

The split is made once, in the folder for temporary files, and read from the page cache: every engine first reads it
through. `curate` reads in the order of its own shuffle; the others in a random order made by NumPy beforehand.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROW_TOKENS = 1025
VOCAB = 50_000
BATCH = 64


def make(folder: Path, tokens: int, shards: int) -> None:
    """Writes the split; rows are one document each, ids uniform."""
    from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard

    random = np.random.default_rng(0)
    rows = tokens // ROW_TOKENS // shards
    folder.mkdir(parents=True, exist_ok=True)
    receipts = []
    for shard in range(shards):
        ids = random.integers(0, VOCAB, rows * ROW_TOKENS, dtype=np.uint16)
        one = pa.array(np.arange(rows + 1, dtype=np.int32))
        names = pa.ListArray.from_arrays(one, pa.array([f"{shard}-{k}" for k in range(rows)]))
        batch = pa.record_batch(
            {
                "input_ids": pa.FixedSizeListArray.from_arrays(pa.array(ids), ROW_TOKENS),
                "doc_lens": pa.ListArray.from_arrays(one, pa.array(np.full(rows, ROW_TOKENS, np.int32))),
                "doc_ids": names,
                "doc_urls": names,
                "doc_sources": names,
            }
        )
        path = folder / f"data-{shard:05d}-of-{shards:05d}.arrow"
        receipts.append(write_token_shard(path, [batch], pa.uint16(), row_tokens=ROW_TOKENS))
    facts = TokenizerFacts(b"{}", VOCAB, None, np.ones(VOCAB))
    finish_split(folder, receipts, facts, {}, {"policy": "concat"})


def curate_reader(folder: Path) -> tuple[Callable[[Any], Any], Any]:
    """Rows by index, and the dataset."""
    from curate.io.token_dataset import TokenDataset

    dataset = TokenDataset(folder, columns=("input_ids", "labels"))
    return dataset.rows, dataset


def datasets_reader(folder: Path) -> tuple[Callable[[Any], Any], Any]:
    """Rows by index with the numpy format."""
    import datasets

    dataset = datasets.load_from_disk(str(folder)).select_columns("input_ids").with_format("numpy")
    return lambda rows: np.asarray(dataset[rows]["input_ids"]).astype(np.int64), dataset


def arrow_reader(folder: Path) -> tuple[Callable[[Any], Any], Any]:
    """Rows by index from zero-copy views of the mapped record batches."""
    views, firsts, total = [], [0], 0
    for path in sorted(folder.glob("*.arrow")):
        for batch in pa.ipc.open_stream(pa.memory_map(str(path))):
            views.append(batch["input_ids"].flatten().to_numpy().reshape(-1, ROW_TOKENS))
            total += batch.num_rows
            firsts.append(total)
    starts = np.array(firsts)

    def read(rows: Any) -> Any:
        numbers = np.searchsorted(starts, rows, side="right") - 1
        out = np.empty((len(rows), ROW_TOKENS), np.int64)
        for line, number, row in zip(out, numbers.tolist(), (rows - starts[numbers]).tolist(), strict=True):
            line[:] = views[number][row]
        return out

    return read, views


READERS = {"curate": curate_reader, "datasets": datasets_reader, "arrow": arrow_reader}


def timed(batches: list[Any], read: Callable[[Any], Any]) -> float:
    """Million tokens per second, best of three passes."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for batch in batches:
            read(batch)
        best = min(best, time.perf_counter() - started)
    return sum(map(len, batches)) * ROW_TOKENS / best / 1e6


def seconds_of(work: Callable[[], Any]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def resident_anonymous() -> float:
    """Megabytes of memory that are not files of the page cache."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e3
    return 0.0


def main() -> None:
    """Reads and prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=READERS, required=True)
    parser.add_argument("--tokens", type=int, default=500_000_000)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--rows", type=int, default=64_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / f"curate-token-rows-{arguments.tokens}-{arguments.shards}"
    if not (folder / "state.json").is_file():
        make(folder, arguments.tokens, arguments.shards)
    for path in folder.glob("*.arrow"):
        path.read_bytes()
    READERS[arguments.engine](folder)  # imports are not part of opening
    started = time.perf_counter()
    read, dataset = READERS[arguments.engine](folder)
    opening = time.perf_counter() - started

    total = arguments.tokens // ROW_TOKENS // arguments.shards * arguments.shards
    wanted = np.random.default_rng(1).permutation(total)
    checked = read(wanted[:1000])
    answer = {"sum": int(checked.sum()), "weighted": int((checked * np.arange(1, ROW_TOKENS + 1)).sum())}

    rows = min(arguments.rows if arguments.engine != "datasets" else arguments.rows // 20, total)
    batches = [wanted[at : at + BATCH] for at in range(0, rows // BATCH * BATCH, BATCH)]
    timed(batches, read)  # touches every page once
    before = resident_anonymous()
    figures = {"speed, million tokens/s": timed(batches, read)}
    # What an index sampler asks for; ours has no other way in than batches, so that speed stands for both.
    if arguments.engine == "datasets":
        rows_of_one = [row for batch in batches[:20] for row in batch.tolist()]
        seconds = min(
            seconds_of(lambda: [dataset[row]["input_ids"].astype(np.int64) for row in rows_of_one])
            for _ in range(3)
        )
        figures["speed row by row, million tokens/s"] = len(rows_of_one) * ROW_TOKENS / seconds / 1e6
    else:
        figures["speed row by row, million tokens/s"] = figures["speed, million tokens/s"]
    if arguments.engine == "curate":
        figures["shuffled by the dataset, million tokens/s"] = timed(
            batches, lambda rows: dataset.batch(dataset.indices_at(dataset.take(len(rows))))
        )
        marked = type(dataset)(folder)
        figures["shuffled, with document ids, million tokens/s"] = timed(
            batches, lambda rows: marked.batch(marked.indices_at(marked.take(len(rows))))
        )
    figures["opening, ms"] = opening * 1e3
    figures["memory added while reading, MB"] = resident_anonymous() - before
    figures["open files, count"] = len(list(Path("/proc/self/fd").iterdir()))
    version = {"curate": "curate", "datasets": "datasets", "arrow": "pyarrow"}[arguments.engine]
    told = f"{version} {__import__('importlib.metadata').metadata.version(version)}"
    print(json.dumps({"version": told, "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
