import http.server
import io
import tarfile
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from curate.blocklists import download_ut1
from curate.errors import CurateError
from curate.stages.url import UrlFilter


@pytest.fixture
def site(tmp_path: Path):
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def pack(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)


def test_lists_arrive_where_the_filter_reads_them(site, tmp_path: Path) -> None:
    folder, url = site
    pack(
        folder / "adult.tar.gz",
        {"adult/domains": b"bad.com\n", "adult/urls": b"fine.com/bad\n", "adult/usage": b"x"},
    )
    written = download_ut1(str(tmp_path / "lists"), url=url)
    assert [path.relative_to(tmp_path / "lists").as_posix() for path in written] == [
        "adult/domains",
        "adult/urls",
    ]
    batch = pa.record_batch({"url": pa.array(["http://bad.com/", "http://fine.com/bad", "http://fine.com/"])})
    reasons = UrlFilter(lists=str(tmp_path / "lists"))(batch).reason.to_pylist()
    assert reasons == ["blocked_domain", "blocked_url", None]


def test_nothing_in_the_archive_chooses_a_path(site, tmp_path: Path) -> None:
    folder, url = site
    pack(
        folder / "adult.tar.gz",
        {"../../escaped/domains": b"bad.com\n", "/tmp/other": b"x"},
        links={"adult/urls": "/etc/passwd"},
    )
    written = download_ut1(str(tmp_path / "lists"), url=url)
    assert written == [tmp_path / "lists" / "adult" / "domains"]
    assert sorted(path.name for path in (tmp_path / "lists").rglob("*")) == ["adult", "domains"]
    assert not (tmp_path / "escaped").exists()


def test_faults_are_errors_with_hints(site, tmp_path: Path) -> None:
    folder, url = site
    (folder / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08\0\0\0")
    pack(folder / "empty.tar.gz", {"empty/readme": b"x"})
    for category in ("missing", "cut", "empty", "../up"):
        with pytest.raises(CurateError) as raised:
            download_ut1(str(tmp_path / "lists"), categories=[category], url=url)
        assert raised.value.hint
