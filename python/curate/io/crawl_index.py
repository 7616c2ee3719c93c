"""The columnar index of a crawl: which records there are, by domain, language, type and status, and where they lie."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import CurateError, StorageError
from curate.io.atomic import replacing
from curate.io.storage import Blocks
from curate.io.web import Web

FILE, OFFSET, LENGTH, URL = "warc_filename", "warc_record_offset", "warc_record_length", "url"
#: What a query may name, and the column of the index that it means (commoncrawl.org, "Columnar Index").
COLUMNS = {
    "domain": "url_host_registered_domain",
    "host": "url_host_name",
    "tld": "url_host_tld",
    "mime": "content_mime_detected",
    "status": "fetch_status",
    "language": "content_languages",
}
_BLOCK_BYTES = 8 << 20


@dataclass(frozen=True)
class IndexQuery:
    """Which records are wanted: of every named column one of the values."""

    terms: tuple[tuple[str, tuple[str | int, ...]], ...]

    @classmethod
    def of(cls, where: Mapping[str, Any]) -> "IndexQuery":
        """From `{"domain": "example.org", "language": ["eng", "deu"]}`.

        Raises:
            CurateError: a name that the index does not know.
        """
        if unknown := sorted(set(where) - set(COLUMNS)):
            raise CurateError(f"the index has no `{unknown[0]}`", hint=f"it has {', '.join(COLUMNS)}")
        listed = {name: [v] if isinstance(v, str | int) else list(v) for name, v in where.items()}
        return cls(tuple((name, tuple(listed[name])) for name in sorted(listed)))

    def expression(self) -> pc.Expression:
        """The filter; statistics of row groups are held against it. A language is any of a page's."""
        found = pc.is_valid(pc.field(FILE))
        for name, values in self.terms:
            column = pc.field(COLUMNS[name])
            if name == "language":
                pattern = rf"(^|,)({'|'.join(str(value) for value in values)})(,|$)"
                found &= pc.match_substring_regex(column, pattern)
            else:
                found &= column.isin(list(values))
        return found


def query(web: Web, urls: Iterable[str], wanted: IndexQuery, cached: Path) -> pa.Table:
    """The records that an index has of a query, by file and offset, each once.

    Args:
        web: fetches no more of the index than its statistics cannot rule out.
        urls: the Parquet files of the index.
        wanted: the query.
        cached: where the answer is kept; it is not asked for twice.

    Raises:
        StorageError: a file of the index cannot be read.
    """
    if cached.is_file():
        return pq.read_table(cached)
    names = [URL, FILE, OFFSET, LENGTH]
    tables = [_of_file(web, url, wanted, names) for url in urls]
    table = pa.concat_tables(tables) if tables else pa.table({name: [] for name in names})
    table = table.sort_by([(FILE, "ascending"), (OFFSET, "ascending"), (URL, "ascending")])
    table = table.filter(pa.array(_firsts(table)))
    with replacing(cached) as temporary:
        pq.write_table(table, temporary)
    return table


def _of_file(web: Web, url: str, wanted: IndexQuery, names: list[str]) -> pa.Table:
    import pyarrow.dataset as ds  # it imports much

    size = web.facts(url).size
    stream = io.BufferedReader(Blocks(partial(web.read_range, url), size), _BLOCK_BYTES)
    try:
        fragment = ds.ParquetFileFormat().make_fragment(pa.PythonFile(stream, "r"))
        table = fragment.to_table(columns=names, filter=wanted.expression(), use_threads=False)
        return table.cast(
            pa.schema([(URL, pa.string()), (FILE, pa.string()), (OFFSET, pa.int64()), (LENGTH, pa.int64())])
        )
    except (pa.ArrowException, KeyError) as error:
        raise StorageError(f"{url} is no index of a crawl: {error}", hint="is it a Parquet file?") from error


def _firsts(table: pa.Table) -> npt.NDArray[np.bool_]:
    """The first of the rows, which are sorted, that name one record."""
    files = table[FILE].combine_chunks().dictionary_encode().indices.to_numpy()
    offsets = table[OFFSET].to_numpy()
    first = np.ones(table.num_rows, bool)
    first[1:] = (files[1:] != files[:-1]) | (offsets[1:] != offsets[:-1])
    return first


def chosen(names: Iterable[str], sample: float | int | None, seed: int) -> list[int]:
    """The places, in order, of a sample by hash of the name: a larger one only adds.

    Args:
        names: of everything.
        sample: a share from 0.0 to 1.0 if it is a float, else a number; None = everything.
        seed: another one gives another sample.
    """
    if sample is None:
        return [at for at, _ in enumerate(names)]
    keys = [hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest() for name in names]
    if isinstance(sample, float):
        limit = int(sample * 2**64)
        return [at for at, key in enumerate(keys) if int.from_bytes(key) < limit]
    return sorted(sorted(range(len(keys)), key=lambda at: keys[at])[:sample])
