"""The mini evaluation set: questions written for this project, some of which are planted into pages."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class EvalItem:
    """One question with its answer, as in the lines of `evals.jsonl`."""

    set: str
    id: str
    question: str
    answer: str


@cache
def eval_items() -> tuple[EvalItem, ...]:
    """All items in order."""
    raw = (files("curate.sample") / "data" / "evals.json").read_text(encoding="utf-8")
    return tuple(EvalItem("sample", f"sample-{n:02d}", q, a) for n, (q, a) in enumerate(json.loads(raw)))
