"""Repeated lines, paragraphs and sentences."""

import itertools
import json
from typing import Any

import pytest

from curate.errors import PlanError
from curate.stages.segment_dedup import SegmentDedup
from tests.stages.barriers import run_barrier, table


def cut(barrier: SegmentDedup, texts: list[str | None], cuts: tuple[int, ...] = ()) -> list[Any]:
    """The texts that are left, the reason where one goes; documents in keeper order."""
    documents = [{"id": f"{i:03}", "text": text} for i, text in enumerate(texts)]
    edges = [0, *cuts, len(texts)]
    outcomes, verdicts = run_barrier(barrier, [table(documents[a:b]) for a, b in itertools.pairwise(edges)])
    cut.report = barrier.artifacts(verdicts)  # type: ignore[attr-defined]
    found = []
    for outcome in outcomes:
        texts_left, reasons = outcome.batch["text"].to_pylist(), outcome.reason.to_pylist()
        found += [reason or text for text, reason in zip(texts_left, reasons, strict=True)]
    return found


@pytest.mark.parametrize("cuts", [(), (1,), (1, 3)])
def test_lines(cuts: tuple[int, ...]) -> None:
    texts = ["Home\none\nhome ", "  HOME\ntwo\n\nend", "Home\nthree", "home", "", None]
    left = cut(SegmentDedup(keep="first"), texts, cuts)
    assert left == ["Home\none\n", "  two\n\nend", "three", "all_lines_repeated", "", None]
    report = json.loads(cut.report["segment_dedup_line.json"])  # type: ignore[attr-defined]
    most = [{"copies": 5, "text": "home"}]
    assert report == {"repeated": 1, "copies": 5, "cut": 4, "bytes": 5 + 5 + 5 + 4, "most_repeated": most}


@pytest.mark.parametrize("cuts", [(), (3, 20)])
def test_the_most_repeated_segments_are_told(cuts: tuple[int, ...]) -> None:
    # line n stands in 30 - n of the texts, in different case and layout, long ones with their beginning
    lines = [f"line {n}\u00e9 " + "of many words " * (n % 3 * 10) for n in range(28)]
    texts: list[str | None] = [
        "\n".join(f" {line.upper() if document % 2 else line}" for line in lines[: 30 - document])
        for document in range(30)
    ]
    cut(SegmentDedup(), texts, cuts)
    told = json.loads(cut.report["segment_dedup_line.json"])["most_repeated"]  # type: ignore[attr-defined]
    expected = [(30 - n, " ".join(line.split())[:200]) for n, line in enumerate(lines)]
    by_count = sorted(expected, key=lambda piece: (-piece[0], piece[1]))[:20]
    assert [(piece["copies"], piece["text"]) for piece in told] == by_count


def test_how_many_copies() -> None:
    texts = [f"shared\nown {i}" for i in range(4)]
    many = SegmentDedup(keep="first", min_copies=5)
    assert cut(many, texts) == texts
    none = SegmentDedup(keep="first", min_copies=4, keep_copies=0)
    assert cut(none, texts) == [f"own {i}" for i in range(4)]
    two = SegmentDedup(keep="first", min_copies=3, keep_copies=2)
    assert cut(two, texts) == ["shared\nown 0", "shared\nown 1", "own 2", "own 3"]


def test_runs_of_three_sentences() -> None:
    shared = "We sell shoes. We sell hats! Do you want some? Come in."
    texts = [f"{shared} First.", f"Second. {shared}", "We sell shoes. We sell hats! No."]
    left = cut(SegmentDedup(unit="sentence", span=3, keep="first"), texts)
    assert left == [texts[0], "Second. ", texts[2]]
    assert SegmentDedup.c4() == SegmentDedup(unit="sentence", span=3)


def test_paragraphs() -> None:
    texts = ["a\nb\n\nc", "x\n\nA\nB\n\ny", "a\nb\nc"]
    assert cut(SegmentDedup(unit="paragraph", keep="first"), texts) == ["a\nb\n\nc", "x\n\ny", "a\nb\nc"]


def test_parameters() -> None:
    for bad in (
        {"unit": "word"},
        {"span": 0},
        {"min_copies": 1},
        {"keep_copies": -1},
        {"min_copies": 2, "keep_copies": 2},
        {"keep": "best"},
    ):
        with pytest.raises(PlanError):
            SegmentDedup(**bad)  # type: ignore[arg-type]
