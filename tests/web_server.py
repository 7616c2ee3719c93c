"""A web server for the files of a folder, with ranges, that spoils answers by a seeded schedule."""

import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.object_store import Faults


@dataclass
class WebServer:
    """A running server.

    Attributes:
        url: without a slash at the end.
        faults: what happens to requests.
        requests: method, path, Range and User-Agent, and when, in order.
    """

    url: str
    faults: Faults
    requests: list[tuple[str, str, str, str, float]] = field(default_factory=list)

    def of(self, path: str) -> list[str]:
        """The ranges asked of a file."""
        return [asked for method, name, asked, _, _ in self.requests if name == path and method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):
            super().handle_one_request()

    def _serve(self) -> None:
        running: WebServer = self.server.running
        asked, agent = self.headers.get("Range", ""), self.headers.get("User-Agent", "")
        running.requests.append((self.command, self.path, asked, agent, time.monotonic()))
        fault = running.faults.draw()
        if fault is not None:
            running.faults.happened(fault)
        if fault == "slow_down":
            self._head(503, {"Retry-After": "0", "Content-Length": "0"})
            return
        if fault == "denied":
            self._head(403, {"Content-Length": "0"})
            return
        if fault in {"drop", "lost_answer"}:
            self._cut()
            return
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self._head(404, {"Content-Length": "0"})
            return
        content = path.read_bytes()
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        part, status, headers = content, 200, {"ETag": tag}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
        if wanted and self.headers.get("If-Range", tag) == tag:
            part = content[int(wanted[1]) : int(wanted[2]) + 1]
            status = 206
            headers["Content-Range"] = f"bytes {wanted[1]}-{wanted[2]}/{len(content)}"
        self._head(status, {**headers, "Content-Length": str(len(part))})
        if self.command == "GET":
            self.wfile.write(part[: len(part) // 2] if fault == "truncate" else part)
            if fault == "truncate":
                self.wfile.flush()
                self._cut()

    do_GET = do_HEAD = _serve  # noqa: N815  names of the base class

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    """Serves a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.folder = folder  # type: ignore[attr-defined]
    running = WebServer(f"http://127.0.0.1:{server.server_port}", Faults())
    server.running = running  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
