"""Rows of token shards: checked, cut into record batches by count alone, and found again in the written bytes."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import OutputError
from curate.schema import DOC_IDS, DOC_LENS, ID, INPUT_IDS, LOSS_MASK

#: columns in which no value may be missing
WHOLE = frozenset({INPUT_IDS, LOSS_MASK, DOC_LENS, DOC_IDS, ID})


def rechunked(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows_per_batch: int, max_tokens: int
) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `rows_per_batch`, or fewer where they would hold more than `max_tokens`.

    Raises:
        OutputError: a column is missing or of another kind, an id does not fit, a null where none may be, or
            columns of one row that do not agree in length.
    """
    pending: list[pa.RecordBatch] = []
    rows = tokens = 0
    for batch in batches:
        clean = _checked(batch, schema)
        ends = _offsets(clean.column(0))[1:].astype(np.int64)
        start = 0
        while start < clean.num_rows:
            before = int(ends[start - 1]) if start else 0
            fitting = int(np.searchsorted(ends, before + max_tokens - tokens, side="right"))
            shortest = start if rows else start + 1  # one row is written however long it is
            stop = max(min(start + rows_per_batch - rows, fitting), shortest)
            if stop > start:
                pending.append(clean.slice(start, stop - start))
                rows += stop - start
                tokens += int(ends[stop - 1]) - before
            if rows == rows_per_batch or stop < clean.num_rows:
                yield _joined(pending, schema)
                pending, rows, tokens = [], 0, 0
            start = stop
    if rows:
        yield _joined(pending, schema)


def places_of(message: pa.Buffer, schema: pa.Schema) -> dict[str, int]:
    """Where in the bytes of a record batch's message its numbers begin, see `curate.io.tokens.INDEX_COLUMNS`."""
    batch = pa.ipc.read_record_batch(message, schema)

    def at(buffer: pa.Buffer | None) -> int:
        return int(buffer.address - message.address) if buffer is not None and buffer.size else 0

    lists = batch[INPUT_IDS]
    places = {"ids_at": at(lists.values.buffers()[1])}
    if DOC_LENS in schema.names:
        lens = batch[DOC_LENS]
        places |= {"bounds_at": at(lens.buffers()[1]), "lens_at": at(lens.values.buffers()[1])}
    else:
        places["bounds_at"] = at(lists.buffers()[1])
    if LOSS_MASK in schema.names:
        places["mask_at"] = at(batch[LOSS_MASK].values.buffers()[1])
    return places


def _checked(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of the schema in their types, with list offsets from zero."""
    for name in schema.names:
        if name not in batch.schema.names:
            raise OutputError(f"token rows have no column `{name}`", hint=f"give {', '.join(schema.names)}")
        if name in WHOLE and batch[name].null_count:
            raise OutputError(f"`{name}` has a null", hint="reject such rows before they get here")
    columns = [_cast(batch[field.name], field) for field in schema]
    clean = pa.record_batch(columns, schema=schema)
    if LOSS_MASK in schema.names and (_offsets(clean[LOSS_MASK]) != _offsets(clean[INPUT_IDS])).any():
        raise OutputError("a loss_mask is not as long as its input_ids", hint="give one value per token")
    if DOC_LENS in schema.names:
        _check_lengths(clean)
    return clean


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    if not pa.types.is_list(field.type) and not pa.types.is_fixed_size_list(field.type):
        return column.cast(field.type)
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise OutputError(f"`{field.name}` is {kind}", hint="give a list per row")
    offsets = _offsets(column)
    values = _values(column)
    if field.name in WHOLE and values.null_count:
        raise OutputError(f"a value of `{field.name}` is null", hint="a tokenizer gives one for every token")
    if field.name == INPUT_IDS and not pa.types.is_integer(values.type):
        raise OutputError(f"token ids are {values.type}", hint="give integers")
    try:
        values = values.cast(field.type.value_type)
    except pa.ArrowInvalid as error:
        raise OutputError(
            f"a value of `{field.name}` does not fit: {error}",
            hint="store the ids as uint32; no id may be negative",
        ) from error
    return _lists(offsets, values, field.type)


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_fixed_size_list(kind):
        if (np.diff(offsets) != kind.list_size).any():
            raise OutputError(
                "a packed row has another length", hint=f"every row has {kind.list_size} tokens"
            )
        return pa.FixedSizeListArray.from_arrays(values, type=kind)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, type=kind)


def _check_lengths(clean: pa.RecordBatch) -> None:
    lens, row_tokens = clean[DOC_LENS], clean.schema.field(INPUT_IDS).type.list_size
    offsets, values = _offsets(lens), lens.values.to_numpy()
    sums = np.diff(np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[offsets])
    if (values <= 0).any() or (sums != row_tokens).any():
        raise OutputError(f"doc_lens do not add up to {row_tokens}", hint="count every token, padding too")
    for name in clean.schema.names[2:]:
        if name != LOSS_MASK and (_offsets(clean[name]) != offsets).any():
            raise OutputError(f"`{name}` is not as long as doc_lens", hint="give one value per document")


def _joined(parts: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """One batch with buffers of its own, so that nothing of the input's layout reaches the file."""
    columns = []
    for number, field in enumerate(schema):
        column = pa.concat_arrays([part.column(number) for part in parts])
        if pa.types.is_string(field.type):
            columns.append(_fresh(column))
        else:
            columns.append(_lists(_offsets(column), _fresh(_values(column)), field.type))
    return pa.record_batch(columns, schema=schema)


def _fresh(values: pa.Array) -> pa.Array:
    return values.take(pa.array(np.arange(len(values))))


def _offsets(lists: pa.Array) -> npt.NDArray[np.int64]:
    """Where each row begins in `_values`, and the end of the last; int64 [rows + 1], from 0."""
    if pa.types.is_fixed_size_list(lists.type):
        return np.arange(len(lists) + 1, dtype=np.int64) * int(lists.type.list_size)
    offsets: npt.NDArray[np.int64] = lists.offsets.to_numpy().astype(np.int64)
    return np.asarray(offsets - offsets[0])


def _values(lists: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_list(lists.type):
        width = lists.type.list_size
        return lists.values.slice(lists.offset * width, len(lists) * width)
    offsets = lists.offsets
    first = offsets[0].as_py()
    return lists.values.slice(first, offsets[-1].as_py() - first)
