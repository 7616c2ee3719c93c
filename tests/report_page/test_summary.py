"""Counting tables one by one and adding up is counting all rows at once; what was counted is what the files hold."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.io.documents import ROWS_PER_GROUP
from curate.report_page.facts import summary_of
from curate.run.layout import Layout
from curate.run.remove import remove
from curate.run.verify import verify
from curate.summary import SummarizedTable, Summary

SIDES = (("documents", True), ("rejects", False))


def told(summary: Summary) -> dict[str, Any]:
    """Everything but the samples, without the order."""
    table = summary.to_table()
    return {
        "rows": sorted(zip(*(column.to_pylist() for column in table.columns), strict=True), key=str),
        "languages": summary.languages.to_json(10),
        "domains": summary.domains.to_json(10),
    }


def counted_at_once(folder: Path) -> Summary:
    summary = Summary()
    for kind, kept in SIDES:
        for path in sorted((folder / kind).glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=100):
                    summary.add(batch, kept=kept)
    return summary


def test_tables_add_up_to_all_rows(sample_run: Path) -> None:
    assert told(summary_of(sample_run)) == told(counted_at_once(sample_run))


def test_a_removal_counts_what_it_rewrites(sample_run: Path, tmp_path: Path) -> None:
    sample_copy = Path(shutil.copytree(sample_run, tmp_path / "copy"))
    (first, *_) = sorted((sample_copy / "documents").glob("*.parquet"))
    gone = pq.read_table(first, columns=["id"])["id"].to_pylist()[:3]
    before = summary_of(sample_copy)
    assert remove(sample_copy, frozenset(gone)).documents == 3
    after = summary_of(sample_copy)
    assert after.documents == before.documents - 3
    assert told(after) == told(counted_at_once(sample_copy))
    assert verify(sample_copy) == []
    (sample_copy / "counts" / "documents" / "00099.parquet").write_bytes(b"")
    assert verify(sample_copy) == ["counts/documents/00099.parquet is in no ledger"]


def test_an_empty_table_and_a_failure(tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.string()), ("url", pa.string())])
    with SummarizedTable(tmp_path / "t.parquet", tmp_path / "c.parquet", schema, kept=True) as empty:
        pass
    total = Summary()
    total.merge(pq.read_table(tmp_path / "c.parquet"))
    assert told(total) == told(Summary())
    assert set(empty.receipts()) == {tmp_path / "t.parquet", tmp_path / "c.parquet"}
    with (
        pytest.raises(ValueError, match="half way"),
        SummarizedTable(tmp_path / "x.parquet", tmp_path / "y.parquet", schema, kept=True),
    ):
        raise ValueError("half way")
    assert not list(tmp_path.glob("[xy]*"))


def test_row_groups_are_counted_as_they_are_written(tmp_path: Path) -> None:
    rows = 2 * ROWS_PER_GROUP + 5
    names = ["id", "stage", "reason", "similarity", "failed"]
    types = [pa.string(), pa.string(), pa.string(), pa.float32(), pa.list_(pa.string())]
    schema = pa.schema(list(zip(names, types, strict=True)))
    values = [[f"{n}" for n in range(rows)], ["s"] * rows, ["r"] * rows, [None] * rows, [["r"]] * rows]
    with SummarizedTable(tmp_path / "t.parquet", tmp_path / "c.parquet", schema, kept=False) as table:
        for batch in pa.table(values, schema=schema).to_batches(max_chunksize=999):
            table.append(batch)
    total = Summary()
    total.merge(pq.read_table(tmp_path / "c.parquet"))
    assert total.failed == {"s": {"r": rows}}
    shown = total.samples.to_json()["s"]["r"]
    assert len({row["id"] for row in shown}) == 3
    assert (
        Layout(tmp_path).counts(tmp_path / "rejects" / "x.parquet") == tmp_path / "counts/rejects/x.parquet"
    )
