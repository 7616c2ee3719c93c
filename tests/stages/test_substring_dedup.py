"""Repeated stretches against brute force over every window, in any order and any sharding."""

import itertools
import json
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurateError
from curate.stages.substring_dedup import SubstringDedup
from tests.stages.barriers import Document, run_barrier, table

N = 100
DEDUP = SubstringDedup(min_bytes=N, keep="first")


def cut(documents: list[Document], cuts: list[int] | None = None) -> dict[str, tuple[str | None, str | None]]:
    """id → text that is left, and the reason."""
    edges = [0, *sorted(cuts or []), len(documents)]
    shards = [table(documents[a:b]) for a, b in itertools.pairwise(edges)]
    found = {}
    for outcome in run_barrier(DEDUP, shards)[0]:
        texts, reasons = outcome.batch["text"].to_pylist(), outcome.reason.to_pylist()
        found |= dict(zip(outcome.batch["id"].to_pylist(), zip(texts, reasons, strict=True), strict=True))
    return found


def brute_force(documents: list[Document]) -> dict[str, str]:
    """Every byte goes that lies in a window of N bytes which an earlier document has."""
    seen: set[bytes] = set()
    left = {}
    for document in sorted(documents, key=lambda d: str(d["id"])):
        text = str(document["text"]).encode()
        windows = [text[i : i + N] for i in range(len(text) - N + 1)]
        marks = bytearray(len(text))
        for i, window in enumerate(windows):
            if window in seen:
                marks[i : i + N] = b"\1" * N
        seen.update(windows)
        left[str(document["id"])] = bytes(b for b, m in zip(text, marks, strict=True) if not m).decode()
    return left


def documents_of(seed: int) -> list[Document]:
    """Documents that share pieces shorter and longer than N."""
    rng = random.Random(seed)
    words = ["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple"]
    pieces = [" ".join(rng.choices(words, k=rng.randrange(8, 60))) for _ in range(12)]
    out: list[Document] = []
    for number in range(12):
        parts = [rng.choice(pieces) if rng.random() < 0.6 else f"{rng.getrandbits(300):x}" for _ in range(5)]
        out.append({"id": f"{number:02}", "text": "\n".join(parts)})
    return out


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_every_repeat_is_cut_and_nothing_else(seed: int, data: st.DataObject) -> None:
    documents = documents_of(seed)
    expected = brute_force(documents)
    shuffled = data.draw(st.permutations(documents))
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=3))
    assert {name: text for name, (text, _) in cut(shuffled, cuts).items()} == expected


def test_whole_copies_go_and_the_rest_is_defined() -> None:
    long = "Every page of this site ends with the very same notice, which nobody reads and all of them carry along. "
    documents: list[Document] = [
        {"id": "a", "text": long},
        {"id": "b", "text": f"\n{long}"},
        {"id": "c", "text": f"own {long}words"},
        {"id": "d", "text": "short"},
        {"id": "e", "text": "short"},
        {"id": "f", "text": ""},
        {"id": "g", "text": None},
        {"id": "h", "text": long * 3},
    ]
    found = cut(documents, [3])
    assert found["a"] == (long, None)
    assert found["b"][1] == "all_repeated"
    assert found["c"][0] == "own words"
    assert [found[name] for name in "defg"] == [("short", None)] * 2 + [("", None), (None, None)]
    assert (
        found["h"][1] == "all_repeated"
    )  # each of its windows is one of three copies, or stands between two


def test_the_report() -> None:
    documents = [{"id": str(i), "text": "x" * 40 + "y" * 160} for i in range(3)]
    _, verdicts = run_barrier(DEDUP, [table(documents)])
    report = json.loads(DEDUP.artifacts(verdicts)["substring_dedup.json"])
    assert report == {"documents_compared": 3, "documents_cut": 2, "spans": 2, "bytes": 400}
    zeros = {"documents_compared": 0, "documents_cut": 0, "spans": 0, "bytes": 0}
    assert json.loads(DEDUP.artifacts(pa.table({}))["substring_dedup.json"]) == zeros


def test_parameters() -> None:
    with pytest.raises(CurateError):
        SubstringDedup(min_bytes=63)
    with pytest.raises(CurateError):
        SubstringDedup(keep="best")  # type: ignore[arg-type]
    assert SubstringDedup(keep="newest").reads == {"id", "text", "date"}
