"""Reading evaluation sets: files of items with questions, answers and choices."""

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.json
import pyarrow.parquet

from curate.errors import PlanError
from curate.io.patterns import divided, info_of, matching
from curate.io.storage import open_system
from curate.schema import TEXT
from curate.stage import jsonable

#: What an item is.
ITEMS = pa.schema(
    [pa.field("set", pa.string()), pa.field("id", pa.string()), pa.field(TEXT, pa.large_string())]
)
_LINES = (".jsonl", ".ndjson")
_ARROW = (".arrow", ".feather", ".ipc")
_FORMATS = (*_LINES, ".parquet", *_ARROW)
_COMPRESSIONS = {".zst": "zstd", ".gz": "gzip"}


def read_items(evals: Any, fields: tuple[str, ...]) -> pa.Table:
    """The items as `ITEMS`, in the order named, of paths or of (set, id, text).

    Raises:
        PlanError: a file that cannot be used.
        FileNotFoundError: no file where one was named.
    """
    if isinstance(evals[0], str):
        tables = [_read(file, path, fields) for path, file in _open(evals)]
        return pa.concat_tables(tables).combine_chunks()
    columns = [pa.array(c, f.type) for c, f in zip(zip(*evals, strict=True), ITEMS, strict=True)]
    return pa.table(columns, ITEMS)


def read_texts(paths: tuple[str, ...]) -> Iterator[pa.Array]:
    """The column `text` of files, one array each.

    Raises:
        PlanError: a file that cannot be used.
        FileNotFoundError: no file where one was named.
    """
    for path, file in _open(paths):
        yield _read(file, path, (TEXT,))[TEXT].combine_chunks()


def digests(evals: Any) -> Any:
    """What identifies the items: the contents of files in place of their paths."""
    if not evals or not isinstance(evals[0], str):
        return jsonable(evals)
    found = ((PurePosixPath(path).name, hashlib.file_digest(file, "sha256")) for path, file in _open(evals))
    return [{"name": name, "sha256": digest.hexdigest()} for name, digest in found]


def _open(evals: Any) -> Iterator[tuple[str, Any]]:
    """Path and open file of every evaluation file, in the order named and sorted within a folder or glob."""
    for url in evals:
        system, path = open_system(url)
        info = info_of(system, path, url)
        if info is None:
            infos = matching(system, *divided(path), url, hidden=False)
        elif info["type"] == "directory":
            below = matching(system, path, "**/*", url, hidden=False)
            infos = [found for found in below if _format(found["name"])]
        else:
            infos = [info]
        if not infos:
            raise FileNotFoundError(f"no evaluation file at {url}")
        for found in infos:
            with system.open(found["name"], "rb") as file:
                yield found["name"], file


def _format(path: str) -> str | None:
    name = PurePosixPath(path)
    suffix = name.with_suffix("").suffix if name.suffix in _COMPRESSIONS else name.suffix
    return suffix if suffix in _FORMATS else None


def _read(file: Any, path: str, fields: tuple[str, ...]) -> pa.Table:
    """The items of one file, as `ITEMS`."""
    name = PurePosixPath(path)
    kind = _format(path)
    if kind is None:
        raise PlanError(
            f"{path}: unknown evaluation format", hint=f"one of {', '.join(_FORMATS)}, maybe .zst or .gz"
        )
    try:
        table = _table(file, kind, _COMPRESSIONS.get(name.suffix))
        table.validate(full=True)
        if len(set(table.column_names)) < table.num_columns:
            raise PlanError(f"{path}: two columns of one name", hint="rename or drop one")
        present = [table[field] for field in fields if field in table.column_names]
        if not present:
            there = ", ".join(table.column_names)
            raise PlanError(
                f"{path}: none of the columns {', '.join(fields)}",
                hint="name the columns with the items' text: `fields=` of Decontaminate, `eval_fields=` of the main "
                f"recipe; there are {there}",
            )
        texts = pc.binary_join_element_wise(*map(_strings, present), pa.scalar("\n", pa.large_string()))
        rows = pa.array(map(str, range(table.num_rows)), pa.string())
        stem = name.name.split(".")[0]
        sets = (
            table["set"].cast(pa.string()) if "set" in table.column_names else pa.repeat(stem, table.num_rows)
        )
        ids = table["id"].cast(pa.string()) if "id" in table.column_names else rows
        return pa.table([pc.fill_null(sets, stem), pc.coalesce(ids, rows), texts], ITEMS)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise PlanError(
            f"{path}: {error}", hint="the evaluation file is damaged or has another format"
        ) from error


def _table(file: Any, kind: str, compression: str | None) -> pa.Table:
    if kind == ".parquet" and compression is None:
        return pa.parquet.read_table(file)
    source = pa.PythonFile(file, "r")
    data = (pa.CompressedInputStream(source, compression) if compression else source).read()
    if kind == ".parquet":
        return pa.parquet.read_table(pa.BufferReader(data))
    if kind in _LINES:
        # One block, because the reader wants every line within one.
        options = pa.json.ReadOptions(block_size=max(len(data), 1))
        return pa.json.read_json(pa.BufferReader(data), read_options=options)
    if data[:6] == b"ARROW1":
        return pa.ipc.open_file(pa.BufferReader(data)).read_all()
    return pa.ipc.open_stream(pa.BufferReader(data)).read_all()


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Strings, numbers, lists of them, or structs that hold one (`choices.text`), as text, empty where null."""
    if pa.types.is_struct(column.type):
        names = [f.name for f in column.type]
        if TEXT not in names:
            raise pa.ArrowInvalid(f"a struct of {', '.join(names)} holds no `{TEXT}`")
        column = pc.struct_field(column, TEXT)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        strings = column.cast(pa.large_list(pa.large_string()))
        column = pc.binary_join(strings, pa.scalar("\n", pa.large_string()))
    return pc.fill_null(column.cast(pa.large_string()), "")
