"""Other limits tried on a finished run: equal to running it with them."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

import curate as cu
from curate.errors import PlanError
from curate.run.sweep import sweep_run

TEXTS = ["one", "one two", "one two three", "one two three four", "a { b c"]


def run(folder: Path, least: int, *, again: bool = False) -> Path:
    source = folder / "docs.jsonl"
    source.write_text("".join(f'{{"id": "{i}", "text": "{text}"}}\n' for i, text in enumerate(TEXTS)))
    length = cu.RuleTable("length", (cu.Rule("too_short", "n_words", ">=", least, "this test"),))
    code = cu.RuleTable("code", (cu.Rule("curly_bracket", "curly_brackets", "==", 0, "this test"),))
    stages: list[object] = [cu.TextStats(), cu.Rules(length)]
    stages += [cu.TextStats("again")] if again else []
    out = folder / f"out-{least}-{again}"
    cu.run(cu.Pipeline(cu.read_jsonl(str(source)), [*stages, cu.Rules(code)], cu.write_documents(str(out))))
    return out


def test_a_sweep_tells_what_a_run_with_the_limit_does(tmp_path: Path) -> None:
    (change,) = sweep_run(run(tmp_path, 3), ["length.too_short=2"])
    assert (dict(change.passed), dict(change.dropped), change.unchanged) == ({"too_short": 1}, {}, 4)
    (change,) = sweep_run(run(tmp_path, 2), ["length.too_short=3"])
    assert (dict(change.passed), dict(change.dropped), change.unchanged) == ({}, {"too_short": 1}, 4)
    assert change.limits == {"too_short": (2, 3)}


def test_rows_that_were_measured_again_are_judged_by_what_the_rules_saw(tmp_path: Path) -> None:
    (change,) = sweep_run(run(tmp_path, 3, again=True), ["length.too_short=4"])
    assert (change.not_judged, change.unchanged, change.dropped) == (0, 3, {"too_short": 2})


def edited(folder: Path, table: cu.RuleTable, name: str) -> cu.Report:
    """The order of the main recipe: rules, lines taken out, measured again, rules."""
    stages = [cu.TextStats(), cu.Rules(table), cu.C4Lines(), cu.TextStats("again"), cu.Rules(cu.C4)]
    write = cu.write_documents(str(folder / name))
    return cu.run(cu.Pipeline(cu.read_jsonl(str(folder / "docs.jsonl")), [*stages, cu.ExactDedup()], write))


@pytest.mark.parametrize("limit", [20, 40, 70, 95])
def test_tightened_and_loosened_limits_tell_what_a_rerun_does(tmp_path: Path, limit: int) -> None:
    chance = random.Random(5)
    lines = [
        "It is a line of the text that you have here.",
        "few",
        "Ends with { a bracket in it.",
        "- an item",
    ]
    texts = ["\n".join(chance.choices(lines, [9, 3, 0.2, 1], k=chance.randint(1, 16))) for _ in range(200)]
    documents = (json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts))
    (tmp_path / "docs.jsonl").write_text("\n".join(documents) + "\n")
    table = cu.GOPHER_QUALITY.with_limits(too_few_words=50)
    before = edited(tmp_path, table, "out").totals["rejected"]["gopher_quality"]
    after = edited(tmp_path, table.with_limits(too_few_words=limit), "again").totals["rejected"][
        "gopher_quality"
    ]
    (change,) = sweep_run(tmp_path / "out", [f"gopher_quality.too_few_words={limit}"])
    assert change.passed.total() + change.dropped.total() > 0
    assert sum(after.values()) == sum(before.values()) - change.passed.total() + change.dropped.total()
    if limit > 50:
        assert after["too_few_words"] == before["too_few_words"] + change.dropped["too_few_words"]
    assert change.not_judged == 0


def test_a_rule_is_set_once(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="set twice"):
        sweep_run(run(tmp_path, 3), ["length.too_short=1", "length.too_short=2"])


@pytest.mark.parametrize(
    "setting", ["width.too_short=1", "length.too_long=1", "length.too_short=few", "length.too_short=nan", "x"]
)
def test_settings_that_fit_no_rule(tmp_path: Path, setting: str) -> None:
    with pytest.raises(PlanError):
        sweep_run(run(tmp_path, 3), [setting])


def test_no_text_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    out = run(tmp_path, 3)
    iterate = pq.ParquetFile.iter_batches

    def watched(self: pq.ParquetFile, *, columns: list[str]) -> "list[pa.RecordBatch]":
        assert "text" not in columns
        return list(iterate(self, columns=columns))

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    assert sweep_run(out, ["length.too_short=2"])[0].passed.total() == 1
