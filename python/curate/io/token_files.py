"""Where the files of a split are: a folder, or any address fsspec knows with a local cache of what was needed."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from curate.assets import cache_dir as default_cache
from curate.errors import OutputError
from curate.io.addresses import is_remote, plain
from curate.io.atomic import sha256_of
from curate.io.storage import Place, Remote, local_copy
from curate.io.tokens import FORMAT_VERSION


class SplitFiles:
    """The manifest of a finished split, and local paths of its files.

    Of an address such as `s3://bucket/tokens/train` a file is fetched when it is first needed, checked against
    the manifest's digest, and kept in the cache under the split's content digest: several processes may do so at
    the same time, and another version of the data under the same address is never mistaken for it.

    Args:
        place: a folder or a URL.
        cache_dir: for URLs; None = `CURATE_CACHE`, or the platform's cache folder.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: the split is unfinished, no token split, or of another major format version.
    """

    def __init__(self, place: str | Path, cache_dir: str | Path | None = None) -> None:
        address = plain(str(place))
        self._remote = is_remote(address)
        if self._remote:
            self._source: Place = Remote(address.rstrip("/"))
        else:
            self._source = self.folder = Path(address)
            if not self.folder.is_dir():
                raise FileNotFoundError(f"no token dataset at {self.folder}")
        self.place = str(place)
        self.manifest = self._manifest()
        if self._remote:
            digest = str(self.manifest.get("content_digest", ""))
            if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
                raise OutputError(f"{place} has no content digest", hint="write it again")
            self.folder = Path(cache_dir or default_cache()) / "tokens" / digest
            self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, sha256: str, size: int | None = None, *, verify: bool = False) -> Path:
        """The local path of a file, fetched if it is not there.

        Args:
            name: below the split.
            sha256: what the manifest says of it.
            size: bytes, where the manifest says so.
            verify: hash it although it was here already.

        Raises:
            OutputError: the file is missing, or its bytes are not those of the manifest.
        """
        if Path(name).name != name:
            raise OutputError(f"the file name {name!r} leaves the folder", hint="write it again")
        path = self.folder / name
        fetched = self._remote and not path.is_file()
        if fetched:
            self._fetch(name, path)
        if not path.is_file():
            raise OutputError(f"{path} is missing", hint="write it again, or copy the whole split")
        if size is not None and path.stat().st_size != size:
            raise OutputError(
                f"{path} has {path.stat().st_size} bytes, the manifest says {size}", hint="copy it again"
            )
        if (verify or fetched) and sha256_of(path) != sha256:
            if self._remote:
                path.unlink()
            raise OutputError(
                f"the bytes of {path} are not those of the manifest",
                hint="`python -m curate verify` says what is damaged; copy it again",
            )
        return path

    def _fetch(self, name: str, path: Path) -> None:
        temporary = path.with_name(f".{name}.{os.getpid()}.tmp")
        try:
            with local_copy(self._source / name) as copy:
                shutil.copyfile(copy, temporary)
            temporary.replace(path)
        except OSError as error:
            raise OutputError(
                f"{self.place}/{name} cannot be fetched: {error}", hint="is the copy whole?"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _bytes(self, name: str) -> bytes:
        return (self._source / name).read_bytes()

    def _is_finished(self) -> bool:
        return (self._source / "state.json").is_file()

    def _manifest(self) -> dict[str, Any]:
        if not self._is_finished():
            splits = sorted(p.parent.name for p in self._source.glob("**/state.json"))
            raise OutputError(
                f"{self.place} is not a finished split of a token dataset",
                hint=f"open one of its splits: {', '.join(splits)}"
                if splits
                else "finish the run that writes it",
            )
        try:
            manifest = json.loads(self._bytes("manifest.json"))
            version = str(manifest["format_version"])
            named = manifest["format"] == "curate-tokens"
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"the manifest of {self.place} is not readable: {error}", hint="write it again"
            ) from error
        if not named or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise OutputError(
                f"{self.place} has format {manifest['format']} {version}, "
                f"this reads curate-tokens {FORMAT_VERSION}",
                hint="install the curate that wrote it, or write it again",
            )
        return dict(manifest)
