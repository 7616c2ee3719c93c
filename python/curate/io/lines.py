"""Lines of a file, or of a split of it, in bounded memory."""

from collections.abc import Iterator

from curate.io.reader import DamagedError, InputFile, chunks, is_compressed, open_file, plain_chunks


def lines(file: InputFile, limit: int) -> Iterator[tuple[int, bytes | str]]:
    """(offset, line) of every line that is not blank; a reason stands for a line that cannot be had.

    Args:
        file: a split has the lines that begin in it; the first split of a compressed file has all.
        limit: bytes; a longer line gives the reason `line_too_long`.
    """
    held: list[bytes] = []  # pieces of the unfinished line
    size = start = 0
    damage = None
    content, stop = plain_chunks(file), None
    if file.is_split:
        with open_file(file) as stream:
            compressed = is_compressed(stream.read(4))
        if compressed and file.start:
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
        *ended, rest = data.split(b"\n")
        for piece in ended:
            line = b"".join([*held, piece]) if size + len(piece) <= limit else "line_too_long"
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
    elif b"".join(held).strip():
        yield start, b"".join(held)
