"""One writer per output folder. The system keeps the lock: a process that is gone, however it went, holds nobody up."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.errors import OutputError
from curate.io.storage import Place

#: Below the output folder, while somebody writes there.
LOCK = ".lock"


@contextmanager
def locked(folder: Place, *, shared: bool = False) -> Iterator[None]:
    """Keeps other processes from writing to an output folder; makes it if need be.

    An object store, and a file system without locks, is not locked.

    Args:
        folder: of the run.
        shared: others may share it: the parts of a scheduler's step do.

    Raises:
        OutputError: somebody else writes there.
    """
    descriptor = _acquire(folder, shared) if isinstance(folder, Path) else None
    try:
        yield
    finally:
        if descriptor is not None:
            if not shared:  # whoever shares it cannot know who is the last
                with suppress(OSError):
                    (folder / LOCK).unlink(missing_ok=True)
            os.close(descriptor)


def _acquire(folder: Path, shared: bool) -> int | None:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return None  # nobody writes where one may not: whoever has to, says so
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise OutputError(
                f"{holder} writes to `{folder}`",
                hint="wait until it is done, or choose another output folder",
            ) from None
        except OSError:
            os.close(descriptor)
            return None
        if _is_at(path, descriptor):
            break
        os.close(descriptor)  # the one before removed it meanwhile
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
