"""Ranges of files on a web server or in an object store, asked for at a pace that all processes of a machine share."""

import fcntl
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curate.errors import StorageError
from curate.io.retries import BusyError, TruncatedBodyError, retrying
from curate.io.storage import BLOCK_BYTES, Remote

_PIECE = 1 << 20
_TIMEOUT_SECONDS = 60.0
#: A turn further away than this is of another boot of the machine.
_FARTHEST_SECONDS = 600.0
_BUSY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Facts:
    """What a server says of a file: bytes, and what changes when they do."""

    size: int
    tag: str


@dataclass(frozen=True)
class Web:
    """A polite client.

    Attributes:
        folder: where processes agree on whose turn it is.
        requests_per_second: of all processes that share the folder.
        user_agent: who we are.
    """

    folder: Path
    requests_per_second: float
    user_agent: str

    def facts(self, url: str) -> Facts:
        """Size and tag of a file.

        Raises:
            FileNotFoundError: there is none.
            StorageError: it cannot be asked.
        """
        if not _is_http(url):
            self._take_turn()
            return Facts(Remote(url).known_size(), "")

        def ask() -> Facts:
            with closing(self._open(url, "HEAD")) as answer:
                size = answer.headers.get("Content-Length")
                if size is None:
                    raise StorageError(f"{url} has no length", hint="the server must tell it")
                return Facts(
                    int(size), answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
                )

        return retrying(ask, url)

    def stream(self, url: str, start: int, stop: int, tag: str = "") -> Iterator[bytes]:
        """The bytes from `start` to `stop` as they come, once: a fault ends it.

        Raises:
            OSError: a fault that may pass.
            StorageError: the file has another tag now, or the server knows no ranges.
        """
        if not _is_http(url):
            for at in range(start, stop, BLOCK_BYTES):
                self._take_turn()
                yield Remote(url).read_range(at, min(at + BLOCK_BYTES, stop))
            return
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        if tag.startswith('"'):
            headers["If-Range"] = tag
        left = stop - start
        with closing(self._open(url, "GET", headers)) as answer:
            if answer.status != 206 and start > 0:
                raise StorageError(
                    f"{url} has changed, or its server knows no ranges", hint="remove what was fetched of it"
                )
            while left and (data := answer.read(min(_PIECE, left))):
                left -= len(data)
                yield data
        if left:
            raise TruncatedBodyError(f"{left} bytes did not arrive")

    def read_range(self, url: str, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, all of them, tried again until they are there."""
        if stop <= start:
            return b""
        return retrying(lambda: b"".join(self.stream(url, start, stop)), url)

    def read(self, url: str) -> bytes:
        """A small file."""
        return self.read_range(url, 0, self.facts(url).size)

    def _open(self, url: str, method: str, headers: dict[str, str] | None = None) -> Any:
        self._take_turn()
        named = {"User-Agent": self.user_agent, "Accept-Encoding": "identity", **(headers or {})}
        request = urllib.request.Request(url, headers=named, method=method)
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                told = f"{error.code} {error.reason}"
                if error.code in {404, 410}:
                    raise FileNotFoundError(2, "no such file", url) from error
                if error.code in {401, 403}:
                    raise PermissionError(13, told, url) from error
                if error.code in _BUSY:
                    seconds = error.headers.get("Retry-After", "0")
                    raise BusyError(told, float(seconds) if seconds.isdecimal() else 0.0) from error
            raise StorageError(f"{url}: {told}", hint="check the address") from error

    def _take_turn(self) -> None:
        """Waits until it is this process's turn."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "turn", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = time.monotonic()
            content = os.pread(descriptor, 64, 0)
            turn = max(now, float(content)) if content.strip() else now
            if turn > now + _FARTHEST_SECONDS:
                turn = now
            os.pwrite(descriptor, f"{turn + 1 / self.requests_per_second:<40.6f}".encode(), 0)
        finally:
            os.close(descriptor)
        time.sleep(turn - now)


def default_user_agent() -> str:
    """Name and version."""
    try:
        return f"curate/{version('curate')}"
    except PackageNotFoundError:
        return "curate"


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))
