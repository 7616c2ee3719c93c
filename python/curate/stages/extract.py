"""Text out of web pages: `ExtractText`, and the same for single pages.

Engines are foreign code over hostile input, so they run in a supervised child process (`extract_child`): one
per thread and settings, started when first needed. What kills the child costs one document, never the run.
"""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import CurateError, PlanError
from curate.schema import CONTENT_TYPE, HTTP_HEADERS, PAYLOAD, TEXT, URL
from curate.stage import Outcome, Stage, set_column
from curate.stages.extract_child import ANSWER, EXTRACTED, RAISED, REQUEST

NO_TEXT = "no_text"
HTML_TOO_LARGE = "html_too_large"
CPU_LIMIT = "extract_cpu_limit"
CRASHED = "extract_crashed"
FAILED = "extract_failed"


@dataclass(frozen=True)
class _Engine:
    """A foreign `function(html: str, **options) -> str | None`, called in the child."""

    target: str  # "module:function"
    distribution: str  # whose version is part of the fingerprint
    profiles: Mapping[str, Mapping[str, bool | str]]
    comments_option: str


# trafilatura's `deduplicate` remembers earlier pages of the process: it stays off.
_TRAFILATURA: Mapping[str, bool | str] = {
    "include_tables": True,
    "deduplicate": False,
    "with_metadata": False,
    "output_format": "txt",
}
_ENGINES: Mapping[str, _Engine] = {
    "trafilatura": _Engine(
        target="trafilatura:extract",
        distribution="trafilatura",
        profiles={
            "balanced": _TRAFILATURA,
            "precision": {**_TRAFILATURA, "favor_precision": True},  # what FineWeb ran
            "recall": {**_TRAFILATURA, "favor_recall": True},
        },
        comments_option="include_comments",
    ),
    "resiliparse": _Engine(
        target="resiliparse.extract.html2text:extract_plain_text",
        distribution="resiliparse",
        profiles={"balanced": {"main_content": True, "alt_texts": False}},
        comments_option="comments",
    ),
}


@dataclass(frozen=True)
class ExtractText(Stage):
    """The main text of a web page: bytes in, `text` out; `payload` and its headers are consumed.

    The bytes become Unicode by byte order mark, HTTP header, meta declaration and detection, in that order.
    `text/plain` rows (WET records) are decoded and passed on. Each page is extracted without any memory of
    earlier ones.

    Attributes:
        engine: "trafilatura" or "resiliparse".
        profile: "balanced" (the engine's defaults), "precision" (less but surer text, as in FineWeb) or
            "recall"; resiliparse knows "balanced" only.
        comments: readers' comments count as text.
        cpu_seconds: CPU time for one page, user and system, from which it is given up. Not wall time: a
            loaded machine must not drop a page that an idle one keeps.
        max_html_bytes: larger payloads are not looked at (trafilatura itself refuses more than 20 MB).
        memory_bytes: address space of the child process.

    Raises:
        PlanError: an unknown engine or profile, or a limit that is not positive.
    """

    engine: str = "trafilatura"
    profile: str = "balanced"
    comments: bool = False
    cpu_seconds: float = 20.0
    max_html_bytes: int = 20_000_000
    memory_bytes: int = 4 << 30

    def __post_init__(self) -> None:
        """Checks the parameters."""
        if self.engine not in _ENGINES:
            known = ", ".join(_ENGINES)
            raise PlanError(f"unknown extraction engine `{self.engine}`", hint=f"one of: {known}")
        profiles = _ENGINES[self.engine].profiles
        if self.profile not in profiles:
            raise PlanError(
                f"the engine `{self.engine}` has no profile `{self.profile}`",
                hint=f"one of: {', '.join(profiles)}",
            )
        for name in ("cpu_seconds", "max_html_bytes", "memory_bytes"):
            if not getattr(self, name) > 0:
                raise PlanError(f"`{name}` must be positive", hint="leave it out for the default")

    @property
    def reads(self) -> frozenset[str]:
        """The page, what was declared about it, and where it came from."""
        return frozenset({PAYLOAD, CONTENT_TYPE, URL})

    @property
    def adds(self) -> pa.Schema:
        """The text."""
        return pa.schema([pa.field(TEXT, pa.large_string())])

    @property
    def removes(self) -> frozenset[str]:
        """The page and its headers."""
        return frozenset({PAYLOAD, CONTENT_TYPE, HTTP_HEADERS})

    @property
    def reasons(self) -> Mapping[str, str]:
        """What can go wrong with a page."""
        return {
            NO_TEXT: "the engine found no text in the page",
            HTML_TOO_LARGE: f"the page has more than {self.max_html_bytes} bytes",
            CPU_LIMIT: f"the engine used more than {self.cpu_seconds} s of CPU time on the page",
            CRASHED: "the page killed the engine's process twice",
            FAILED: "the engine raised an error on the page",
        }

    def identity(self) -> dict[str, Any]:
        """Also the engine's version: another one extracts other text.

        Raises:
            PlanError: the engine is not installed.
        """
        distribution = _ENGINES[self.engine].distribution
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError as error:
            raise PlanError(
                f"`{distribution}` is not installed", hint=f"pip install {distribution}"
            ) from error
        return {**super().identity(), "engine_version": version}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Decodes, extracts, and says why where there is no text."""
        payload = batch[PAYLOAD]
        too_large = pc.fill_null(pc.greater(pc.binary_length(payload), self.max_html_bytes), False)
        payload = pc.if_else(too_large, pa.scalar(None, payload.type), payload)
        decoded = _decode(payload, batch[CONTENT_TYPE], batch[URL])
        plain = pc.fill_null(pc.starts_with(batch[CONTENT_TYPE], "text/plain", ignore_case=True), False)

        reasons: list[str | None] = [HTML_TOO_LARGE if large else None for large in too_large.to_pylist()]
        texts: list[str | None] = [None] * len(reasons)
        views = _utf8_views(decoded)
        pages = [row for row, is_plain in enumerate(plain.to_pylist()) if views[row] and not is_plain]
        answers = _child(self._settings()).extract([views[row] for row in pages])
        for row, (text, reason) in zip(pages, answers, strict=True):
            texts[row], reasons[row] = text, reason
        for row in pc.indices_nonzero(plain).to_pylist():
            texts[row] = decoded[row].as_py()
        for row, text in enumerate(texts):
            if reasons[row] is None and (text is None or not text.strip()):
                reasons[row] = NO_TEXT

        left = batch.drop_columns([name for name in batch.schema.names if name in self.removes])
        return Outcome(
            set_column(left, TEXT, pa.array(texts, pa.large_string())), pa.array(reasons, pa.string())
        )

    def _settings(self) -> "_Settings":
        engine = _ENGINES[self.engine]
        options = {**engine.profiles[self.profile], engine.comments_option: self.comments}
        return _Settings(engine.target, tuple(sorted(options.items())), self.cpu_seconds, self.memory_bytes)


def extract_texts(
    payloads: pa.Array | Iterable[bytes | str | None], engine: str = "trafilatura", profile: str = "balanced"
) -> pa.LargeStringArray:
    """The main text of each page; null where there is none. `ExtractText` says why.

    Args:
        payloads: pages, as bytes in any encoding or as text: any Arrow binary or string array, or an
            iterable.
        engine: see `ExtractText`.
        profile: see `ExtractText`.

    Raises:
        PlanError: an unknown engine or profile.
    """
    if isinstance(payloads, pa.Array):
        is_text = pa.types.is_string(payloads.type) or pa.types.is_large_string(payloads.type)
        declared = [_UTF8 if is_text else None] * len(payloads)
        pages = payloads.cast(pa.large_binary())
    else:
        listed = list(payloads)
        declared = [_UTF8 if isinstance(page, str) else None for page in listed]
        raw = [page.encode("utf-8", "replace") if isinstance(page, str) else page for page in listed]
        pages = pa.array(raw, pa.large_binary())
    batch = pa.record_batch(
        {
            PAYLOAD: pages,
            CONTENT_TYPE: pa.array(declared, pa.string()),
            URL: pa.nulls(len(pages), pa.string()),
        }
    )
    return ExtractText(engine, profile)(batch).batch[TEXT]


def extract_text(
    html: bytes | str, url: str | None = None, engine: str = "trafilatura", profile: str = "balanced"
) -> str:
    """The main text of one page; empty where there is none. `ExtractText` says why.

    Args:
        html: the page, as bytes in any encoding or as text.
        url: where it came from; its country helps to guess an undeclared encoding.
        engine: see `ExtractText`.
        profile: see `ExtractText`.

    Raises:
        PlanError: an unknown engine or profile.
    """
    page = html.encode("utf-8", "replace") if isinstance(html, str) else html
    batch = pa.record_batch(
        {
            PAYLOAD: pa.array([page], pa.large_binary()),
            CONTENT_TYPE: pa.array([_UTF8 if isinstance(html, str) else None], pa.string()),
            URL: pa.array([url], pa.string()),
        }
    )
    return ExtractText(engine, profile)(batch).batch[TEXT][0].as_py() or ""


_UTF8 = "text/html; charset=utf-8"


def _decode(payloads: pa.Array, content_types: pa.Array, urls: pa.Array) -> pa.LargeStringArray:
    """The pages as Unicode, null where the payload is."""
    return pa.array(_native.decode_html(payloads, content_types, urls)).field("text")


def _utf8_views(texts: pa.LargeStringArray) -> list[memoryview]:
    """The UTF-8 bytes of each text without a copy; empty for null."""
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1] if len(texts) else ()
    content = memoryview(data) if data is not None else memoryview(b"")
    present = texts.is_valid().to_pylist()
    return [content[ends[i] : ends[i + 1]] if present[i] else memoryview(b"") for i in range(len(texts))]


# The supervisor.

_SCRIPT = Path(__file__).with_name("extract_child.py")
_PIPE_BYTES = 1 << 20  # a few pages ahead, so that the child never waits for the parent
_MAX_ANSWER_BYTES = 1 << 28  # what no page yields: the child no longer knows what it says
# libxml2 keeps every tag and attribute name it ever saw; a fresh child forgets them.
_DOCUMENTS_PER_CHILD = 10_000


@dataclass(frozen=True)
class _Settings:
    target: str
    options: tuple[tuple[str, bool | str], ...]
    cpu_seconds: float
    memory_bytes: int


class _Child:
    """A process that runs one engine, replaced when it dies."""

    def __init__(self, settings: _Settings) -> None:
        self.settings = settings
        self.owner = os.getpid()
        self.process: subprocess.Popen[bytes] | None = None
        self.served = 0

    def extract(self, documents: Sequence[memoryview]) -> list[tuple[str | None, str | None]]:
        """Text and reason of each document, in order; one of them is None."""
        answers: list[tuple[str | None, str | None]] = []
        while len(answers) < len(documents):
            said, death = self._serve(documents[len(answers) :])
            answers += map(_verdict, said)
            if death is None:
                break
            if death != -signal.SIGPROF:  # perhaps an earlier page's fault: once more, alone in a fresh child
                said, death = self._serve(documents[len(answers) : len(answers) + 1])
                answers += map(_verdict, said)
            if death is not None:
                answers.append((None, CPU_LIMIT if death == -signal.SIGPROF else CRASHED))
        return answers

    def _serve(self, documents: Sequence[memoryview]) -> tuple[list[tuple[int, str]], int | None]:
        """The child's answers, and its exit status if it died before the last."""
        process = self._started()
        try:
            said = _exchange(process, documents, len(documents))
        except BaseException:  # Ctrl-C: what is in the pipes belongs to documents nobody waits for
            self._stop()
            raise
        self.served += len(said)
        if len(said) < len(documents):
            return said, self._stop()
        if self.served >= _DOCUMENTS_PER_CHILD:
            self._stop()
        return said, None

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is not None:
            return self.process
        settings = {
            "target": self.settings.target,
            "options": dict(self.settings.options),
            "cpu_seconds": self.settings.cpu_seconds,
            "memory_bytes": self.settings.memory_bytes,
            "parent": self.owner,
        }
        # -P: the folder of the script holds modules named like some of the standard library's
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.served = 0
        self._end = weakref.finalize(self, _end, self.process, self.owner)
        _open_wide(self.process)
        greeting = _exchange(self.process, [], 1)
        if greeting != [(EXTRACTED, "")]:
            status = self._stop()
            said = greeting[0][1] if greeting else f"exit status {status}"
            raise CurateError(
                f"the extraction engine `{self.settings.target}` does not start: {said}",
                hint="check that it is installed, and that `memory_bytes` is not too small",
            )
        return self.process

    def _stop(self) -> int:
        """Ends the child; its exit status, negative for the signal it died of."""
        self.process = None
        return self._end() or 0


def _verdict(said: tuple[int, str]) -> tuple[str | None, str | None]:
    status, text = said
    return (None, FAILED) if status == RAISED else (text, None)


def _end(process: subprocess.Popen[bytes], owner: int) -> int:
    """Kills the child, unless it is dead or a fork of its owner asks, and closes the pipes to it."""
    status = 0
    if os.getpid() == owner:
        process.kill()  # one that is already dying keeps its status
        status = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    return status


def _open_wide(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(
                OSError, AttributeError
            ):  # Linux only, and an administrator may limit it
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _exchange(
    process: subprocess.Popen[bytes], documents: Sequence[memoryview], expected: int
) -> list[tuple[int, str]]:
    """Sends the documents while reading the answers; fewer than expected if the child died."""
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin.fileno(), process.stdout.fileno()
    unsent = iter([part for document in documents for part in (REQUEST.pack(len(document)), document)])
    sending = memoryview(next(unsent, b""))
    poll = select.poll()
    poll.register(answers, select.POLLIN)
    if sending:
        poll.register(requests, select.POLLOUT)
    received = bytearray()
    said: list[tuple[int, str]] = []
    while len(said) < expected:
        ready = dict(poll.poll())
        if requests in ready:
            try:
                while sending:
                    sending = sending[os.write(requests, sending) :] or memoryview(next(unsent, b""))
                poll.unregister(requests)
            except BlockingIOError:
                pass
            except BrokenPipeError:  # it died; what it still said is in the other pipe
                sending = memoryview(b"")
                poll.unregister(requests)
        if answers in ready:
            piece = os.read(answers, _PIPE_BYTES)
            if not piece:
                break
            received += piece
            if not _take_answers(received, said):
                break
    return said


def _take_answers(received: bytearray, said: list[tuple[int, str]]) -> bool:
    """Moves the complete answers from `received` to `said`; False if they make no sense."""
    position = 0
    while len(received) - position >= ANSWER.size:
        status, length = ANSWER.unpack_from(received, position)
        if status not in (EXTRACTED, RAISED) or length > _MAX_ANSWER_BYTES:
            return False
        end = position + ANSWER.size + length
        if len(received) < end:
            break
        said.append((status, received[position + ANSWER.size : end].decode("utf-8", "replace")))
        position = end
    del received[:position]
    return True


_children = threading.local()


def _child(settings: _Settings) -> _Child:
    """The calling thread's child for these settings; it ends with the thread."""
    if getattr(_children, "owner", None) != os.getpid():  # a fork inherits its parent's pipes: not to be used
        _children.owner, _children.by_settings = os.getpid(), {}
    by_settings: dict[_Settings, _Child] = _children.by_settings
    if settings not in by_settings:
        by_settings[settings] = _Child(settings)
    return by_settings[settings]
