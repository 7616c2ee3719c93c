import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import CurateError
from curate.io.files import read_jsonl, read_parquet


def rows(reader):
    found = []
    for file in reader.files():
        for outcome in reader.read(file):
            assert outcome.batch.schema == reader.schema
            for row, reason in zip(outcome.batch.to_pylist(), outcome.reason.to_pylist(), strict=True):
                assert reason is None or reason in reader.reasons
                found.append(row | {"reason": reason})
    return found


LINES = [
    (b'{"id": "a", "text": "one", "lang": "en"}', None),
    (b'{"text": "no id"}', None),
    (b'{"id": 7, "text": "number"}', None),
    (b'{"id": "a", "text": "again"}', "repeated_id"),
    (b"not json", "bad_json"),
    (b"[1]", "bad_json"),
    (b"[" * 100_000, "bad_json"),
    (b'{"id": "b"}', "missing_text"),
    (b'{"id": "b", "text": 3}', "missing_text"),
    (b'{"text": "\xff"}', "invalid_unicode"),
    (b'{"text": "\\ud800"}', "invalid_unicode"),
    (b'{"text": "x", "lang": [1]}', "bad_column"),
    (b'{"text": "' + b"x" * 200_000 + b'"}', "line_too_long"),
    (b'{"id": "z", "text": "last"}', None),
]


@pytest.mark.parametrize("container", ["plain", "gzip", "zstd"])
def test_each_line_is_one_row(tmp_path, container):
    data = b"\n\n".join(line for line, _ in LINES)
    if container == "gzip":
        data = gzip.compress(data[:300]) + gzip.compress(data[300:])
    elif container == "zstd":
        data = pa.compress(data, "zstd", asbytes=True)
    (tmp_path / "a.jsonl").write_bytes(data)
    found = rows(read_jsonl(str(tmp_path / "*.jsonl"), columns={"lang": "string"}, max_line_bytes=150_000))
    assert [row["reason"] for row in found] == [reason for _, reason in LINES]
    assert [found[0]["id"], found[2]["id"], found[0]["lang"]] == ["a", "7", "en"]
    assert len(found[1]["id"]) == 32


def test_a_cut_file_keeps_what_is_readable(tmp_path):
    lines = b"".join(json.dumps({"id": str(n), "text": f"text {n}"}).encode() + b"\n" for n in range(1000))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-100])
    found = rows(read_jsonl(str(path)))
    assert [row["reason"] for row in found].count("cut_short") == 1
    assert [row["id"] for row in found[:-1]] == [str(n) for n in range(len(found) - 1)]


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["a", None, "a", "b"], "body": ["x", "y", "z", None]}), path, row_group_size=2)
    found = rows(read_parquet(str(path), text="body"))
    assert [row["reason"] for row in found] == [None, None, "repeated_id", "missing_text"]
    assert [row["offset"] for row in found] == [0, 1, 2, 3]
    with pytest.raises(CurateError, match="no column `text`") as error:
        rows(read_parquet(str(path)))
    assert "id, body" in error.value.hint
    path.write_bytes(b"PAR1 no parquet")
    assert [row["reason"] for row in rows(read_parquet(str(path)))] == ["corrupt_file"]


def test_bad_parameters():
    with pytest.raises(CurateError):
        read_jsonl("x", max_line_bytes=0)
    with pytest.raises(CurateError):
        read_jsonl("x", columns={"id": "string"})
    with pytest.raises(CurateError):
        read_parquet("x", columns={"a": "nonsense"})
