"""The texts of files alone, for what learns from them or measures on them."""

import json
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from curate.errors import CurateError
from curate.io.files import read_jsonl, read_parquet
from curate.io.lines import lines
from curate.io.reader import BATCH_ROWS, InputFile, list_files, open_file
from curate.schema import TEXT

_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_MAX_LINE_BYTES = 64 << 20


def read_texts(url: str, column: str | None = None, label: str = "") -> pa.LargeStringArray:
    """The texts of JSONL or Parquet files (`.parquet`, `.pq`), without rows that the reader rejects.

    Args:
        url: path, fsspec URL or pattern.
        column: a column of strings; only rows with `label` there count.
        label: what must stand in the column.

    Raises:
        FileNotFoundError: there is no such file.
    """
    columns = None if column is None else {column: "string"}
    is_parquet = url.endswith((".parquet", ".pq"))
    reader = read_parquet(url, columns=columns) if is_parquet else read_jsonl(url, columns=columns)
    texts = []
    for file in reader.files():
        for outcome in reader.read(file):
            batch = outcome.batch
            if outcome.reason is not None:
                batch = batch.filter(pc.is_null(outcome.reason))
            if column is not None:
                batch = batch.filter(pc.equal(batch[column], label))
            texts.append(batch[TEXT])
    return pa.chunked_array(texts, pa.large_string()).drop_null().combine_chunks()


def read_rows(url: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All rows of JSON Lines (plain, gzip, zstd), Parquet or Arrow files, told by their first bytes; a bad one raises.

    Args:
        url: path, fsspec URL or pattern.
        columns: what a row may have besides.

    Raises:
        FileNotFoundError: there is no such file.
        CurateError: a file is damaged, has no texts, or is none of these.
    """
    for file in list_files(url):
        with open_file(file) as stream:
            head = stream.read(len(_ARROW_FILE))
            if not head.startswith((_PARQUET, _ARROW_FILE, _ARROW_STREAM)):
                yield from _line_rows(file)
                continue
            stream.seek(0)
            try:
                for batch in _batches(file, stream, head, [TEXT, *columns]):
                    yield from batch.to_pylist()
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise CurateError(
                    f"{file.path} cannot be read: {error}", hint="the file is damaged"
                ) from error


def _batches(
    file: InputFile, stream: IO[bytes], head: bytes, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    def chosen(found: pa.Schema) -> list[str]:
        if TEXT not in found.names:
            raise CurateError(f"{file.path} has no column `{TEXT}`", hint=f"it has: {', '.join(found.names)}")
        return [name for name in columns if name in found.names]

    if head.startswith(_PARQUET):
        parquet = pq.ParquetFile(stream)
        yield from parquet.iter_batches(BATCH_ROWS, columns=chosen(parquet.schema_arrow))
    elif head.startswith(_ARROW_FILE):
        arrow = pa.ipc.open_file(stream)
        names = chosen(arrow.schema)
        yield from (arrow.get_batch(number).select(names) for number in range(arrow.num_record_batches))
    else:
        arrow = pa.ipc.open_stream(stream)
        names = chosen(arrow.schema)
        yield from (batch.select(names) for batch in arrow)


def _line_rows(file: InputFile) -> Iterator[dict[str, Any]]:
    for number, (_, line) in enumerate(lines(file, _MAX_LINE_BYTES), start=1):
        why = f" ({line})" if isinstance(line, str) else ""
        try:
            row = {} if isinstance(line, str) else json.loads(line.decode())
            if isinstance(row[TEXT], str):
                row[TEXT].encode()
        except (ValueError, KeyError, TypeError, RecursionError):
            raise CurateError(
                f"{file.path}, row {number}: no object with a `{TEXT}`{why}",
                hint="expected JSON Lines, plain or compressed by gzip or zstd, Parquet, or Arrow",
            ) from None
        yield row
