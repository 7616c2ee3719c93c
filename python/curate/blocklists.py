"""Published block lists for `UrlFilter(lists=...)`: fetched by a command, never during a run.

UT1 is the collection of the Université Toulouse Capitole (CC BY-SA), which RefinedWeb and FineWeb filter by.
"""

import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from curate.errors import CurateError

UT1_URL = "https://dsi.ut-capitole.fr/blacklists/download"
_WANTED = ("domains", "urls")
_MAX_LIST_BYTES = 2 << 30
_TIMEOUT_SECONDS = 60.0


def download_ut1(folder: str, categories: Sequence[str] = ("adult",), url: str = UT1_URL) -> list[Path]:
    """Fetches categories of UT1 into `folder/CATEGORY/{domains,urls}`.

    Args:
        folder: made if absent; lists of the same categories in it are replaced, each as a whole.
        categories: names of UT1's categories, e.g. "adult", "phishing", "gambling".
        url: location below which `CATEGORY.tar.gz` is found.

    Returns:
        The files written.

    Raises:
        CurateError: the location cannot be reached, or what it sends is no such archive.
    """
    written: list[Path] = []
    for category in categories:
        if PurePosixPath(category).name != category or category.startswith("."):
            raise CurateError(f"`{category}` is no category", hint="e.g. adult, gambling, phishing")
        source = f"{url.rstrip('/')}/{category}.tar.gz"
        target = Path(folder) / category
        target.mkdir(parents=True, exist_ok=True)
        try:
            with (
                urllib.request.urlopen(source, timeout=_TIMEOUT_SECONDS) as response,
                tempfile.TemporaryFile() as archive,
            ):
                shutil.copyfileobj(response, archive)
                archive.seek(0)
                found = _unpack(archive, target)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise CurateError(
                f"cannot fetch `{source}`: {error}", hint="check the network and the category"
            ) from error
        if not found:
            raise CurateError(f"`{source}` holds no lists", hint="an archive of UT1 has a file `domains`")
        written += found
    return written


def _unpack(archive: IO[bytes], target: Path) -> list[Path]:
    """Only plain files called as lists are, under our own names: nothing in the archive chooses a path."""
    found: dict[str, Path] = {}
    with tarfile.open(fileobj=archive, mode="r:gz") as members:
        for member in members:
            name = PurePosixPath(member.name).name
            content = members.extractfile(member) if member.isfile() and name in _WANTED else None
            if content is None or name in found:
                continue
            if member.size > _MAX_LIST_BYTES:
                raise CurateError(f"the list `{name}` has {member.size} bytes", hint="this is not UT1")
            partial = target / f"{name}.partial"
            with partial.open("wb") as file:
                shutil.copyfileobj(content, file)
            found[name] = partial
    return sorted(partial.replace(target / name) for name, partial in found.items())
