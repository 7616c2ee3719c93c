"""The WARC reader against warcio, on real and deliberately broken archives and on archives made here."""

import collections
import csv
import gzip
import io
import re
from pathlib import Path

import pyarrow as pa
import pytest

from curate.io.warc import read_warc
from curate.sample import WHOLE_FILES, write_sample

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


# Three records without a usable Content-Length. warcio takes each as empty and, in the first two, its HTTP block as
# a second record, in which it then fails; the blocks have no WARC version line, so there is one record in each file.
PHANTOMS = {"invalid-warcfile-fields-empty.warc", "invalid-warcfile-fields-invalidformat.warc"}

# Records that warcio passes over without a word.
EXTRA = {
    "invalid-warcfile-lonely-warcinfo-metadata.warc": 1,
    "invalid-warcrecord-1.warc": 5,
}


def inventory(folder):
    with (folder / "INVENTORY.tsv").open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def identities(path):
    """What warcio names in a file before it stops, if it does: record ids, and how many there are without."""
    names, nameless = collections.Counter(), 0
    try:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                name = record.rec_headers.get_header("WARC-Record-ID")
                if name:
                    names[re.sub("(?i)^urn:uuid:", "", name.strip().strip("<>"))] += 1
                else:
                    nameless += 1
    except Exception as error:  # whatever a damaged file makes warcio raise
        print(f"warcio: {path.name}: {str(error).strip()[:60]}")
    return names, nameless


def test_every_real_file_is_read_and_every_record_of_warcio_accounted_for(data_dir):
    folder = data_dir / "warc-real"
    totals, theirs = collections.Counter(), 0
    for entry in inventory(folder):
        found = rows(folder / entry["path"], **ANY)
        totals.update(row["reason"] or "kept" for row in found)
        theirs += int(entry["records"])
        name = Path(entry["path"]).name
        if name in PHANTOMS:
            assert [row["reason"] for row in found] == [None]
            assert found[0]["payload"].startswith(b"GET /robots.txt HTTP/1.0\r\n")
            continue
        assert len(found) >= int(entry["records"]), entry["path"]
        assert found or int(entry["bytes"]) == 0, entry["path"]
        if not entry["warcio_error"] and "cut_short" not in {row["reason"] for row in found}:
            extra = EXTRA.get(name, 0)
            assert len(found) == int(entry["records"]) + extra, entry["path"]
        if ".arc" not in name:
            names, nameless = identities(folder / entry["path"])
            ours = collections.Counter(row["id"] for row in found)
            assert not names - ours, (entry["path"], names - ours)
            assert len(found) - sum(names.values()) >= nameless, entry["path"]
    print(f"records that warcio reads: {theirs}; rows here: {sum(totals.values())}")
    print(dict(sorted(totals.items())))
    assert totals["kept"] > 0
    assert totals["bad_http"] == 0  # lookups and records without a block are not HTTP


# Files that warcio gives up, and what is in the way of a record's own content.
RECOVERED = {
    "example-bad-non-chunked.warc.gz": set(),
    "example-bad.warc.gz.bad": set(),
    "link-extraction-test.warc": set(),
    "invalid-warcrecord-1.warc": {"repeated_id"},
    "invalid-warcrecord-3.warc": {"repeated_id", "bad_length", "cut_short"},
}


@pytest.mark.parametrize("name", RECOVERED)
def test_records_that_warcio_cannot_read_are_recovered(data_dir, name):
    """One row for each version line in the file, which is more than warcio finds."""
    (entry,) = [one for one in inventory(data_dir / "warc-real") if Path(one["path"]).name == name]
    path = data_dir / "warc-real" / entry["path"]
    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    records = len(re.findall(rb"^WARC/1\.\d\r?$", content, re.MULTILINE))
    assert records > int(entry["records"])
    found = rows(path, **ANY)
    assert len(found) == records
    reasons = {row["reason"] for row in found} - {None, "empty_payload"}
    assert reasons == RECOVERED[name]


def test_the_whole_crawl_is_counted(data_dir):
    found = collections.Counter()
    reader = read_warc(str(data_dir / "wcxb-dev" / "part-*.warc.gz"))
    for file in reader.files():
        for outcome in reader.read(file):
            found.update(outcome.reason.to_pylist())
    print(dict(found))
    assert found == {None: 1497, "record_type": 4}  # the four are warcinfo


def test_a_real_crawl_part_is_kept_whole(data_dir):
    found = rows(data_dir / "wcxb-dev" / "part-0.warc.gz")
    reasons = collections.Counter(row["reason"] for row in found)
    assert set(reasons) == {None, "record_type"}
    assert reasons["record_type"] == 1
    with (data_dir / "wcxb-dev" / "part-0.warc.gz").open("rb") as stream:
        theirs = [r.content_stream().read() for r in ArchiveIterator(stream) if r.rec_type == "response"]
    assert [row["payload"] for row in found if row["reason"] is None] == theirs


@pytest.mark.parametrize("name", [name for name in WHOLE_FILES if not name.endswith(".zst")])
def test_the_sample_crawl_is_read_as_warcio_reads_it(tmp_path: Path, name: str):
    write_sample(tmp_path)
    found = {row["offset"]: row for row in rows(tmp_path / name)}
    with (tmp_path / name).open("rb") as stream:
        archive_iterator = ArchiveIterator(stream)
        theirs = {}
        for record in archive_iterator:
            body = record.content_stream().read()
            theirs[archive_iterator.get_record_offset()] = (
                record.rec_headers.get_header("WARC-Target-URI"),
                body,
            )
    assert found.keys() == theirs.keys()
    for offset, row in found.items():
        url, body = theirs[offset]
        assert row["url"] == url
        if row["reason"] is None:
            assert row["payload"] == body


def archive(pages: int, compressed: bool) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=compressed)
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


@pytest.mark.parametrize("compressed", [False, True])
def test_cuts_and_flips_cost_their_record_alone(tmp_path: Path, compressed: bool):
    data = archive(3, compressed)
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    whole = rows(path)
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        found = rows(path)
        kept = [row for row in found if row["reason"] is None]
        assert kept == whole[: len(kept)]
        assert len(found) - len(kept) <= 1
    if compressed:
        second, third = whole[1]["offset"], whole[2]["offset"]
        for at in range(second, third, 5):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
            found = rows(path)
            assert [found[0], found[-1]] == [whole[0], whole[2]], at
            assert len(found) == 3, at
