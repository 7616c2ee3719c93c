"""Filters made in every way that a user may think of."""

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
