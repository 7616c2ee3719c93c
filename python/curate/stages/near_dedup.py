"""Near deduplication: MinHash bands nominate, exact similarity decides against a document that stays."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import CurateError, PlanError
from curate.schema import DUPLICATES, ID, PARTITION, ROW, SHARD, TEXT, as_large_strings
from curate.stage import Barrier, Outcome, Round
from curate.stages.clusters import (
    COMPONENT_PARTITIONS,
    EARLIER_SHARD,
    Components,
    Members,
    Words,
    component_partition,
    keyed,
    links,
    row_addresses,
)
from curate.stages.near_index import NearIndex
from curate.stages.near_scheme import band_keys, best_bands, shingle_sets
from curate.stages.near_scheme import minhash_signatures as signatures_of
from curate.stages.survivors import (
    ORDER,
    ROW_BITS,
    VERDICTS,
    Keep,
    KeepBy,
    addresses,
    check_keep,
    check_keeper_columns,
    clusters_by_size,
    columns_of,
    decide,
    int64_values,
    noted,
    precedence,
    removals,
    summary_file,
    table_of,
    weights,
)

#: Partitions of keys that a run should have at least: each is in memory as a whole.
_KEY_PARTITIONS = 32


@dataclass(frozen=True)
class NearDedup(Barrier):
    """Removes documents that share most of their n-grams with one that stays.

    MinHash bands nominate: two documents of Jaccard similarity s meet with probability 1 − (1 − s^rows)^bands, 0.77 at
    0.75 and 0.92 at 0.8 for the default 14 × 8, FineWeb's numbers (arXiv 2406.17557). Documents that meet, directly or
    through others, are then compared exactly, and with `verify` one goes only in favour of another that stays and is
    that similar to it: no chains, which is how unverified banding has been seen to lose whole sources. Documents
    without words are never duplicates; shorter ones than `ngram` are compared as a whole. `near_dedup.json` tells the
    sizes of clusters and how much was compared.

    Attributes:
        ngram: words (or characters) per shingle.
        unit: `words`, or `characters` of the normalised text.
        bands: groups of slots, any of which nominates.
        rows: slots per band.
        seed: of the hash functions.
        verify: measure; otherwise of all documents that bands connect one stays, and no similarity is reported.
        min_jaccard: least similarity of a removed document with its keeper, 0 to 1; only for `verify`.
        measure: `jaccard`, or `containment`: the share of the removed document's shingles that its keeper has.
        keep: `longest` text, `newest` or `oldest` date, the `first` id, `Highest` signal or `Preferred` values of a
            column, e.g. sources; ties go to the first id.
        within: column within whose equal values documents are compared, e.g. the dump; None = the whole run.
        index: path or URL of the documents of earlier runs, see `write_near_index`: they always stay.
        scheme: whose hash functions; `datatrove` and `datasketch` reproduce theirs value by value.
        max_cluster: without `verify`, the largest cluster of which all but one document may go; a larger one stops
            the run.

    """

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    verify: bool = True
    min_jaccard: float = 0.75
    keep: Keep | KeepBy = "longest"
    unit: Literal["words", "characters"] = "words"
    measure: Literal["jaccard", "containment"] = "jaccard"
    within: str | None = None
    index: str | None = None
    scheme: Literal["curate", "datatrove", "datasketch"] = "curate"
    max_cluster: int = 100_000

    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if not 0 < self.min_jaccard <= 1:
            raise PlanError(f"min_jaccard must be above 0 and at most 1, not {self.min_jaccard}")
        if min(self.ngram, self.bands, self.rows, self.max_cluster) < 1 or self.seed < 0:
            raise PlanError("ngram, bands, rows and max_cluster must be at least 1, seed at least 0")
        for name, known in (
            ("unit", ("words", "characters")),
            ("measure", ("jaccard", "containment")),
            ("scheme", ("curate", "datatrove", "datasketch")),
        ):
            if getattr(self, name) not in known:
                raise PlanError(f"unknown {name} `{getattr(self, name)}`", hint=f"one of {', '.join(known)}")
        if self.scheme != "curate" and self.unit != "words":
            raise PlanError(f"the scheme of {self.scheme} has shingles of words only")
        minhash_signatures([], self)  # the native side knows the upper limits

    @classmethod
    def fineweb(cls) -> "NearDedup":
        """The scheme of FineWeb (arXiv 2406.17557): 5-grams, 14 × 8, no verification."""
        return cls(ngram=5, bands=14, rows=8, verify=False)

    @classmethod
    def refinedweb(cls) -> "NearDedup":
        """The scheme of RefinedWeb (arXiv 2306.01116): 5-grams, 450 × 20, no verification."""
        return cls(ngram=5, bands=450, rows=20, verify=False)

    @classmethod
    def olmo3(cls) -> "NearDedup":
        """The scheme of OLMo 3 (arXiv 2512.13961): 5-grams, 26 × 11, verified at 0.8, keeps the newest."""
        return cls(ngram=5, bands=26, rows=11, min_jaccard=0.8, keep="newest")

    @classmethod
    def at(cls, min_jaccard: float, slots: int = 128, **parameters: Any) -> "NearDedup":
        """Verified at a similarity, with those bands × rows of at most `slots` that err least there."""
        bands, rows = best_bands(min_jaccard, slots)
        return cls(bands=bands, rows=rows, min_jaccard=min_jaccard, **parameters)

    def identity(self) -> dict[str, Any]:
        """The parameters, and the digest of the index."""
        digest = NearIndex(self.index).digest() if self.index else None
        return {**super().identity(), "index": digest}

    @property
    def reads(self) -> frozenset[str]:
        """The id, the text, what the keeper order looks at, and the column of the scope."""
        return frozenset({ID, TEXT}) | columns_of(self.keep) | ({self.within} if self.within else set())

    def check_columns(self, columns: pa.Schema) -> None:
        """The keeper order must find its numbers."""
        check_keeper_columns(self.keep, columns)

    @property
    def adds(self) -> pa.Schema:
        """How many documents were removed in favour of this one."""
        return pa.schema([pa.field(DUPLICATES, pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Similar to a document that was kept."""
        return {
            "near_duplicate": f"shares its {self.ngram}-grams of {self.unit} with a document that is kept"
        }

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Bands nominate, links become components, exact similarity decides."""
        return _Bands(self), Components(), _Resolve(self)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Removes the duplicates and counts them at their keepers."""
        return decide(batch, verdicts)

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`near_dedup.json`: documents nominated, compared and removed, and the sizes of clusters."""
        none = np.zeros(0, np.int64)
        return summary_file(self.name, verdicts, _summary(none, none, 0))


def minhash_signatures(texts: object, parameters: NearDedup) -> pa.FixedSizeListArray:
    """MinHash signatures: `bands * rows` slots per text, null for a text without words.

    Args:
        texts: any Arrow string array or iterable of `str`.
        parameters: the scheme; of it `ngram`, `unit`, `bands`, `rows`, `seed` and `scheme` matter. Slots are uint32,
            those of other tools uint64.

    Raises:
        CurateError: a parameter outside the range of the native side.

    """
    return signatures_of(as_large_strings(texts), parameters)


def write_near_index(
    path: str, documents: Iterable[pa.RecordBatch], parameters: NearDedup, extend: str | None = None
) -> int:
    """Writes an index for `NearDedup(index=...)`: the ids, band keys and shingles of documents with `id` and `text`.

    Args:
        path: the file to write, or its URL.
        documents: e.g. `read_documents(folder)` of a finished run.
        parameters: the scheme, which must be that of the runs that use the index.
        extend: an index whose documents are taken over.

    Returns:
        The number of documents in it.

    Raises:
        CurateError: the index to be extended has another scheme.
    """
    return NearIndex(path).write(documents, parameters, extend)


@dataclass(frozen=True)
class _Bands(Round):
    barrier: NearDedup

    name: ClassVar[str] = "bands"
    names_shard: ClassVar[bool] = True

    @property
    def parts(self) -> int:
        """Partitions of one band."""
        return -(-_KEY_PARTITIONS // self.barrier.bands)

    @property
    def partitions(self) -> int:
        return self.barrier.bands * self.parts

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del shard, inbox
        for batch in documents:
            keys = band_keys(as_large_strings(batch[TEXT]), self.barrier)
            valid = keys.is_valid()
            rows = batch[ROW].filter(valid).to_numpy()
            table = keys.filter(valid).flatten().to_numpy().reshape(-1, self.barrier.bands)
            if self.barrier.within:
                table = table ^ _scopes(batch[self.barrier.within].filter(valid))[:, None]
            for band in range(self.barrier.bands):
                yield keyed(table[:, band], rows, self._partition(band, table[:, band]))

    def _partition(self, band: int, keys: Words) -> npt.NDArray[np.int32]:
        part = (keys >> np.uint64(32)) % np.uint64(self.parts)
        return (part + np.uint64(band * self.parts)).astype(np.int32)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        keys, at = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        if rows.num_rows:
            keys, at = rows["key"].combine_chunks().to_numpy(), row_addresses(rows)
        if self.barrier.index:
            band = partition // self.parts
            known = NearIndex(self.barrier.index).keys(self.barrier, band)
            here = np.flatnonzero(self._partition(band, known) == partition)
            keys = np.concatenate([keys, known[here]])
            at = np.concatenate([at, here + (EARLIER_SHARD << ROW_BITS)])
        return links(keys, at)


def _scopes(values: pa.Array) -> Words:
    """A number for each value, so that keys of different ones differ."""
    hashes = pa.array(_native.text_hashes(values.cast(pa.large_string()), False))
    words = np.frombuffer(pc.fill_null(hashes, b"\0" * 16).buffers()[1], "<u8").reshape(-1, 2)
    return words[: len(values), 0]


_RESOLVED = pa.schema(
    [
        pa.field(PARTITION, pa.int32()),
        pa.field("address", pa.int64()),
        pa.field("component", pa.int64()),
        pa.field(ID, pa.string()),
        pa.field("precedence", pa.int64()),
        pa.field("weight", pa.int64()),
        pa.field("shingles", pa.large_list(pa.uint64())),
    ]
)


@dataclass(frozen=True)
class _Resolve(Round):
    barrier: NearDedup

    name: ClassVar[str] = "verdicts"

    @property
    def partitions(self) -> int:
        return COMPONENT_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads | {DUPLICATES}

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        p = self.barrier
        members = Members.of(inbox)
        rows, component = members.earlier()
        if len(rows) and p.index:
            columns = NearIndex(p.index).documents(rows, p.verify)
            columns["address"] = pa.array(rows + (EARLIER_SHARD << ROW_BITS))
            # They come before every document of the run, and stay.
            columns["precedence"] = pa.array(np.full(len(rows), np.iinfo(np.int64).min))
            columns["weight"] = pa.array(np.zeros(len(rows), np.int64))
            yield _sent(columns, component)
        for batch in documents:
            here = addresses(shard, batch[ROW])
            positions, component = members.within(here)
            if len(positions) == 0:
                continue
            nominated = batch.take(pa.array(positions))
            columns = {
                "address": here.take(pa.array(positions)),
                ID: nominated[ID],
                "precedence": precedence(nominated, p.keep),
                "weight": weights(nominated),
            }
            if p.verify:
                columns["shingles"] = shingle_sets(as_large_strings(nominated[TEXT]), p)
            yield _sent(columns, component)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return VERDICTS.empty_table()
        p = self.barrier
        order = pc.sort_indices(rows, [(name, "ascending") for name in ORDER])
        sets = rows["shingles"].combine_chunks() if p.verify else None
        documents = rows.drop_columns(["shingles"]).take(order)
        component = int64_values(documents, "component")
        fixed = int((int64_values(documents, "address") >> ROW_BITS >= EARLIER_SHARD).sum())
        pairs = 0
        if sets is not None:
            found, pairs = _native.resolve_duplicates(
                documents["component"].combine_chunks(),
                sets.take(order),
                fixed,
                p.min_jaccard,
                p.measure == "containment",
            )
            found = pa.array(found)
            removed, keeper = (found.field(n).to_numpy() for n in ("document", "keeper"))
            similarity = found.field("similarity")
        else:
            first, of = np.unique(component, return_index=True, return_inverse=True)[1:]
            self._check(documents, component)
            removed = np.setdiff1d(np.arange(fixed, len(component)), first)
            keeper = first[of][removed]
            similarity = pa.nulls(len(removed), pa.float32())
        verdicts = removals(documents, removed, keeper, similarity, "near_duplicate")
        verdicts = verdicts.filter(pc.less(verdicts[SHARD], EARLIER_SHARD))
        return noted(verdicts, _summary(component, keeper, pairs))

    def _check(self, documents: pa.Table, component: npt.NDArray[np.int64]) -> None:
        values, first, counts = np.unique(component, return_index=True, return_counts=True)
        if len(values) and counts.max() > self.barrier.max_cluster:
            example = documents[ID][int(first[counts.argmax()])].as_py()
            raise CurateError(
                f"{counts.max()} documents would go for one (`{example}`): they hang together by bands alone",
                hint="set verify=True, give more rows per band, or raise max_cluster if they are equal indeed",
            )


def _sent(columns: dict[str, pa.Array], component: npt.NDArray[np.int64]) -> pa.Table:
    columns = {**columns, "component": pa.array(component), PARTITION: component_partition(component)}
    return table_of(columns, _RESOLVED)


def _summary(component: npt.NDArray[np.int64], keeper: npt.NDArray[np.int64], pairs: int) -> dict[str, Any]:
    components = np.unique(component, return_counts=True)[1]
    return {
        "nominated": len(component),
        "components": len(components),
        "largest_component": int(components.max(initial=0)),
        "compared_pairs": int(pairs),
        **clusters_by_size(keeper),
    }
