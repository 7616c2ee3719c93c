"""The WARC reader against warcio, on real and deliberately broken archives and on archives made here."""

import collections
import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest

from curate.io.warc import read_warc

warcio = pytest.importorskip("warcio", reason="warcio is not installed")
from warcio.archiveiterator import ArchiveIterator  # noqa: E402
from warcio.statusandheaders import StatusAndHeaders  # noqa: E402
from warcio.warcwriter import WARCWriter  # noqa: E402


def rows(path, **parameters):
    reader = read_warc(str(path), **parameters)
    found = []
    for file in reader.files():
        for outcome in reader.read(file):
            assert outcome.batch.schema == reader.schema
            for row, reason in zip(outcome.batch.to_pylist(), outcome.reason.to_pylist(), strict=True):
                assert reason is None or reason in reader.reasons
                found.append(row | {"reason": reason})
    return found


ANY = {"record_types": None, "mime_types": None, "statuses": None}


def test_every_real_file_is_read_and_every_record_of_warcio_accounted_for(data_dir):
    folder = data_dir / "warc-real"
    totals = collections.Counter()
    with (folder / "INVENTORY.tsv").open() as stream:
        inventory = list(csv.DictReader(stream, delimiter="\t"))
    for entry in inventory:
        found = rows(folder / entry["path"], **ANY)
        totals.update(row["reason"] or "kept" for row in found)
        assert len(found) >= int(entry["records"]), entry["path"]
        assert found or int(entry["bytes"]) == 0, entry["path"]
        if entry["warcio_error"] or "arc/" in entry["path"] or ".arc" in entry["path"]:
            continue
        with (folder / entry["path"]).open("rb") as stream:
            ours = collections.Counter(row["id"] for row in found)
            for record in ArchiveIterator(stream):
                name = record.rec_headers.get_header("WARC-Record-ID")
                if name and record.rec_headers.get_header("Content-Length"):
                    assert ours[name.strip("<>").removeprefix("urn:uuid:")] > 0, (entry["path"], name)
    print(dict(sorted(totals.items())))
    assert totals["kept"] > 0


def test_records_that_warcio_cannot_read_are_recovered(data_dir):
    folder = data_dir / "warc-real" / "webrecorder+warcio" / "test" / "data"
    found = rows(folder / "example-bad-non-chunked.warc.gz", **ANY)
    assert len(found) > 1  # warcio stops after the first


def test_a_real_crawl_part_is_kept_whole(data_dir):
    found = rows(data_dir / "wcxb-dev" / "part-0.warc.gz")
    reasons = collections.Counter(row["reason"] for row in found)
    assert set(reasons) == {None, "record_type"}
    assert reasons["record_type"] == 1
    with (data_dir / "wcxb-dev" / "part-0.warc.gz").open("rb") as stream:
        theirs = [r.content_stream().read() for r in ArchiveIterator(stream) if r.rec_type == "response"]
    assert [row["payload"] for row in found if row["reason"] is None] == theirs


def archive(pages: int, gzip: bool) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=gzip)
    for number in range(pages):
        body = f"<html><p>page {number} {'word ' * number}".encode()
        http = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        record = writer.create_warc_record(
            f"http://example.org/{number}",
            "response",
            payload=io.BytesIO(body),
            http_headers=http,
            warc_headers_dict={"WARC-Record-ID": f"<urn:uuid:{number}>"},
        )
        writer.write_record(record)
    return out.getvalue()


@pytest.mark.parametrize("container", ["plain", "gzip", "zstd"])
def test_round_trip(tmp_path: Path, container: str):
    data = archive(5, container == "gzip")
    if container == "zstd":
        data = pa.compress(data, "zstd", asbytes=True)
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    found = rows(path)
    assert [row["id"] for row in found] == ["0", "1", "2", "3", "4"]
    assert [row["payload"].decode()[:14] for row in found] == [f"<html><p>page {n}"[:14] for n in range(5)]
    assert {row["source"] for row in found} == {str(path)}


@pytest.mark.parametrize("gzip", [False, True])
def test_cuts_and_flips_cost_their_record_alone(tmp_path: Path, gzip: bool):
    data = archive(3, gzip)
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    whole = rows(path)
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        found = rows(path)
        kept = [row for row in found if row["reason"] is None]
        assert kept == whole[: len(kept)]
        assert len(found) - len(kept) <= 1
    if gzip:
        second, third = whole[1]["offset"], whole[2]["offset"]
        for at in range(second, third, 5):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
            found = rows(path)
            assert [found[0], found[-1]] == [whole[0], whole[2]], at
            assert len(found) == 3, at
