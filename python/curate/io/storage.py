"""The one door to the files of an output folder: local paths, or objects of a store that fsspec knows.

Code asks a `Place` for names, bytes and listings as it would ask a `pathlib.Path`. A local folder stays a `Path`, and
nothing of this stands in its way. Under a URL such as `s3://bucket/run` a file is an object: it is written to a local
temporary file and sent in one piece or as a multipart upload, so that nobody ever sees a part of it; what is read is
checked for its length, and against the ledger's digest where one is known. Whatever a network spoils is tried again
(`curate.io.retries`).
"""

import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import total_ordering
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

import fsspec
import pyarrow as pa

from curate.errors import StorageError
from curate.io.addresses import absolute, is_remote, plain
from curate.io.patterns import info_of, matching
from curate.io.retries import TruncatedBodyError, lasting, retrying
from curate.io.scratch import scratch_file

#: Bytes asked of a store at once; one worker holds a few such blocks.
BLOCK_BYTES = 8 << 20
#: Bytes at the end of a file that are fetched together: indexes stand there.
_TAIL_BYTES = 64 << 10
#: Copies that are fetched before bytes that are not the ledger's are believed.
_COPIES = 3
#: Requests of one process at a time, where each waits for little.
_AT_ONCE = 16
T = TypeVar("T")
_NUMBER = re.compile(r"([0-9]+)")
_S3 = {"s3", "s3a"}
_EXTRAS = {"s3": "pip install 'curate[s3]'", "s3a": "pip install 'curate[s3]'"}


@total_ordering
@dataclass(frozen=True)
class Remote:
    """An object or a folder of objects, with the part of `pathlib.Path` that an output folder needs.

    Args:
        url: with its protocol, without a slash at the end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __lt__(self, other: "Remote") -> bool:
        return self.url < other.url

    def __truediv__(self, name: str) -> "Remote":
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def parent(self) -> "Remote":
        """Everything but the last part."""
        return Remote(self.url.rsplit("/", 1)[0])

    @property
    def parents(self) -> list["Remote"]:
        """Every folder above, the nearest first."""
        found, at = [], self
        while not at.parent.url.endswith((":/", ":")):
            at = at.parent
            found.append(at)
        return found

    def with_name(self, name: str) -> "Remote":
        """Another file of the same folder."""
        return self.parent / name

    def relative_to(self, folder: Any) -> PurePosixPath:
        """The path below `folder`."""
        return PurePosixPath(self.url).relative_to(PurePosixPath(str(folder)))

    def resolve(self) -> "Remote":
        """Itself: there are no links."""
        return self

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there when an object is in it."""

    def size(self) -> int | None:
        """Bytes; None if there is no such file."""
        info = info_of(self._system(), self._path(), self.url)
        return None if info is None or info["type"] == "directory" else int(info["size"])

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.is_file()

    def is_file(self) -> bool:
        """Whether there is such a file."""
        return self.size() is not None

    def is_dir(self) -> bool:
        """Whether there is any file below."""
        return bool(self.iterdir())

    def read_bytes(self) -> bytes:
        """The whole of a small file."""
        with self.open() as file:
            return file.read()

    def open(self, mode: str = "rb") -> IO[bytes]:
        """The file's bytes, with seek; each block is tried again until it is whole.

        Raises:
            FileNotFoundError: there is none.
            StorageError: it cannot be read.
        """
        if mode != "rb":
            raise ValueError(f"mode {mode!r}: objects are written by `replacing`")
        return io.BufferedReader(Blocks(self.read_range, self.known_size()), BLOCK_BYTES)

    def read_range(self, start: int, stop: int) -> bytes:
        """The bytes `start` to `stop`, all of them.

        Raises:
            FileNotFoundError: there is no such file.
            StorageError: they cannot be read.
        """
        if stop <= start:
            return b""

        def read() -> bytes:
            data = bytes(self._system().cat_file(self._path(), start=start, end=stop))
            if len(data) != stop - start:
                raise TruncatedBodyError(f"{len(data)} of {stop - start} bytes arrived")
            return data

        return retrying(read, self.url)

    def known_size(self) -> int:
        """Bytes.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if (size := self.size()) is None:
            raise FileNotFoundError(2, "no such file", self.url)
        return size

    def put(self, local: Path) -> None:
        """Sends a local file; the object appears when all of it has arrived.

        Raises:
            StorageError: it cannot be written.
        """
        size = local.stat().st_size
        # By default it would hold ten parts of 50 MiB in memory.
        parts = {"chunksize": BLOCK_BYTES, "max_concurrency": 2} if self._protocol() in _S3 else {}

        def send() -> None:
            self._system().put_file(str(local), self._path(), **parts)
            if self._protocol() in _S3:
                return  # it stores what agrees with the announced length and checksum, or nothing
            found = self._system().info(self._path())["size"]
            if found != size:
                raise TruncatedBodyError(f"{found} of {size} bytes were stored")

        try:
            retrying(send, self.url)
        except FileNotFoundError as error:
            raise StorageError(
                f"cannot write {self.url}: {error.strerror}", hint="create the bucket, or name another one"
            ) from error

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Removes the file."""
        try:
            retrying(lambda: self._system().rm_file(self._path()), self.url)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmtree(self) -> None:
        """Removes everything below."""
        for _ in for_each(lambda file: file.unlink(missing_ok=True), self.glob("**/*")):
            pass

    def iterdir(self) -> list["Remote"]:
        """Files and folders directly below."""
        try:
            names = retrying(lambda: self._system().ls(self._path(), detail=False), self.url)
        except FileNotFoundError:
            return []
        return sorted(found for name in names if (found := self._at(name)) != self)

    def glob(self, pattern: str) -> list["Remote"]:
        """Files below that match, see `curate.io.patterns.matching`; sorted."""
        found = matching(self._system(), self._path(), pattern, self.url, hidden=True)
        return sorted(self._at(info["name"]) for info in found)

    def rglob(self, pattern: str) -> list["Remote"]:
        """`glob` at every depth."""
        return self.glob(f"**/{pattern}")

    def _at(self, path: str) -> "Remote":
        return Remote(str(self._system().unstrip_protocol(path)).rstrip("/"))

    def _protocol(self) -> str:
        return self.url.partition("://")[0]

    def _system(self) -> Any:
        return open_system(self.url)[0]

    def _path(self) -> str:
        return open_system(self.url)[1]


#: A file or folder below an output folder.
Place = Path | Remote


def place(name: "str | Path | Remote") -> Place:
    """A folder or file: a local path in its plain spelling, or a URL that fsspec knows."""
    if isinstance(name, Remote):
        return name
    address = plain(str(name))
    return Remote(address.rstrip("/")) if is_remote(address) else Path(address)


def open_system(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it.

    Its listings are never cached: other processes write there. What it tries again by itself is little, because
    everything here is tried again.

    Raises:
        StorageError: the protocol is unknown, or its package is not installed.
    """
    address = absolute(url)
    protocol, options = address.partition("://")[0], {}
    if protocol in _S3:
        options = {"use_listings_cache": False, "config_kwargs": _client_config(protocol)}
    try:
        system, path = fsspec.core.url_to_fs(address, **options)
    except (ImportError, ValueError) as error:
        hint = _EXTRAS.get(protocol, "install the fsspec package of that protocol")
        raise StorageError(f"cannot open {url}: {error}", hint=hint) from error
    except Exception as error:
        if (told := lasting(error, url)) is not None:
            raise told from error
        raise
    if protocol not in _S3:
        system.invalidate_cache()
    return system, str(path)


def _client_config(protocol: str) -> dict[str, Any]:
    """What the configuration of fsspec says of the client, and one attempt for each request."""
    given = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    return {"retries": {"total_max_attempts": 1}, "connect_timeout": 20, "read_timeout": 60, **given}


class Blocks(io.RawIOBase):
    """The bytes of an object as a file, asked for range by range.

    Args:
        read_range: gives the bytes from a start to a stop, all of them.
        size: bytes of the object.
    """

    def __init__(self, read_range: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read_range, self._size, self._at = read_range, size, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def readall(self) -> bytes:
        """The rest."""
        blocks = range(self._at, self._size, BLOCK_BYTES)
        self._at = self._size  # the base class would ask for 8 KiB at a time
        return b"".join(self._read_range(at, min(at + BLOCK_BYTES, self._size)) for at in blocks)

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer, less at the end."""
        stop = min(self._at + len(buffer), self._size)
        data = self._read_range(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class Ranges:
    """An object's bytes as if they were a `pyarrow.Buffer`: slices are fetched, the end once."""

    def __init__(self, file: Remote) -> None:
        self._file = file
        self.size = file.known_size()
        self._from = max(0, self.size - _TAIL_BYTES)
        self._tail = file.read_range(self._from, self.size)

    def __getitem__(self, part: slice) -> pa.Buffer:
        start, stop, _ = part.indices(self.size)
        if start >= self._from:
            return pa.py_buffer(self._tail[start - self._from : stop - self._from])
        return pa.py_buffer(self._file.read_range(start, stop))


def listing(folder: Place, pattern: str) -> list[Place]:
    """The files below that match, sorted, numbers in names by value; none if there is no such folder."""
    return sorted(folder.glob(pattern), key=_in_order)


def _in_order(path: Place) -> tuple[list[str | int], str]:
    """A shard's number has more than five digits when there are more shards than those can count."""
    name = str(path)
    pieces: list[str | int] = [*_NUMBER.split(name.replace("/", "\0"))]  # part by part, as paths are compared
    pieces[1::2] = map(int, pieces[1::2])
    return pieces, name


def name_below(folder: Place, path: Place) -> str:
    """The path below `folder`, with slashes."""
    return path.relative_to(folder).as_posix()  # type: ignore[arg-type]  # both local, or both not


def for_each(action: Callable[[Place], T], paths: Iterable[Place]) -> Iterator[T]:
    """What `action` gives for each path, in order; requests to a store are made side by side."""
    paths = list(paths)
    if not any(isinstance(path, Remote) for path in paths):
        yield from map(action, paths)
        return
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(action, paths)


def size_of(path: Place) -> int | None:
    """Bytes of a file; None if there is none."""
    if isinstance(path, Remote):
        return path.size()
    return path.stat().st_size if path.is_file() else None


@contextmanager
def local_copy(path: Place, sha256: str | None = None) -> Iterator[Path]:
    """A local file with the bytes of `path`: itself, or a copy that is removed at the end.

    Args:
        path: a file.
        sha256: what the bytes of a copy must be.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: it cannot be read, or has other bytes.
    """
    if not isinstance(path, Remote):
        yield path
        return
    with scratch_file(path.name) as local:
        for _ in range(_COPIES):
            if _fetch(path, local) == sha256 or sha256 is None:
                yield local
                return
    raise StorageError(
        f"the bytes of {path} are not those of its ledger",
        hint="something else has written there: remove the output folder, or choose another one",
    )


def _fetch(source: Remote, target: Path) -> str:
    digest, size = hashlib.sha256(), source.known_size()
    try:
        with target.open("wb") as file:
            for start in range(0, size, BLOCK_BYTES):
                data = source.read_range(start, min(start + BLOCK_BYTES, size))
                digest.update(data)
                file.write(data)
    except OSError as error:
        told = lasting(error, str(target)) if not isinstance(error, FileNotFoundError) else error
        raise (told or error) from error
    return digest.hexdigest()


def remove_tree(folder: Place) -> None:
    """Removes a folder with everything in it, if it is there."""
    if isinstance(folder, Remote):
        folder.rmtree()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def holds(folder: Place, file: str) -> bool:
    """Whether a path or URL lies below `folder`."""
    if isinstance(folder, Remote) or is_remote(file):
        return file.startswith(f"{folder}/")
    return folder.resolve() in Path(file).resolve().parents
