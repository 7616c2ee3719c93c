"""Files put together from ranges of files elsewhere, which go on where they stopped, however they stopped."""

import fcntl
import itertools
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from curate.errors import StorageError
from curate.io.atomic import write_json
from curate.io.retries import NO_ROOM, TruncatedBodyError, no_room, retrying
from curate.io.web import Facts, Web

#: Bytes of one request; a fault costs no more than what one request had still to bring.
REQUEST_BYTES = 64 << 20
#: Times that a record is fetched before a failing checksum is taken for its own fault.
_COPIES = 3


@dataclass(frozen=True)
class Piece:
    """A range of a file: one gzip member."""

    url: str
    offset: int
    length: int


def fetch_file(web: Web, url: str, target: Path) -> Path:
    """The whole of a file in `target`, whose length is what the server says.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: it cannot be fetched.
    """
    if target.is_file():
        return target
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(part) as file:
        if target.is_file():  # another process was here
            part.unlink()
            return target
        noted = part.with_name(f"{part.name}.json")
        facts = web.facts(url)
        if _noted(noted) != facts:  # nothing is here yet, or of another version
            file.truncate(0)
            write_json(noted, vars(facts))
        while (start := _end(file)) < facts.size:
            stop = min(start + REQUEST_BYTES, facts.size)
            retrying(lambda stop=stop, tag=facts.tag: _append(web, file, url, stop, tag), url)  # type: ignore[misc]
        if _end(file) != facts.size:
            part.unlink()
            noted.unlink(missing_ok=True)
            raise StorageError(f"{url} has changed while it was fetched", hint="start again")
        os.fsync(file.fileno())
        part.replace(target)
        noted.unlink(missing_ok=True)
    return target


def fetch_pieces(web: Web, pieces: Sequence[Piece], target: Path) -> Path:
    """The pieces one after the other in `target`; each has the announced length and, if it ever has, its checksum.

    Raises:
        FileNotFoundError: one of the files is missing.
        StorageError: one cannot be fetched.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    ends = list(itertools.accumulate(piece.length for piece in pieces))
    with _locked(part) as file:
        if target.is_file():
            part.unlink()
            return target
        if _end(file) > (ends[-1] if ends else 0):
            file.truncate(0)
        whole = sum(end <= _end(file) for end in ends)
        file.truncate(ends[whole - 1] if whole else 0)  # the piece that a kill cut is fetched again
        for piece in pieces[whole:]:
            file.seek(0, os.SEEK_END)
            _write(file, _checked(web, piece), str(target))
        os.fsync(file.fileno())
        part.replace(target)
    return target


def _checked(web: Web, piece: Piece) -> bytes:
    data = b""
    for _ in range(_COPIES):
        data = web.read_range(piece.url, piece.offset, piece.offset + piece.length)
        try:
            if _is_member(data):
                return data
        except zlib.error:
            continue
    return data  # damaged where it lies: the reader says so


def _is_member(data: bytes) -> bool:
    """Whether these bytes are one whole gzip member whose checksum holds."""
    inflate = zlib.decompressobj(31)
    while data and not inflate.eof:
        inflate.decompress(data, 1 << 20)
        data = inflate.unconsumed_tail
    return inflate.eof and not inflate.unused_data


def _append(web: Web, file: IO[bytes], url: str, stop: int, tag: str) -> None:
    start = _end(file)
    for data in web.stream(url, start, stop, tag):
        _write(file, data, file.name)
    if _end(file) < stop:
        raise TruncatedBodyError(f"{stop - _end(file)} bytes did not arrive")


def _write(file: IO[bytes], data: bytes, name: str) -> None:
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        if error.errno in NO_ROOM:
            raise no_room(error, name) from error
        raise


def _end(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _locked(part: Path) -> IO[bytes]:
    """The file that is being put together, held by this process alone."""
    while True:
        file = part.open("ab")
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        try:
            if os.fstat(file.fileno()).st_ino == part.stat().st_ino:
                return file
        except FileNotFoundError:
            pass
        file.close()  # another process has finished and renamed it


def _noted(path: Path) -> Facts | None:
    try:
        return Facts(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
