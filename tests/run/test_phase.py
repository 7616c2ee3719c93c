"""One phase over one shard: where the token shards of each language go."""

import json
from pathlib import Path

import pytest

import curate as cu
from curate.errors import PlanError
from curate.run.verify import verify


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    path = str(tmp_path / "tokenizer.json")
    cu.Tokenizer.train(["a b c"], vocab_size=270, special_tokens=["<|endoftext|>"]).save(path)
    return path


def write_documents(path: Path, languages: list[str | None]) -> None:
    rows = [{"id": str(i), "text": f"text {i}", "language": label} for i, label in enumerate(languages)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_row_is_in_one_dataset_below_tokens_whatever_its_language(
    tokenizer: str, tmp_path: Path
) -> None:
    write_documents(tmp_path / "in.jsonl", ["en", None, "../../up", "", "a/b", "en", "und", "."])
    read = cu.read_jsonl(str(tmp_path / "in.jsonl"), columns={"language": "string"})
    output = tmp_path / "below" / "out"
    write = cu.write_tokens(str(output), by_language=True, valid_share=0.0)
    report = cu.run(cu.Pipeline(read, [cu.Tokenize(tokenizer)], write), cu.Local(1))
    rows = {name: split["rows"] for name, split in report.totals["tokens"].items() if split["rows"]}
    assert rows == {
        "tokens/en/train": 2,
        "tokens/und/train": 3,
        "tokens/%2E%2E%2F%2E%2E%2Fup/train": 1,
        "tokens/a%2Fb/train": 1,
        "tokens/%2E/train": 1,
    }
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["out"]
    assert verify(output) == []


def test_a_dataset_per_language_needs_languages(tokenizer: str, tmp_path: Path) -> None:
    write_documents(tmp_path / "in.jsonl", ["en"])
    read = cu.read_jsonl(str(tmp_path / "in.jsonl"))
    write = cu.write_tokens(str(tmp_path / "out"), by_language=True)
    with pytest.raises(PlanError, match="needs the column `language`"):
        cu.Pipeline(read, [cu.Tokenize(tokenizer)], write).plan()
