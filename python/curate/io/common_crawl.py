"""Reading Common Crawl: whole archive files, or the records that its columnar index names."""

import dataclasses
import gzip
import hashlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate import schema
from curate.assets import cache_dir
from curate.errors import CurateError
from curate.io.atomic import write_bytes
from curate.io.crawl_index import FILE, LENGTH, OFFSET, IndexQuery, chosen, query
from curate.io.fetch import Piece, fetch_file, fetch_pieces
from curate.io.reader import Extent, InputFile, Reader
from curate.io.warc import ReadWarc, read_warc
from curate.io.web import Web, default_user_agent
from curate.stage import Outcome, jsonable, set_column

BASE = "https://data.commoncrawl.org"
KINDS = ("warc", "wet")
#: The files of the index that describe captures; the other subsets hold robots.txt and failed requests.
_SUBSET = "/subset=warc/"


@dataclass(frozen=True)
class ReadCommonCrawl(Reader):
    """See `read_common_crawl`."""

    urls: tuple[str, ...]
    crawl: str
    kind: str
    index: IndexQuery | None
    sample: float | int | None
    seed: int
    records_per_shard: int
    warc: ReadWarc
    base: str
    cache: str
    requests_per_second: float
    user_agent: str

    @property
    def name(self) -> str:
        """`read_common_crawl`."""
        return "read_common_crawl"

    @property
    def schema(self) -> pa.Schema:
        """The raw table; `source` and `offset` are those of the crawl's archive files."""
        return self.warc.schema

    @property
    def reasons(self) -> Mapping[str, str]:
        """Those of `read_warc`."""
        return self.warc.reasons

    @property
    def damage(self) -> frozenset[str]:
        """Those of `read_warc`."""
        return self.warc.damage

    def identity(self) -> dict[str, Any]:
        """Which records are read and how; not from where, nor how fast."""
        named = ("crawl", "kind", "sample", "seed", "records_per_shard")
        told = {name: jsonable(getattr(self, name)) for name in named}
        index = None if self.index is None else jsonable(self.index.terms)
        return {
            "reader": "ReadCommonCrawl",
            "version": self.version,
            **told,
            "index": index,
            "warc": self.warc.identity(),
        }

    def files(self) -> tuple[InputFile, ...]:
        """The archive files, or groups of records; the lists that name them are fetched if they are not here.

        Raises:
            CurateError: nothing is named.
            FileNotFoundError: there is no such crawl.
            StorageError: the server does not answer.
        """
        if self.index is not None:
            found = tuple(
                self._group(number) for number in range(-(-self._records.num_rows // self.records_per_shard))
            )
        else:
            paths = sorted(set(self.urls or self._listed(f"{self.kind}.paths.gz")))
            picked = [paths[at] for at in chosen(paths, self.sample, self.seed)]
            # A file of a crawl never changes: its name says all.
            found = tuple(InputFile(f"{self.base}/{path}", None, path) for path in picked)
        if not found:
            raise CurateError(f"nothing of {self.crawl} is chosen", hint="a larger sample, or another query")
        return found

    def read(self, file: InputFile) -> Generator[Outcome, None, Extent | None]:
        """The records of an archive file, or of a group."""
        below = file.path.removeprefix(f"{self.base}/")
        if self.index is None:
            local = fetch_file(self._web, file.path, self._folder / below)
            for outcome in self.warc.read(dataclasses.replace(_local(local), below=file.below)):
                yield _moved(outcome, pa.repeat(pa.scalar(file.path), outcome.batch.num_rows), None)
            return None
        number = int(Path(below).name.partition("-")[0])
        records = self._records.slice(number * self.records_per_shard, self.records_per_shard)
        sources = [f"{self.base}/{path}" for path in records[FILE].to_pylist()]
        offsets, lengths = records[OFFSET].to_numpy(), records[LENGTH].to_numpy()
        pieces = [Piece(*each) for each in zip(sources, offsets.tolist(), lengths.tolist(), strict=True)]
        local = fetch_pieces(self._web, pieces, self._folder / below)
        starts = np.cumsum(lengths) - lengths
        for outcome in self.warc.read(_local(local)):
            here = outcome.batch[schema.OFFSET].to_numpy()
            at = np.searchsorted(starts, here, side="right") - 1
            yield _moved(
                outcome, pa.array(sources).take(pa.array(at)), pa.array(here - starts[at] + offsets[at])
            )
        return None

    def __getstate__(self) -> dict[str, Any]:
        # What the index said is read again where it is needed.
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _group(self, number: int) -> InputFile:
        records = self._records.slice(number * self.records_per_shard, self.records_per_shard)
        told = "\n".join(
            map(str, zip(*(records[n].to_pylist() for n in (FILE, OFFSET, LENGTH)), strict=True))
        )
        stamp = hashlib.sha256(told.encode()).hexdigest()[:32]
        size = int(pc.sum(records[LENGTH]).as_py())
        return InputFile(f"{self.base}/{self._query_name}/{number:05d}-{stamp[:8]}.warc.gz", size, stamp)

    @property
    def _query_name(self) -> str:
        told = jsonable(
            [self.index.terms if self.index else None, self.sample, self.seed, self.records_per_shard]
        )
        return f"queries/{self.crawl}/{hashlib.sha256(str(told).encode()).hexdigest()[:16]}"

    @cached_property
    def _records(self) -> pa.Table:
        """What the index says of the wanted records, in the order of files and offsets."""
        assert self.index is not None
        paths = [path for path in self._listed("cc-index-table.paths.gz") if _SUBSET in path]
        urls = [f"{self.base}/{path}" for path in sorted(paths)]
        cached = self._folder / self._query_name / "records.parquet"
        table = query(self._web, urls, self.index, cached)
        names = (
            f"{file} {offset}"
            for file, offset in zip(table[FILE].to_pylist(), table[OFFSET].to_pylist(), strict=True)
        )
        return table.take(pa.array(chosen(names, self.sample, self.seed), pa.int64()))

    def _listed(self, name: str) -> list[str]:
        """The lines of one of the crawl's lists."""
        cached = self._folder / "crawl-data" / self.crawl / name
        if not cached.is_file():
            write_bytes(cached, self._web.read(f"{self.base}/crawl-data/{self.crawl}/{name}"))
        return gzip.decompress(cached.read_bytes()).decode().split()

    @property
    def _folder(self) -> Path:
        """One below the cache for each place from which files come."""
        return Path(self.cache) / hashlib.sha256(self.base.encode()).hexdigest()[:12]

    @property
    def _web(self) -> Web:
        return Web(self._folder, self.requests_per_second, self.user_agent)


def read_common_crawl(
    crawl: str,
    *,
    paths: str | Iterable[str] | None = None,
    index: Mapping[str, Any] | None = None,
    kind: str = "warc",
    sample: float | int | None = None,
    seed: int = 0,
    base: str = BASE,
    cache: str | Path | None = None,
    requests_per_second: float = 2.0,
    user_agent: str | None = None,
    records_per_shard: int = 1000,
    **options: Any,
) -> ReadCommonCrawl:
    """Reads a crawl of Common Crawl: whole files, or the records that its columnar index names.

    What is fetched stays in the cache. A download that is cut off goes on with a range request where it stopped, and
    counts when it has the length that the server, or the index, says; of single records the checksum is held too.

    Args:
        crawl: its name, such as `CC-MAIN-2024-10`.
        paths: archive files as the crawl's lists name them, below `base`; None = all of the list.
        index: records instead of files: any of `domain`, `host`, `tld`, `language` (ISO 639-3, any of the page's),
            `mime`, `status`, each with a value or several, e.g. `{"domain": "example.org", "status": 200}`.
        kind: "warc" or "wet" (text alone); the index names records of "warc".
        sample: a share of files or records if it is a float, a number of them if it is an int; by hash of the name.
        seed: of the sample.
        base: where the crawl is: the web server, `s3://commoncrawl` (with an account) or a mirror.
        cache: folder for what is fetched; None = `common-crawl` in `CURATE_CACHE` or the platform's cache folder.
        requests_per_second: of all workers of this machine together. Common Crawl asks for modest rates and blocks
            addresses that go beyond.
        user_agent: who asks; None = the name and version of this package. A way to reach you is good manners.
        records_per_shard: records of one shard, of an index query.
        options: those of `read_warc`.

    Raises:
        CurateError: a parameter without sense.
    """
    if kind not in KINDS:
        raise CurateError(f"kind is {kind!r}", hint=f"one of {', '.join(KINDS)}")
    if index is not None and (paths is not None or kind != "warc"):
        raise CurateError("the index names records, not files", hint="give index= alone")
    if requests_per_second <= 0 or records_per_shard < 1:
        raise CurateError(
            "the rate and records_per_shard must be positive", hint="2.0 and 1000 are the defaults"
        )
    if isinstance(sample, float) and not 0.0 < sample <= 1.0:
        raise CurateError(f"sample is {sample}", hint="a share above 0.0 up to 1.0, or a whole number")
    return ReadCommonCrawl(
        () if paths is None else (paths,) if isinstance(paths, str) else tuple(paths),
        crawl,
        kind,
        None if index is None else IndexQuery.of(index),
        sample,
        seed,
        records_per_shard,
        read_warc((), **options),
        base.rstrip("/"),
        str(cache or cache_dir() / "common-crawl"),
        requests_per_second,
        user_agent or default_user_agent(),
    )


def _local(path: Path) -> InputFile:
    return InputFile(str(path), path.stat().st_size, "")


def _moved(outcome: Outcome, sources: pa.Array, offsets: pa.Array | None) -> Outcome:
    """The rows as they lie in the crawl."""
    batch = set_column(outcome.batch, schema.SOURCE, sources)
    if offsets is not None:
        batch = set_column(batch, schema.OFFSET, offsets)
    return dataclasses.replace(outcome, batch=batch)
