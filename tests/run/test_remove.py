"""Take-downs: what was asked for goes, what was not found is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import curate as cu
from curate.errors import CurateError
from curate.run.remove import names_in
from curate.run.verify import verify

COPIED = "a text that is here more than once"


def run(folder: Path, *, restart: bool = False, more: str = "") -> Path:
    documents = {
        "a.jsonl": [("best", COPIED * 2), ("1", "a text of its own"), ("same", "first of a name")],
        "b.jsonl": [("copy", COPIED * 2), ("other", COPIED), ("same", "second of a name")],
        **({"c.jsonl": [("late", COPIED * 2)]} if more else {}),
    }
    for name, rows in documents.items():
        lines = [json.dumps({"id": i, "text": text, "url": f"https://site/{i}"}) for i, text in rows]
        (folder / name).write_text("\n".join(lines) + "\n")
    read = cu.read_jsonl(str(folder / "*.jsonl"))
    cu.run(
        cu.Pipeline(read, [cu.ExactDedup(keep="first")], cu.write_documents(str(folder / "out"))),
        restart=restart,
    )
    return folder / "out"


def texts(out: Path) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for batches in (cu.read_documents(out), cu.read_rejects(out, ["id", "text"])):
        for row in (row for batch in batches for row in batch.to_pylist()):
            found.setdefault(row["id"], []).append(row["text"])
    return found


def take_down(out: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "curate", "remove", str(out), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_list_as_editors_save_it(tmp_path: Path) -> None:
    out = run(tmp_path)
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbf1\r\n\r\n  other \r\n")
    done = take_down(out, "--ids", str(tmp_path / "ids.txt"))
    assert (done.returncode, done.stdout) == (0, f"{out}: 2 documents, 0 tokens and 0 rejects removed\n")
    assert set(texts(out)) == {"best", "copy", "same"}
    (tmp_path / "ids.txt").write_bytes(b"caf\xe9")
    with pytest.raises(CurateError, match="not UTF-8"):
        names_in(tmp_path / "ids.txt")


def test_what_is_not_found_is_told_and_the_rest_goes(tmp_path: Path) -> None:
    out = run(tmp_path)
    (tmp_path / "ids.txt").write_text("\n".join(["1", *(f"nobody-{i:02}" for i in range(25))]))
    done = take_down(out, "--ids", str(tmp_path / "ids.txt"))
    assert done.returncode == 1
    assert "1 documents" in done.stdout
    assert "not found: 25: nobody-00, " in done.stdout
    assert "nobody-19, ..." in done.stdout
    assert "nobody-20" not in done.stdout
    assert cu.remove(out, {"1"}).missing == []  # it went earlier
    assert cu.remove(out, {"nobody-00"}).missing == ["nobody-00"]
    assert take_down(out).returncode == 2
    assert verify(out) == []


def test_nothing_found_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    out = run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert cu.remove(out, {"https://site/1"}).missing == ["https://site/1"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_urls_name_documents_too(tmp_path: Path) -> None:
    out = run(tmp_path)
    (tmp_path / "urls.txt").write_text("https://site/1\nhttps://site/copy\nhttps://elsewhere/\n")
    done = take_down(out, "--urls", str(tmp_path / "urls.txt"))
    assert done.returncode == 1
    assert "1 documents, 0 tokens and 1 rejects" in done.stdout
    assert "not found: 1: https://elsewhere/" in done.stdout
    assert "1" not in texts(out)
    assert texts(out)["copy"] == [None]


@pytest.mark.parametrize("named", ["best", "copy"])
def test_duplicates_go_with_it_where_that_is_asked_for(tmp_path: Path, named: str) -> None:
    out = run(tmp_path)
    cu.remove(out, {"best"})
    assert texts(out)["copy"] == [COPIED * 2]
    cu.remove(out, {named}, with_duplicates=True)
    assert texts(out)["copy"] == [None]
    assert "best" not in texts(out)
    assert verify(out) == []


def test_a_new_duplicate_of_what_was_taken_down_goes_too(tmp_path: Path) -> None:
    cu.remove(run(tmp_path), {"copy"}, with_duplicates=True)
    out = run(tmp_path, restart=True, more="c.jsonl")
    assert COPIED * 2 not in [text for found in texts(out).values() for text in found]
    assert texts(out)["late"] == [None]
    assert verify(out) == []


def test_all_rows_of_an_id_go_and_that_is_told(tmp_path: Path) -> None:
    out = run(tmp_path)
    (tmp_path / "ids.txt").write_text("same\n1\n")
    done = take_down(out, "--ids", str(tmp_path / "ids.txt"))
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            f"{out}: 3 documents, 0 tokens and 0 rejects removed",
            "in several input files, all of them removed: 1 ids: same",
        ],
    )
    assert "same" not in texts(out)
