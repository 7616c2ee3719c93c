"""Filters of a recipe's own: their code counts, workers find them, and their faults are told by document."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import curate as cu
from curate.recipe import load_recipe
from curate.run.verify import verify
from tests.run import factories

RECIPE = """
import curate as cu
import pyarrow as pa
from dataclasses import dataclass

MIN = 2

def is_short(text):
    return len(text.split()) < MIN

@cu.per_document("mine", reasons={"short": "too short"})
def mine(text):
    return "short" if is_short(text) else None

@dataclass(frozen=True)
class Loud(cu.Stage):
    @property
    def reads(self):
        return frozenset({"text"})

    @property
    def reasons(self):
        return {"loud": "capitals"}

    def __call__(self, batch):
        said = ["loud" if text.isupper() else None for text in batch["text"].to_pylist()]
        return cu.Outcome(batch, pa.array(said, pa.string()))

def pipeline(input: str, output: str):
    return cu.Pipeline(cu.read_jsonl(input), [mine, Loud()], cu.write_documents(output))
"""
TEXTS = ["one", "one two", "ONE TWO THREE", "one two three four"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    lines = [json.dumps({"id": f"d{place}", "text": text}) for place, text in enumerate(TEXTS)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    return tmp_path / "in.jsonl"


def run_recipe(
    folder: Path, recipe: str, *flags: str, workers: int = 1, **files: str
) -> subprocess.CompletedProcess[str]:
    """Runs the recipe on the command line, from another folder than its own."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / "own_recipe.py").write_text(recipe)
    for name, text in files.items():
        (home / f"{name}.py").write_text(text)
    words = [f"input={folder / 'in.jsonl'}", f"output={folder / 'out'}", "--workers", str(workers), "--quiet"]
    command = [sys.executable, "-m", "curate", str(home / "own_recipe.py"), *words, *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def kept(folder: Path) -> list[str]:
    assert verify(folder / "out") == []
    return [text for batch in cu.read_documents(str(folder / "out")) for text in batch["text"].to_pylist()]


@pytest.mark.parametrize(
    ("old", "new", "told", "left"),
    [
        ("MIN = 2", "MIN = 4", "mine", TEXTS[3:]),
        ("text.split()) < MIN", "text.split()) <= MIN", "reads.is_short", TEXTS[3:]),
        ("text.isupper()", "'four' in text", "loud.class.members.__call__", TEXTS[1:3]),
    ],
)
def test_changed_code_is_refused_and_done_again(
    source: Path, tmp_path: Path, old: str, new: str, told: str, left: list[str]
) -> None:
    assert run_recipe(tmp_path, RECIPE).returncode == 0
    assert kept(tmp_path) == [TEXTS[1], TEXTS[3]]
    refused = run_recipe(tmp_path, RECIPE.replace(old, new))
    assert refused.returncode == 2
    assert "was written by a different plan" in refused.stderr
    assert told in refused.stderr
    assert run_recipe(tmp_path, RECIPE.replace(old, new), "--restart").returncode == 0
    assert kept(tmp_path) == left


def test_a_constant_that_changed_is_told_with_both_values(source: Path, tmp_path: Path) -> None:
    recipe = RECIPE.replace("is_short(text) else", "len(text) < MIN else")
    assert run_recipe(tmp_path, recipe).returncode == 0
    refused = run_recipe(tmp_path, recipe.replace("MIN = 2", "MIN = 9"))
    assert "steps.mine.function.reads.MIN was 2, now 9" in refused.stderr


def test_a_comment_changes_nothing(source: Path, tmp_path: Path) -> None:
    assert run_recipe(tmp_path, RECIPE).returncode == 0
    commented = "# a word on it\n" + RECIPE.replace("    return len", "    # why\n    return len")
    assert run_recipe(tmp_path, commented).returncode == 0


def test_modules_beside_a_recipe_are_found_and_count(source: Path, tmp_path: Path) -> None:
    recipe = "from own_helpers import mine\n" + RECIPE[RECIPE.index("import curate") :].replace(
        '@cu.per_document("mine"', '@cu.per_document("other"'
    ).replace("def mine(", "def other(")
    helpers = RECIPE[: RECIPE.index("@dataclass")]
    assert run_recipe(tmp_path, recipe, own_helpers=helpers).returncode == 0
    assert kept(tmp_path) == [TEXTS[1], TEXTS[3]]
    changed = helpers.replace("MIN = 2", "MIN = 4")
    assert run_recipe(tmp_path, recipe, own_helpers=changed).returncode == 2
    assert run_recipe(tmp_path, recipe, "--restart", own_helpers=changed).returncode == 0
    assert kept(tmp_path) == TEXTS[3:]


def test_what_the_fingerprint_cannot_hold_is_said(source: Path, tmp_path: Path) -> None:
    recipe = RECIPE.replace("MIN = 2", "import threading\nMIN, GUARD = 2, threading.Lock()").replace(
        "    return len", "    with GUARD:\n        return len"
    )
    done = run_recipe(tmp_path, recipe)
    assert done.returncode == 0
    assert (
        done.stderr.count("`mine` reads GUARD (_thread.lock), whose content the fingerprint cannot hold") == 1
    )


def plan(source: Path, *stages: cu.Stage) -> cu.Pipeline:
    return cu.Pipeline(cu.read_jsonl(str(source)), stages, cu.write_documents(str(source.parent / "out")))


def kept_ids(source: Path, *stages: cu.Stage) -> list[str]:
    cu.run(plan(source, *stages), cu.Local(1), restart=True)
    return [
        name for batch in cu.read_documents(str(source.parent / "out")) for name in batch["id"].to_pylist()
    ]


def test_values_of_a_function_are_set_by_name_and_count(source: Path) -> None:
    assert kept_ids(source, factories.short) == ["d1", "d2", "d3"]
    with pytest.raises(cu.OutputError, match=r"steps\.short\.values"):
        cu.run(plan(source, factories.short.with_values(n=3)), cu.Local(1))
    assert kept_ids(source, factories.short.with_values(n=3)) == ["d2", "d3"]
    assert kept_ids(source, factories.short, factories.short.named("more").with_values(n=4)) == ["d3"]


def test_values_that_do_not_fit_are_refused(source: Path) -> None:
    with pytest.raises(cu.PlanError, match="no parameter `m`"):
        factories.short.with_values(m=1)
    with pytest.raises(cu.PlanError, match="cannot be fingerprinted"):
        factories.short.with_values(n=object())
    with pytest.raises(cu.PlanError, match="no value for `n`"):
        plan(source, factories.needy).plan()
    assert kept_ids(source, factories.needy.with_values(n=4)) == ["d3"]
    with pytest.raises(cu.PlanError, match="not of a function"):
        cu.per_document("upper", reasons={})(str.isupper)


@pytest.mark.parametrize("stage", [factories.unnamed, factories.at_most_two, factories.under_another_name])
def test_whatever_lies_at_the_top_level_is_found(source: Path, stage: cu.Stage) -> None:
    assert kept_ids(source, stage) == ["d0", "d1"]


def test_a_function_that_workers_cannot_find_is_refused_before_anything_is_written(source: Path) -> None:
    made: list[Callable[[int], cu.Stage]] = [
        factories.at_most,
        lambda n: cu.per_document("x", reasons={})(lambda text: text[n:] or None),
    ]
    for make in made:
        with pytest.raises(cu.PlanError, match="worker processes cannot find the function") as refused:
            cu.run(plan(source, make(7)), cu.Local(1))
        assert "with_values" in str(refused.value.hint)
    assert not (source.parent / "out").exists()


TYPED = """
import curate as cu, pyarrow as pa
from dataclasses import dataclass
@cu.per_document("mine", reasons={"short": "too short"})
def mine(text):
    return None
@dataclass(frozen=True)
class Typed(cu.Stage):
    @property
    def reads(self): return frozenset()
    def __call__(self, batch): return cu.Outcome(batch)
cu.run(cu.Pipeline(cu.read_jsonl("in.jsonl"), [STAGE], cu.write_documents("out")), cu.Local(1))
"""


@pytest.mark.parametrize("stage", ["mine", "Typed()"])
def test_what_was_typed_at_a_prompt_is_refused_in_plain_words(
    source: Path, tmp_path: Path, stage: str
) -> None:
    command = [sys.executable, "-c", TYPED.replace("STAGE", stage)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-2].startswith("curate.errors.PlanError: ")
    assert "cannot find" in done.stderr.splitlines()[-2]
    assert "prompt" in done.stderr.splitlines()[-1]


def test_workers_that_read_other_values_are_noticed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a script sets a constant under `if __name__ == "__main__":`, which workers do not run."""
    monkeypatch.setattr(factories, "LEAST", 100)
    with pytest.raises(cu.PlanError, match="not the same in a worker process") as refused:
        cu.run(plan(source, factories.long_enough), cu.Local(1))
    assert "reads.LEAST was 100, now 1" in str(refused.value)


def test_recipes_of_one_process_keep_their_folders(tmp_path: Path) -> None:
    (tmp_path / "beside_the_recipe.py").write_text("N = 1")
    (tmp_path / "uses_it.py").write_text("from beside_the_recipe import N")
    before = list(sys.path)
    try:
        assert load_recipe(str(tmp_path / "uses_it.py")).N == 1
    finally:
        sys.path[:] = before


def test_a_fault_names_file_and_document(source: Path) -> None:
    source.write_text(
        json.dumps({"id": "fine", "text": "a"}) + "\n" + json.dumps({"id": "bad", "text": "break"})
    )
    with pytest.raises(
        cu.CurateError, match=f"stage `breaks` failed at document `bad` of `{source}`: Zero"
    ) as failed:
        cu.run(plan(source, factories.breaks), cu.Local(1))
    assert "1 / 0" in str(failed.value.hint)


def test_what_is_no_reader_and_no_output_is_refused(source: Path) -> None:
    with pytest.raises(cu.PlanError, match="'out' is not an output"):
        cu.Pipeline(cu.read_jsonl(str(source)), [], "out").plan()  # type: ignore[arg-type]
    with pytest.raises(cu.PlanError, match="is not a reader"):
        cu.Pipeline(str(source), [], cu.write_documents("out")).plan()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        ("signals.nwords", "has no field `nwords`"),
        ("signals", "has no highest"),
        ("text", "has no highest"),
        ("text.n_words", "has no field `n_words`"),
    ],
)
@pytest.mark.parametrize("dedup", [cu.ExactDedup, cu.NearDedup, cu.SubstringDedup, cu.SegmentDedup])
def test_a_keeper_order_without_its_numbers_is_refused(
    source: Path, dedup: Callable[..., cu.Barrier], signal: str, told: str
) -> None:
    with pytest.raises(cu.PlanError, match=told):
        cu.Pipeline(
            cu.read_jsonl(str(source)),
            [cu.TextStats(), dedup(keep=cu.Highest(signal))],
            cu.write_documents("out"),
        ).plan()


@pytest.mark.parametrize("limit", [None, "50", float("nan"), True])
def test_a_limit_that_is_no_number_is_refused(limit: Any) -> None:
    with pytest.raises(cu.PlanError, match="limit of rule `too_few_words`"):
        cu.GOPHER_QUALITY.with_limits(too_few_words=limit)
