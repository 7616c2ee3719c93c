"""Near deduplication out of core on synthetic band keys: bytes on disk, peak memory and seconds per document.

    python dedup_memory.py MILLIONS

Shards of half a million documents are spilled as the first round does it. A fifth of the documents are copies of
others in all bands, another fifth in half of them. Each step runs in a process of its own, whose peak resident memory
above what it takes with nothing to do is counted; spills are mapped, so the pages of the files count as well.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.io.spill import gather, write_spill
from curate.schema import PARTITION, SHARD
from curate.stages.clusters import Components, keyed
from curate.stages.near_dedup import NearDedup

SHARD_DOCUMENTS = 500_000
BARRIER = NearDedup()
BANDS, COMPONENTS = BARRIER.rounds[:2]


def spill(folder: Path, shard: int) -> None:
    """The band keys of one shard."""
    rows = np.arange(SHARD_DOCUMENTS, dtype=np.int64)
    draw = np.random.default_rng(shard)
    fate = draw.random(SHARD_DOCUMENTS)
    own = (rows + shard * SHARD_DOCUMENTS).astype(np.uint64)
    # Copies are of one of a million originals, whatever the shard.
    original = draw.integers(0, 1_000_000, SHARD_DOCUMENTS).astype(np.uint64)
    tables = []
    for band in range(BARRIER.bands):
        copied = fate < (0.4 if band % 2 else 0.2)
        keys = (np.where(copied, original, own) + np.uint64(band << 40)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
        tables.append(keyed(keys, rows, BANDS._partition(band, keys)))  # type: ignore[attr-defined]
    write_spill(folder / f"map-{shard}", tables, PARTITION, BANDS.partitions, "f")


def reduce_band(folder: Path, shards: int, partition: int) -> None:
    """One partition of one band."""
    paths = [folder / f"map-{shard}" for shard in range(shards)]
    links = BANDS.reduce(partition, gather(paths, partition, number=SHARD))
    write_spill(folder / f"links-{partition}", [links], SHARD, shards, "f")


def components(folder: Path, shards: int) -> None:
    """All links of all bands."""
    paths = [folder / f"links-{partition}" for partition in range(BANDS.partitions)]
    for shard in range(shards):
        inbox = gather(paths, shard)
        mapped = list(COMPONENTS.map(iter(()), shard, inbox))
        write_spill(folder / f"forward-{shard}", mapped, PARTITION, 1, "f")


def connect(folder: Path, shards: int) -> None:
    """The union-find."""
    rows = gather([folder / f"forward-{shard}" for shard in range(shards)], 0)
    found = Components().reduce(0, rows)
    (folder / "members").write_text(str(found.num_rows))


def nothing(folder: Path) -> None:
    """What a process takes by itself."""
    pa.array([folder.name])


def measured(step: Callable[..., None], *given: object) -> tuple[float, float]:
    """Peak resident bytes and seconds of a step in a fresh process."""

    def run(sender: object) -> None:
        started = time.perf_counter()
        step(*given)
        seconds = time.perf_counter() - started
        sender.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, seconds))  # type: ignore[attr-defined]

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(sender,))
    process.start()
    sender.close()  # so that a step that fails ends the wait
    result: tuple[float, float] = receiver.recv()
    process.join()
    return result


def main() -> None:
    """Measures and prints one JSON line."""
    shards = round(float(sys.argv[1]) * 1e6 / SHARD_DOCUMENTS)
    documents = shards * SHARD_DOCUMENTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, _ = measured(nothing, folder)
        spilled = [measured(spill, folder, shard) for shard in range(shards)]
        disk = sum(path.stat().st_size for path in folder.glob("map-*"))
        bands = [measured(reduce_band, folder, shards, part) for part in range(BANDS.partitions)]
        forwarded = measured(components, folder, shards)
        joined = measured(connect, folder, shards)
        members = int((folder / "members").read_text())
    band_peak = max(peak for peak, _ in bands) - base
    join_peak = joined[0] - base
    figures = {
        "bytes on disk per band and document": disk / documents / BARRIER.bands,
        "first round, bytes per document of a shard": (spilled[0][0] - base) / SHARD_DOCUMENTS,
        "a band's partition, bytes per document of the run": band_peak / documents,
        "components, bytes per document of the run": join_peak / documents,
        "GB at 100 million documents, a band's partition": band_peak / documents / 10,
        "GB at 100 million documents, components": join_peak / documents / 10,
        "seconds per million documents": sum(s for _, s in [*bands, forwarded, joined]) / (documents / 1e6),
    }
    answer = {"documents": documents, "members": members}
    print(json.dumps({"version": version("curate"), "answer": answer, "figures": figures}))


if __name__ == "__main__":
    main()
