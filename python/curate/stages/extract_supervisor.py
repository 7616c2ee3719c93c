"""The parent's side of extraction: one supervised child process per thread and settings.

What kills the child costs one document: by the answers it is known which one. `extract_child` is the other
side, with the protocol.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.errors import CurateError
from curate.stages.extract_child import ANSWER, EXTRACTED, RAISED, REQUEST

CPU_LIMIT = "extract_cpu_limit"
CRASHED = "extract_crashed"
FAILED = "extract_failed"

_SCRIPT = Path(__file__).with_name("extract_child.py")
_PIPE_BYTES = 1 << 20  # a few pages ahead, so that the child never waits for the parent
_MAX_ANSWER_BYTES = 1 << 28  # what no page yields: the child no longer knows what it says
# libxml2 keeps every tag and attribute name it ever saw; a fresh child forgets them.
_DOCUMENTS_PER_CHILD = 10_000


@dataclass(frozen=True)
class Settings:
    """What a child runs, and within which limits.

    Attributes:
        target: the engine as "module:function", called as `function(html: str, **options) -> str | None`.
        options: keyword arguments of the engine.
        cpu_seconds: CPU time for one document.
        memory_bytes: address space.
    """

    target: str
    options: tuple[tuple[str, bool | str], ...]
    cpu_seconds: float
    memory_bytes: int


class Child:
    """A process that runs one engine, replaced when it dies."""

    def __init__(self, settings: Settings) -> None:
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


def child_of_thread(settings: Settings) -> Child:
    """The calling thread's child for these settings; it ends with the thread."""
    if getattr(_children, "owner", None) != os.getpid():  # a fork inherits its parent's pipes: not to be used
        _children.owner, _children.by_settings = os.getpid(), {}
    by_settings: dict[Settings, Child] = _children.by_settings
    if settings not in by_settings:
        by_settings[settings] = Child(settings)
    return by_settings[settings]
