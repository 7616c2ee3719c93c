"""Local room for what is on its way to or from an object store, gone when the process is, however it went."""

import atexit
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_LOCK = "lock"
_NEW = ".new-"
_numbers = itertools.count()


@dataclass
class _Folder:
    """The folder of this process; a fork makes its own."""

    pid: int
    path: Path
    lock: int = field(repr=False)


_folders: list[_Folder] = []


@contextmanager
def scratch_file(name: str) -> Iterator[Path]:
    """A path below the temporary folder (`TMPDIR`) to write one file to; it is removed at the end."""
    path = _folder() / f"{next(_numbers)}-{name[-100:]}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _folder() -> Path:
    if not _folders or _folders[-1].pid != os.getpid():
        _folders[:] = [_made()]
    return _folders[-1].path


def _made() -> _Folder:
    """A folder that this process holds locked: the system lets go of the lock when the process dies."""
    everyone = Path(tempfile.gettempdir()) / f"curate-{os.getuid()}"
    everyone.mkdir(mode=0o700, exist_ok=True)
    if everyone.is_symlink() or everyone.stat().st_uid != os.getuid():
        everyone = Path(tempfile.mkdtemp(prefix="curate-"))
    _remove_abandoned(everyone)
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=everyone))
    lock = os.open(new / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    path = new.rename(everyone / f"{os.getpid()}-{new.name.removeprefix(_NEW)}")
    folder = _Folder(os.getpid(), path, lock)
    atexit.register(_remove, folder)
    return folder


def _remove_abandoned(everyone: Path) -> None:
    for path in everyone.iterdir():
        if path.name.startswith(_NEW):
            continue  # another process is just making it
        with suppress(OSError):  # another process does the same, or holds it
            lock = os.open(path / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _remove(folder: _Folder) -> None:
    if folder.pid == os.getpid():
        shutil.rmtree(folder.path, ignore_errors=True)
