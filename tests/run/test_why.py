"""Where a document went, from the command line and from Python."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.run.why import why

QUESTION = "which seven words of this question would nobody on earth have written twice before today"
TEXTS = {
    "kept": "The text that is kept is the one with the most words of all that are here to be told.",
    "short": "Two words",
    "copy": "the TEXT that is kept is the one with the most words of all that are here to be told.",
    "dirty": f"It says {QUESTION} and so it goes.",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("why")
    rows = [{"id": name, "text": text, "url": f"https://site/{name}"} for name, text in TEXTS.items()]
    (folder / "docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    length = cu.RuleTable("length", (cu.Rule("too_short", "n_words", ">=", 5, "this test"),))
    own = length.with_limits(too_short=3)
    stages = [
        cu.Language(keep=None, min_score=0.0),
        cu.TextStats(),
        cu.Rules(length, per_language=(("xx", own),)),
        cu.C4Lines(),
        cu.TextStats("again"),
        cu.Decontaminate((("quiz", "7", QUESTION),)),
        cu.ExactDedup(keep=cu.Preferred("id", ("kept",))),
    ]
    cu.run(
        cu.Pipeline(
            cu.read_jsonl(str(folder / "docs.jsonl")), stages, cu.write_documents(str(folder / "out"))
        )
    )
    return folder / "out"


def told(out: Path, name: str) -> str:
    (found,) = why(out, name)
    return "\n".join(found.sentences())


def test_a_kept_document(out: Path) -> None:
    said = told(out, "https://site/kept")
    assert said.startswith("kept: kept\n  in documents/00000.parquet\n  url https://site/kept\n  from ")
    assert "1 documents went in its favour" in said


def test_a_broken_rule_with_its_signal_and_limit(out: Path) -> None:
    said = told(out, "short")
    assert said.startswith("short: rejected by length: too_short\n  in rejects/phase-1-00000.parquet")
    assert "too_short: n_words is 2, kept if >= 5 (this test)" in said


def test_a_duplicate_names_the_one_that_stays(out: Path) -> None:
    said = told(out, "copy")
    assert "exact_duplicate: equal in `text` to a document that is kept" in said
    assert "duplicate of kept, similarity 1.000, kept in documents/00000.parquet, from " in said


def test_a_contaminated_document_names_the_item(out: Path) -> None:
    assert "holds quiz/7: gpt3, " in told(out, "dirty")


def test_no_text_is_read(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = pq.ParquetFile.read_row_group

    def watched(self: pq.ParquetFile, group: int, *, columns: list[str]) -> Any:
        assert "text" not in columns
        return read(self, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", watched)
    assert why(out, "kept")
    assert why(out, "nobody") == []


def test_the_command(out: Path, tmp_path: Path) -> None:
    def ask(name: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "curate", "why", str(out), name]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert ask("kept").stdout.startswith("kept: kept\n")
    nobody = ask("nobody")
    assert (nobody.returncode, "has no document" in nobody.stdout) == (1, True)
    cu.remove(out, {"kept"})
    gone = ask("kept")
    assert (gone.returncode, gone.stdout) == (0, "kept: taken down with `remove`\n")
