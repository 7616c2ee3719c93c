"""Exact and near deduplication against brute force, in any order and any sharding."""

import itertools
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurateError, PlanError
from curate.schema import MAX_SHARDS, ROW
from curate.stages.exact_dedup import ExactDedup
from curate.stages.near_dedup import NearDedup, minhash_signatures, write_near_index
from curate.stages.segment_dedup import SegmentDedup
from curate.stages.substring_dedup import SubstringDedup
from tests.stages.barriers import Document, decide, removed, run_barrier, table, variants


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
        assert unverified[str(keeper)]["reason"] is None
        assert unverified[name]["similarity"] is None


def test_an_apply_without_verdicts_keeps_everything() -> None:
    documents = table([{"id": "a", "text": "x"}]).append_column(ROW, pa.array([0]))
    for barrier in (ExactDedup(), NearDedup()):
        outcome = barrier.apply(documents.to_batches()[0], pa.table({}))
        assert outcome.reason is not None
        assert outcome.reason.to_pylist() == [None]
        assert outcome.batch["duplicates"].to_pylist() == [0]
        (told,) = (json.loads(text) for text in barrier.artifacts(pa.table({})).values())
        assert (told["removed"], told["clusters_by_size"]) == (0, {})


def test_bad_parameters_are_plan_errors_or_native_errors() -> None:
    for bad in (
        {"keep": "best"},
        {"min_jaccard": 0.0},
        {"min_jaccard": 1.5},
        {"bands": 0},
        {"ngram": 0},
        {"seed": -1},
        {"bands": 1000, "rows": 1000},
        {"ngram": 1000},
        {"unit": "letters"},
        {"measure": "cosine"},
        {"scheme": "other"},
        {"scheme": "datatrove", "unit": "characters"},
        {"max_cluster": 0},
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

    sets = pa.array(_native.shingle_sets(pa.array([d["text"] for d in documents]), 5, False)).to_pylist()
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


def test_the_last_shards_that_a_run_may_have_are_decided_like_the_first(tmp_path: Path) -> None:
    """Beyond them a document of the run would be taken for one of an earlier run, and stay."""
    documents = variants(3, families=8, copies=4)
    index = str(tmp_path / "index")
    write_near_index(index, table(variants(4, families=2, copies=1)).to_batches(), NearDedup())
    cuts = [5, 9, 20]
    last = MAX_SHARDS - len(cuts) - 1
    for barrier in (ExactDedup(), NearDedup(), NearDedup(index=index), NearDedup(verify=False)):
        found = decide(barrier, documents, cuts)
        assert decide(barrier, documents, cuts, first=last) == found
        assert removed(found) or isinstance(barrier, ExactDedup)
    pieces = "\n".join(f"line {number} of a text that comes again and again" for number in range(40))
    shards = [table([{"id": str(n), "text": f"{n} begins\n{pieces}\n{n} ends"}]) for n in range(3)]
    for cutting in (SegmentDedup("line"), SubstringDedup()):
        texts = [
            [outcome.batch["text"].to_pylist() for outcome in run_barrier(cutting, shards, first=first)[0]]
            for first in (0, MAX_SHARDS - 3)
        ]
        assert texts[0] == texts[1]
        assert len(texts[0][2][0]) < 200
