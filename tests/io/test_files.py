import gzip
import json
import zlib

import fsspec
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
    pq.write_table(
        pa.table({"id": ["a", None, "a", "b"], "body": ["x", "y", "z", None]}), path, row_group_size=2
    )
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


@pytest.mark.parametrize("cut", [1, 8, 40, 900])
def test_a_cut_gzip_file_gives_its_whole_lines_and_one_row_for_the_rest(tmp_path, cut):
    lines = [json.dumps({"id": str(n), "text": f"text {n * 7919}"}).encode() + b"\n" for n in range(500)]
    data = gzip.compress(b"".join(lines), mtime=0)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data[:-cut])
    found = rows(read_jsonl(str(path)))
    assert [row["reason"] for row in found] == [None] * (len(found) - 1) + ["cut_short"]
    readable = zlib.decompressobj(31).decompress(data[:-cut])
    assert len(found) - 1 == readable.count(b"\n")
    assert [row["id"] for row in found[:-1]] == [str(n) for n in range(len(found) - 1)]


def test_a_damaged_member_ends_the_file(tmp_path):
    first, second = (gzip.compress(b'{"id": "%d", "text": "x"}\n' % n, mtime=0) for n in (1, 2))
    path = tmp_path / "a.jsonl.gz"
    for data, reasons in [
        (first + second, [None, None]),
        (first + second[:12] + b"\xff" * 8 + second[20:], [None, "corrupt_member"]),
        (first + bytes(100), [None]),  # padding
        (first + b"no member", [None, "corrupt_member"]),
    ]:
        path.write_bytes(data)
        assert [row["reason"] for row in rows(read_jsonl(str(path)))] == reasons


def test_files_may_be_remote():
    url = "memory://files/a.jsonl.gz"
    with fsspec.open(url, "wb") as stream:
        stream.write(gzip.compress(b'{"id": "a", "text": "one"}\n'))
    (found,) = rows(read_jsonl("memory://files/*.gz"))
    assert (found["id"], found["text"], found["reason"]) == ("a", "one", None)
    assert found["source"].startswith("memory://")
    with fsspec.open("memory://files/a.parquet", "wb") as stream:
        pq.write_table(pa.table({"text": ["one", "two"]}), stream)
    assert [row["text"] for row in rows(read_parquet("memory://files/a.parquet"))] == ["one", "two"]


def test_a_corrupt_row_group_is_one_row_and_the_others_are_kept(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"id": [str(n) for n in range(9)], "text": [f"text number {n}" * 20 for n in range(9)]})
    pq.write_table(table, path, row_group_size=3, compression="zstd", use_dictionary=False)
    assert [row["reason"] for row in rows(read_parquet(str(path)))] == [None] * 9
    data = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(1).column(1)
    start = chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    found = rows(read_parquet(str(path)))
    assert [row["reason"] for row in found] == [None] * 3 + ["corrupt_row_group"] + [None] * 3
    assert [row["id"] for row in found if row["reason"] is None] == ["0", "1", "2", "6", "7", "8"]
    assert [row["offset"] for row in found] == [0, 1, 2, 3, 6, 7, 8]


def test_parquet_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "a.parquet"
    raw = pa.array([b"good", b"\xff\xfe", b"also good"], pa.binary())
    bad = pa.Array.from_buffers(pa.string(), 3, raw.buffers())  # what a careless writer leaves
    pq.write_table(pa.table({"text": bad}), path)
    found = rows(read_parquet(str(path)))
    assert [row["reason"] for row in found] == [None, "invalid_unicode", None]
    assert [row["text"] for row in found] == ["good", None, "also good"]


def test_the_examples_cover_every_reason():
    jsonl = {reason for _, reason in LINES} - {None} | {"cut_short", "corrupt_member", "wrong_format"}
    assert jsonl == set(read_jsonl("x").reasons)
    parquet = {"missing_text", "invalid_unicode", "repeated_id", "corrupt_file", "corrupt_row_group"}
    assert parquet == set(read_parquet("x").reasons)


@pytest.mark.parametrize(
    "head",
    [
        b"PAR1\x15",
        b"ARROW1\0\0",
        "\ufeff{".encode("utf-16-le"),
        "\ufeff{".encode("utf-16-be"),
        b"BZh91AY&SY",
        b"PK\3\4",
    ],
)
@pytest.mark.parametrize("split_bytes", [64, 1 << 20])
def test_a_file_of_another_format_is_one_row(tmp_path, head, split_bytes):
    path, data = tmp_path / "a.jsonl", head + b'\n{"text": "no"}' * 20
    for content in (data, gzip.compress(data)):
        path.write_bytes(content)
        reader = read_jsonl(str(path), split_bytes=split_bytes)
        outcomes = [outcome for shard in reader.shards() for outcome in reader.read(shard)]
        assert [outcome.reason.to_pylist() for outcome in outcomes] == [["wrong_format"]]
    assert "wrong_format" in reader.damage


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path, ending):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"text": "one"}' + ending)
    (found,) = rows(read_jsonl(str(path)))
    assert (found["text"], found["offset"], found["reason"]) == ("one", 0, None)
    (found,) = rows(read_jsonl(str(path), text=None))
    assert found["text"].startswith("{")
    path.write_bytes(b"\xef\xbb\xbf" + ending)
    assert rows(read_jsonl(str(path))) == []


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
@pytest.mark.parametrize("in_dictionary", [False, True])
def test_parquet_text_may_be_bytes_or_in_a_dictionary(tmp_path, kind, in_dictionary):
    path = tmp_path / "a.parquet"
    texts = pa.array([b"good", None, b"\xff", b"good"], kind)
    if in_dictionary and kind != pa.binary_view():
        texts = texts.dictionary_encode()
    pq.write_table(pa.table({"text": texts}), path)
    found = rows(read_parquet(str(path), batch_rows=2))
    assert [row["text"] for row in found] == ["good", None, None, "good"]
    assert [row["reason"] for row in found] == [None, "missing_text", "invalid_unicode", None]
    pq.write_table(pa.table({"text": pa.array(["one", "two"]).dictionary_encode()}), path)
    assert [row["text"] for row in rows(read_parquet(str(path)))] == ["one", "two"]
    pq.write_table(pa.table({"text": [1, 2]}), path)
    with pytest.raises(CurateError, match="not text"):
        rows(read_parquet(str(path)))
