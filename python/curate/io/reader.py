"""What all readers share: which files, which rows, and that every record found is exactly one row.

One input file is one shard; of a long one, each split is. A reader yields outcomes: batches with a reason for each
row that should not go on. A damaged region of a file is a row too, with one of the reasons in `damage`, which mark
the shard as quarantined.
"""

import dataclasses
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.code_identity import code_of
from curate.errors import CurateError
from curate.io.addresses import is_remote, plain
from curate.io.patterns import divided, info_of, is_pattern, matching
from curate.io.retries import retrying
from curate.io.storage import Remote, open_system
from curate.schema import ID
from curate.stage import Outcome, class_identity, jsonable

#: payload or text bytes after which a batch is complete, unless a reader is told otherwise
BATCH_BYTES = 32 << 20
#: rows after which a batch is complete
BATCH_ROWS = 1024
#: bytes asked of the file system at once
CHUNK_BYTES = 1 << 20

#: bytes of a split, unless a reader is told otherwise
SPLIT_BYTES = 256 << 20

REPEATED_ID = "repeated_id"

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class InputFile:
    """One input file, or a split of it: one shard.

    Attributes:
        path: path or URL.
        size: bytes of the whole file, None where the file system does not say.
        stamp: changes when the content does; ETag, checksum or modification time as the system gives it.
        start: the split owns what begins at this byte offset or behind it ...
        stop: ... and before this one; None = to the end of the file.
        exact: something begins at `start`; else the reader searches for the first place from there on.
        rewound: see `Extent`; that of all splits before.
        below: folders of the path that belong to the name; see `named_apart`.
    """

    path: str
    size: int | None
    stamp: str
    start: int = 0
    stop: int | None = None
    exact: bool = True
    rewound: int = 0
    below: int = 0

    @property
    def is_split(self) -> bool:
        """Whether this is not the whole file."""
        return self.start > 0 or self.stop is not None

    @property
    def length(self) -> int | None:
        """Bytes of the split."""
        stop = self.size if self.stop is None else self.stop
        return None if stop is None else stop - self.start

    @property
    def name(self) -> str:
        """The last part of the path, after as many folders as it takes to tell it from the other inputs.

        Ids that are made up contain it, so that a moved file keeps them.
        """
        return "/".join(self.path.rstrip("/").split("/")[-1 - self.below :])


@dataclass(frozen=True)
class Extent:
    """What a reader saw of a split whose beginning it had to guess.

    Attributes:
        begin: byte offset of the first record: right if the split before ends there.
        end: byte offset of what follows the last record.
        rewound: bytes that this split read again after damage, of which a file has a budget.
    """

    begin: int
    end: int
    rewound: int


class Reader(ABC):
    """Where documents come from. Subclasses are frozen dataclasses with a field `urls`."""

    version: ClassVar[int] = 1
    urls: tuple[str, ...]

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in reports and rejects, e.g. `read_warc`."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Columns delivered."""

    @property
    @abstractmethod
    def reasons(self) -> Mapping[str, str]:
        """Every reason this can give, with one line of explanation."""

    @property
    def damage(self) -> frozenset[str]:
        """The reasons that mean the file is damaged: its shard is quarantined."""
        return frozenset()

    @property
    def unparsed(self) -> frozenset[str]:
        """The reasons that say of a row that it is not of this format; a file of no other rows is damaged too."""
        return frozenset()

    @abstractmethod
    def read(self, file: InputFile) -> Iterator[Outcome]:
        """The rows of one file in its order; each record found is one row.

        The generator of a split whose beginning is a guess returns its `Extent`.
        """

    @property
    def split_size(self) -> int | None:
        """Bytes after which a file is divided; None = never."""
        return None

    def shards(self) -> tuple[InputFile, ...]:
        """The files, named apart, those longer than `split_size` in splits of that many bytes."""
        return tuple(split for file in named_apart(self.files()) for split in splits(file, self.split_size))

    def files(self) -> tuple[InputFile, ...]:
        """The files that the URLs and patterns name, sorted by path, each once.

        Raises:
            FileNotFoundError: a file does not exist or a pattern matches nothing; `hint` says what to do.
        """
        found: dict[str, InputFile] = {}
        for url in self.urls:
            for file in list_files(url):
                found[file.path] = file
        return tuple(found[path] for path in sorted(found))

    def identity(self) -> dict[str, Any]:
        """What the fingerprint covers: a recipe's own code and all parameters; the files, with stamps, stand apart."""
        fields = {
            f.name: jsonable(getattr(self, f.name))
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
            if f.name != "urls"
        }
        return {
            "reader": type(self).__qualname__,
            "version": self.version,
            **fields,
            **class_identity(type(self)),
        }

    def code(self) -> dict[str, Any]:
        """The code of a recipe's own that reads here, as JSON values: every process must find the same."""
        return code_of(type(self))


def named_apart(files: Iterable[InputFile]) -> tuple[InputFile, ...]:
    """The files, those of one name with the folders above them that tell all of these apart in their names.

    `a/x.jsonl` and `b/y.jsonl` keep the names `x.jsonl` and `y.jsonl`; `a/x.jsonl` and `b/x.jsonl` have the names
    `a/x.jsonl` and `b/x.jsonl`. The same set of paths is given the same names, whatever their order.
    """
    files = tuple(dataclasses.replace(file, below=0) for file in files)
    paths: dict[str, set[str]] = {}
    for file in files:
        paths.setdefault(file.name, set()).add(file.path)
    below = {name: _folders_needed(alike) for name, alike in paths.items()}
    return tuple(dataclasses.replace(file, below=below[file.name]) for file in files)


def _folders_needed(paths: set[str]) -> int:
    parts = [path.rstrip("/").split("/") for path in paths]
    return next(
        count
        for count in range(max(map(len, parts)))
        if len({tuple(part[-1 - count :]) for part in parts}) == len(parts)
    )


def splits(file: InputFile, size: int | None) -> list[InputFile]:
    """A file in splits of `size` bytes; where its length is not known, the file as it is."""
    if size is None or file.size is None or file.size <= size:
        return [file]
    starts = range(0, file.size, size)
    stops = [*starts[1:], None]
    return [
        dataclasses.replace(file, start=start, stop=stop, exact=start == 0)
        for start, stop in zip(starts, stops, strict=True)
    ]


def as_urls(urls: str | Iterable[str]) -> tuple[str, ...]:
    """One URL or several, as a tuple; paths may be `pathlib.Path`s."""
    return (urls,) if isinstance(urls, str) else tuple(str(url) for url in _each(urls))


def _each(urls: Any) -> Iterable[Any]:
    return [urls] if hasattr(urls, "__fspath__") else urls


def list_files(url: str) -> list[InputFile]:
    """The files that one URL or pattern (`*`, `?`, `**`) names; a leading dot has to be written (`.*`).

    Their paths are plain and absolute, see `curate.io.addresses`.

    Raises:
        FileNotFoundError: there is none.
        CurateError: the protocol is not known here, or the URL names a folder.
        StorageError: the store does not let us look, or stays away.
    """
    system, path = open_system(url)
    info = info_of(system, path, url)  # a name may contain the marks of a pattern
    if info is None and is_pattern(path):
        infos = matching(system, *divided(path), url, hidden=False)
        if not infos:
            raise _missing(
                f"no file matches {url}", "check the pattern; quote it so that the shell leaves it alone"
            )
    elif info is None:
        raise _missing(f"no such file: {url}", "check the path")
    elif info["type"] == "directory":
        raise CurateError(f"{url} is a folder", hint=f"name its files, e.g. {url.rstrip('/')}/*")
    else:
        infos = [info]
    return [
        InputFile(_full_path(system, url, info["name"]), info.get("size"), stamp_of(info)) for info in infos
    ]


def _missing(message: str, hint: str) -> FileNotFoundError:
    error = FileNotFoundError(message)
    error.hint = hint  # type: ignore[attr-defined]
    return error


def _full_path(system: Any, url: str, path: str) -> str:
    return str(system.unstrip_protocol(path)) if is_remote(plain(url)) else str(path)


def stamp_of(info: Mapping[str, Any]) -> str:
    """What changes when a file does, from what its file system tells of it."""
    for key in (
        "ETag",
        "etag",
        "checksum",
        "md5Hash",
        "mtime_ns",
        "LastModified",
        "last_modified",
        "mtime",
        "updated",
    ):
        if info.get(key) is not None:
            return f"{info.get('size')}-{info[key]}"
    return str(info.get("size"))


def open_file(file: InputFile) -> IO[bytes]:
    """The file's bytes as stored, without any decompression."""
    if not is_remote(file.path):
        return Path(file.path).open("rb")
    if file.size is None:  # a server that does not tell: nothing can be asked for by range
        system, path = open_system(file.path)
        return retrying(lambda: system.open(path, "rb"), file.path)
    return Remote(file.path).open()


def chunks(file: InputFile, start: int = 0) -> Iterator[bytes]:
    """The file's bytes as stored, from `start` on, in pieces."""
    with open_file(file) as stream:
        if start:
            stream.seek(start)
        while data := stream.read(CHUNK_BYTES):
            yield data


class DamagedError(Exception):
    """Compressed bytes that cannot be read on; the message is the reason."""


def is_compressed(head: bytes) -> bool:
    """Whether these are the first bytes of gzip or zstd data."""
    return head.startswith((_GZIP_MAGIC, _ZSTD_MAGIC))


def plain_chunks(file: InputFile) -> Iterator[bytes]:
    """The file's content in pieces: gzip and zstd are undone, told by their magic bytes.

    Raises:
        DamagedError: with `corrupt_member` or `cut_short`, after everything readable was given.
    """
    pieces = chunks(file)
    first = next(pieces, b"")
    if first.startswith(_GZIP_MAGIC):
        yield from _gunzip(first, pieces)
    elif first.startswith(_ZSTD_MAGIC):
        yield from _unzstd(file)
    else:
        yield first
        yield from pieces


def _gunzip(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(31)
    data = first
    started = False
    while True:
        while data:
            if inflate.eof:  # the next member, or zero padding
                data = data.lstrip(b"\0")
                if not data:
                    break
                inflate = zlib.decompressobj(31)
            try:
                out = inflate.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise DamagedError("corrupt_member") from error
            started = True
            if out:
                yield out
            data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if not out and not data:
                break
        data = next(pieces, b"")
        if not data:
            break
    if started and not inflate.eof:
        raise DamagedError("cut_short")


def _unzstd(file: InputFile) -> Iterator[bytes]:
    with open_file(file) as stream, pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd") as plain:
        while True:
            try:
                data = plain.read(CHUNK_BYTES)
            except OSError as error:
                cut = "truncated" in str(error).lower()
                raise DamagedError("cut_short" if cut else "corrupt_member") from error
            if not data:
                return
            yield data


class FirstOfEachId:
    """Gives `repeated_id` to every row whose id an earlier kept row of the same file has."""

    @cached_property
    def _seen(self) -> _native.SeenIds:
        return _native.SeenIds()

    def __call__(self, batch: pa.RecordBatch, reason: pa.Array) -> Outcome:
        """The batch with the reasons it came with and those found here."""
        kept = pc.if_else(pc.is_null(reason), batch[ID], pa.scalar(None, pa.string()))
        repeated = pa.array(self._seen.repeated(kept))
        reason = pc.if_else(repeated, pa.scalar(REPEATED_ID, pa.string()), reason)
        return Outcome(batch, reason)


REPEATED_ID_TEXT = "an earlier row of the same file has this id"
