"""Removing documents that contain items of evaluation sets."""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet

from curate import _native
from curate.errors import PlanError
from curate.schema import TEXT, as_large_strings
from curate.stage import Outcome, Stage, jsonable, set_column

CONTAMINATION = "contamination"

_FOUND = pa.struct(
    [
        pa.field("set", pa.string()),
        pa.field("item", pa.string()),
        pa.field("matches", pa.int32()),
        pa.field("longest_words", pa.int32()),
    ]
)
_ITEMS = pa.schema(
    [pa.field("set", pa.string()), pa.field("id", pa.string()), pa.field(TEXT, pa.large_string())]
)
_LINE_BREAK = pa.scalar("\n", pa.large_string())
_FORMATS = (".jsonl", ".ndjson", ".parquet")
_COMPRESSIONS = {".zst": "zstd", ".gz": "gzip"}


@dataclass(frozen=True)
class Decontaminate(Stage):
    """Finds documents that share a run of words with an evaluation item.

    A document is contaminated when it holds an n-gram of 13 words of an item, the rule of GPT-3 (arXiv
    2005.14165, appendix C), words being compared without case, punctuation, diacritics and the value of
    numbers. N-grams of more than `max_items_per_ngram` items are boilerplate and count for nothing, nor do
    those with fewer than 4 different words. An item with fewer than `ngram` words must occur as a whole,
    and needs `min_item_words`; how many items are too short for that, `coverage()` says.

    Attributes:
        evals: files, globs or folders (paths or URLs) of JSONL (.zst, .gz) or Parquet; or items as
            (set, id, text). Columns `set` and `id` name an item, by default the file's name and the row.
        ngram: words.
        action: `drop_document`, or `tag` to only fill the column `contamination`.
        fields: columns that make up an item's text, in order; a file needs at least one of them.
        min_item_words: words.
        max_items_per_ngram: items.

    Raises:
        PlanError: a parameter or an evaluation file that cannot be used.
        FileNotFoundError: no evaluation file where one was named (when the stage is first used).

    """

    evals: str | tuple[str, ...] | tuple[tuple[str, str, str], ...]
    ngram: int = 13
    action: Literal["drop_document", "tag"] = "drop_document"
    fields: tuple[str, ...] = ("question", "answer")
    min_item_words: int = 8
    max_items_per_ngram: int = 10

    def __post_init__(self) -> None:
        # Lists become tuples, so that the stage can be hashed.
        given = (self.evals,) if isinstance(self.evals, str) else tuple(self.evals)
        evals = tuple(e if isinstance(e, str) else tuple(e) for e in given)
        object.__setattr__(self, "evals", evals)
        object.__setattr__(self, "fields", tuple(self.fields))
        if self.action not in ("drop_document", "tag"):
            raise PlanError(f"unknown action `{self.action}`", hint="one of drop_document, tag")
        if min(self.ngram, self.min_item_words, self.max_items_per_ngram) < 1:
            raise PlanError("ngram, min_item_words and max_items_per_ngram must be at least 1")
        kinds = {type(e) for e in evals}
        if len(kinds) != 1 or not all(isinstance(e, str) or _is_item(e) for e in evals):
            raise PlanError(
                "evals must be paths, or items", hint="pass strings, or tuples (set, id, text) of strings"
            )

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """What was found: the item with the longest run of shared words; null in a clean document."""
        return pa.schema([pa.field(CONTAMINATION, _FOUND)])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Contaminated, unless documents are only tagged."""
        if self.action == "tag":
            return {}
        return {"contaminated": f"shares {self.ngram} words in a row, or all words, with an evaluation item"}

    def identity(self) -> dict[str, Any]:
        """The parameters, with the contents of the evaluation files in place of their paths."""
        return {**super().identity(), "evals": _digests(self.evals)}

    def coverage(self) -> dict[str, int]:
        """Number of items, of items that cannot be checked, and of n-grams left out as boilerplate."""
        items, index = _index(self)
        return {
            "items": items.num_rows,
            "uncheckable_items": index.uncheckable_items,
            "common_ngrams": index.common_ngrams,
        }

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Looks for the items; `contamination` names the one found."""
        items, index = _index(self)
        found = pa.array(index.find(as_large_strings(batch[TEXT])))
        item = pc.if_else(pc.is_valid(found), found.field("item"), None)
        sets, ids = items["set"].take(item), items["id"].take(item)
        columns = [sets, ids, found.field("matches"), found.field("longest_words")]
        clean = pc.is_null(found)
        tagged = pa.StructArray.from_arrays(columns, fields=list(_FOUND), mask=clean)
        batch = set_column(batch, CONTAMINATION, tagged)
        if self.action == "tag":
            return Outcome(batch)
        reason = pc.if_else(clean, None, "contaminated").cast(pa.string())
        return Outcome(batch, reason)


def _is_item(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 3 and all(isinstance(part, str) for part in given)


@functools.lru_cache(maxsize=4)
def _index(stage: Decontaminate) -> tuple[pa.RecordBatch, _native.ContaminationIndex]:
    """The items and their index, built once per process."""
    if isinstance(stage.evals[0], str):
        tables = [_read(file, path, stage.fields) for path, file in _open(stage.evals)]
        items = pa.concat_tables(tables).combine_chunks()
    else:
        columns = [
            pa.array(column, f.type) for column, f in zip(zip(*stage.evals, strict=True), _ITEMS, strict=True)
        ]
        items = pa.table(columns, _ITEMS)
    text = as_large_strings(items[TEXT])
    index = _native.ContaminationIndex(text, stage.ngram, stage.min_item_words, stage.max_items_per_ngram)
    batch = pa.record_batch([items[n].combine_chunks() for n in ("set", "id")], ["set", "id"])
    return batch, index


def _open(evals: Any) -> Iterator[tuple[str, Any]]:
    """Path and open file of every evaluation file, in the order named and sorted within a folder or glob."""
    for url in evals:
        fs, path = fsspec.core.url_to_fs(url)
        if fs.isdir(path):
            paths = [p for p in sorted(fs.find(path)) if _format(p)]
        else:
            paths = sorted(fs.glob(path)) if any(c in path for c in "*?[") else [path]
        if not paths:
            raise FileNotFoundError(f"no evaluation file at {url}")
        for found in paths:
            with fs.open(found, "rb") as file:
                yield found, file


def _digests(evals: Any) -> Any:
    if not isinstance(evals[0], str):
        return jsonable(evals)
    digests = ((PurePosixPath(path).name, hashlib.file_digest(file, "sha256")) for path, file in _open(evals))
    return [{"name": name, "sha256": digest.hexdigest()} for name, digest in digests]


def _format(path: str) -> str | None:
    name = PurePosixPath(path)
    suffix = name.with_suffix("").suffix if name.suffix in _COMPRESSIONS else name.suffix
    return suffix if suffix in _FORMATS else None


def _read(file: Any, path: str, fields: tuple[str, ...]) -> pa.Table:
    """The items of one file, as `_ITEMS`."""
    name = PurePosixPath(path)
    if _format(path) is None:
        raise PlanError(
            f"{path}: unknown evaluation format", hint=f"one of {', '.join(_FORMATS)}, maybe .zst or .gz"
        )
    try:
        if name.suffix == ".parquet":
            table = pa.parquet.read_table(file)
        else:
            source = pa.PythonFile(file, "r")
            compression = _COMPRESSIONS.get(name.suffix)
            stream = pa.CompressedInputStream(source, compression) if compression else source
            data = stream.read()
            # One block, because the reader wants every line within one.
            options = pa.json.ReadOptions(block_size=max(len(data), 1))
            table = pa.json.read_json(pa.BufferReader(data), read_options=options)
        present = [table[field] for field in fields if field in table.column_names]
        if not present:
            there = ", ".join(table.column_names)
            raise PlanError(
                f"{path}: none of the columns {', '.join(fields)}",
                hint=f"name the columns with the items' text by `fields=`; there are {there}",
            )
        texts = pc.binary_join_element_wise(*map(_strings, present), _LINE_BREAK)
        rows = pa.array(map(str, range(table.num_rows)), pa.string())
        stem = name.name.split(".")[0]
        sets = (
            table["set"].cast(pa.string()) if "set" in table.column_names else pa.repeat(stem, table.num_rows)
        )
        ids = table["id"].cast(pa.string()) if "id" in table.column_names else rows
        return pa.table([pc.fill_null(sets, stem), pc.coalesce(ids, rows), texts], _ITEMS)
    except (pa.ArrowException, OSError) as error:
        raise PlanError(
            f"{path}: {error}", hint="the evaluation file is damaged or has another format"
        ) from error


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Strings, numbers or lists of them as text, empty where null."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        strings = column.cast(pa.large_list(pa.large_string()))
        column = pc.binary_join(strings, _LINE_BREAK)
    return pc.fill_null(column.cast(pa.large_string()), "")
