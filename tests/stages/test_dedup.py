"""Exact and near deduplication against brute force, in any order and any sharding."""

import itertools
import json
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import PlanError
from curate.schema import EVERY_SHARD, PARTITION, ROW, SHARD
from curate.stage import Barrier, Outcome
from curate.stages.exact_dedup import ExactDedup
from curate.stages.near_dedup import NearDedup, minhash_signatures

Document = dict[str, object]


def run_barrier(barrier: Barrier, shards: Sequence[pa.Table], batch_rows: int = 7) -> list[Outcome]:
    """What a runner does, in memory: the outcome of each shard as one batch."""

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
            for table in stage.map(seen if stage.reads else iter(()), shard, inboxes[shard]):
                assert table.schema.field(PARTITION).type == pa.int32()
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
            everything.filter(pc.is_in(everything[SHARD], pa.array([shard, EVERY_SHARD], pa.int32())))
            for shard in range(len(shards))
        ]
        inboxes = [inbox if inbox.num_rows else pa.table({}) for inbox in inboxes]
    outcomes = []
    for shard, table in enumerate(shards):
        whole = table.append_column(ROW, pa.array(range(table.num_rows), pa.int64())).combine_chunks()
        batch = (whole.to_batches() or [pa.RecordBatch.from_pylist([], whole.schema)])[0]
        outcomes.append(barrier.apply(batch, inboxes[shard]))
    run_barrier.verdicts = inboxes  # type: ignore[attr-defined]
    return outcomes


def table(documents: Sequence[Document]) -> pa.Table:
    names = {"id": pa.string(), "text": pa.large_string(), "url": pa.string(), "date": pa.string()}
    if any("duplicates" in d for d in documents):
        names["duplicates"] = pa.int32()
    return pa.table({n: pa.array([d.get(n) for d in documents], t) for n, t in names.items()})


def decide(barrier: Barrier, documents: Sequence[Document], cuts: Sequence[int] = ()) -> dict[str, Document]:
    """id → reason, duplicate_of, similarity, duplicates, with the documents cut into shards."""
    edges = [0, *sorted(cuts), len(documents)]
    shards = [table(documents[a:b]) for a, b in itertools.pairwise(edges)]
    found = {}
    for outcome in run_barrier(barrier, shards):
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


def words(text: str) -> list[str]:
    """The obvious reading of the normalisation, for texts of ASCII letters and accents."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[a-z0-9]+", plain)


def shingles(text: str, ngram: int) -> set[tuple[str, ...]]:
    w = words(text)
    return {tuple(w[i : i + ngram]) for i in range(max(1, len(w) - ngram + 1))} if w else set()


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


def brute_force(documents: Sequence[Document], ngram: int, threshold: float) -> dict[str, object]:
    """Greedy removal with every pair compared, the longest text first."""
    order = sorted(documents, key=lambda d: (-len(str(d["text"])), str(d["id"])))
    sets = {d["id"]: shingles(str(d["text"]), ngram) for d in order}
    survivors: list[object] = []
    gone = {}
    for d in order:
        near = [(jaccard(sets[d["id"]], sets[keeper]), keeper) for keeper in survivors]
        near = [(s, keeper) for s, keeper in near if s >= threshold]
        if near:
            gone[str(d["id"])] = max(near, key=lambda pair: pair[0])[1]
        else:
            survivors.append(d["id"])
    return dict(sorted(gone.items()))


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


# 40 × 2 finds a pair of J = 0.5 with all but 1e-5 of certainty, so brute force is the whole truth.
SENSITIVE = NearDedup(bands=40, rows=2, min_jaccard=0.6)


@pytest.mark.parametrize("seed", range(3))
def test_near_dedup_is_brute_force_jaccard_and_greed(seed: int) -> None:
    documents = variants(seed, families=6, copies=5)
    found = decide(SENSITIVE, documents, cuts=[9, 20])
    expected = brute_force(documents, 5, 0.6)
    assert removed(found) == expected
    assert 5 < len(expected) < len(documents) - 6
    texts = {d["id"]: str(d["text"]) for d in documents}
    for name, keeper in expected.items():
        assert found[str(keeper)]["reason"] is None
        exact = jaccard(shingles(texts[name], 5), shingles(texts[keeper], 5))
        assert found[name]["similarity"] == pytest.approx(exact, abs=1e-6)
    for name, decision in found.items():
        assert decision["duplicates"] == list(expected.values()).count(name)


@settings(max_examples=15)
@given(data=st.data(), seed=st.integers(0, 5))
def test_keepers_depend_on_the_set_of_documents_alone(data: st.DataObject, seed: int) -> None:
    documents = variants(seed, families=3, copies=4, length=30)
    reference = decide(SENSITIVE, documents)
    shuffled = data.draw(st.permutations(documents))
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=4))
    assert decide(SENSITIVE, shuffled, cuts) == reference
    exact = ExactDedup()
    doubled = [*shuffled, *({**d, "id": f"copy of {d['id']}", "text": f" {d['text']}\n"} for d in documents)]
    assert decide(exact, doubled, cuts) == decide(exact, sorted(doubled, key=lambda d: str(d["id"])))


def test_ties_between_equal_lengths_go_to_the_first_id_whatever_the_order() -> None:
    documents = [{"id": name, "text": "one two three four five six seven"} for name in "cab"]
    for order in itertools.permutations(documents):
        assert removed(decide(NearDedup(), order, [1, 2])) == {"b": "a", "c": "a"}
        assert removed(decide(ExactDedup(), order, [1])) == {"b": "a", "c": "a"}


def test_empty_and_short_documents() -> None:
    texts = ["", " ", "?!", None, "ash oak", "oak ash", "Ash, oak!", "ash", "ash oak elm fir"]
    documents = [{"id": str(i), "text": text} for i, text in enumerate(texts)]
    found = decide(NearDedup(keep="first"), documents)
    assert removed(found) == {"6": "4"}
    assert found["6"]["similarity"] == 1.0
    assert removed(decide(ExactDedup(), documents)) == {}
    assert decide(NearDedup(), []) == {}
    assert decide(ExactDedup(), []) == {}


def test_exact_dedup_ignores_case_and_layout_but_not_numbers() -> None:
    documents = [
        {"id": "a", "text": "Pay 10 now."},
        {"id": "b", "text": "PAY  10\nnow."},
        {"id": "c", "text": "Pay 20 now."},
        {"id": "d", "text": "Pay 10 now."},
    ]
    found = decide(ExactDedup(), documents)
    assert removed(found) == {"a": "b", "d": "b"}  # b is longer by a blank
    assert found["a"] == {
        "reason": "exact_duplicate",
        "duplicates": 0,
        "duplicate_of": "b",
        "similarity": 1.0,
    }
    assert found["b"] == {"reason": None, "duplicates": 2, "duplicate_of": None, "similarity": None}
    assert removed(decide(ExactDedup(normalize=False), documents)) == {"d": "a"}


def test_urls() -> None:
    urls = [
        "http://A.org/x#top",
        "HTTP://a.org/x",
        "http://a.org/X",
        "http://a.org",
        "http://a.org/",
        None,
        "",
        "junk",
    ]
    documents = [{"id": str(i), "text": "t", "url": url} for i, url in enumerate(urls)]
    barrier = ExactDedup(column="url", keep="first")
    assert barrier.name == "exact_dedup_url"
    found = decide(barrier, documents)
    assert removed(found) == {"1": "0", "4": "3"}
    assert found["1"]["reason"] == "duplicate_url"
    assert set(barrier.reasons) == {"duplicate_url"}
    assert removed(decide(ExactDedup(column="url", normalize=False), documents)) == {}


@pytest.mark.parametrize(
    ("keep", "keeper"), [("longest", "b"), ("newest", "c"), ("oldest", "d"), ("first", "a")]
)
def test_keeper_orders(keep: str, keeper: str) -> None:
    documents = [
        {"id": "a", "text": "x", "url": "u", "date": None},
        {"id": "b", "text": "xyz", "url": "u", "date": "last week"},
        {"id": "c", "text": "x", "url": "u", "date": "2024-03-01T00:00:01Z"},
        {"id": "d", "text": "x", "url": "u", "date": "2024-02-29"},
        {"id": "e", "text": "x", "url": "u", "date": "2024-03-01"},
    ]
    found = decide(ExactDedup(column="url", keep=keep), documents, [2])  # type: ignore[arg-type]
    assert removed(found) == {name: keeper for name in "abcde" if name != keeper}


def test_duplicates_add_up_over_both_barriers() -> None:
    text = "one two three four five six seven eight nine ten"
    documents: list[Document] = [
        {"id": "a", "text": text, "duplicates": 3},
        {"id": "b", "text": text + " eleven", "duplicates": 1},
    ]
    found = decide(NearDedup(), documents, [1])
    assert removed(found) == {"a": "b"}
    assert found["b"]["duplicates"] == 1 + 1 + 3


def test_verification_spares_what_banding_alone_would_remove() -> None:
    documents = variants(7, families=4, copies=4)
    loose = {"bands": 112, "rows": 1}
    unverified = decide(NearDedup(**loose, verify=False), documents)
    verified = decide(NearDedup(**loose, min_jaccard=0.9), documents)
    texts = {d["id"]: str(d["text"]) for d in documents}
    for name, keeper in removed(verified).items():
        assert jaccard(shingles(texts[name], 5), shingles(texts[keeper], 5)) >= 0.9
    assert len(removed(verified)) < len(removed(unverified))
    for name, keeper in removed(unverified).items():
        # 112 slots estimate a similarity with a standard error of at most 0.047
        exact = jaccard(shingles(texts[name], 5), shingles(texts[keeper], 5))
        assert unverified[name]["similarity"] == pytest.approx(exact, abs=0.2)


def test_a_thousand_equal_documents_leave_one_and_the_limit_is_reported() -> None:
    documents = [{"id": f"{i:04}", "text": "ash birch cedar elm fir hazel larch"} for i in range(1000)]
    found = decide(NearDedup(), documents, [300, 600])
    assert set(removed(found).values()) == {"0000"}
    assert found["0000"]["duplicates"] == 999
    barrier = NearDedup()
    summaries = [barrier.artifacts(verdicts) for verdicts in run_barrier.verdicts]  # type: ignore[attr-defined]
    assert len({json.dumps({k: v.decode() for k, v in s.items()}) for s in summaries}) == 1
    summary = json.loads(summaries[0]["near_dedup.json"])
    assert summary["largest_bucket"] == 1000
    assert summary["limited_buckets"] == 14
    assert summary["removed"] == 999
    assert (summary["clusters"], summary["largest_cluster"]) == (1, 1000)


def test_an_apply_without_verdicts_keeps_everything() -> None:
    documents = table([{"id": "a", "text": "x"}]).append_column(ROW, pa.array([0]))
    for barrier in (ExactDedup(), NearDedup()):
        outcome = barrier.apply(documents.to_batches()[0], pa.table({}))
        assert outcome.reason is not None
        assert outcome.reason.to_pylist() == [None]
        assert outcome.batch["duplicates"].to_pylist() == [0]
        assert barrier.artifacts(pa.table({})) == {}


def test_bad_parameters_are_plan_errors_or_native_errors() -> None:
    from curate.errors import CurateError

    for bad in (
        {"keep": "best"},
        {"min_jaccard": 0.0},
        {"min_jaccard": 1.5},
        {"bands": 0},
        {"ngram": 0},
        {"seed": -1},
        {"bands": 1000, "rows": 1000},
        {"ngram": 1000},
    ):
        with pytest.raises(CurateError):
            NearDedup(**bad)
    with pytest.raises(PlanError, match="keeper order"):
        ExactDedup(keep="best")  # type: ignore[arg-type]


def test_batches_without_rows_pass_through_every_round() -> None:
    empty = table([]).append_column(ROW, pa.array([], pa.int64()))
    schema = empty.schema
    for barrier in (ExactDedup(), ExactDedup(column="url"), NearDedup(keep="newest")):
        first = barrier.rounds[0]
        mapped = list(first.map([pa.RecordBatch.from_pylist([], schema)], 0, pa.table({})))
        assert sum(t.num_rows for t in mapped) == 0
        assert first.reduce(0, pa.concat_tables(mapped)).num_rows == 0


def test_declarations() -> None:
    assert NearDedup(keep="newest").reads == {"id", "text", "date"}
    assert ExactDedup(column="url", keep="first").reads == {"id", "url"}
    assert NearDedup.olmo3().bands == 26
    assert not NearDedup.fineweb().verify
    assert NearDedup().identity() != NearDedup(seed=2).identity()
    signatures = minhash_signatures(["a b c", "", None], NearDedup(bands=3, rows=2))
    assert signatures.type.list_size == 6
    assert signatures.is_valid().to_pylist() == [True, False, False]


def test_licences(data_dir: Path) -> None:
    """On real near-duplicates: nothing goes below the threshold, and little that should go stays."""
    with pa.input_stream(data_dir / "dup" / "licenses.jsonl.zst", compression="zstd") as file:
        lines = file.read().splitlines()
    documents = [{"id": str(i), "text": json.loads(line)["text"]} for i, line in enumerate(lines)]
    found = removed(decide(NearDedup(min_jaccard=0.8), documents, [50, 200]))
    truth = brute_force_real(documents, 0.8)
    assert len(set(found) - set(truth)) <= 2  # a missed pair may spare a keeper that then removes another
    assert len(set(found) & set(truth)) >= 0.9 * len(truth)


def alike(a: set[int], b: set[int], threshold: float) -> bool:
    small, large = sorted((len(a), len(b)))
    if not small or small < threshold * large:
        return False
    shared = len(a & b)
    return shared >= threshold * (small + large - shared)


def brute_force_real(documents: Sequence[Document], threshold: float) -> dict[str, object]:
    from curate import _native

    sets = pa.array(_native.shingle_sets(pa.array([d["text"] for d in documents]), 5)).to_pylist()
    by_id = {d["id"]: set(s) for d, s in zip(documents, sets, strict=True)}
    order = sorted(documents, key=lambda d: (-len(str(d["text"])), str(d["id"])))
    survivors: list[object] = []
    gone: dict[str, object] = {}
    for d in order:
        mine = by_id[d["id"]]
        near = [k for k in survivors if alike(mine, by_id[k], threshold)]
        if near:
            gone[str(d["id"])] = near[0]
        else:
            survivors.append(d["id"])
    return gone
