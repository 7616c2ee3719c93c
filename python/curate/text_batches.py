"""Texts from anywhere as Arrow arrays, in bounded memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from curate.schema import as_large_strings

#: Texts gathered from an iterator before they cross to native code.
_ROWS = 4096
_CHARACTERS = 1 << 19


def text_batches(texts: Any) -> Iterator[pa.LargeStringArray]:
    """Texts as Arrow arrays, gathered in bounded memory where they come one by one.

    Args:
        texts: Arrow strings, or an iterable of `str` (None is null) or of Arrow string arrays.

    Raises:
        TypeError: one text instead of several.
    """
    if isinstance(texts, str | bytes):
        raise TypeError("expected several texts, got one; put it in a list")
    if isinstance(texts, pa.ChunkedArray):
        yield from map(as_large_strings, texts.iterchunks())
    elif isinstance(texts, pa.Array) or hasattr(texts, "__arrow_c_array__"):
        yield as_large_strings(texts)
    else:
        yield from _gathered(texts)


def _gathered(texts: Iterable[Any]) -> Iterator[pa.LargeStringArray]:
    held: list[str | None] = []
    characters = 0
    for item in texts:
        if item is None or isinstance(item, str):
            held.append(item)
            characters += len(item or "")
        else:
            yield from text_batches(item)
        if len(held) >= _ROWS or characters >= _CHARACTERS:
            yield as_large_strings(held)
            held, characters = [], 0
    yield as_large_strings(held)
