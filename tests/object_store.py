"""A real S3 API server over HTTP, and a proxy before it that spoils requests by a seeded schedule."""

import http.client
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.request import Request, urlopen

import pytest

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
#: What can happen to a request: refused, lost on the way there, lost on the way back, cut short on the way back.
FAULTS = ("slow_down", "drop", "lost_answer", "truncate")


@dataclass
class Faults:
    """Which requests are spoilt.

    Attributes:
        share: of the requests, 0 to 1.
        seed: of the schedule.
        kinds: which faults.
        denied: every request is refused for want of permission.
        counts: what was done so far.
    """

    share: float = 0.0
    seed: int = 0
    kinds: tuple[str, ...] = FAULTS
    denied: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self) -> str | None:
        """What happens to the next request."""
        with self._lock:
            self._requests += 1
            self.counts["requests"] += 1
            if self.denied:
                return "denied"
            chance = random.Random(self.seed * 1_000_003 + self._requests)
            return chance.choice(self.kinds) if chance.random() < self.share else None

    def calm(self) -> None:
        """Spoils nothing from here on."""
        self.share, self.kinds, self.denied = 0.0, FAULTS, False

    def happened(self, fault: str) -> None:
        with self._lock:
            self.counts[fault] += 1


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        with suppress(ConnectionError, BrokenPipeError):
            super().handle_one_request()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.faults.draw()
        if fault == "drop":
            self._cut(fault)
        elif fault == "slow_down":
            self.server.faults.happened(fault)
            self._answer(503, "Slow Down", {"Content-Type": "application/xml"}, SLOW_DOWN)
        elif fault == "denied":
            self.server.faults.happened(fault)
            self._answer(403, "Forbidden", {"Content-Type": "application/xml"}, DENIED)
        else:
            self._pass_on(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815  names of the base class

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in {"expect", "connection"}}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if fault == "lost_answer":
            self._cut(fault)
            return
        told = {k: v for k, v in answer.getheaders() if k.lower() not in {"transfer-encoding", "connection"}}
        cut = len(content) // 2 if fault == "truncate" and len(content) > 1 else None
        self._answer(answer.status, answer.reason, told, content, cut)

    def _answer(
        self, status: int, reason: str, headers: dict[str, str], content: bytes, cut: int | None = None
    ) -> None:
        self.send_response_only(status, reason)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        length = (
            headers.get("Content-Length", str(len(content))) if self.command == "HEAD" else str(len(content))
        )
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
        if cut is not None:
            self.wfile.flush()
            self._cut("truncate")

    def _cut(self, fault: str) -> None:
        self.server.faults.happened(fault)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class ObjectStore:
    """A running store with one bucket, `bucket`.

    Attributes:
        endpoint: of the proxy.
        direct: of the server behind it.
        faults: of the proxy.
    """

    endpoint: str
    direct: str
    faults: Faults

    def client(self) -> Any:
        """A client that nothing is done to."""
        import boto3

        return boto3.client("s3", endpoint_url=self.direct, region_name="us-east-1")

    def tree(self, prefix: str) -> dict[str, bytes]:
        """Every object below a prefix of the bucket, by the rest of its key."""
        client, found = self.client(), {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix + "/"):
            for entry in page.get("Contents", []):
                body = client.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
                found[entry["Key"].removeprefix(prefix + "/")] = body
        return found

    def forget(self) -> None:
        """Removes every bucket: what an earlier server of this process held, this one holds too."""
        urlopen(Request(f"{self.direct}/moto-api/reset", method="POST"), timeout=60).close()

    def unfinished_uploads(self) -> int:
        """Multipart uploads that were begun and neither closed nor given up."""
        return len(self.client().list_multipart_uploads(Bucket="bucket").get("Uploads", []))


@contextmanager
def running_store() -> Iterator[ObjectStore]:
    """Starts server and proxy, and names them to this process and its children. Skips without moto and s3fs."""
    pytest.importorskip("s3fs", reason="the tests of object stores need s3fs")
    pytest.importorskip("flask", reason="the tests of object stores need moto[server]")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    proxy.upstream = server.get_host_and_port()  # type: ignore[attr-defined]
    proxy.faults = Faults()  # type: ignore[attr-defined]
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{proxy.server_port}"
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # a process keeps its client, and with it the address of an earlier store
    with patch.dict(os.environ, settings):
        store = ObjectStore(endpoint, f"http://{host}:{port}", proxy.faults)  # type: ignore[attr-defined]
        store.forget()
        store.client().create_bucket(Bucket="bucket")
        try:
            yield store
        finally:
            proxy.shutdown()
            proxy.server_close()
            server.stop()
