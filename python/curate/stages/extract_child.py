"""The supervised child of `ExtractText`: reads documents from stdin, calls one engine, answers on stdout.

It runs as a script of its own and imports nothing of curate, so that it starts fast and stays small. It has
no protection against the engine: a CPU timer whose signal has its default action, death, and a cap on the
address space. The parent, `curate.stages.extract_supervisor`, sees it die and knows by the answers over
which document.

Protocol, little-endian. To the child: uint64 length, then that many bytes of UTF-8. From the child, in the
same order: uint8 status, uint64 length, then the text. One greeting comes first, after the engine's import.
"""

import contextlib
import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

REQUEST = struct.Struct("<Q")
ANSWER = struct.Struct("<BQ")
EXTRACTED, RAISED = 0, 1
OUT_OF_MEMORY_EXIT = 12

_PR_SET_PDEATHSIG = 1
# The first call of an engine builds its tables; they are nobody's document.
_WARM_UP = (
    "<!doctype html><html><body><article><p>A short page.</p><p>Of two lines.</p></article></body></html>"
)


def _die_with_parent(parent: int) -> None:
    """End of stdin already ends the child; this also holds when a fork of the parent keeps the pipe open."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _read(stream: BinaryIO, size: int) -> bytearray | None:
    """Exactly `size` bytes, or None at the end of the stream."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            return None
        filled += count
    return buffer


def _write(stream: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def serve(settings: dict[str, Any], requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers requests until stdin ends."""
    module, _, function = settings["target"].partition(":")

    def answer(status: int, text: str) -> None:
        data = text.encode("utf-8", "replace")
        _write(answers, ANSWER.pack(status, len(data)) + data)

    try:
        engine: Callable[..., str | None] = getattr(importlib.import_module(module), function)
        engine(_WARM_UP, **settings["options"])
    except Exception as error:
        answer(RAISED, f"{type(error).__name__}: {error}")
        return
    answer(EXTRACTED, "")
    cpu_seconds = settings["cpu_seconds"]
    while (header := _read(requests, REQUEST.size)) is not None:
        document = _read(requests, REQUEST.unpack(header)[0])
        if document is None:
            return
        try:
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            text = engine(document.decode("utf-8", "replace"), **settings["options"])
            signal.setitimer(signal.ITIMER_PROF, 0)
        except MemoryError:  # the heap is in an unknown state: a fresh child must try again
            os._exit(OUT_OF_MEMORY_EXIT)
        except Exception as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            answer(RAISED, f"{type(error).__name__}: {error}"[:500])
        else:
            answer(EXTRACTED, text or "")


def main() -> None:
    """Settings come as one JSON argument: target, options, cpu_seconds, memory_bytes, parent."""
    settings = json.loads(sys.argv[1])
    _die_with_parent(settings["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's matter
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(ValueError, OSError):  # a platform without the limit, or a lower one already set
        resource.setrlimit(resource.RLIMIT_AS, (settings["memory_bytes"], settings["memory_bytes"]))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    # An engine that prints must not write into the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    with os.fdopen(0, "rb", buffering=0, closefd=False) as requests:
        serve(settings, requests, answers)


if __name__ == "__main__":
    main()
