"""Filters made in every way that a user may think of."""

from dataclasses import dataclass

import pyarrow as pa

import curate as cu
from curate.stage import PerDocument

LEAST = 1


@cu.per_document("short", reasons={"short": "fewer than n words"})
def short(text: str, n: int = 2) -> str | None:
    return "short" if len(text.split()) < n else None


@cu.per_document("needy", reasons={"short": "fewer than n words"})
def needy(text: str, *, n: int) -> str | None:
    return "short" if len(text.split()) < n else None


@cu.per_document("long_enough", reasons={"short": "too few words"})
def long_enough(text: str) -> str | None:
    return "short" if len(text.split()) < LEAST else None


unnamed = cu.per_document("unnamed", reasons={"long": "more than two words"})(
    lambda text: "long" if len(text.split()) > 2 else None
)


def at_most(n: int) -> PerDocument:
    @cu.per_document(f"at_most_{n}", reasons={"long": "more than n words"})
    def judge(text: str) -> str | None:
        return "long" if len(text.split()) > n else None

    return judge


at_most_two = at_most(2)


def _judge(text: str) -> str | None:
    return "long" if len(text.split()) > 2 else None


under_another_name = cu.per_document("renamed", reasons={"long": "more than two words"})(_judge)


@cu.per_document("breaks", reasons={})
def breaks(text: str) -> str | None:
    return "break" if "break" in text and 1 / 0 else None


@dataclass(frozen=True)
class Breaks(cu.Stage):
    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"text"})

    def __call__(self, batch: pa.RecordBatch) -> cu.Outcome:
        for text in batch["text"].to_pylist():
            breaks.function(text)
        return cu.Outcome(batch)


breaks_in_a_class = Breaks()


@dataclass(frozen=True)
class TakesOne(cu.Stage):
    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"text"})

    def __call__(self, batch: pa.RecordBatch) -> cu.Outcome:
        if batch.num_rows > 1:
            raise ValueError("several")
        return cu.Outcome(batch)
