"""Near deduplication: MinHash bands nominate pairs, exact similarity confirms them, keeper order decides."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import PlanError
from curate.schema import (
    DUPLICATES,
    EVERY_SHARD,
    ID,
    PARTITION,
    ROW,
    SHARD,
    SIMILARITY,
    TEXT,
    as_large_strings,
)
from curate.stage import Barrier, Outcome, Round
from curate.stages.survivors import (
    KEEPS,
    KEY_PARTITIONS,
    ORDER,
    ROW_BITS,
    VERDICTS,
    Keep,
    addresses,
    check_keep,
    decide,
    int64_values,
    precedence,
    removals,
    table_of,
    weights,
)


@dataclass(frozen=True)
class NearDedup(Barrier):
    """Removes documents that share most of their word n-grams with one that stays.

    MinHash bands nominate pairs: two documents of Jaccard similarity s meet with probability
    1 − (1 − s^rows)^bands, 0.77 at 0.75 and 0.92 at 0.8 for the default 14 × 8, FineWeb's numbers
    (arXiv 2406.17557). Then, with `verify`, the exact Jaccard similarity of each nominated pair decides, and
    a document goes only in favour of one that stays and is that similar to it: no chains, which is how
    unverified banding has been seen to lose whole sources. Documents without words are never duplicates;
    shorter ones than `ngram` are compared as a whole.

    A bucket of equal band keys with more than `max_bucket` documents is not searched completely: each is
    compared with the 8 best and with its neighbour in keeper order. `near_dedup.json` counts such buckets.

    Attributes:
        ngram: words per shingle.
        bands: groups of slots, any of which nominates a pair.
        rows: slots per band.
        seed: of the hash functions.
        verify: measure nominated pairs; otherwise every nominated pair counts, and the similarity
            reported is the estimate (equal bands / bands)^(1 / rows).
        min_jaccard: least similarity of a removed document with its keeper, 0 to 1; only for `verify`.
        keep: `longest` text, `newest` or `oldest` date, or the `first` id; ties go to the first id.
        max_bucket: documents.

    """

    ngram: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 1
    verify: bool = True
    min_jaccard: float = 0.75
    keep: Keep = "longest"
    max_bucket: int = 64

    def __post_init__(self) -> None:
        check_keep(self.keep)
        if not 0 < self.min_jaccard <= 1:
            raise PlanError(f"min_jaccard must be above 0 and at most 1, not {self.min_jaccard}")
        if min(self.ngram, self.bands, self.rows, self.max_bucket) < 1 or self.seed < 0:
            raise PlanError("ngram, bands, rows and max_bucket must be at least 1, seed at least 0")
        minhash_signatures([], self)  # the native side knows the upper limits

    @classmethod
    def fineweb(cls) -> "NearDedup":
        """The scheme of FineWeb (arXiv 2406.17557): 5-grams, 14 × 8, no verification."""
        return cls(ngram=5, bands=14, rows=8, verify=False)

    @classmethod
    def olmo3(cls) -> "NearDedup":
        """The scheme of OLMo 3 (arXiv 2512.13961): 5-grams, 26 × 11, verified at 0.8, keeps the newest."""
        return cls(ngram=5, bands=26, rows=11, min_jaccard=0.8, keep="newest")

    @property
    def reads(self) -> frozenset[str]:
        """The id, the text, and what the keeper order looks at."""
        return frozenset({ID, TEXT}) | KEEPS[self.keep]

    @property
    def adds(self) -> pa.Schema:
        """How many documents were removed in favour of this one."""
        return pa.schema([pa.field(DUPLICATES, pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Similar to a document that was kept."""
        return {"near_duplicate": f"shares its {self.ngram}-grams of words with a document that is kept"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Bands nominate pairs, exact similarity confirms them, keeper order decides."""
        return _Bands(self), _Similarity(self), _Greedy(self)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Removes the duplicates and counts them at their keepers."""
        return decide(batch, verdicts)

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """`near_dedup.json`: pairs nominated and confirmed, clusters, and buckets over the limit."""
        summaries = verdicts["summary"].drop_null() if verdicts.num_rows else []
        return {f"{self.name}.json": summaries[0].as_py().encode()} if len(summaries) else {}


def minhash_signatures(texts: object, parameters: NearDedup) -> pa.FixedSizeListArray:
    """MinHash signatures: `bands * rows` uint64 slots per text, null for a text without words.

    Args:
        texts: any Arrow string array or iterable of `str`.
        parameters: the scheme; of it `ngram`, `bands`, `rows` and `seed` matter.

    Raises:
        CurateError: a parameter outside the range of the native side.

    """
    p = parameters
    return pa.array(_native.minhash_signatures(as_large_strings(texts), p.ngram, p.bands, p.rows, p.seed))


_NOMINATIONS = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field("address", pa.int64()),
        pa.field("other", pa.int64()),  # the other document of the pair
        pa.field("precedence", pa.int64()),
        pa.field("weight", pa.int64()),
        pa.field("note", pa.string()),  # JSON counts; a row has a note or a pair
    ]
)
_NOMINATED = pa.schema(
    [
        pa.field(PARTITION, pa.int32()),
        pa.field("address", pa.int64()),
        pa.field("other", pa.int64()),  # null in a row that brings a document
        pa.field("bands", pa.int64()),  # that nominated the pair
        pa.field(ID, pa.string()),
        pa.field("precedence", pa.int64()),
        pa.field("weight", pa.int64()),
        pa.field("shingles", pa.large_list(pa.uint64())),
        pa.field("note", pa.string()),
    ]
)
_SIDES = ("address", ID, "precedence", "weight")
_EDGES = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        *(pa.field(f"{side}_{n}", _NOMINATED.field(n).type) for side in "ab" for n in _SIDES),
        pa.field(SIMILARITY, pa.float32()),
        pa.field("note", pa.string()),
    ]
)


def _note(shard: int, schema: pa.Schema, **counts: int) -> pa.Table:
    return table_of({SHARD: pa.array([shard]), "note": pa.array([json.dumps(counts)])}, schema)


@dataclass(frozen=True)
class _Bands(Round):
    barrier: NearDedup

    name: ClassVar[str] = "bands"

    @property
    def partitions(self) -> int:
        return self.barrier.bands

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del inbox
        p = self.barrier
        for batch in documents:
            texts = as_large_strings(batch[TEXT])
            keys = pa.array(_native.band_keys(texts, p.ngram, p.bands, p.rows, p.seed))
            valid = pc.is_valid(keys)
            columns = pa.table(
                {
                    "address": addresses(shard, batch[ROW]),
                    "precedence": precedence(batch, p.keep),
                    ID: batch[ID],
                    "weight": weights(batch),
                }
            ).filter(valid)
            repeated = columns.take(pa.array(np.repeat(np.arange(columns.num_rows), p.bands)))
            partition = np.tile(np.arange(p.bands, dtype=np.int32), columns.num_rows)
            yield repeated.append_column("key", keys.filter(valid).flatten()).append_column(
                PARTITION, pa.array(partition)
            )

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _NOMINATIONS.empty_table()
        address = int64_values(rows, "address")
        order = pc.sort_indices(rows, [(n, "ascending") for n in ORDER]).to_numpy()
        key = rows["key"].combine_chunks().take(pa.array(order))
        pairs, largest, limited = _native.bucket_pairs(key, self.barrier.max_bucket)
        columns = pa.array(pairs)
        a, b = (order[columns.field(name).to_numpy()] for name in ("better", "worse"))
        own, other = np.concatenate([a, b]), np.concatenate([b, a])
        nominations = {
            SHARD: address[own] >> ROW_BITS,
            "address": address[own],
            "other": address[other],
            "precedence": int64_values(rows, "precedence")[own],
            "weight": int64_values(rows, "weight")[own],
        }
        first_shard = int(address.min()) >> ROW_BITS
        note = _note(first_shard, _NOMINATIONS, largest_bucket=largest, limited_buckets=limited)
        return pa.concat_tables([table_of(nominations, _NOMINATIONS), note])


@dataclass(frozen=True)
class _Similarity(Round):
    barrier: NearDedup

    name: ClassVar[str] = "similarity"

    @property
    def partitions(self) -> int:
        return KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ID, TEXT}) if self.barrier.verify else frozenset({ID})

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        if inbox.num_rows == 0:
            return
        notes = inbox["note"].drop_null().combine_chunks()
        if len(notes):
            yield table_of({"note": notes, PARTITION: pa.array(np.zeros(len(notes), np.int32))}, _NOMINATED)
        inbox = inbox.filter(pc.is_null(inbox["note"]))
        # A pair meets in the partition of its smaller address, where both documents are sent once.
        smaller = np.minimum(int64_values(inbox, "address"), int64_values(inbox, "other")).astype(np.uint64)
        partition = (smaller * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) % np.uint64(KEY_PARTITIONS)
        inbox = inbox.append_column(PARTITION, pa.array(partition.astype(np.int32)))
        pairs = inbox.filter(pc.less(inbox["address"], inbox["other"]))
        pairs = pairs.group_by([PARTITION, "address", "other"], use_threads=False).aggregate(
            [([], "count_all")]
        )
        yield table_of({**_columns(pairs), "bands": pairs["count_all"]}, _NOMINATED)
        wanted = inbox.group_by(["address", PARTITION], use_threads=False).aggregate(
            [("precedence", "min"), ("weight", "min")]
        )
        wanted = wanted.rename_columns(["address", PARTITION, "precedence", "weight"]).sort_by("address")
        address = int64_values(wanted, "address")
        for batch in documents:
            if batch.num_rows == 0:
                continue
            here = addresses(shard, batch[ROW])
            ends = here[0].as_py(), here[-1].as_py()
            inside = slice(np.searchsorted(address, ends[0]), np.searchsorted(address, ends[1], "right"))
            yield self._documents(batch, here, wanted.slice(inside.start, inside.stop - inside.start))

    def _documents(self, batch: pa.RecordBatch, here: pa.Array, wanted: pa.Table) -> pa.Table:
        nominated = pc.is_in(here, wanted["address"].combine_chunks())
        here, ids = here.filter(nominated), batch[ID].filter(nominated)
        places = pc.index_in(wanted["address"].combine_chunks(), here)
        columns = {**_columns(wanted), ID: ids.take(places)}
        if self.barrier.verify:
            texts = as_large_strings(batch[TEXT].filter(nominated))
            sets = pa.array(_native.shingle_sets(texts, self.barrier.ngram))
            columns["shingles"] = sets.take(places)
        return table_of(columns, _NOMINATED)

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _EDGES.empty_table()
        p = self.barrier
        is_pair = pc.is_valid(rows["other"])
        pairs = rows.filter(is_pair)
        documents = rows.filter(pc.and_(pc.is_valid(rows["address"]), pc.invert(is_pair)))
        notes = rows["note"].drop_null().combine_chunks()
        known = documents["address"].combine_chunks()
        a, b = (pc.index_in(pairs[name].combine_chunks(), known) for name in ("address", "other"))
        if p.verify:
            sets = documents["shingles"].combine_chunks()
            similarity = pa.array(_native.pair_jaccard(sets, a, b))
            enough = pc.greater_equal(similarity, pa.scalar(np.float32(p.min_jaccard)))
            a, b, similarity = a.filter(enough), b.filter(enough), similarity.filter(enough)
        else:
            share = int64_values(pairs, "bands") / p.bands
            similarity = pa.array(share ** (1 / p.rows))
        columns = {f"{s}_{n}": documents[n].take(at) for s, at in (("a", a), ("b", b)) for n in _SIDES}
        columns[SHARD] = pa.array(int64_values(pa.table(columns), "a_address") >> ROW_BITS)
        shard = (pc.min(rows["address"]).as_py() or 0) >> ROW_BITS
        forwarded = table_of({"note": notes, SHARD: pa.array(np.full(len(notes), shard))}, _EDGES)
        counted = _note(shard, _EDGES, candidate_pairs=pairs.num_rows, confirmed_pairs=len(a))
        return pa.concat_tables([table_of({**columns, SIMILARITY: similarity}, _EDGES), forwarded, counted])


@dataclass(frozen=True)
class _Greedy(Round):
    barrier: NearDedup

    name: ClassVar[str] = "verdicts"

    @property
    def partitions(self) -> int:
        return 1

    @property
    def reads(self) -> frozenset[str]:
        return frozenset()

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del documents, shard
        if inbox.num_rows:
            names = [name for name in _EDGES.names if name != SHARD]
            yield inbox.select(names).append_column(PARTITION, pa.array(np.zeros(inbox.num_rows, np.int32)))

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return VERDICTS.empty_table()
        edges = rows.filter(pc.is_null(rows["note"]))
        sides = [edges.select([f"{s}_{n}" for n in _SIDES]).rename_columns(list(_SIDES)) for s in "ab"]
        documents = pa.concat_tables(sides).group_by(list(_SIDES), use_threads=False).aggregate([])
        documents = documents.sort_by([(name, "ascending") for name in ORDER])
        known = documents["address"].combine_chunks()
        a, b = (pc.index_in(edges[f"{s}_address"].combine_chunks(), known) for s in "ab")
        similarity = edges[SIMILARITY].combine_chunks()
        found = pa.array(_native.greedy_removals(documents.num_rows, a, b, similarity))
        removed, keeper = (found.field(n).to_numpy() for n in ("document", "keeper"))
        verdicts = removals(documents, removed, keeper, found.field("similarity"), "near_duplicate")
        return pa.concat_tables([verdicts, self._summary(rows["note"].drop_null(), keeper)])

    def _summary(self, notes: pa.ChunkedArray, keeper: npt.NDArray[np.int64]) -> pa.Table:
        counts = {"largest_bucket": 0, "limited_buckets": 0, "candidate_pairs": 0, "confirmed_pairs": 0}
        for note in notes.to_pylist():  # one per partition of the earlier rounds
            for name, count in json.loads(note).items():
                counts[name] = max(counts[name], count) if name == "largest_bucket" else counts[name] + count
        sizes = np.unique(keeper, return_counts=True)[1] + 1
        counts |= {
            "removed": len(keeper),
            "clusters": len(sizes),
            "largest_cluster": int(sizes.max(initial=0)),
        }
        summary = pa.array([json.dumps(counts, indent=2)])
        # Row -1 is no document's: the summary rides along with every shard's verdicts.
        return table_of({SHARD: pa.array([EVERY_SHARD]), ROW: pa.array([-1]), "summary": summary}, VERDICTS)


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))
