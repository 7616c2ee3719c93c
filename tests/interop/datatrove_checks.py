"""Run by the interpreter that has datatrove; prints what `test_datatrove.py` compares, as JSON."""

import json
import sys

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.filters import LambdaFilter, URLFilter
from datatrove.pipeline.formatters import PIIFormatter

from curate.errors import PlanError
from curate.interop.datatrove import DatatroveStage, as_datatrove_step
from curate.stage import per_document
from curate.stages.url import UrlFilter


class Reasoned(LambdaFilter):
    def filter(self, doc):
        return True if "keep" in doc.text else (False, "Not-Kept")


class Doubling(LambdaFilter):
    filter = None

    def __init__(self):
        super().__init__(len)
        del self.__dict__["filter"]

    def run(self, data, rank=0, world_size=1):
        for document in data:
            yield document
            yield document


@per_document("short", reasons={"too_short": "fewer than 5 characters"})
def short(text: str) -> str | None:
    return "too_short" if len(text) < 5 else None


def documents(*texts: str) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array([str(n) for n in range(len(texts))]),
            "url": pa.array(["http://example.com/"] * len(texts)),
            "text": pa.array(texts, pa.large_string()),
        }
    )


def steps_as_stages() -> dict:
    said = {}
    stage = DatatroveStage(Reasoned(len), declared=("Not-Kept",))
    said["filter"] = stage(documents("keep me", "drop me", "keep")).reason.to_pylist()
    said["identity"] = stage.identity()
    said["name"] = stage.name
    stage = DatatroveStage(PIIFormatter(email_replacement="EMAIL"))
    said["formatter"] = stage(documents("write to a.b@example.com", "nothing")).batch["text"].to_pylist()
    stage = DatatroveStage(LambdaFilter(lambda document: "keep" in document.text))
    said["no_reason"] = stage(documents("keep me", "drop me")).reason.to_pylist()
    try:
        DatatroveStage(Reasoned(len))(documents("drop"))
    except PlanError as error:
        said["undeclared"] = error.hint
    try:
        DatatroveStage("a string")
    except PlanError as error:
        said["no_step"] = error.hint
    return said


def stages_as_steps() -> dict:
    given = [
        Document(text=text, id=str(n)) for n, text in enumerate(["long enough", "no", "also long"] * 200)
    ]
    step = as_datatrove_step(short)
    left = [document.id for document in step(iter(given))]
    counts = {
        key: value.total
        for key, value in step.stats.stats.items()
        if key.startswith(("drop", "forw", "total"))
    }
    return {"left": left, "counts": counts}


def url_decisions(table: dict) -> list:
    rules = table["rules"]
    theirs = URLFilter(
        extra_domains=rules["domains"],
        extra_urls=rules["urls"],
        banned_words=rules["banned_words"],
        banned_subwords=rules["substrings"],
        soft_banned_words=rules["soft_words"],
        use_integrated_lists=False,
    )
    theirs.tldextractor.suffix_list_urls = ()  # the list that it carries, nothing from the network
    verdicts = []
    for url in table["urls"]:
        verdict = theirs.filter(Document(text="", id="", metadata={"url": url}))
        verdicts.append(None if verdict is True else verdict[1])
    batch = pa.record_batch({"url": pa.array(table["urls"])})
    return [verdicts, UrlFilter(**rules)(batch).reason.to_pylist()]


if __name__ == "__main__":
    table = json.load(sys.stdin)
    print(json.dumps({"stages": steps_as_stages(), "steps": stages_as_steps(), "urls": url_decisions(table)}))
