"""Files that exist whole or not at all: written under a temporary name, then renamed."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


_writer = ""


def set_writer(name: str) -> None:
    """Names this process in the temporary names that it uses from now on.

    Where several processes may write one file at a time, such as a machine that was given up for lost and the one
    that does its work, each needs names of its own. What they write is the same, so it does not matter who is last.
    """
    global _writer  # noqa: PLW0603  a property of the process, like its number
    _writer = name


def temporary_name(path: Path) -> Path:
    """Where `path` is written: a fixed name, so that what a killed run left behind is overwritten by the next."""
    return path.with_name(f".{path.name}{_writer}.tmp")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary name beside `path` to write to.

    If the block succeeds, what was written is renamed to `path`; otherwise it is removed. With `durable` it is
    forced to disk first, so that it also survives a loss of power.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        if durable:
            _force_to_disk(temporary)
        temporary.replace(path)
        if durable:
            _force_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically: two-space indent, key order as given, a newline at the end."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
