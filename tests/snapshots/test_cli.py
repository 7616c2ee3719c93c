"""The command line's words: stdout, stderr and exit code together, held against golden texts.

`python tests/snapshots/test_cli.py` writes them anew; read the difference before you commit it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

RECIPE = """
import curate as cu


def pipeline(input: str = "docs.jsonl", output: str = "out", min_words: int = 1, clean: bool = False) -> cu.Pipeline:
    short = cu.Rule("too_short", "n_words", ">=", min_words, "this test")
    stages = [cu.TextStats(), cu.Rules(cu.RuleTable("length", (short,)))]
    return cu.Pipeline(cu.read_jsonl(input), stages, cu.write_documents(output))
"""

TAGGING = """
import curate as cu


def pipeline(input: str = "docs.jsonl", output: str = "out") -> cu.Pipeline:
    evals = (("quiz", "1", "Which three short words of this question would nobody write twice?"),)
    return cu.Pipeline(cu.read_jsonl(input), [cu.Decontaminate(evals, action="tag")], cu.write_documents(output))
"""

FILES = {
    "tagging.py": TAGGING,
    "recipe.py": RECIPE,
    "docs.jsonl": '{"id": "a", "text": "Three short words"}\n{"id": "b", "text": "One"}\n{"id": "c", "text": 7}\n',
    "missing_column.py": RECIPE.replace("stages = [cu.TextStats(), ", "stages = ["),
    "stale_signals.py": RECIPE.replace("cu.TextStats(), ", "cu.TextStats(), cu.ScrubPII(), "),
    "two_names.py": RECIPE.replace("cu.TextStats(), ", "cu.TextStats(), cu.TextStats(), "),
    "no_pipeline.py": "x = 1\n",
    "broken.py": "import no_such_module_anywhere\n",
    "required.py": RECIPE.replace('input: str = "docs.jsonl"', "input: str"),
    "failing.py": "def pipeline():\n    raise ZeroDivisionError\n",
    "not_empty/file.txt": "something of the user's\n",
}

#: name -> command lines, run in this order in one fresh folder
CASES: dict[str, list[list[str]]] = {
    "no_arguments": [[]],
    "unknown_command": [["frobnicate"]],
    "unknown_flag": [["recipe.py", "--frobnicate"]],
    "bad_workers": [["recipe.py", "--workers", "0"]],
    "missing_recipe": [["nowhere.py"]],
    "recipe_without_pipeline": [["no_pipeline.py"]],
    "recipe_that_cannot_be_imported": [["broken.py"]],
    "unknown_parameter": [["recipe.py", "min_word=3"]],
    "parameter_without_value": [["recipe.py", "min_words"]],
    "missing_parameter": [["required.py", "output=out"]],
    "parameter_of_the_wrong_type": [["recipe.py", "min_words=few"], ["recipe.py", "clean=perhaps"]],
    "repeated_parameter": [["recipe.py", "min_words=1", "min_words=2"]],
    "missing_input": [["recipe.py", "input=nowhere.jsonl"], ["recipe.py", "input=no*where.jsonl"]],
    "missing_column": [["missing_column.py"]],
    "stale_column": [["stale_signals.py"]],
    "two_stages_of_one_name": [["two_names.py"]],
    "output_of_another_plan": [["recipe.py", "--quiet"], ["recipe.py", "min_words=2"]],
    "output_that_is_no_run": [["recipe.py", "output=not_empty"]],
    "explain": [
        ["recipe.py", "min_words=2", "input=nowhere.jsonl", "--explain"],
        ["recipe.py", "--files", "3"],
    ],
    "verify": [["recipe.py", "--quiet"], ["verify", "out"], ["verify", "nowhere"]],
    "report_of_nothing": [["report", "nowhere"]],
    "contamination": [
        ["tagging.py", "--quiet"],
        ["contamination", "out"],
        ["contamination", "out", "--format", "json"],
        ["contamination", "nowhere"],
    ],
    "contamination_of_nothing": [["recipe.py", "--quiet"], ["contamination", "out"]],
    "remove_without_ids": [["remove", "out"]],
    "sweep": [
        ["recipe.py", "min_words=2", "--quiet"],
        ["sweep", "out", "--set", "length.too_short=1"],
        ["sweep", "out", "--set", "length.too_short=4"],
        ["sweep", "out", "--set", "length.too_long=4"],
        ["sweep", "out", "--set", "width.too_short=4"],
        ["sweep", "out", "--set", "length.too_short=few"],
    ],
    "train_on_nothing": [["train", "nowhere"]],
    "why": [
        ["recipe.py", "min_words=2", "--quiet"],
        ["why", "out", "a"],
        ["why", "out", "b"],
        ["why", "out", "nobody"],
        ["why", "nowhere", "a"],
    ],
}


def transcript(name: str, folder: Path) -> str:
    """What the commands of a case print and return, in a fresh folder."""
    for file, text in FILES.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"}
    lines = []
    for words in CASES[name]:
        done = subprocess.run(
            [sys.executable, "-m", "curate", *words],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            check=False,
        )
        lines += [f"$ python -m curate {' '.join(words)}".rstrip(), done.stdout.rstrip()]
        lines += ["--- stderr", done.stderr.rstrip(), f"--- exit {done.returncode}", ""]
    return "\n".join(lines).replace(f"{folder.resolve()}/", "")


@pytest.mark.parametrize("name", CASES)
def test_transcript(name: str, tmp_path: Path) -> None:
    golden = HERE / "cli" / f"{name}.txt"
    assert transcript(name, tmp_path) == golden.read_text("utf-8")


def test_every_failure_has_one_message_a_hint_and_exit_code_2() -> None:
    for name in CASES:
        text = (HERE / "cli" / f"{name}.txt").read_text("utf-8")
        assert "Traceback" not in text, name
        for part in text.split("\n$ "):
            if "--- exit 2" in part:
                assert part.count("error: ") == (0 if name == "no_arguments" else 1), name
                assert "hint: " in part or name == "no_arguments", name


def test_an_unforeseen_exception_is_not_taken_for_a_finished_run(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FILES["failing.py"])
    command = [sys.executable, "-m", "curate", "failing.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "error: ZeroDivisionError()\n\nhint: " in done.stderr


@pytest.mark.parametrize("flags", [[], ["--log-json"]])
def test_a_run_goes_on_when_nobody_reads_its_progress(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    (tmp_path / "docs.jsonl").write_text(FILES["docs.jsonl"])
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "curate", "recipe.py", *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, cwd=tmp_path, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "out" / "report.json").is_file()


def test_the_flags_are_frozen() -> None:
    from curate.cli import command_line

    flags = {
        name: sorted(option for parameter in command.params for option in parameter.opts)
        for name, command in sorted(command_line.commands.items())
    }
    assert flags == {
        "assets": [],
        "contamination": ["--format", "--places", "folder"],
        "compare": ["--held-out", "--out", "--replicates", "--steps", "a", "b"],
        "export": ["--format", "prefix", "split"],
        "languages": [],
        "remove": ["--ids", "--urls", "--with-duplicates", "folder"],
        "report": ["--parameters", "folder"],
        "run": [
            "--batch-timeout",
            "--executor",
            "--explain",
            "--files",
            "--log-json",
            "--memory",
            "--price",
            "--quiet",
            "--restart",
            "--step",
            "--steps",
            "--task",
            "--workers",
            "file",
            "parameters",
        ],
        "sweep": ["--set", "folder"],
        "tokenizer": [],
        "train": ["--out", "--steps", "folder"],
        "verify": ["folder"],
        "why": ["folder", "name"],
    }


if __name__ == "__main__":
    (HERE / "cli").mkdir(exist_ok=True)
    for case in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            (HERE / "cli" / f"{case}.txt").write_text(transcript(case, Path(temporary)), "utf-8")
