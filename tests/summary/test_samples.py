"""Which rejects are shown: the same in any order, cut, and at most so many per reason."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.summary.samples import Samples

ROWS = [
    {
        "id": f"id-{n}",
        "stage": "s",
        "reason": "odd" if n % 2 else "even",
        "text": f"{n} " + "x" * n,
        "failed": [],
    }
    for n in range(40)
]


def chosen(rows: list[dict[str, object]], folder: Path, files: int, **settings: int) -> dict[str, object]:
    folder.mkdir()
    samples = Samples(**settings)
    for number in range(files):
        path = folder / f"{number}.parquet"
        table = pa.Table.from_pylist(rows[number::files])
        table = table.set_column(
            table.column_names.index("text"), "text", table["text"].cast(pa.large_string())
        )
        pq.write_table(table, path, row_group_size=7)
        own = Samples(**settings)
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                (batch,) = file.read_row_group(group, ["id", "stage", "reason"]).combine_chunks().to_batches()
                own.add(batch, group)
        samples.merge(json.loads(json.dumps(own.told())), path)
    return samples.read()


def test_order_and_files_do_not_matter(tmp_path: Path) -> None:
    one = chosen(ROWS, tmp_path / "a", 1)
    assert one == chosen(ROWS[::-1], tmp_path / "b", 3)
    assert {reason: len(texts) for reason, texts in one["s"].items()} == {"even": 3, "odd": 3}
    assert len({text["id"] for texts in one["s"].values() for text in texts}) == 6


def test_texts_are_cut_and_say_how_long_they_were(tmp_path: Path) -> None:
    told = chosen([{**ROWS[30], "text": "é" * 50}], tmp_path / "a", 1, characters=4)
    assert told == {"s": {"even": [{"id": "id-30", "failed": [], "text": "éééé", "characters": 50}]}}


def test_names_are_cut(tmp_path: Path) -> None:
    told = chosen([{**ROWS[30], "id": "i" * 1000}], tmp_path / "a", 1)
    assert told["s"]["even"][0]["id"] == "i" * 300


def test_ids_and_texts_may_be_missing(tmp_path: Path) -> None:
    rows = [{"id": name, "stage": "s", "reason": "r", "text": None} for name in (None, "", "x")]
    told = chosen(rows, tmp_path / "a", 1)
    assert {text["id"] for text in told["s"]["r"]} == {None, "", "x"}
