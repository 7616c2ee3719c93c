"""The options of near deduplication: measures, scopes, keeper orders, presets, reports."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import CurateError, PlanError
from curate.stage import Barrier
from curate.stages.exact_dedup import ExactDedup
from curate.stages.near_dedup import NearDedup, write_near_index
from curate.stages.survivors import Highest, Preferred, summed
from tests.stages.barriers import decide, removed, run_barrier, table, variants


def test_without_verification_a_giant_cluster_stops_the_run() -> None:
    documents = [{"id": f"{i:04}", "text": "ash birch cedar elm fir hazel larch"} for i in range(50)]
    with pytest.raises(CurateError, match=r"49 documents|50 documents") as raised:
        decide(NearDedup(verify=False, max_cluster=49), documents)
    assert raised.value.hint
    assert len(removed(decide(NearDedup(verify=False, max_cluster=50), documents))) == 49


def test_a_thousand_equal_documents_leave_one_and_the_report_says_so() -> None:
    documents = [{"id": f"{i:04}", "text": "ash birch cedar elm fir hazel larch"} for i in range(1000)]
    found = decide(NearDedup(), documents, [300, 600])
    assert set(removed(found).values()) == {"0000"}
    assert found["0000"]["duplicates"] == 999
    _, verdicts = run_barrier(NearDedup(), [table(documents)])
    assert json.loads(NearDedup().artifacts(verdicts)["near_dedup.json"]) == {
        "nominated": 1000,
        "components": 1,
        "largest_component": 1000,
        "compared_pairs": 0,  # equal sets are not compared
        "removed": 999,
        "clusters": 1,
        "largest_cluster": 1000,
        "clusters_by_size": {"1000": 1},
    }


@pytest.mark.parametrize("verify", [True, False])
def test_within_a_column_only_its_equal_values_meet(verify: bool) -> None:
    text = "one two three four five six seven eight"
    documents = [{"id": str(i), "text": text, "url": f"dump {i % 2}"} for i in range(4)]
    assert removed(decide(NearDedup(within="url", verify=verify), documents, [1])) == {"2": "0", "3": "1"}
    assert "url" in NearDedup(within="url").reads


def test_containment_removes_a_part_of_a_longer_document() -> None:
    documents = [
        {"id": "whole", "text": " ".join(f"word{chr(97 + i)}" for i in range(26)) * 2},
        {"id": "part", "text": " ".join(f"word{chr(97 + i)}" for i in range(20))},
    ]
    loose = {"bands": 56, "rows": 1, "min_jaccard": 0.9, "ngram": 2}
    assert removed(decide(NearDedup(**loose), documents)) == {}
    assert removed(decide(NearDedup(**loose, measure="containment"), documents)) == {"part": "whole"}


def test_characters_and_other_schemes_find_the_same_copies() -> None:
    documents = variants(3, families=4, copies=2)
    twins = {str(d["id"]): str(d["text"]) for d in documents}
    documents += [{"id": f"copy of {name}", "text": f"  {text.upper()}."} for name, text in twins.items()]
    for barrier in (
        NearDedup(ngram=12, unit="characters", min_jaccard=1.0),
        NearDedup(scheme="datatrove", min_jaccard=1.0),
        NearDedup(scheme="datasketch", min_jaccard=1.0),
    ):
        found = removed(decide(barrier, documents))
        # the copy is longer by its blanks and its stop
        assert found == {name: f"copy of {name}" for name in sorted(twins)}


def test_documents_of_earlier_runs_stay_and_are_named(tmp_path: Path) -> None:
    old = variants(1, families=3, copies=1)
    new = [{**d, "id": f"new {d['id']}"} for d in variants(2, families=3, copies=1)]
    barrier = NearDedup()
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert write_near_index(first, table(old).to_batches(), barrier) == 3
    more = [{"id": "new 0", "text": new[0]["text"]}, {"id": "empty", "text": ""}]
    assert write_near_index(second, table(more).to_batches(), barrier, extend=first) == 4
    again = [{**d, "id": f"{d['id']} again", "text": f"{d['text']} more"} for d in (*old, *new)]
    for path, known in ((first, old), (second, [*old, {**new[0], "id": "new 0"}])):
        for verify in (True, False):
            found = decide(NearDedup(index=path, verify=verify), again, [2])
            texts = {str(d["text"]): d["id"] for d in known}
            expected = {
                str(d["id"]): texts[str(d["text"])[:-5]] for d in again if str(d["text"])[:-5] in texts
            }
            assert removed(found) == dict(sorted(expected.items()))
            assert all(d["duplicates"] == 0 for d in found.values())
    assert NearDedup(index=first).identity() != NearDedup(index=second).identity()
    with pytest.raises(CurateError, match="other parameters"):
        decide(NearDedup(index=first, seed=2), again)


def test_a_signal_or_the_source_decides_who_stays() -> None:
    text = "one two three four five six seven eight"
    shard = table([{"id": name, "text": text, "url": name.upper()} for name in "abcdef"])
    scores = pa.array([0.5, -1.0, -2.0, None, 2.0, float("nan")])
    shard = shard.append_column("signals", pa.StructArray.from_arrays([scores], ["score"]))

    def keeper(barrier: Barrier) -> object:
        outcome = run_barrier(barrier, [shard])[0][0]
        return outcome.batch["id"].to_pylist()[outcome.reason.to_pylist().index(None)]

    assert keeper(NearDedup(keep=Highest("signals.score"))) == "e"
    assert keeper(NearDedup(keep=Highest("signals.score", lowest=True))) == "c"
    assert keeper(ExactDedup(keep=Preferred("url", ("X", "D", "B")))) == "d"
    assert keeper(NearDedup(keep=Preferred("url", ()))) == "a"
    assert NearDedup(keep=Highest("signals.score")).reads == {"id", "text", "signals"}


def test_presets() -> None:
    assert (NearDedup.refinedweb().bands, NearDedup.refinedweb().rows) == (450, 20)
    for target in (0.5, 0.7, 0.8, 0.9):
        barrier = NearDedup.at(target, keep="first")
        assert barrier.bands * barrier.rows <= 128
        assert barrier.min_jaccard == target
        assert 1 - (1 - target**barrier.rows) ** barrier.bands > 0.8
        assert 1 - (1 - (target - 0.3) ** barrier.rows) ** barrier.bands < 0.35
    with pytest.raises(PlanError):
        NearDedup.at(1.0)


def test_every_shard_count_and_the_digest_of_reports() -> None:
    assert summed(
        [{"a": 1, "largest_b": 3, "c": {"2": 1}}, {"a": 2, "largest_b": 1, "c": {"2": 2, "3": 1}}]
    ) == {
        "a": 3,
        "largest_b": 3,
        "c": {"2": 3, "3": 1},
    }


def test_a_document_of_many_megabytes_among_its_copies() -> None:
    words = [f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}" for i in range(17_000)]
    large = " ".join(words) * 60  # four megabytes, and 17,000 shingles
    documents = [
        {"id": "large", "text": large},
        {"id": "again", "text": large[:-4]},
        {"id": "no", "text": "x"},
    ]
    assert removed(decide(NearDedup(), documents, [1])) == {"again": "large"}


def test_templates_of_one_site_stay_apart() -> None:
    """A chain of pages, each like the next: banding alone would leave one of them."""
    words = [f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(600)]
    chain = [{"id": f"{i:02}", "text": " ".join(words[i * 8 : i * 8 + 100])} for i in range(40)]
    loose = {"bands": 56, "rows": 2}
    assert len(removed(decide(NearDedup(**loose, verify=False), chain))) == 39
    found = decide(NearDedup(**loose, min_jaccard=0.75, keep="first"), chain, [10, 30])
    assert 15 <= len(removed(found)) <= 20
    assert all(d["similarity"] >= 0.75 for d in found.values() if d["reason"])
