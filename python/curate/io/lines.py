"""Lines of a file, or of a split of it, in bounded memory."""

from collections.abc import Iterator

from curate.io.reader import DamagedError, InputFile, chunks, is_compressed, open_file, plain_chunks

#: The first bytes of what is no text in UTF-8: Parquet, Arrow, UTF-16 and UTF-32, bzip2, xz and zip.
_FOREIGN = (
    b"PAR1",
    b"ARROW1",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\0\0\xfe\xff",
    *(b"BZh%d1AY&SY" % level for level in range(1, 10)),
    b"\xfd7zXZ\0",
    b"PK\x03\x04",
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

WRONG_FORMAT = "wrong_format"
WRONG_FORMAT_TEXT = "the file begins as Parquet, Arrow, UTF-16, bzip2, xz or zip do; nothing of it is read"


def lines(file: InputFile, limit: int) -> Iterator[tuple[int, bytes | str]]:
    """(offset, line) of every line that is not blank; a reason stands for a line that cannot be had.

    The mark that some programs begin UTF-8 with is no part of the first line. A file that is no text gives one
    reason, `wrong_format`.

    Args:
        file: a split has the lines that begin in it; the first split of a compressed file has all.
        limit: bytes; a longer line gives the reason `line_too_long`.
    """
    held: list[bytes] = []  # pieces of the unfinished line
    size = start = 0
    damage = None
    is_first = not file.start
    content, stop = plain_chunks(file), None
    if file.is_split:
        with open_file(file) as stream:
            head = stream.read(16)
        compressed = is_compressed(head)
        if file.start and (compressed or head.startswith(_FOREIGN)):
            return
        if not compressed:
            stop = file.stop
        if file.start:  # the line that ends there, or goes on there, is not ours
            start = file.start - 1
            content = chunks(file, start)
    while stop is None or start < stop:
        try:
            data = next(content, None)
        except DamagedError as error:
            damage, data = str(error), None
        if data is None:
            break
        if is_first and data.startswith(_FOREIGN):
            yield 0, WRONG_FORMAT
            return
        is_first = False
        *ended, rest = data.split(b"\n")
        for piece in ended:
            line = _line([*held, piece], start) if size + len(piece) <= limit else "line_too_long"
            ours = file.start <= start and (stop is None or start < stop)
            if ours and (isinstance(line, str) or line.strip()):
                yield start, line
            start += size + len(piece) + 1
            held, size = [], 0
        size += len(rest)
        if size <= limit:
            held.append(rest)
        else:
            held = []
    if start < file.start or (stop is not None and start >= stop):
        return
    if damage is not None:
        yield start, damage
    elif size > limit:
        yield start, "line_too_long"
    elif (line := _line(held, start)).strip():
        yield start, line


def _line(pieces: list[bytes], start: int) -> bytes:
    line = b"".join(pieces)
    return line if start else line.removeprefix(_BYTE_ORDER_MARK)
