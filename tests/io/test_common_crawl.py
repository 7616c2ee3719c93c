"""Common Crawl from a local web server that serves real archives with ranges and faults."""

import gzip
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.errors import CurateError, StorageError
from curate.io import retries
from curate.io.crawl_index import chosen
from curate.io.fetch import Piece, fetch_file, fetch_pieces
from curate.io.web import Web
from curate.run.verify import verify
from tests.object_store import FAULTS, running_store
from tests.web_server import WebServer, serving

CRAWL = "CC-MAIN-2024-10"
FAST = 500.0


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", retries.Backoff(attempts=12, first_seconds=0.01))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crawl of three archives of the sample, with lists and index as Common Crawl lays them out."""
    root = tmp_path_factory.mktemp("mirror")
    planted = cu.write_sample(tmp_path_factory.mktemp("crawl"))
    archives = [Path(planted.folder) / f"crawl-0000{n}.warc.gz" for n in (0, 1, 2)]
    return lay_out(root, archives)


def lay_out(root: Path, archives: list[Path]) -> Path:
    crawl = root / "crawl-data" / CRAWL
    (crawl / "segments" / "1.2" / "warc").mkdir(parents=True)
    names = []
    for archive in archives:
        names.append(f"crawl-data/{CRAWL}/segments/1.2/warc/{archive.name}")
        shutil.copy(archive, root / names[-1])
    (crawl / "warc.paths.gz").write_bytes(gzip.compress(("\n".join(names) + "\n").encode()))
    table = f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc/part-00000.parquet"
    (root / table).parent.mkdir(parents=True)
    rows = [row for name in names for row in index_rows(root, name)]
    pq.write_table(pa.Table.from_pylist(rows), root / table, row_group_size=50)
    other = table.replace("subset=warc", "subset=robotstxt")
    (crawl / "cc-index-table.paths.gz").write_bytes(gzip.compress(f"{table}\n{other}\n".encode()))
    return root


def index_rows(root: Path, name: str) -> list[dict[str, Any]]:
    """The index of an archive, made with warcio."""
    from warcio.archiveiterator import ArchiveIterator

    rows = []
    with (root / name).open("rb") as stream:
        records = ArchiveIterator(stream)
        for record in records:
            host = (
                (record.rec_headers.get_header("WARC-Target-URI") or "").partition("://")[2].partition("/")[0]
            )
            kind, status = (
                record.rec_type,
                record.http_headers.get_statuscode() if record.http_headers else None,
            )
            url = record.rec_headers.get_header("WARC-Target-URI")
            record.raw_stream.read()
            records.read_to_end(record)
            if kind == "response":
                rows.append(
                    {
                        "url": url,
                        "url_host_name": host,
                        "url_host_registered_domain": ".".join(host.split(".")[-2:]),
                        "url_host_tld": host.rpartition(".")[2],
                        "content_languages": "eng,fra" if len(rows) % 2 else "deu",
                        "content_mime_detected": "text/html",
                        "fetch_status": int(status or 0),
                        "warc_filename": name,
                        "warc_record_offset": records.get_record_offset(),
                        "warc_record_length": records.get_record_length(),
                    }
                )
    return rows


@pytest.fixture
def server(folder: Path) -> Iterator[WebServer]:
    with serving(folder) as running:
        yield running


def crawl_of(server: WebServer, cache: Path, **options: Any) -> Any:
    told = {"base": server.url, "cache": cache, "requests_per_second": FAST, **options}
    return cu.read_common_crawl(CRAWL, **told)


def rows_of(reader: Any) -> list[dict[str, Any]]:
    rows = []
    for file in reader.files():
        for outcome in reader.read(file):
            reasons = (
                [None] * outcome.batch.num_rows if outcome.reason is None else outcome.reason.to_pylist()
            )
            rows += [row | {"reason": r} for row, r in zip(outcome.batch.to_pylist(), reasons, strict=True)]
    return rows


def whole(server: WebServer, folder: Path) -> list[dict[str, Any]]:
    """What `read_warc` says of the archives, under their addresses."""
    rows = rows_of(cu.read_warc(f"{folder}/crawl-data/{CRAWL}/segments/1.2/warc/*.warc.gz"))
    return [row | {"source": row["source"].replace(str(folder), server.url)} for row in rows]


def test_whole_files_are_what_read_warc_reads(server: WebServer, folder: Path, tmp_path: Path) -> None:
    reader = crawl_of(server, tmp_path)
    assert rows_of(reader) == whole(server, folder)
    asked = len(server.requests)
    assert rows_of(reader) == whole(server, folder)
    assert len(server.requests) == asked  # all of it from the cache
    assert {agent for _, _, _, agent, _ in server.requests} == {reader.user_agent}
    assert reader.user_agent.startswith("curate/")


def test_faults_change_nothing(server: WebServer, folder: Path, tmp_path: Path) -> None:
    server.faults.share, server.faults.seed = 0.4, 3
    assert rows_of(crawl_of(server, tmp_path / "files")) == whole(server, folder)
    with_index = rows_of(crawl_of(server, tmp_path / "records", index={"status": 200}))
    assert all(server.faults.counts[fault] for fault in FAULTS)
    server.faults.calm()
    assert with_index == rows_of(crawl_of(server, tmp_path / "calm", index={"status": 200}))


def test_records_of_the_index_are_the_rows_of_their_archives(
    server: WebServer, folder: Path, tmp_path: Path
) -> None:
    at = {(row["source"], row["offset"]): row for row in whole(server, folder)}
    index = pq.read_table(next(folder.rglob("subset=warc/*.parquet"))).to_pylist()
    domain = index[5]["url_host_registered_domain"]
    for where, is_wanted in (
        ({"status": 200}, lambda row: row["fetch_status"] == 200),
        ({"language": "fra", "status": [200, 404]}, is_french_and_answered),
        ({"domain": domain}, lambda row: row["url_host_registered_domain"] == domain),
    ):
        found = rows_of(crawl_of(server, tmp_path, index=where, records_per_shard=40))
        wanted = [row for row in index if is_wanted(row)]
        places = {(f"{server.url}/{row['warc_filename']}", row["warc_record_offset"]) for row in wanted}
        assert {(row["source"], row["offset"]) for row in found} == places
        for row in found:
            assert row | {"reason": None} == at[row["source"], row["offset"]] | {"reason": None}
        assert len(found) == len(wanted) > 0


def is_french_and_answered(row: dict[str, Any]) -> bool:
    return "fra" in row["content_languages"] and row["fetch_status"] in {200, 404}


def test_a_run_over_an_index_query_is_whole(server: WebServer, folder: Path, tmp_path: Path) -> None:
    server.faults.share, server.faults.seed = 0.1, 2

    def pipeline(workers: int) -> cu.Pipeline:
        reader = crawl_of(server, tmp_path / f"cache{workers}", index={"status": 200}, records_per_shard=60)
        return cu.Pipeline(reader, [cu.ExtractText()], cu.write_documents(str(tmp_path / f"out{workers}")))

    report = cu.run(pipeline(2), cu.Local(2))
    cu.run(pipeline(1), cu.Local(1))
    assert verify(tmp_path / "out2") == []
    assert report.totals["records"] == len(rows_of(pipeline(1).read))
    documents = [
        b"".join(sorted(p.read_bytes() for p in (tmp_path / f"out{n}" / "documents").iterdir()))
        for n in (1, 2)
    ]
    assert documents[0] == documents[1]


def test_samples_grow_and_are_the_same_everywhere(server: WebServer, tmp_path: Path) -> None:
    names = [str(n) for n in range(1000)]
    assert chosen(names, None, 0) == list(range(1000))
    assert set(chosen(names, 0.1, 0)) < set(chosen(names, 0.3, 0))
    assert set(chosen(names, 10, 0)) < set(chosen(names, 20, 0))
    assert len(chosen(names, 20, 0)) == 20
    assert 50 < len(chosen(names, 0.1, 0)) < 150
    assert chosen(names, 20, 0) != chosen(names, 20, 1)
    assert len(crawl_of(server, tmp_path, sample=2).files()) == 2
    assert len(rows_of(crawl_of(server, tmp_path, index={"status": 200}, sample=7))) == 7
    path = f"crawl-data/{CRAWL}/segments/1.2/warc/crawl-00001.warc.gz"
    (file,) = crawl_of(server, tmp_path, paths=path).files()
    assert file.path == f"{server.url}/{path}"


def test_a_killed_download_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    big = folder / "big.bin"
    big.write_bytes(os.urandom(1 << 20) * 96)
    code = (
        "import sys\nfrom pathlib import Path\nfrom curate.io.fetch import fetch_file\nfrom curate.io.web import Web\n"
        f"here = Path({str(tmp_path)!r})\nfetch_file(Web(here, 500.0, 'x'), sys.argv[1] + '/big.bin', here / 'big')"
    )
    with serving(folder) as server:
        part = tmp_path / "big.part"
        process = subprocess.Popen([sys.executable, "-c", code, server.url])
        while process.poll() is None and not (part.exists() and part.stat().st_size > (8 << 20)):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        had = part.stat().st_size
        assert 0 < had < big.stat().st_size
        before = len(server.requests)
        fetch_file(Web(tmp_path, FAST, "x"), f"{server.url}/big.bin", tmp_path / "big")
        again = [asked for method, _, asked, _, _ in server.requests[before:] if method == "GET"]
        assert again[0].startswith(f"bytes={had}-")
    assert (tmp_path / "big").read_bytes() == big.read_bytes()
    assert not part.exists()
    big.unlink()


def test_versions_of_a_file_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a").write_bytes(b"1" * 1000)
    with serving(tmp_path / "www") as server:
        web = Web(tmp_path, FAST, "x")
        facts = web.facts(f"{server.url}/a")
        (tmp_path / "a.part").write_bytes(b"1" * 400)
        (tmp_path / "a.part.json").write_text(json.dumps(vars(facts)))
        (tmp_path / "www" / "a").write_bytes(b"2" * 1000)
        with pytest.raises(StorageError, match="has changed"):  # while it is being fetched
            list(web.stream(f"{server.url}/a", 400, 1000, facts.tag))
        fetch_file(web, f"{server.url}/a", tmp_path / "a")  # since the last attempt
    assert (tmp_path / "a").read_bytes() == b"2" * 1000


def test_pieces_go_on_too_and_damage_is_left_to_the_reader(tmp_path: Path) -> None:
    members = [gzip.compress(f"member {n}".encode() * 50) for n in range(6)]
    members[3] = members[3][:-8] + b"\0" * 8  # its checksum fails
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a").write_bytes(b"".join(members))
    starts = [sum(map(len, members[:n])) for n in range(6)]
    with serving(tmp_path / "www") as server:
        pieces = [Piece(f"{server.url}/a", s, len(m)) for s, m in zip(starts, members, strict=True)]
        (tmp_path / "out.part").write_bytes(b"".join(members[:2]) + members[2][:5])
        fetch_pieces(Web(tmp_path, FAST, "x"), pieces, tmp_path / "out")
        assert f"bytes={starts[2]}-{starts[3] - 1}" == server.of("/a")[0]
        assert len(server.of("/a")) == 4 + 2  # the damaged one three times
    assert (tmp_path / "out").read_bytes() == b"".join(members)


def test_workers_together_keep_to_the_rate(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom curate.io.web import Web\n"
        f"web = Web(Path({str(tmp_path)!r}), 10.0, 'x')\n"
        f"for _ in range(5): web.facts(sys.argv[1] + '/crawl-data/{CRAWL}/warc.paths.gz')\n"
    )
    with serving(folder) as server:
        processes = [subprocess.Popen([sys.executable, "-c", code, server.url]) for _ in range(3)]
        assert [process.wait() for process in processes] == [0, 0, 0]
        times = sorted(when for *_, when in server.requests)
    assert len(times) == 15
    assert times[-1] - times[0] >= 14 / 10.0 * 0.9


def test_what_lasts_is_told_at_once(server: WebServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cu.read_common_crawl(
            "CC-MAIN-1999-01", base=server.url, cache=tmp_path, requests_per_second=FAST
        ).files()
    server.faults.denied = True
    with pytest.raises(StorageError, match="permission denied"):
        crawl_of(server, tmp_path / "denied").files()
    server.faults.calm()
    for wrong in (
        {"kind": "wat"},
        {"index": {"colour": "red"}},
        {"index": {"status": 200}, "paths": "x"},
        {"sample": 0.0},
        {"requests_per_second": 0},
    ):
        with pytest.raises(CurateError):
            cu.read_common_crawl(CRAWL, **wrong)


def test_the_plan_knows_the_records_and_not_the_mirror(server: WebServer, tmp_path: Path) -> None:
    one = crawl_of(server, tmp_path / "a", sample=2)
    other = cu.read_common_crawl(CRAWL, sample=2, requests_per_second=1.0)
    assert one.identity() == other.identity()
    assert one.identity() != crawl_of(server, tmp_path / "a", sample=3).identity()
    with_index = crawl_of(server, tmp_path / "b", index={"status": 200})
    with_index.files()
    assert len(pickle.dumps(with_index)) < 2000
    assert pickle.loads(pickle.dumps(with_index)).files() == with_index.files()


def test_the_recipe_goes_on_after_a_kill(server: WebServer, tmp_path: Path) -> None:
    recipe = Path(__file__).resolve().parents[2] / "pipelines" / "common_crawl.py"

    def start(name: str) -> subprocess.Popen[bytes]:
        words = [
            f"crawl={CRAWL}",
            f"base={server.url}",
            "requests_per_second=500",
            "contact=me@example.org",
            "files=2",
        ]
        words += [f"cache={tmp_path / name}-cache", f"output={tmp_path / name}", "--workers", "2", "--quiet"]
        return subprocess.Popen([sys.executable, "-m", "curate", str(recipe), *words], start_new_session=True)

    assert start("whole").wait() in {0, 1}
    process = start("killed")
    while process.poll() is None and not list((tmp_path / "killed-cache").rglob("*.warc.gz*")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert start("killed").wait() in {0, 1}
    assert verify(tmp_path / "killed") == []
    trees = [
        {p.name: p.read_bytes() for p in (tmp_path / n / "documents").iterdir()} for n in ("whole", "killed")
    ]
    assert trees[0] == trees[1]
    assert {agent for _, _, _, agent, _ in server.requests} == {"curate (me@example.org)"}


def test_the_crawl_in_an_object_store(server: WebServer, folder: Path, tmp_path: Path) -> None:
    with running_store() as store:
        for path in folder.rglob("*"):
            if path.is_file():
                store.client().upload_file(str(path), "bucket", f"cc/{path.relative_to(folder).as_posix()}")
        store.faults.share, store.faults.seed = 0.1, 4
        for index in (None, {"status": 200}):
            reader = crawl_of(server, tmp_path, base="s3://bucket/cc", index=index)
            there = [row["source"].replace("s3://bucket/cc", server.url) for row in rows_of(reader)]
            here = [row["source"] for row in rows_of(crawl_of(server, tmp_path, index=index))]
            assert there == here


def test_real_archives(data_dir: Path, tmp_path: Path) -> None:
    archives = [p for p in sorted((data_dir / "warc-real").rglob("*.warc.gz")) if p.stat().st_size < 4 << 20][
        :4
    ]
    assert archives
    root = tmp_path / "mirror" / "crawl-data" / CRAWL
    root.mkdir(parents=True)
    names = [f"crawl-data/{CRAWL}/{n}-{archive.name}" for n, archive in enumerate(archives)]
    for name, archive in zip(names, archives, strict=True):
        shutil.copy(archive, tmp_path / "mirror" / name)
    (root / "warc.paths.gz").write_bytes(gzip.compress("\n".join(names).encode()))
    with serving(tmp_path / "mirror") as server:
        server.faults.share, server.faults.seed = 0.3, 9
        found = rows_of(crawl_of(server, tmp_path / "cache"))
        expected = rows_of(cu.read_warc(f"{root}/*.warc.gz"))
    assert len(found) == len(expected) > 0
    same = [name for name in expected[0] if name != "source"]
    key = lambda row: (row["id"], row["offset"])  # noqa: E731
    assert [[row[n] for n in same] for row in sorted(found, key=key)] == [
        [row[n] for n in same] for row in sorted(expected, key=key)
    ]
