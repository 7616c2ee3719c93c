"""Deduplication at its extremes: a million documents that are one, and documents of 200 MB."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.stage import Barrier
from curate.stages.segment_dedup import SegmentDedup
from curate.stages.substring_dedup import SubstringDedup

pytestmark = pytest.mark.slow

MILLION = 1_000_000
SHARDS = 4
#: 100 words.
TEXT = (
    "One document of which there are far too many copies, each of them a whole one, word for word alike. " * 5
)
BARRIERS = [
    cu.ExactDedup(),
    cu.NearDedup(keep="first"),
    SegmentDedup(keep="first"),
    SubstringDedup(keep="first"),
]


def kept_and_reasons(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Ids of what is left, in order; and how many rows went for each reason."""
    kept = [i for batch in cu.read_documents(folder) for i in batch["id"].to_pylist()]
    gone = [batch.select(["reason"]) for batch in cu.read_rejects(folder)]
    counts = pa.Table.from_batches(gone).group_by("reason").aggregate([("reason", "count")]) if gone else None
    reasons = {row["reason"]: row["reason_count"] for row in counts.to_pylist()} if counts else {}
    return sorted(kept), reasons


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet files of equal documents with the ids 0 to 999,999, dealt out."""
    folder = tmp_path_factory.mktemp("million")
    for shard in range(SHARDS):
        ids = pc.utf8_lpad(pa.array(range(shard, MILLION, SHARDS)).cast(pa.string()), 7, "0")
        texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(ids), np.int32)), pa.array([TEXT]))
        pq.write_table(
            pa.table({"id": ids, "text": texts.cast(pa.large_string())}), folder / f"{shard}.parquet"
        )
    return folder


@pytest.mark.parametrize("barrier", BARRIERS, ids=lambda barrier: barrier.name)
def test_of_a_million_equal_documents_one_stays(million: Path, tmp_path: Path, barrier: Barrier) -> None:
    pipeline = cu.Pipeline(
        cu.read_parquet(f"{million}/*.parquet"), [barrier], cu.write_documents(str(tmp_path / "out"))
    )
    cu.run(pipeline, cu.Local(workers=2))
    kept, reasons = kept_and_reasons(tmp_path / "out")
    assert kept == ["0000000"]
    assert list(reasons.values()) == [MILLION - 1]


def long_text(seed: int) -> str:
    """200 MB of words drawn evenly from 50,000."""
    draw = np.random.default_rng(seed)
    words = np.array(["".join(map(chr, word)) + " " for word in draw.integers(97, 123, (50_000, 7))])
    return "".join(words[draw.integers(0, len(words), 25_000_000)])


@pytest.mark.parametrize("barrier", BARRIERS, ids=lambda barrier: barrier.name)
def test_a_document_of_200_megabytes_and_its_copy(tmp_path: Path, barrier: Barrier) -> None:
    text = long_text(0)
    assert len(text) == 200_000_000
    for name, content in (("a", text), ("b", text), ("c", text[:1_000_000][::-1])):
        table = pa.table({"id": [name], "text": pa.array([content], pa.large_string())})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    pipeline = cu.Pipeline(
        cu.read_parquet(f"{tmp_path}/*.parquet"), [barrier], cu.write_documents(str(tmp_path / "out"))
    )
    cu.run(pipeline, cu.Local(workers=2))
    kept, reasons = kept_and_reasons(tmp_path / "out")
    assert kept == ["a", "c"]
    assert list(reasons.values()) == [1]
