"""What is added to a finished run, or changed late in its plan, costs what is new: the rest is used again as it is."""

import json
import os
from pathlib import Path

import pytest

import curate as cu
from curate.run.remove import remove
from curate.run.verify import verify
from tests.laws.test_engine import tree
from tests.laws.test_splits import Here
from tests.laws.toy import CountWords, Distinct, ReadLines, no_shouting, write_lines


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def recipe(
    source: Path, output: Path, *, late: int = 2, barrier: bool = True, keep_work: bool = True
) -> cu.Pipeline:
    stages = [no_shouting, *([Distinct()] if barrier else []), CountWords(late)]
    return cu.Pipeline(ReadLines(str(source)), stages, cu.write_documents(str(output), keep_work=keep_work))


def result(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(folder).items() if not name.startswith("work/")}


def times(folder: Path, pattern: str) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.glob(pattern)}


def add(source: Path, name: str, lines: int = 30) -> None:
    write_lines(source.parent / "more", shards=1, lines=lines)
    (source.parent / "more" / "part-0.txt").rename(source / name)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_lines(tmp_path / "lines")
    return tmp_path / "lines"


@pytest.mark.parametrize("barrier", [False, True])
def test_a_file_added_behind_the_others_is_all_that_is_read(
    source: Path, tmp_path: Path, *, barrier: bool
) -> None:
    cu.run(recipe(source, tmp_path / "out", barrier=barrier), Here())
    before = times(tmp_path / "out", "ledger/phase-1-*")
    add(source, "part-9.txt")
    cu.run(recipe(source, tmp_path / "out", barrier=barrier), Here(), restart=True)
    after = times(tmp_path / "out", "ledger/phase-1-*")
    assert set(after) - set(before) == {"ledger/phase-1-00003.json"}
    assert {name: after[name] for name in before} == before
    cu.run(recipe(source, tmp_path / "fresh", barrier=barrier), Here())
    assert result(tmp_path / "out") == result(tmp_path / "fresh")
    assert verify(tmp_path / "out") == []


@pytest.mark.parametrize("name", ["a.txt", "part-1-more.txt"])
def test_a_file_in_between_gives_the_result_of_a_new_run(source: Path, tmp_path: Path, name: str) -> None:
    cu.run(recipe(source, tmp_path / "out"), Here())
    add(source, name)
    cu.run(recipe(source, tmp_path / "out"), Here(), restart=True)
    cu.run(recipe(source, tmp_path / "fresh"), Here())
    assert result(tmp_path / "out") == result(tmp_path / "fresh")


def test_a_file_taken_away_leaves_nothing(source: Path, tmp_path: Path) -> None:
    add(source, "part-9.txt")
    cu.run(recipe(source, tmp_path / "out"), Here())
    (source / "part-9.txt").unlink()
    cu.run(recipe(source, tmp_path / "out"), Here(), restart=True)
    cu.run(recipe(source, tmp_path / "fresh"), Here())
    assert result(tmp_path / "out") == result(tmp_path / "fresh")


def articles(source: Path, output: Path, *, near: bool = True) -> cu.Pipeline:
    stages = [cu.ExactDedup(), *([cu.NearDedup(), cu.SubstringDedup()] if near else [])]
    return cu.Pipeline(ReadLines(str(source)), stages, cu.write_documents(str(output)))


def test_no_summary_of_an_earlier_run_stays(tmp_path: Path) -> None:
    source, out = tmp_path / "lines", tmp_path / "out"
    source.mkdir()
    told = [f"word{n} of a line that is long enough to have many shingles {n * n}" for n in range(9)]
    (source / "a.txt").write_text(" ".join(told) + "\n")
    (source / "b.txt").write_text(" ".join([*told, "more"]) + "\n")
    cu.run(articles(source, out), Here())
    assert json.loads((out / "near_dedup.json").read_bytes())["removed"] == 1
    (source / "b.txt").unlink()
    cu.run(articles(source, out), Here(), restart=True)
    cu.run(articles(source, tmp_path / "fresh"), Here())
    assert result(out) == result(tmp_path / "fresh")
    for name in ("exact_dedup", "near_dedup"):
        assert json.loads((out / f"{name}.json").read_bytes())["removed"] == 0
    clusters = json.loads((out / "report.json").read_bytes())["duplicates"]["clusters"]
    assert {name: told["removed"] for name, told in clusters.items()} == {"exact_dedup": 0, "near_dedup": 0}
    cu.run(articles(source, out, near=False), Here(), restart=True)
    assert not {"near_dedup.json", "substring_dedup.json"} & {path.name for path in out.iterdir()}
    assert verify(out) == []


def test_a_summary_that_was_altered_or_lost_is_named_and_made_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cu.run(articles(source, out), Here())
    whole = result(out)
    (out / "near_dedup.json").unlink()
    (out / "exact_dedup.json").write_text("{}")
    (out / "report.json").write_text("{}")
    assert [problem.partition(":")[0] for problem in verify(out)] == [
        "exact_dedup.json has changed",
        "near_dedup.json is missing",
        "report.json has changed",
    ]
    cu.run(articles(source, out), Here())
    assert verify(out) == []
    assert result(out) == whole


def test_a_changed_late_stage_uses_earlier_phases_and_their_barrier(source: Path, tmp_path: Path) -> None:
    cu.run(recipe(source, tmp_path / "out"), Here())
    before = times(tmp_path / "out", "ledger/phase-1-*") | times(tmp_path / "out", "work/1/**/*.arrow")
    assert len(before) > 10
    cu.run(recipe(source, tmp_path / "out", late=7), Here(), restart=True)
    after = times(tmp_path / "out", "ledger/phase-1-*") | times(tmp_path / "out", "work/1/**/*.arrow")
    assert after == before
    cu.run(recipe(source, tmp_path / "fresh", late=7), Here())
    assert result(tmp_path / "out") == result(tmp_path / "fresh")
    assert verify(tmp_path / "out") == []


def test_token_shards_say_how_many_there_are(source: Path, tmp_path: Path) -> None:
    tokenizer = str(tmp_path / "tokenizer.json")
    cu.Tokenizer.train(["a b c"], vocab_size=270, special_tokens=["<|endoftext|>"]).save(tokenizer)

    def tokens(output: str) -> cu.Pipeline:
        write = cu.write_tokens(str(tmp_path / output), keep_work=True)
        return cu.Pipeline(ReadLines(str(source)), [no_shouting, cu.Tokenize(tokenizer)], write)

    cu.run(tokens("out"), Here())
    add(source, "part-9.txt")
    cu.run(tokens("out"), Here(), restart=True)
    cu.run(tokens("fresh"), Here())
    assert result(tmp_path / "out") == result(tmp_path / "fresh")


def test_without_keeping_nothing_is_kept(source: Path, tmp_path: Path) -> None:
    cu.run(recipe(source, tmp_path / "out", keep_work=False), Here())
    assert not (tmp_path / "out" / "work").exists()
    cu.run(recipe(source, tmp_path / "kept"), Here())
    assert result(tmp_path / "out") == result(tmp_path / "kept")
    cu.run(recipe(source, tmp_path / "kept", keep_work=False), Here())  # done already: only work goes
    assert not (tmp_path / "kept" / "work").exists()


def test_what_is_taken_down_is_not_kept_between_phases(source: Path, tmp_path: Path) -> None:
    cu.run(recipe(source, tmp_path / "out"), Here())
    ids = [row for batch in cu.read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    remove(tmp_path / "out", {ids[0]})
    assert not (tmp_path / "out" / "work").exists()
    add(source, "part-9.txt")
    cu.run(recipe(source, tmp_path / "out"), Here(), restart=True)
    assert not (tmp_path / "out" / "work").exists()
    left = [row for batch in cu.read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    assert ids[0] not in left
    assert len(left) >= len(ids) - 1


def jsonl(source: Path, output: Path) -> cu.Pipeline:
    return cu.Pipeline(cu.read_jsonl(f"{source}/**/*.jsonl"), [], cu.write_documents(str(output)))


def write_texts(path: Path, *texts: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))


def stored_ids(folder: Path) -> dict[str, str]:
    return {row["text"]: row["id"] for batch in cu.read_documents(folder) for row in batch.to_pylist()}


def test_a_file_that_makes_a_name_ambiguous_has_the_renamed_one_read_again(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    write_texts(source / "a/x.jsonl", "one", "two")
    cu.run(jsonl(source, output), Here())
    before = stored_ids(output)
    write_texts(source / "b/x.jsonl", "three", "four")
    cu.run(jsonl(source, output), Here(), restart=True)
    cu.run(jsonl(source, tmp_path / "fresh"), Here())
    assert result(output) == result(tmp_path / "fresh")
    after = stored_ids(output)
    assert len(set(after.values())) == 4
    assert after["one"] != before["one"]


def test_what_was_taken_down_does_not_come_back_under_another_id(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    write_texts(source / "a/x.jsonl", "one", "two")
    cu.run(jsonl(source, output), Here())
    remove(output, {stored_ids(output)["one"]})
    write_texts(source / "b/x.jsonl", "three")
    with pytest.raises(cu.OutputError, match=r"is named `a/x\.jsonl`"):
        cu.run(jsonl(source, output), Here(), restart=True)
    assert stored_ids(output).keys() == {"two"}
    (source / "b/x.jsonl").rename(source / "b/y.jsonl")
    cu.run(jsonl(source, output), Here(), restart=True)
    assert stored_ids(output).keys() == {"two", "three"}


def test_a_file_without_a_line_that_can_be_parsed_is_damaged(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_texts(source / "good.jsonl", "one")
    (source / "good.jsonl").write_text('{"text": "one"}\nnot json\n')
    (source / "list.jsonl").write_text('[{"text": "one"}, {"text": "two"}]\n\n[]\n')
    for split_bytes in (10, 1 << 20):
        read = cu.read_jsonl(f"{source}/*", split_bytes=split_bytes)
        report = cu.run(cu.Pipeline(read, [], cu.write_documents(str(tmp_path / str(split_bytes)))), Here())
        assert report.totals["quarantined"] == {f"{source}/list.jsonl": {"bad_json": 2}}
        assert (report.exit_code, report.totals["records"], report.totals["kept"]) == (1, 4, 1)
        assert verify(tmp_path / str(split_bytes)) == []


def test_what_no_worker_sees_is_refused(tmp_path: Path) -> None:
    write_texts(tmp_path / "in/x.jsonl", "one")
    pipeline = cu.Pipeline(cu.read_jsonl(f"{tmp_path}/in/*"), [], cu.write_documents("memory://out"))
    with pytest.raises(cu.PlanError, match="memory of this process"):
        cu.run(pipeline, Here())


def test_an_output_folder_may_be_spelled_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_texts(tmp_path / "in/x.jsonl", "one")
    for spelling in ("~/out", "file://~/out", f"file://{tmp_path}/out"):
        cu.run(cu.Pipeline(cu.read_jsonl("~/in/*"), [], cu.write_documents(spelling)), Here())
        assert stored_ids(Path(spelling) if spelling == "~/out" else tmp_path / "out").keys() == {"one"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
