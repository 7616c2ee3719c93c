"""The WARC reader on archives made here: every reason, every container, every coding, and damage at random."""

import gzip
import io
import random
import zlib

import fsspec
import pyarrow as pa
import pytest
import warcio.archiveiterator
import warcio.statusandheaders
import warcio.warcwriter

from curate.errors import CurateError
from curate.io.warc import read_warc

PAGE = b"<html><p>hello"


def read(path, **parameters):
    reader = read_warc(str(path), **parameters)
    found = []
    for file in reader.files():
        for outcome in reader.read(file):
            assert outcome.batch.schema == reader.schema
            for row, reason in zip(outcome.batch.to_pylist(), outcome.reason.to_pylist(), strict=True):
                assert reason is None or reason in reader.reasons
                assert (row["payload"] is None) == (reason not in (None, "repeated_id"))
                found.append(row | {"reason": reason})
    return found


def http(body=PAGE, status="200 OK", **headers):
    lines = {"Content-Type": "text/html"} | {key.replace("_", "-"): value for key, value in headers.items()}
    return f"HTTP/1.1 {status}\r\n".encode() + fields(lines) + b"\r\n" + body


def fields(values):
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in values.items() if value is not None)


def record(label, block=None, kind="response", length=None, **headers):
    block = http() if block is None else block
    values = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{label}>",
        "WARC-Target-URI": f"http://example.org/{label}",
        "WARC-Date": "2024-01-02T03:04:05Z",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": len(block) if length is None else length,
    } | {key.replace("_", "-"): value for key, value in headers.items()}
    return b"WARC/1.0\r\n" + fields(values) + b"\r\n" + block + b"\r\n\r\n"


CONTAINERS = {
    "plain": b"".join,
    "gzip": lambda records: b"".join(gzip.compress(one, mtime=0) for one in records),
    "gzip whole": lambda records: gzip.compress(b"".join(records), mtime=0),
    "zstd": lambda records: b"".join(pa.compress(one, "zstd", asbytes=True) for one in records),
}
LIMITS = {"max_payload_bytes": 5000, "max_document_bytes": 2000}
LONG = b"<p>" + b"x" * 1997

# reason, a record that triggers it, a neighbour that passes
REASONS = [
    ("record_type", record("x", b"GET / HTTP/1.1\r\n\r\n", "request"), record("y", kind="RESPONSE")),
    (
        "record_type",
        record("x", b"a: b", "warcinfo"),
        record("y", PAGE, "resource", Content_Type="text/html"),
    ),
    (
        "mime_type",
        record("x", http(Content_Type="image/png")),
        record("y", http(Content_Type="Text/HTML;a=b")),
    ),
    ("mime_type", record("x", http(b"%PDF-1.4", Content_Type=None)), record("y", http(Content_Type=None))),
    ("http_status", record("x", http(status="404 Not Found")), record("y", http(status="200"))),
    ("bad_http", record("x", b"<html>no header"), record("y", b"HTTP/1.0 200\n\n<html>a header")),
    ("bad_http", record("x", http(status="2000 OK")), record("y", http(status="200 Fine"))),
    ("empty_payload", record("x", http(b"")), record("y", http(b"x"))),
    ("empty_payload", record("x", b""), record("y")),
    ("payload_too_large", record("x", http(bytes(6000))), record("y", http(LONG))),
    ("decoded_too_large", record("x", http(LONG + b"x")), record("y", http(LONG))),
    (
        "decoded_too_large",
        record("x", http(gzip.compress(LONG + b"x"), Content_Encoding="gzip")),
        record("y", http(gzip.compress(LONG), Content_Encoding="gzip")),
    ),
    (
        "unknown_content_coding",
        record("x", http(b"\x01\x02", Content_Encoding="zigzag")),
        record("y", http(b"\x01\x02", Content_Encoding="identity")),
    ),
    (
        "broken_content_coding",
        record("x", http(b"\x1f\x8b\x08\x00\x01\xff\xff\xff", Content_Encoding="gzip")),
        record("y", http(b"not compressed after all", Content_Encoding="gzip")),
    ),
    ("repeated_id", record("before"), record("y")),
    ("repeated_id", record("x", WARC_Record_ID="urn:uuid:before"), record("y", WARC_Record_ID=None)),
    ("corrupt_record", b"no record at all\r\n\r\n", b"\r\n\r\n"),
    ("bad_length", record("x", length=len(http()) + 300), record("y", length=len(http()) + 1)),
    ("bad_length", record("x", length=9), record("y", length=len(http()))),
]


@pytest.mark.parametrize("container", ["plain", "gzip whole"])
@pytest.mark.parametrize(("reason", "bad", "good"), REASONS)
def test_every_reason_and_its_neighbour(tmp_path, container, reason, bad, good):
    path = tmp_path / "a.warc"
    path.write_bytes(CONTAINERS[container]([record("before"), bad, record("after"), good, record("last")]))
    found = read(path, **LIMITS)
    kept = [None] * 3 if good.startswith(b"WARC/") else [None] * 2
    assert [row["reason"] for row in found] == [None, reason, *kept]
    assert [found[0]["id"], found[2]["id"], found[-1]["id"]] == ["before", "after", "last"]


def test_reasons_of_damaged_files(tmp_path):
    path = tmp_path / "a.warc"
    members = [gzip.compress(record(str(n)), mtime=0) for n in range(3)]
    broken = members[1][:40] + b"\xff" * 8 + members[1][48:]
    for data, reasons in [
        ([members[0], broken, members[2]], [None, "corrupt_member", None]),
        ([members[0], members[1][:-4] + bytes(4), members[2]], [None, "corrupt_member", None]),
        ([members[0], b"between members", members[2]], [None, "corrupt_member", None]),
        ([members[0], bytes(20), members[2]], [None, None]),  # padding is no damage
        ([members[0], members[1][:-9]], [None, "cut_short"]),
        ([record("0"), record("1")[:-30]], [None, "cut_short"]),
        ([record("0"), record("1")[:-4]], [None, None]),  # the closing blank line alone is missing
    ]:
        path.write_bytes(b"".join(data))
        found = read(path)
        assert [row["reason"] for row in found] == reasons
        assert {row["reason"] for row in found} - {None} <= read_warc(str(path)).damage


def test_the_examples_cover_every_reason():
    of_files = {"corrupt_member", "cut_short"}
    assert {reason for reason, _, _ in REASONS} | of_files == set(read_warc("x").reasons)


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_and_remote_files(container):
    data = CONTAINERS[container]([record(str(n), http(PAGE + bytes([65 + n]))) for n in range(5)])
    url = f"memory://{container.replace(' ', '-')}/crawl.warc"
    with fsspec.open(url, "wb") as stream:
        stream.write(data)
    found = read(url)
    assert [row["id"] for row in found] == list("01234")
    assert [row["payload"][-1:] for row in found] == [b"A", b"B", b"C", b"D", b"E"]
    assert {row["source"] for row in found} == {read_warc(url).files()[0].path}
    assert found[0]["source"].startswith("memory://")
    assert found[0]["date"] == "2024-01-02T03:04:05Z"
    assert found[1]["url"] == "http://example.org/1"
    assert read(url.replace("crawl", "*")) == found


CODINGS = {
    "plain": lambda body: body,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: pytest.importorskip("brotli").compress(body),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("coding", CODINGS)
def test_codings_are_undone_as_warcio_does(tmp_path, coding, chunked):
    out = io.BytesIO()
    writer = warcio.warcwriter.WARCWriter(out, gzip=True)
    bodies = [f"<html><p>page {n} {'word ' * n * n}".encode() for n in range(40)]
    for body in bodies:
        headers = [("Content-Type", "text/html")]
        coded = CODINGS[coding](body)
        if coding != "plain":
            headers.append(("Content-Encoding", coding))
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
            pieces = [coded[at : at + 97] for at in range(0, len(coded), 97)]
            coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        message = warcio.statusandheaders.StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
        payload = io.BytesIO(coded)
        url = "http://example.org/"
        writer.write_record(writer.create_warc_record(url, "response", payload=payload, http_headers=message))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(out.getvalue())
    ours = [row["payload"] for row in read(path)]
    assert ours == bodies
    if coding != "br":  # warcio cannot use today's brotli package
        with path.open("rb") as stream:
            theirs = [one.content_stream().read() for one in warcio.archiveiterator.ArchiveIterator(stream)]
        assert ours == theirs


def test_truncated_is_carried_through(tmp_path):
    path = tmp_path / "a.warc"
    half = gzip.compress(LONG)[:-10]
    path.write_bytes(
        record("0", WARC_Truncated="length") + record("1") + record("2", http(half, Content_Encoding="gzip"))
    )
    found = read(path)
    assert [row["reason"] for row in found] == [None] * 3
    assert [row["truncated"] for row in found] == ["length", None, "incomplete"]
    assert LONG.startswith(found[2]["payload"])


def test_ids_are_told_apart_within_a_file_only(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.warc").write_bytes(record("1") + record("1") + record("2", kind="request"))
    reasons = [None, "repeated_id", "record_type"]
    assert [row["reason"] for row in read(tmp_path / "*.warc")] == reasons * 2
    first = tmp_path / "c.warc"
    first.write_bytes(record("1", http(b"")) + record("1"))  # a rejected record claims no id
    assert [row["reason"] for row in read(first)] == ["empty_payload", None]


def test_records_without_an_id_are_named_by_their_place(tmp_path):
    data = record("1", WARC_Record_ID=None) * 2
    ids = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.warc").write_bytes(data)
        ids.append([row["id"] for row in read(tmp_path / folder / "x.warc")])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_batches_are_bounded_by_bytes(tmp_path):
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(record(str(n), http(bytes([65]) * 1000)) for n in range(100)))
    reader = read_warc(str(path), batch_bytes=10_000)
    sizes = [outcome.batch.num_rows for outcome in reader.read(reader.files()[0])]
    assert sum(sizes) == 100
    assert max(sizes) <= 10


def test_arc_files(tmp_path):
    def arc(url, kind, block):
        return f"{url} 192.0.2.1 20240102030405 {kind} {len(block)}\n".encode() + block + b"\n"

    version = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    data = [
        arc("filedesc://a.arc", "text/plain", version),
        arc("dns:example.org", "text/dns", b"20240102\nexample.org. 5 IN A 192.0.2.1\n"),
        arc("http://example.org/1", "text/html", http()),
        arc("http://example.org/2", "text/html", http(status="404 No")),
    ]
    path = tmp_path / "a.arc"
    reasons = ["record_type", "mime_type", None, "http_status"]
    for container in ("plain", "gzip"):
        path.write_bytes(CONTAINERS[container](data))
        found = read(path)
        assert [row["reason"] for row in found] == reasons
        assert (found[2]["url"], found[2]["payload"]) == ("http://example.org/1", PAGE)
    path.write_bytes(b"".join(data)[:-20])
    assert [row["reason"] for row in read(path)] == [*reasons[:3], "cut_short"]
    path.write_bytes(b"".join([*data[:3], b"no record at all\n", data[3]]))
    assert [row["reason"] for row in read(path)] == [*reasons[:3], "corrupt_record"]


def test_limits_must_be_positive():
    for name in ("max_payload_bytes", "max_document_bytes", "batch_bytes"):
        with pytest.raises(CurateError) as error:
            read_warc("x", **{name: 0})
        assert error.value.hint


@pytest.mark.parametrize("container", CONTAINERS)
def test_damage_at_random_costs_what_it_hits(tmp_path, container):
    """100 cuts and 100 flips: no crash, no record lost that lies whole before the damage, none counted twice."""
    chance = random.Random(container)
    records = [record(f"id-{n}", http(chance.randbytes(chance.randrange(1, 400)))) for n in range(12)]
    data = CONTAINERS[container](records)
    single = container != "gzip whole"
    ends = [0]
    for one in records:
        ends.append(ends[-1] + len(CONTAINERS[container]([one])))
    path = tmp_path / "a.warc"
    path.write_bytes(data)
    whole = read(path)
    assert [row["reason"] for row in whole] == [None] * 12
    for case in range(200):
        at = chance.randrange(1, len(data))
        flipped = bytes([data[at] ^ 1 << chance.randrange(8)])
        damaged = data[:at] if case % 2 else data[:at] + flipped + data[at + 1 :]
        path.write_bytes(damaged)
        found = read(path)
        before = sum(end <= at for end in ends[1:]) if single else 0
        assert found, (case, at)
        assert found[:before] == whole[:before], (case, at)
        places = [(row["id"], row["offset"]) for row in found]
        assert len(set(places)) == len(places), (case, at)
        kept = {row["id"]: row for row in found if row["reason"] is None}
        if case % 2 or container == "gzip":
            assert all(row == whole[int(name[3:])] for name, row in kept.items()), (case, at)
        if single and not case % 2:  # behind the damaged record everything is there again
            assert len(found) >= 10, (case, at)
            assert sum(row["reason"] is None for row in found) >= 10, (case, at)
        if single and case % 2:
            assert len(found) == before + (at not in ends), (case, at)
