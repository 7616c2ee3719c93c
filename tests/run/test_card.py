"""The card beside a token dataset: counts, languages, dates and licences of what is in it, and nothing injected."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

import curate as cu
from curate.run.card import write_card
from curate.tokenizer import Tokenizer

ROWS = {
    "id": ["a", "b", "c", "d"],
    "text": pa.array(["x"] * 4, pa.large_string()),
    "language": ["en", "de", "en", None],
    "date": ["2024-02-01T10:00:00Z", None, "2023-12-24T00:00:00Z", "2025-01-01T00:00:00Z"],
    "source": ["f1", "f1", "f2", "f3"],
    "licence": ["CC-BY-4.0", None, "CC-BY-4.0", "evil`\n---\nmore"],
}


def finished(tmp_path):
    for split, tokens in (("train", 30), ("valid", 10)):
        (tmp_path / "t" / split).mkdir(parents=True)
        manifest = {
            "rows": 2,
            "tokens": tokens,
            "bytes": 99,
            "dtype": "uint16",
            "content_digest": split * 3,
            "tokenizer": {"vocab_size": 300, "sha256": "abc", "eos_id": 0},
        }
        (tmp_path / "t" / split / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "documents").mkdir()
    table = pa.table(ROWS)
    pq.write_table(table.slice(0, 2), tmp_path / "documents" / "0.parquet")
    pq.write_table(table.slice(2), tmp_path / "documents" / "1.parquet")


def card(tmp_path, language=None):
    write_card(tmp_path / "t", ["train", "valid"], tmp_path / "documents", {"steps": ["x"]}, language)
    return (tmp_path / "t" / "README.md").read_text()


def test_what_the_documents_say(tmp_path):
    finished(tmp_path)
    text = card(tmp_path)
    assert "| train | 2 | 30 | 99 | uint16 | `traintraintrain` |" in text
    assert "Languages: `en` 2, `de` 1." in text
    assert "Dates: 2023-12-24 to 2025-01-01." in text
    assert "Licences seen: `CC-BY-4.0` 2, `evil" in text
    assert "Sources: 3 files." in text
    assert "language:\n- de\n- en\n---" in text
    assert text.count("\n---\n") == 1  # a value cannot end the front matter or begin another
    assert json.loads(text.split("```json\n")[1].split("```")[0]) == {"steps": ["x"]}


def test_a_card_of_one_language(tmp_path):
    finished(tmp_path)
    assert "Languages: `de` 1." in card(tmp_path, "de")
    assert "Dates: not recorded." in card(tmp_path, "de")
    assert "Languages: not determined." in card(tmp_path, "und")
    assert "Dates: 2025-01-01 to 2025-01-01." in card(tmp_path, "und")


def test_a_run_writes_one_and_a_removal_writes_it_again(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(json.dumps({"id": f"d{k}", "text": f"words {k}"}) for k in range(6)) + "\n")
    Tokenizer.train(["words"], 270).save(str(tmp_path / "t.json"))
    pipeline = cu.Pipeline(
        read=cu.read_jsonl(str(path)),
        stages=[cu.Tokenize(str(tmp_path / "t.json"))],
        write=cu.write_tokens(str(tmp_path / "out"), valid_share=0.0),
    )
    report = cu.run(pipeline, cu.Local(1))
    told = (tmp_path / "out" / "tokens" / "README.md").read_text()
    assert "| train | 6 | " in told
    assert report.budgets()["tokens/train"].tokens == report.totals["tokens"]["tokens/train"]["tokens"]
    assert report.to_json()["budgets"]["tokens/train"]["parameters"] >= 1
    cu.remove(tmp_path / "out", {"d3"})
    again = (tmp_path / "out" / "tokens" / "README.md").read_text()
    assert "| train | 5 | " in again
    assert cu.verify(tmp_path / "out") == []
