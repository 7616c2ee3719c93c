"""Reading documents from JSON lines and Parquet files."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import _native, schema
from curate.errors import CurateError
from curate.io.lines import WRONG_FORMAT, WRONG_FORMAT_TEXT, lines
from curate.io.reader import (
    BATCH_BYTES,
    BATCH_ROWS,
    REPEATED_ID,
    REPEATED_ID_TEXT,
    SPLIT_BYTES,
    FirstOfEachId,
    InputFile,
    Reader,
    as_urls,
    open_file,
)
from curate.stage import Outcome

_BASE = pa.schema(
    [
        pa.field(schema.ID, pa.string()),
        pa.field(schema.URL, pa.string()),
        pa.field(schema.TEXT, pa.large_string()),
        pa.field(schema.DATE, pa.string()),
        pa.field(schema.SOURCE, pa.string()),
        pa.field(schema.OFFSET, pa.int64()),
    ]
)
#: Of a column of texts in Parquet, or of its dictionary. Many writers say of a text no more than that it is bytes.
_STRINGS = (pa.string(), pa.large_string(), pa.string_view())
_TEXT_TYPES = {*_STRINGS, pa.binary(), pa.large_binary(), pa.binary_view()}
_MISSING_TEXT = {"missing_text": "the text is absent, null or not a string"}
_INVALID_UNICODE = {"invalid_unicode": "bytes that are not UTF-8, or an unpaired surrogate"}
_CORRUPT_MEMBER = {"corrupt_member": "compressed data that cannot be decoded; the rest of the file is lost"}
_CUT_SHORT = {"cut_short": "the file ends inside compressed data"}
_CORRUPT_FILE = {"corrupt_file": "a Parquet file without a readable footer"}
_CORRUPT_ROWS = {"corrupt_row_group": "a row group of a Parquet file that cannot be decoded"}


@dataclass(frozen=True)
class _Columns:
    """Which column of the input becomes which column of the documents."""

    text: str | None
    id: str
    url: str
    date: str
    extra: tuple[tuple[str, str], ...]

    @property
    def extra_schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, pa.type_for_alias(kind)) for name, kind in self.extra])

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*_BASE, *self.extra_schema])


@dataclass(frozen=True)
class ReadJsonl(Reader):
    """See `read_jsonl`."""

    urls: tuple[str, ...]
    columns: _Columns
    max_line_bytes: int
    batch_bytes: int
    split_bytes: int

    @property
    def split_size(self) -> int:
        """`split_bytes`."""
        return self.split_bytes

    @property
    def name(self) -> str:
        """`read_jsonl`."""
        return "read_jsonl"

    @property
    def schema(self) -> pa.Schema:
        """id, url, text, date, source, offset and the extra columns."""
        return self.columns.schema

    @property
    def reasons(self) -> Mapping[str, str]:
        """Faults of lines and files."""
        return {
            "bad_json": "the line is no JSON object",
            "line_too_long": "the line is longer than max_line_bytes",
            **_MISSING_TEXT,
            **_INVALID_UNICODE,
            "bad_column": "an extra column holds a value of another type than declared",
            REPEATED_ID: REPEATED_ID_TEXT,
            WRONG_FORMAT: WRONG_FORMAT_TEXT,
            **_CORRUPT_MEMBER,
            **_CUT_SHORT,
        }

    @property
    def damage(self) -> frozenset[str]:
        """Faults of the file."""
        return frozenset({WRONG_FORMAT, *_CORRUPT_MEMBER, *_CUT_SHORT})

    @property
    def unparsed(self) -> frozenset[str]:
        """The lines that are no JSON lines."""
        return frozenset({"bad_json", *_INVALID_UNICODE})

    def read(self, file: InputFile) -> Iterator[Outcome]:
        """One row per line that is not blank; `offset` counts decompressed bytes.

        A split owns the lines that begin in it; of a compressed file the first split has all.
        """
        first_of_each_id = FirstOfEachId()
        rows: list[dict[str, Any]] = []
        size = 0
        for offset, line in lines(file, self.max_line_bytes):
            rows.append(self._row(offset, line))
            size += len(line)
            if len(rows) >= BATCH_ROWS or size >= self.batch_bytes:
                yield self._outcome(file, rows, first_of_each_id)
                rows, size = [], 0
        if rows:
            yield self._outcome(file, rows, first_of_each_id)

    def _row(self, offset: int, line: bytes | str) -> dict[str, Any]:
        row: dict[str, Any] = {schema.OFFSET: offset}
        if isinstance(line, str):
            return row | {schema.REASON: line}
        try:
            found = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            return row | {schema.REASON: "invalid_unicode"}
        except (ValueError, RecursionError):
            return row | {schema.REASON: "bad_json"}
        if not isinstance(found, dict):
            return row | {schema.REASON: "bad_json"}
        names = self.columns
        for column, name in ((schema.ID, names.id), (schema.URL, names.url), (schema.DATE, names.date)):
            value = found.get(name)
            row[column] = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        row |= {name: found.get(name) for name, _ in names.extra}
        text = line.decode() if names.text is None else found.get(names.text)
        if not isinstance(text, str):
            return row | {schema.REASON: "missing_text"}
        row[schema.TEXT] = text
        return row

    def _outcome(self, file: InputFile, rows: list[dict[str, Any]], first: FirstOfEachId) -> Outcome:
        columns = [_values(rows, f) for f in self.schema]
        reason = pa.array([row.get(schema.REASON) for row in rows], pa.string())
        return _finish(file, pa.record_batch(columns, schema=self.schema), reason, first)


def _values(rows: list[dict[str, Any]], column: pa.Field) -> pa.Array:
    """One column; a value that does not fit gives its row a reason and becomes null."""
    values = [row.get(column.name) for row in rows]
    try:
        return pa.array(values, column.type)
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError):
        pass
    for index, value in enumerate(values):
        try:
            pa.array([value], column.type)
        except UnicodeError:
            values[index] = None
            rows[index][schema.REASON] = rows[index].get(schema.REASON) or "invalid_unicode"
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            values[index] = None
            rows[index][schema.REASON] = rows[index].get(schema.REASON) or "bad_column"
    return pa.array(values, column.type)


def _finish(file: InputFile, batch: pa.RecordBatch, reason: pa.Array, first: FirstOfEachId) -> Outcome:
    """Fills in source and missing ids, drops the text of rejected rows, marks repeated ids."""
    made_up = pa.array(_native.offset_ids(file.name, batch[schema.OFFSET]))
    given = batch[schema.ID]
    kept = pc.is_null(reason)
    replaced = {
        schema.ID: pc.if_else(pc.fill_null(pc.not_equal(given, ""), False), given, made_up),
        schema.SOURCE: pa.repeat(pa.scalar(file.path, pa.string()), batch.num_rows),
        schema.TEXT: pc.if_else(kept, batch[schema.TEXT], pa.scalar(None, pa.large_string())),
    }
    columns = [replaced.get(f.name, batch[f.name]) for f in batch.schema]
    return first(pa.record_batch(columns, schema=batch.schema), reason)


@dataclass(frozen=True)
class ReadParquet(Reader):
    """See `read_parquet`."""

    urls: tuple[str, ...]
    columns: _Columns
    batch_rows: int
    split_bytes: int

    @property
    def split_size(self) -> int:
        """`split_bytes`."""
        return self.split_bytes

    @property
    def name(self) -> str:
        """`read_parquet`."""
        return "read_parquet"

    @property
    def schema(self) -> pa.Schema:
        """id, url, text, date, source, offset (row number) and the extra columns."""
        return self.columns.schema

    @property
    def reasons(self) -> Mapping[str, str]:
        """Faults of rows and files."""
        return {
            **_MISSING_TEXT,
            **_INVALID_UNICODE,
            REPEATED_ID: REPEATED_ID_TEXT,
            **_CORRUPT_FILE,
            **_CORRUPT_ROWS,
        }

    @property
    def damage(self) -> frozenset[str]:
        """Faults of the file."""
        return frozenset({*_CORRUPT_FILE, *_CORRUPT_ROWS})

    def read(self, file: InputFile) -> Iterator[Outcome]:
        """One row per row; a row group that cannot be decoded is one row. A split owns the groups that begin in it.

        Raises:
            CurateError: a column asked for is absent or of a type that cannot be cast.
        """
        first = FirstOfEachId()
        with open_file(file) as stream:
            try:
                parquet = pq.ParquetFile(stream)
            except (pa.ArrowException, OSError):
                if not file.start:
                    yield self._damaged(file, 0, "corrupt_file", first)
                return
            wanted = self._wanted(file, parquet.schema_arrow)
            start = 0
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                if not _owns(file, parquet.metadata.row_group(group)):
                    start += rows
                    continue
                done = 0
                try:
                    for batch in parquet.iter_batches(
                        self.batch_rows, row_groups=[group], columns=list(wanted.values())
                    ):
                        yield self._outcome(file, batch, wanted, start + done, first)
                        done += batch.num_rows
                except (pa.ArrowException, OSError):
                    yield self._damaged(file, start + done, "corrupt_row_group", first)
                start += rows

    def _wanted(self, file: InputFile, found: pa.Schema) -> dict[str, str]:
        """Output column -> input column, for those that exist; text and extra columns must."""
        names = self.columns
        pairs = {
            schema.ID: names.id,
            schema.URL: names.url,
            schema.DATE: names.date,
            schema.TEXT: str(names.text),
        }
        optional = {schema.ID, schema.URL, schema.DATE}
        pairs |= {name: name for name, _ in names.extra}
        missing = [
            name for column, name in pairs.items() if column not in optional and name not in found.names
        ]
        if missing:
            raise CurateError(
                f"{file.path} has no column `{missing[0]}`", hint=f"it has: {', '.join(found.names)}"
            )
        kind = found.field(names.text).type
        if (kind.value_type if pa.types.is_dictionary(kind) else kind) not in _TEXT_TYPES:
            raise CurateError(
                f"column `{names.text}` of {file.path} is {kind}, not text", hint="pass text=..."
            )
        return {column: name for column, name in pairs.items() if name in found.names}

    def _outcome(
        self, file: InputFile, batch: pa.RecordBatch, wanted: dict[str, str], start: int, first: FirstOfEachId
    ) -> Outcome:
        text, bad = _valid_text(batch[wanted[schema.TEXT]])
        columns: dict[str, pa.Array] = {
            schema.TEXT: text,
            schema.OFFSET: pa.array(range(start, start + batch.num_rows), pa.int64()),
        }
        for f in self.schema:
            if f.name in columns:
                continue
            name = wanted.get(f.name)
            if name is None:
                columns[f.name] = pa.nulls(batch.num_rows, f.type)
                continue
            try:
                columns[f.name] = batch[name].cast(f.type)
            except pa.ArrowException as error:
                raise CurateError(
                    f"column `{name}` of {file.path} cannot be read as {f.type}: {error}",
                    hint="declare another type in columns=...",
                ) from error
        missing = pc.and_(pc.is_null(text), pc.invert(bad))
        reason = pc.if_else(missing, "missing_text", pa.scalar(None, pa.string()))
        reason = pc.if_else(bad, "invalid_unicode", reason)
        data = pa.record_batch([columns[f.name] for f in self.schema], schema=self.schema)
        return _finish(file, data, reason, first)

    def _damaged(self, file: InputFile, row: int, reason: str, first: FirstOfEachId) -> Outcome:
        rows = [{schema.OFFSET: row}]
        data = pa.record_batch([_values(rows, f) for f in self.schema], schema=self.schema)
        return _finish(file, data, pa.array([reason]), first)


def _owns(file: InputFile, group: Any) -> bool:
    """Whether a row group begins in the split; one that claims to begin outside the file is the last split's."""
    if not file.is_split:
        return True
    columns = [group.column(index) for index in range(group.num_columns)]
    begin = min((column.dictionary_page_offset or column.data_page_offset for column in columns), default=0)
    if not 0 <= begin < (file.size or 0):
        return file.stop is None
    return file.start <= begin and (file.stop is None or begin < file.stop)


def _valid_text(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The text as `large_string`, null where it is not UTF-8, and a mask of those rows."""
    raw = column.cast(pa.large_binary())
    none = pa.repeat(pa.scalar(False), len(raw))
    try:
        return raw.cast(pa.large_string()), none  # the cast validates; Parquet itself does not
    except pa.ArrowInvalid:
        pass
    bad = []
    for value in raw:
        try:
            (value.as_py() or b"").decode("utf-8")
            bad.append(False)
        except UnicodeDecodeError:
            bad.append(True)
    mask = pa.array(bad)
    return pc.if_else(mask, pa.scalar(None, pa.large_binary()), raw).cast(pa.large_string()), mask


def read_jsonl(
    urls: str | Iterable[str],
    *,
    text: str | None = "text",
    id: str = "id",  # noqa: A002  the name of the column it names
    url: str = "url",
    date: str = "date",
    columns: Mapping[str, str] | None = None,
    max_line_bytes: int = 64 << 20,
    batch_bytes: int = BATCH_BYTES,
    split_bytes: int = SPLIT_BYTES,
) -> ReadJsonl:
    """Reads JSON lines, plain or gzip or zstd (told by magic bytes).

    A file that begins as another format, or of which no line can be parsed, counts as damaged.

    Args:
        urls: paths, fsspec URLs and patterns.
        text: key of the text; None = the whole line, JSON as it is, for `RenderChat`.
        id: key of the identity; a row without one is named by a hash of file name and byte offset, see docs/runs.md.
        url: key of the URL.
        date: key of the date.
        columns: further keys to keep, with Arrow type names, e.g. `{"lang": "string", "score": "float32"}`.
        max_line_bytes: a longer line is rejected; memory is bounded by it.
        batch_bytes: bytes of lines after which a batch is complete.
        split_bytes: a longer plain file is read in splits of this many bytes, each a shard of its own; the rows are
            the same. A compressed file cannot be divided. Part of the plan.

    Raises:
        CurateError: a limit is not positive, or an extra column is taken or of an unknown type.
    """
    if min(max_line_bytes, batch_bytes, split_bytes) <= 0:
        raise CurateError("the limits of read_jsonl must be positive", hint="they are numbers of bytes")
    return ReadJsonl(
        as_urls(urls), _columns(text, id, url, date, columns), max_line_bytes, batch_bytes, split_bytes
    )


def read_parquet(
    urls: str | Iterable[str],
    *,
    text: str = "text",
    id: str = "id",  # noqa: A002  the name of the column it names
    url: str = "url",
    date: str = "date",
    columns: Mapping[str, str] | None = None,
    batch_rows: int = BATCH_ROWS,
    split_bytes: int = SPLIT_BYTES,
) -> ReadParquet:
    """Reads Parquet files, one row group after the other.

    Args:
        urls: paths, fsspec URLs and patterns.
        text: column of the text; must exist and hold strings, or bytes that are UTF-8, perhaps in a dictionary.
        id: column of the identity; without it a row is named by a hash of file name and row number, see docs/runs.md.
        url: column of the URL, may be absent.
        date: column of the date, may be absent.
        columns: further columns to keep, with Arrow type names.
        batch_rows: rows after which a batch is complete.
        split_bytes: a longer file is read in splits of this many bytes, each a shard of its own, which owns the row
            groups that begin in it; the rows are the same. Part of the plan.

    Raises:
        CurateError: `batch_rows` or `split_bytes` is not positive, or an extra column is taken or of an unknown type.
    """
    if min(batch_rows, split_bytes) <= 0:
        raise CurateError(
            "the limits of read_parquet must be positive", hint="leave them out for the defaults"
        )
    return ReadParquet(as_urls(urls), _columns(text, id, url, date, columns), batch_rows, split_bytes)


def _columns(
    text: str | None, identity: str, url: str, date: str, extra: Mapping[str, str] | None
) -> _Columns:
    for name, kind in (extra or {}).items():
        if name in _BASE.names or name == schema.REASON:
            raise CurateError(
                f"column `{name}` has a meaning of its own", hint=f"use the parameter `{name}=`"
            )
        try:
            pa.type_for_alias(kind)
        except ValueError as error:
            raise CurateError(
                f"column `{name}`: no type is named {kind!r}", hint="e.g. string, int64, float32, bool"
            ) from error
    return _Columns(text, identity, url, date, tuple((extra or {}).items()))
