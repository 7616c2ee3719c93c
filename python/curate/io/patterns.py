"""Which files a pattern names. A folder that cannot be listed is an error, never an empty folder.

The `glob`, `find` and `walk` of fsspec leave out whatever could not be listed at that moment, and say nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import translate
from functools import cache
from pathlib import Path
from re import compile as regex
from typing import Any

from curate.errors import CurateError
from curate.io.retries import retrying

#: What a file system tells of one of its files.
Info = Mapping[str, Any]
_MARKS = "*?["


def is_pattern(path: str) -> bool:
    """Whether there is a mark in it."""
    return any(mark in path for mark in _MARKS)


def divided(path: str) -> tuple[str, str]:
    """A path as the folder before the first part with a mark, and the rest."""
    parts = path.split("/")
    first = next((number for number, part in enumerate(parts) if is_pattern(part)), len(parts) - 1)
    return "/".join(parts[:first]), "/".join(parts[first:])


def matching(system: Any, folder: str, pattern: str, url: str, *, hidden: bool) -> list[dict[str, Any]]:
    """What the file system tells of each file below `folder` that matches, sorted by name.

    Args:
        system: of fsspec.
        folder: path in it; its own name is no pattern.
        pattern: parts with slashes between: `*`, `?` and `[abc]` stand for characters of one part, the part `**` for
            any number of folders. Links are followed.
        url: for messages.
        hidden: marks stand for names with a leading dot too; else only a part that begins with a dot does.

    Raises:
        FileNotFoundError: a link leads to nothing.
        CurateError: `**` stands within a part, or a link leads to a folder above itself.
        StorageError: a folder cannot be listed.
    """
    if any("**" in part and part != "**" for part in pattern.split("/")):
        raise CurateError(f"{url}: `**` stands for whole folders", hint="write it between slashes: a/**/b")

    @cache
    def entries(path: str) -> tuple[Info, ...]:
        try:
            found = retrying(lambda: system.ls(path, detail=True), url)
        except FileNotFoundError:
            return ()
        return tuple(info for info in found if info["name"].rstrip("/") != path.rstrip("/"))

    def shown(path: str, part: str) -> Iterator[Info]:
        """What a part of the pattern may stand for."""
        for info in entries(path):
            if hidden or part.startswith(".") or not _name(info).startswith("."):
                yield info

    found = _search(system, shown, folder or system.root_marker, pattern.split("/"), url)
    return [dict(info) for _, info in sorted({info["name"]: info for info in found}.items())]


def _search(
    system: Any, entries: Callable[[str, str], Iterator[Info]], folder: str, parts: list[str], url: str
) -> Iterator[Info]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _search(system, entries, folder, rest or ["*"], url)
        for info in entries(folder, head):
            target = _target(system, info)
            if target is not None and target["type"] == "directory":
                _refuse_loop(info)
                yield from _search(system, entries, info["name"], parts, url)
        return
    if not is_pattern(head):
        path = f"{folder.rstrip('/')}/{head}"
        if rest:
            yield from _search(system, entries, path, rest, url)
        elif (file := info_of(system, path, url)) is not None and file["type"] == "file":
            yield file
        return
    fits = regex(translate(head)).match
    for info in entries(folder, head):
        if not fits(_name(info)):
            continue
        target = _target(system, info)
        if rest and target is not None and target["type"] == "directory":
            yield from _search(system, entries, info["name"], rest, url)
        elif not rest and target is None:
            error = FileNotFoundError(f"{info['name']} links to nothing")
            error.hint = "remove the link, or restore its file"  # type: ignore[attr-defined]
            raise error
        elif not rest and target is not None and target["type"] == "file":
            yield target


def _name(info: Info) -> str:
    return str(info["name"]).rstrip("/").rsplit("/", 1)[-1]


def info_of(system: Any, path: str, url: str) -> dict[str, Any] | None:
    """What the file system tells of a file or folder; None if there is none.

    Raises:
        StorageError: it does not let us look, or stays away.
    """

    def look() -> dict[str, Any] | None:
        try:
            return dict(system.info(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    return retrying(look, url)


def _target(system: Any, info: Info) -> Info | None:
    """Of a symbolic link what it leads to, None if to nothing: a listing tells of the link itself, which is no file."""
    if not info.get("islink"):
        return info
    try:
        return {**system.info(info["name"]), "name": info["name"]}
    except FileNotFoundError:
        return None


def _refuse_loop(info: Info) -> None:
    if info.get("islink") and Path(info["name"]).resolve() in Path(info["name"]).parent.resolve().parents:
        raise CurateError(f"{info['name']} leads to a folder above itself", hint="remove the link")
