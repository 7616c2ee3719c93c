"""Exact and near deduplication.

Both are barriers whose result depends on the set of documents alone: not on their order, on how they are
cut into shards, or on the number of workers. The keeper is the best document by a declared order, ties
going to the smaller id; nothing is removed but in favour of a document that stays.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import PlanError
from curate.schema import (
    DATE,
    DUPLICATE_OF,
    DUPLICATES,
    EVERY_SHARD,
    ID,
    PARTITION,
    REASON,
    ROW,
    SHARD,
    SIMILARITY,
    TEXT,
    URL,
    as_large_strings,
)
from curate.stage import Barrier, Outcome, Round, align, set_column

Keep = Literal["longest", "newest", "oldest", "first"]

_KEEPS: Mapping[Keep, frozenset[str]] = {
    "longest": frozenset({TEXT}),
    "newest": frozenset({DATE}),
    "oldest": frozenset({DATE}),
    "first": frozenset(),
}

#: Reduced in parallel; part of no result, so it may be changed.
_KEY_PARTITIONS = 16

#: Keeper order: the position only parts documents that share their id.
_ORDER = ("precedence", ID, "address")

#: A row of an immutable spill as one number: its shard above, its row in the low 40 bits.
_ROW_BITS = 40

_VERDICTS = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field(ROW, pa.int64()),
        pa.field(REASON, pa.string()),
        pa.field(DUPLICATE_OF, pa.string()),
        pa.field(SIMILARITY, pa.float32()),
        pa.field(DUPLICATES, pa.int32()),
        pa.field("summary", pa.string()),
    ]
)


def _check_keep(keep: str) -> None:
    if keep not in _KEEPS:
        raise PlanError(f"unknown keeper order `{keep}`", hint=f"one of {', '.join(_KEEPS)}")


def _precedence(batch: pa.RecordBatch, keep: Keep) -> pa.Array:
    """int64 per row, the smallest being the most worth keeping.

    Lengths count characters. Dates are ISO 8601 and compared to the second as written; a missing or
    malformed one comes last. `first` leaves the choice to the id.
    """
    if keep == "longest":
        lengths = pc.fill_null(pc.utf8_length(as_large_strings(batch[TEXT])), 0)
        return pc.negate(lengths.cast(pa.int64()))
    if keep == "first":
        return pa.array(np.zeros(batch.num_rows, np.int64))
    dates = batch[DATE].cast(pa.string())
    dated = pc.fill_null(pc.match_substring_regex(dates, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"), False)
    digits = pc.replace_substring_regex(pc.if_else(dated, dates, "0"), r"[.+Z].*|[^0-9]", "")
    seconds = pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 14, "0"), 0, 14).cast(pa.int64())
    return pc.if_else(dated, pc.negate(seconds) if keep == "newest" else seconds, np.iinfo(np.int64).max)


def _weights(batch: pa.RecordBatch) -> pa.Array:
    """How many documents a row stands for: itself and those removed in its favour so far."""
    if DUPLICATES in batch.schema.names:
        return pc.add(pc.fill_null(batch[DUPLICATES], 0), 1).cast(pa.int64())
    return pa.array(np.ones(batch.num_rows, np.int64))


def _addresses(shard: int, rows: pa.Array) -> pa.Array:
    return pa.array(rows.to_numpy() + (shard << _ROW_BITS), pa.int64())


def _leading_word(hashes: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """The first eight bytes of each 16-byte hash; none may be null."""
    if len(hashes) == 0:
        return np.zeros(0, np.uint64)
    words = np.frombuffer(hashes.buffers()[1], "<u8").reshape(-1, 2)
    return words[hashes.offset : hashes.offset + len(hashes), 0]


def _located(addresses: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    return {SHARD: addresses >> _ROW_BITS, ROW: addresses & ((1 << _ROW_BITS) - 1)}


def _int64(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return values


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from some of its columns; the others are null."""
    given = {
        name: pa.array(values) if isinstance(values, np.ndarray) else values
        for name, values in columns.items()
    }
    length = len(next(iter(given.values())))
    return pa.table(
        [given[f.name].cast(f.type) if f.name in given else pa.nulls(length, f.type) for f in schema], schema
    )


def _removed(
    documents: pa.Table,
    removed: npt.NDArray[np.int64],
    keeper: npt.NDArray[np.int64],
    similarity: pa.Array,
    reason: str,
) -> pa.Table:
    """The verdicts on removed rows and their keepers, given as positions in `documents`.

    `documents` has `address`, `id` and `weight`; a keeper's count is the weight of all that goes for it.
    """
    address, weight = _int64(documents, "address"), _int64(documents, "weight")
    gone = {
        **_located(address[removed]),
        REASON: pa.repeat(reason, len(removed)),
        DUPLICATE_OF: documents[ID].combine_chunks().take(pa.array(keeper)),
        SIMILARITY: similarity,
    }
    keepers, places = np.unique(keeper, return_inverse=True)
    counts = np.zeros(len(keepers), np.int64)
    np.add.at(counts, places, weight[removed])
    kept = {**_located(address[keepers]), DUPLICATES: np.minimum(counts, np.iinfo(np.int32).max)}
    return pa.concat_tables([_table(gone, _VERDICTS), _table(kept, _VERDICTS)])


def _decided(batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
    """The outcome that the verdicts of `_removed` ask for."""
    wanted = pa.schema([_VERDICTS.field(n) for n in (REASON, DUPLICATE_OF, SIMILARITY, DUPLICATES)])
    found = align(batch, verdicts, wanted)
    before = batch[DUPLICATES] if DUPLICATES in batch.schema.names else pa.nulls(batch.num_rows, pa.int32())
    counts = pc.add(pc.fill_null(before, 0), pc.fill_null(found[DUPLICATES], 0)).cast(pa.int32())
    evidence = {DUPLICATE_OF: found[DUPLICATE_OF], SIMILARITY: found[SIMILARITY]}
    return Outcome(set_column(batch, DUPLICATES, counts), found[REASON], evidence=evidence)


@dataclass(frozen=True)
class ExactDedup(Barrier):
    """Keeps one of the documents that are equal in one column.

    Documents where the column is null or empty equal no other one. Keys are 128 bits of SHA-256.

    Attributes:
        column: a string column, e.g. `text` or `url`.
        normalize: compare without case and layout; a URL without its fragment, scheme and host in lower case.
            Numbers and punctuation always count.
        keep: `longest` text, `newest` or `oldest` date, or the `first` id; ties go to the first id.

    """

    column: str = TEXT
    normalize: bool = True
    keep: Keep = "longest"

    def __post_init__(self) -> None:
        _check_keep(self.keep)

    @property
    def name(self) -> str:
        """`exact_dedup`, with the column where it is not the text."""
        return "exact_dedup" if self.column == TEXT else f"exact_dedup_{self.column}"

    @property
    def reason(self) -> str:
        """The one reason this gives."""
        return "exact_duplicate" if self.column == TEXT else f"duplicate_{self.column}"

    @property
    def reads(self) -> frozenset[str]:
        """The id, the column, and what the keeper order looks at."""
        return frozenset({ID, self.column}) | _KEEPS[self.keep]

    @property
    def adds(self) -> pa.Schema:
        """How many documents were removed in favour of this one."""
        return pa.schema([pa.field(DUPLICATES, pa.int32())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """Equal to a document that was kept."""
        return {self.reason: f"equal in `{self.column}` to a document that is kept"}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """One: documents meet by hash."""
        return (_ByHash(self),)

    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Removes the duplicates and counts them at their keepers."""
        return _decided(batch, verdicts)

    def keys(self, batch: pa.RecordBatch) -> pa.Array:
        """fixed_size_binary(16) per row; null where there is nothing to compare."""
        values = batch[self.column].cast(pa.large_string())
        if not self.normalize or self.column != URL:
            return pa.array(_native.text_hashes(values, self.normalize))
        parts = pc.extract_regex(
            pc.utf8_trim_whitespace(values), r"^(?P<site>[^/?#]*//[^/?#]*)(?P<path>[^#]*)"
        )
        site, path = pc.struct_field(parts, "site"), pc.struct_field(parts, "path")
        nothing = pa.scalar("", pa.large_string())
        path = pc.if_else(pc.equal(path, nothing), pa.scalar("/", pa.large_string()), path)
        urls = pc.binary_join_element_wise(pc.utf8_lower(site), path, nothing)
        return pa.array(_native.text_hashes(pc.coalesce(urls, values), False))


@dataclass(frozen=True)
class _ByHash(Round):
    barrier: ExactDedup

    name: ClassVar[str] = "hashes"

    @property
    def partitions(self) -> int:
        return _KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return self.barrier.reads

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        del inbox
        for batch in documents:
            keys = self.barrier.keys(batch)
            table = pa.table(
                {
                    "key": keys.cast(pa.binary()),
                    "address": _addresses(shard, batch[ROW]),
                    ID: batch[ID],
                    "precedence": _precedence(batch, self.barrier.keep),
                    "weight": _weights(batch),
                }
            ).filter(pc.is_valid(keys))
            partition = _leading_word(keys.drop_null()) % _KEY_PARTITIONS
            yield table.append_column(PARTITION, pa.array(partition.astype(np.int32)))

    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        del partition
        if rows.num_rows == 0:
            return _VERDICTS.empty_table()
        # Only keys that occur twice matter, which is what keeps the sort small.
        counts = pc.value_counts(rows["key"].combine_chunks())
        repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        rows = rows.filter(pc.is_in(rows["key"], repeated))
        if rows.num_rows == 0:
            return _VERDICTS.empty_table()
        rows = rows.sort_by([(name, "ascending") for name in ("key", *_ORDER)])
        group = pc.index_in(rows["key"], repeated).combine_chunks().to_numpy()
        starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
        keeper = np.repeat(starts, np.diff(np.append(starts, len(group))))
        removed = np.setdiff1d(np.arange(len(group)), starts)
        ones = pa.array(np.ones(len(removed), np.float32))
        return _removed(rows, removed, keeper[removed], ones, self.barrier.reason)


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
        _check_keep(self.keep)
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
        return frozenset({ID, TEXT}) | _KEEPS[self.keep]

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
        return _decided(batch, verdicts)

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
    return _table({SHARD: pa.array([shard]), "note": pa.array([json.dumps(counts)])}, schema)


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
                    "address": _addresses(shard, batch[ROW]),
                    "precedence": _precedence(batch, p.keep),
                    ID: batch[ID],
                    "weight": _weights(batch),
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
        address = _int64(rows, "address")
        order = pc.sort_indices(rows, [(n, "ascending") for n in _ORDER]).to_numpy()
        key = rows["key"].combine_chunks().take(pa.array(order))
        pairs, largest, limited = _native.bucket_pairs(key, self.barrier.max_bucket)
        columns = pa.array(pairs)
        a, b = (order[columns.field(name).to_numpy()] for name in ("better", "worse"))
        own, other = np.concatenate([a, b]), np.concatenate([b, a])
        nominations = {
            SHARD: address[own] >> _ROW_BITS,
            "address": address[own],
            "other": address[other],
            "precedence": _int64(rows, "precedence")[own],
            "weight": _int64(rows, "weight")[own],
        }
        first_shard = int(address.min()) >> _ROW_BITS
        note = _note(first_shard, _NOMINATIONS, largest_bucket=largest, limited_buckets=limited)
        return pa.concat_tables([_table(nominations, _NOMINATIONS), note])


@dataclass(frozen=True)
class _Similarity(Round):
    barrier: NearDedup

    name: ClassVar[str] = "similarity"

    @property
    def partitions(self) -> int:
        return _KEY_PARTITIONS

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({ID, TEXT}) if self.barrier.verify else frozenset({ID})

    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        if inbox.num_rows == 0:
            return
        notes = inbox["note"].drop_null().combine_chunks()
        if len(notes):
            yield _table({"note": notes, PARTITION: pa.array(np.zeros(len(notes), np.int32))}, _NOMINATED)
        inbox = inbox.filter(pc.is_null(inbox["note"]))
        # A pair meets in the partition of its smaller address, where both documents are sent once.
        smaller = np.minimum(_int64(inbox, "address"), _int64(inbox, "other")).astype(np.uint64)
        partition = (smaller * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) % np.uint64(_KEY_PARTITIONS)
        inbox = inbox.append_column(PARTITION, pa.array(partition.astype(np.int32)))
        pairs = inbox.filter(pc.less(inbox["address"], inbox["other"]))
        pairs = pairs.group_by([PARTITION, "address", "other"], use_threads=False).aggregate(
            [([], "count_all")]
        )
        yield _table({**_columns(pairs), "bands": pairs["count_all"]}, _NOMINATED)
        wanted = inbox.group_by(["address", PARTITION], use_threads=False).aggregate(
            [("precedence", "min"), ("weight", "min")]
        )
        wanted = wanted.rename_columns(["address", PARTITION, "precedence", "weight"]).sort_by("address")
        address = _int64(wanted, "address")
        for batch in documents:
            if batch.num_rows == 0:
                continue
            here = _addresses(shard, batch[ROW])
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
        return _table(columns, _NOMINATED)

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
            share = _int64(pairs, "bands") / p.bands
            similarity = pa.array(share ** (1 / p.rows))
        columns = {f"{s}_{n}": documents[n].take(at) for s, at in (("a", a), ("b", b)) for n in _SIDES}
        columns[SHARD] = pa.array(_int64(pa.table(columns), "a_address") >> _ROW_BITS)
        shard = (pc.min(rows["address"]).as_py() or 0) >> _ROW_BITS
        forwarded = _table({"note": notes, SHARD: pa.array(np.full(len(notes), shard))}, _EDGES)
        counted = _note(shard, _EDGES, candidate_pairs=pairs.num_rows, confirmed_pairs=len(a))
        return pa.concat_tables([_table({**columns, SIMILARITY: similarity}, _EDGES), forwarded, counted])


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
            return _VERDICTS.empty_table()
        edges = rows.filter(pc.is_null(rows["note"]))
        sides = [edges.select([f"{s}_{n}" for n in _SIDES]).rename_columns(list(_SIDES)) for s in "ab"]
        documents = pa.concat_tables(sides).group_by(list(_SIDES), use_threads=False).aggregate([])
        documents = documents.sort_by([(name, "ascending") for name in _ORDER])
        known = documents["address"].combine_chunks()
        a, b = (pc.index_in(edges[f"{s}_address"].combine_chunks(), known) for s in "ab")
        similarity = edges[SIMILARITY].combine_chunks()
        found = pa.array(_native.greedy_removals(documents.num_rows, a, b, similarity))
        removed, keeper = (found.field(n).to_numpy() for n in ("document", "keeper"))
        verdicts = _removed(documents, removed, keeper, found.field("similarity"), "near_duplicate")
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
        return _table({SHARD: pa.array([EVERY_SHARD]), ROW: pa.array([-1]), "summary": summary}, _VERDICTS)


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))
