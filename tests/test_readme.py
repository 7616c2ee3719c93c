"""Everything that the README shows is run here; its table of stages is written by `python tests/test_readme.py`."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import curate as cu

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / "README.md"
BLOCK = re.compile(r"(<!-- stages:.*?-->\n).*?(<!-- /stages -->)", re.DOTALL)


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def stage_table() -> str:
    """Every stage of the flagship recipe with its reasons."""
    sys.path.insert(0, str(REPOSITORY / "pipelines"))
    try:
        import fineweb_like
    finally:
        sys.path.pop(0)
    pipeline = fineweb_like.pipeline(input=str(README), output="unused", evals=None)
    steps = [pipeline.read, *pipeline.stages, cu.Decontaminate((("set", "id", "some words"),))]
    lines = ["| stage | reasons |", "|---|---|"]
    for step in steps:
        reasons = ", ".join(f"`{reason}`" for reason in step.reasons)
        lines.append(f"| `{step.name}` | {reasons or '-'} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_stages_is_true() -> None:
    found = BLOCK.search(README.read_text("utf-8"))
    assert found is not None
    assert BLOCK.sub(lambda match: match[1] + stage_table() + match[2], found[0]) == found[0]


def test_the_python_block_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = code_blocks("python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 25
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert "'en'" in printed
    assert "email" in printed
    assert "['b'] ['lorem_ipsum']" in printed
    assert "the cat" in printed


def test_the_commands_run_as_they_stand(tmp_path: Path) -> None:
    """The shell lines, in order, on the sample crawl instead of `crawl/`."""
    commands = [line for line in code_blocks("sh")[1].splitlines() if line.startswith("python -m curate")]
    sample = cu.write_sample(tmp_path / "crawl")
    first = cu.read_warc(f"{sample.folder}/*.warc.gz").files()[0].path
    (tmp_path / "pipelines").symlink_to(REPOSITORY / "pipelines")
    (tmp_path / "ids.txt").write_text("some-unknown-id\n")
    for line in commands:
        words = shlex.split(line, comments=True)[3:]
        words = [word.replace("crawl/*.warc.gz", first) for word in words]
        words = [item for word in words for item in _with_small_vocabulary(word)]
        if words[0] == "train":
            words[-1] = "2"
        done = subprocess.run(
            [sys.executable, "-m", "curate", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode in {0, 1}, f"{line}\n{done.stderr}"


def _with_small_vocabulary(word: str) -> list[str]:
    return [word, "vocab_size=600"] if word.startswith("output=") else [word]


if __name__ == "__main__":
    text = README.read_text("utf-8")
    README.write_text(BLOCK.sub(lambda match: match[1] + stage_table() + match[2], text), "utf-8")
