"""How a file or folder is named: an address of a store that fsspec knows, or a local path in any spelling."""

import os
import re
from contextlib import suppress
from pathlib import Path

_LOCAL = re.compile(r"(file|local):(//)?")


def plain(address: str) -> str:
    """One spelling: of a local path without `file://`, `~`, `.`, `..` and doubled slashes; an address as it is.

    A relative path stays relative. `..` is taken by its text, links are not followed.
    """
    path = _LOCAL.sub("", address, count=1) if _LOCAL.match(address) else address
    if is_remote(path):
        return path
    if path.startswith("~"):
        with suppress(RuntimeError):  # no such user: it is a name
            path = str(Path(path).expanduser())
    path = os.path.normpath(path)
    if path.startswith("~") or _LOCAL.match(path):
        return str(Path.cwd() / path)  # part of a name, which the next call must not take for more
    return path.removeprefix("/") if path.startswith("//") else path  # POSIX leaves two slashes as they are


def absolute(address: str) -> str:
    """The plain spelling that is the same in every working folder."""
    address = plain(address)
    return address if is_remote(address) else os.path.normpath(Path.cwd() / address)


def is_remote(address: str) -> bool:
    """Whether a plain address is that of a store."""
    return "://" in address
