"""Barriers run in memory, and documents of known families, for the tests of deduplication."""

import itertools
import random
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.schema import EVERY_SHARD, PARTITION, ROW, SHARD
from curate.stage import Barrier, Outcome

Document = dict[str, object]


def run_barrier(
    barrier: Barrier, shards: Sequence[pa.Table], batch_rows: int = 7, first: int = 0
) -> tuple[list[Outcome], pa.Table]:
    """What a runner does, in memory: the outcome of each shard as one batch, and the verdicts on the first.

    `first` is the number of the first shard.
    """

    def batches(shard: int, columns: frozenset[str] | None) -> Iterator[pa.RecordBatch]:
        table = shards[shard]
        if columns is not None:
            table = table.select([n for n in table.column_names if n in columns])
        table = table.append_column(ROW, pa.array(range(table.num_rows), pa.int64()))
        yield from table.to_batches(max_chunksize=batch_rows)

    inboxes = [pa.table({})] * len(shards)
    for number, stage in enumerate(barrier.rounds):
        spilled: dict[int, list[pa.Table]] = {}
        for shard in range(len(shards)):
            seen = batches(shard, stage.reads if number else None)
            for sent_rows in stage.map(seen if stage.reads else iter(()), first + shard, inboxes[shard]):
                table = sent_rows
                assert table.schema.field(PARTITION).type == pa.int32()
                if stage.names_shard:
                    table = table.append_column(SHARD, pa.array([first + shard] * table.num_rows, pa.int32()))
                for partition in pc.unique(table[PARTITION]).to_pylist():
                    assert 0 <= partition < stage.partitions
                    spilled.setdefault(partition, []).append(
                        table.filter(pc.equal(table[PARTITION], partition))
                    )
        sent = []
        for partition in range(stage.partitions):
            rows = pa.concat_tables(spilled[partition]) if partition in spilled else pa.table({})
            sent.append(stage.reduce(partition, rows))
            assert sent[-1].schema.field(SHARD).type == pa.int32()
        everything = pa.concat_tables(sent)
        inboxes = [
            everything.filter(pc.is_in(everything[SHARD], pa.array([first + shard, EVERY_SHARD], pa.int32())))
            for shard in range(len(shards))
        ]
        inboxes = [inbox if inbox.num_rows else pa.table({}) for inbox in inboxes]
    outcomes = []
    for shard, table in enumerate(shards):
        whole = table.append_column(ROW, pa.array(range(table.num_rows), pa.int64())).combine_chunks()
        batch = (whole.to_batches() or [pa.RecordBatch.from_pylist([], whole.schema)])[0]
        outcomes.append(barrier.apply(batch, inboxes[shard]))
    return outcomes, inboxes[0]


def table(documents: Sequence[Document]) -> pa.Table:
    names = {"id": pa.string(), "text": pa.large_string(), "url": pa.string(), "date": pa.string()}
    if any("duplicates" in d for d in documents):
        names["duplicates"] = pa.int32()
    return pa.table({n: pa.array([d.get(n) for d in documents], t) for n, t in names.items()})


def decide(
    barrier: Barrier, documents: Sequence[Document], cuts: Sequence[int] = (), first: int = 0
) -> dict[str, Document]:
    """id → reason, duplicate_of, similarity, duplicates, with the documents cut into shards."""
    edges = [0, *sorted(cuts), len(documents)]
    shards = [table(documents[a:b]) for a, b in itertools.pairwise(edges)]
    found = {}
    for outcome in run_barrier(barrier, shards, first=first)[0]:
        reasons = outcome.reason.to_pylist()
        evidence = {name: column.to_pylist() for name, column in outcome.evidence.items()}
        for row, document in enumerate(outcome.batch.to_pylist()):
            found[document["id"]] = {
                "reason": reasons[row],
                "duplicates": document["duplicates"],
                **{name: column[row] for name, column in evidence.items()},
            }
    return found


def removed(found: dict[str, Document]) -> dict[str, object]:
    return {name: d["duplicate_of"] for name, d in sorted(found.items()) if d["reason"] is not None}


VOCABULARY = ["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "yew"]


def variants(seed: int, families: int, copies: int, length: int = 60) -> list[Document]:
    """Documents in families of known origin, each copy with some words changed."""
    rng = random.Random(seed)
    documents: list[Document] = []
    for family in range(families):
        base = [rng.choice(VOCABULARY) + str(rng.choice("abcdefgh")) for _ in range(length)]
        for copy in range(copies):
            text = list(base)
            for _ in range(rng.randrange(4)):
                text[rng.randrange(length)] = rng.choice(VOCABULARY)
            text += ["tail"] * rng.randrange(3)
            documents.append({"id": f"{family}-{copy}", "text": " ".join(text)})
    rng.shuffle(documents)
    return documents
