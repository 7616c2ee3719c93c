"""Decisions of datatrove's quality filters, for comparison: JSONL `{id, text}` in, JSONL of decisions out.

Runs in an environment that has `datatrove[processing]==0.10.1` and `spacy`; imports nothing of ours.

Each output row has `id` and, per filter, the reason it would drop the document for (null = keep). The four
filters see the same input text; `fineweb_after_c4` sees what C4 left of it. `c4_text` is that text. With the
argument `words`, each row also has `words`, the tokens the filters counted.
"""

import json
import sys

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.text import split_into_words

FILTERS = {
    "gopher_repetition": GopherRepetitionFilter(),
    "gopher_quality": GopherQualityFilter(),
    "c4": C4QualityFilter(filter_no_terminal_punct=False),
    "fineweb": FineWebQualityFilter(),
}


def reason(name: str, document: Document) -> str | None:
    """Null where the filter keeps the document."""
    result = FILTERS[name].filter(document)
    if isinstance(result, tuple):
        return None if result[0] else str(result[1])
    return None if result else name


def decide(row: dict, with_words: bool) -> dict:
    """The decisions about one text."""
    text = row["text"]
    out = {"id": row["id"]}
    for name in ("gopher_repetition", "gopher_quality", "fineweb"):
        out[name] = reason(name, Document(text=text, id=row["id"]))
    after = Document(text=text, id=row["id"])
    out["c4"] = reason("c4", after)
    out["c4_text"] = after.text if out["c4"] is None else None
    out["fineweb_after_c4"] = reason("fineweb", after) if out["c4"] is None else None
    if with_words:
        out["words"] = split_into_words(text)
    return out


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(decide(json.loads(line), "words" in sys.argv[1:])), flush=True)
