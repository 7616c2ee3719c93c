"""Spills: what is read is what was written, or the file is named."""

from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import CurateError
from curate.io.spill import DamagedSpillError, gather, has_spill, read_spill, write_spill


@pytest.fixture
def rows() -> pa.Table:
    texts = [None if i % 7 == 0 else f"text {i}" for i in range(100)]
    lists = pa.array([list(range(i % 4)) for i in range(100)], pa.large_list(pa.uint64()))
    keys = pa.array([i % 3 for i in range(100)], pa.int32())
    return pa.table({"key": keys, "text": texts, "lists": lists, "row": pa.array(range(100), pa.uint32())})


def test_partitions_come_back_in_order(tmp_path: Path, rows: pa.Table) -> None:
    path = tmp_path / "spill"
    write_spill(path, [rows.slice(0, 40), rows.slice(40)], "key", 4, "f")
    for part in range(3):
        assert read_spill(path, part).to_pylist() == rows.drop_columns(["key"]).to_pylist()[part::3]
    assert read_spill(path, 3).num_columns == 0
    both = gather([path, path], 1, number="shard")
    assert both["shard"].to_pylist() == [0] * 33 + [1] * 33
    assert has_spill(path, "f")
    assert not has_spill(path, "g")
    with pytest.raises(CurateError):
        write_spill(path, [rows], "key", 2, "f")


def test_no_flipped_byte_goes_unnoticed(tmp_path: Path, rows: pa.Table) -> None:
    path = tmp_path / "spill"
    write_spill(path, [rows], "key", 3, "f")
    whole = path.read_bytes()
    expected = [read_spill(path, part) for part in range(3)]
    named = []
    for at in range(0, len(whole), 13):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        for part in range(3):
            try:
                found = read_spill(path, part)
            except DamagedSpillError as error:
                named.append(error.path)
            else:
                assert found.equals(expected[part])  # the byte was padding, or of another partition
    assert set(named) == {path}
    assert len(named) > len(whole) / 13 / 2
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedSpillError):
        read_spill(path, 0)
    assert not has_spill(path, "f")
