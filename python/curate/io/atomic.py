"""Files that exist whole or not at all: written under a temporary name, then renamed; objects are sent when whole."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.io.retries import NO_ROOM, no_room
from curate.io.scratch import scratch_file
from curate.io.storage import Place, Remote

_CHUNK = 1 << 20


_writer = ""


def set_writer(name: str) -> None:
    """Names this process in the temporary names that it uses from now on.

    Where several processes may write one file at a time, such as a machine that was given up for lost and the one
    that does its work, each needs names of its own. What they write is the same, so it does not matter who is last.
    """
    global _writer  # noqa: PLW0603  a property of the process, like its number
    _writer = name


def temporary_name(name: str) -> str:
    """What a file is called while it is written: fixed, so that the next run overwrites what a kill left behind.

    What is left under a name of a writer's own, the end of the run removes (`remove_leftovers`).
    """
    return f".{name}{_writer}.tmp"


def remove_leftovers(folder: Place) -> None:
    """Removes what killed writers with names of their own had begun below; a store has no temporary names."""
    if isinstance(folder, Path):
        for path in folder.rglob(".*.tmp"):
            path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Place, *, durable: bool = True) -> Iterator[Path]:
    """A temporary local name to write to: beside `path`, or in the temporary folder if that is a URL.

    If the block succeeds, what was written is renamed to `path`, or sent there; otherwise it is removed. With
    `durable` it is forced to disk first, so that it also survives a loss of power.

    Raises:
        StorageError: there is no room, or the object cannot be written.
    """
    try:
        with _sending(path) if isinstance(path, Remote) else _renaming(path, durable) as temporary:
            yield temporary
    except OSError as error:
        if error.errno in NO_ROOM:
            raise no_room(error, str(path)) from error
        raise


@contextmanager
def _sending(path: Remote) -> Iterator[Path]:
    with scratch_file(path.name) as temporary:
        yield temporary
        path.put(temporary)


@contextmanager
def _renaming(path: Path, durable: bool) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name(path.name))
    try:
        yield temporary
        if durable:
            _force_to_disk(temporary)
        temporary.replace(path)
        if durable:
            _force_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Place, data: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Place, value: Any) -> None:
    """Writes a JSON file atomically: two-space indent, key order as given, a newline at the end."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def sha256_of(path: Place) -> str:
    """SHA-256 of a file as 64 hex digits."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
