"""The laws on a small pipeline: conservation, batch-split, executor and resume invariance."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.errors import CurateError, OutputError, PlanError
from curate.io.documents import read_documents, read_rejects
from curate.report import Ledger
from curate.run import driver, phase
from curate.run.job import Job
from curate.run.layout import Layout
from curate.run.remove import remove
from curate.run.steps import Step
from curate.run.suspects import Attempt
from curate.run.verify import verify
from tests.laws.toy import CountWords, Distinct, KillOnce, ReadLines, Slow, no_shouting, write_lines

#: Files whose content may differ between two equal runs: they hold timings.
TIMED = ("ledger/", "report.html")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a finished run by relative path, without the timed ones."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(files.items()) if not name.startswith(TIMED)}


def pipeline(source: Path, output: Path, *, batch_rows: int = 7, min_words: int = 2, extra=()) -> cu.Pipeline:
    return cu.Pipeline(
        read=ReadLines(str(source), batch_rows),
        stages=[no_shouting, CountWords(min_words), *extra, Distinct()],
        write=cu.write_documents(str(output)),
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    write_lines(folder)
    return folder


@pytest.fixture(scope="module")
def reference(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "out"
    cu.run(pipeline(source, folder), cu.Local(1))
    return folder


def test_every_record_is_in_exactly_one_bucket(source: Path, reference: Path) -> None:
    lines = [line for path in sorted(source.glob("*.txt")) for line in path.read_text().splitlines()]
    kept = [row for batch in read_documents(reference) for row in batch["text"].to_pylist()]
    rejected = [row for batch in read_rejects(reference) for row in batch["reason"].to_pylist()]
    assert len(kept) + len(rejected) == len(lines)
    sensible = {line for line in lines if line not in {"", "!", "short"} and not line.isupper()}
    assert sorted(kept) == sorted(sensible)
    assert rejected.count("empty_line") == lines.count("")
    assert rejected.count("damaged_line") == lines.count("!")
    assert rejected.count("shouting") == lines.count("SHOUTING ALL DAY")
    assert rejected.count("too_few_words") == lines.count("short")
    assert verify(reference) == []


def test_a_rejected_duplicate_names_the_document_kept_instead(reference: Path) -> None:
    kept = {row for batch in read_documents(reference) for row in batch["id"].to_pylist()}
    pairs = [
        pair
        for batch in read_rejects(reference)
        for pair in zip(batch["reason"].to_pylist(), batch["duplicate_of"].to_pylist(), strict=True)
    ]
    assert {keeper for reason, keeper in pairs if reason == "same_text"} <= kept
    assert {keeper for reason, keeper in pairs if reason != "same_text"} == {None}


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_other_batches_same_bytes(source: Path, reference: Path, tmp_path: Path, batch_rows: int) -> None:
    cu.run(pipeline(source, tmp_path / "out", batch_rows=batch_rows), cu.Local(1))
    assert tree(tmp_path / "out") == tree(reference)


@pytest.mark.parametrize("workers", [2, 4])
def test_other_workers_same_bytes(source: Path, reference: Path, tmp_path: Path, workers: int) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(workers))
    assert tree(tmp_path / "out") == tree(reference)


def test_damage_makes_exit_code_1(source: Path, reference: Path) -> None:
    report = cu.run(pipeline(source, reference), cu.Local(1))
    assert report.exit_code == 1
    assert report.totals["quarantined"]


def test_a_second_start_does_nothing(source: Path, reference: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    cu.run(pipeline(source, reference), cu.Local(2))
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before


def test_a_worker_killed_once_costs_nothing(source: Path, tmp_path: Path) -> None:
    poisoned = tmp_path / "lines"
    write_lines(poisoned)
    with (poisoned / "part-1.txt").open("a") as file:
        file.write("this line is poison\n")
    marker = KillOnce(str(tmp_path / "marker"))
    cu.run(pipeline(poisoned, tmp_path / "out", extra=[marker]), cu.Local(2))
    assert (tmp_path / "marker").exists()
    texts = [row for batch in read_documents(tmp_path / "out") for row in batch["text"].to_pylist()]
    assert "this line is poison" in texts
    assert verify(tmp_path / "out") == []


def test_another_plan_in_the_same_folder_is_refused_and_says_what_differs(
    source: Path, tmp_path: Path
) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    with pytest.raises(OutputError, match=r"count_words\.min_words was 2, now 3"):
        cu.run(pipeline(source, tmp_path / "out", min_words=3), cu.Local(1))
    cu.run(pipeline(source, tmp_path / "out", min_words=3), cu.Local(1), restart=True)
    cu.run(pipeline(source, tmp_path / "fresh", min_words=3), cu.Local(1))
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_changed_input_is_noticed(tmp_path: Path) -> None:
    write_lines(tmp_path / "lines")
    cu.run(pipeline(tmp_path / "lines", tmp_path / "out"), cu.Local(1))
    with (tmp_path / "lines" / "part-0.txt").open("a") as file:
        file.write("one more line at the end\n")
    with pytest.raises(OutputError, match="different plan"):
        cu.run(pipeline(tmp_path / "lines", tmp_path / "out"), cu.Local(1))


def test_nothing_kept_is_still_a_run(tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "part-0.txt").write_text("short\nSHOUTING ALL DAY\n")
    report = cu.run(pipeline(tmp_path / "lines", tmp_path / "out"), cu.Local(1))
    assert (report.exit_code, report.totals["kept"]) == (0, 0)
    assert [batch.num_rows for batch in read_documents(tmp_path / "out")] == []
    assert verify(tmp_path / "out") == []


def _run_in_own_group(source: Path, output: Path) -> None:
    os.setpgid(0, 0)
    cu.run(pipeline(source, output, batch_rows=5, extra=[Slow(0.02)]), cu.Local(2))


def test_killed_at_any_moment_and_started_again_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "whole", extra=[Slow(0.0)]), cu.Local(1))
    context = multiprocessing.get_context("spawn")
    chance = random.Random(17)
    for _ in range(5):
        process = context.Process(target=_run_in_own_group, args=(source, tmp_path / "out"))
        process.start()
        time.sleep(chance.uniform(0.6, 2.0))
        if process.is_alive() and process.pid is not None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # on a busy machine it has not come to making its group
                process.kill()
        process.join()
    cu.run(pipeline(source, tmp_path / "out", extra=[Slow(0.0)]), cu.Local(2))
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_what_a_killed_writer_left_is_removed(source: Path, reference: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    (tmp_path / "out" / "ledger" / "phase-2-00001.json").unlink()
    (tmp_path / "out" / "documents" / ".00001.parquet.0123456789ab.tmp").write_bytes(b"PAR1")
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    assert tree(tmp_path / "out") == tree(reference)


@pytest.mark.parametrize("victim", ["documents/00000.parquet", "rejects/phase-1-00001.parquet"])
def test_verify_finds_a_flipped_byte(source: Path, tmp_path: Path, victim: str) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    path = tmp_path / "out" / victim
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert any(victim in problem for problem in verify(tmp_path / "out"))


def test_verify_finds_a_row_that_is_nowhere(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    path = tmp_path / "out" / "ledger" / "phase-1-00000.json"
    value = json.loads(path.read_text())
    value["steps"][1]["rows_out"] -= 1
    path.write_text(json.dumps(value))
    assert any("lost rows" in problem for problem in verify(tmp_path / "out"))


def test_verify_finds_a_table_of_nobody(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    table = tmp_path / "out" / "documents" / "00000.parquet"
    table.with_name("00009.parquet").write_bytes(table.read_bytes())
    assert verify(tmp_path / "out") == ["documents/00009.parquet is in no ledger"]


def test_the_ledger_names_every_output(reference: Path) -> None:
    ledgers = [Ledger.read(path) for path in sorted((reference / "ledger").glob("*.json"))]
    named = {name for ledger in ledgers if ledger for name in ledger.outputs}
    on_disk = {
        path.relative_to(reference).as_posix()
        for folder in ("documents", "rejects", "counts/documents", "counts/rejects")
        for path in (reference / folder).glob("*")
    }
    assert len(on_disk) == 2 * sum(not name.startswith("counts/") for name in on_disk)
    assert on_disk <= named
    assert all(pq.read_metadata(reference / name).num_rows >= 0 for name in on_disk)


def test_removed_documents_leave_every_table(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    ids = [row for batch in read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    gone = remove(tmp_path / "out", {ids[0], ids[-1], "unknown"})
    assert gone.documents == 2
    left = [row for batch in read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    assert left == ids[1:-1]
    assert verify(tmp_path / "out") == []


def test_the_text_of_a_removed_reject_is_not_shown(source: Path, tmp_path: Path) -> None:
    def shown() -> dict[str, str | None]:
        report = json.loads((tmp_path / "out" / "report.json").read_bytes())
        rows = [row for stage in report["samples"].values() for rows in stage.values() for row in rows]
        return {row["id"]: row["text"] for row in rows}

    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    before = shown()
    victim = next(name for name, text in before.items() if text)
    assert remove(tmp_path / "out", {victim}).rejects == 1
    assert shown() == {**before, victim: None}
    assert verify(tmp_path / "out") == []


def test_a_kill_before_the_first_manifest_does_not_bar_the_folder(
    source: Path, reference: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".manifest.json.tmp").write_text('{"version"')
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    assert tree(tmp_path / "out") == tree(reference)


def test_a_run_without_input_files_is_refused(tmp_path: Path) -> None:
    """Its fingerprint would be that of every other plan without input files."""
    (tmp_path / "lines").mkdir()
    with pytest.raises(PlanError, match="names no input file"):
        cu.run(pipeline(tmp_path / "lines", tmp_path / "out"), cu.Local(1))
    assert not (tmp_path / "out").exists()


def test_more_shards_or_rows_than_can_be_named_are_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "MAX_SHARDS", 1)
    with pytest.raises(PlanError, match=r"of which a run takes 1"):
        cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    monkeypatch.undo()
    monkeypatch.setattr(phase, "MAX_ROWS", 2)
    job = Job(
        pipeline(source, tmp_path / "out").plan(),
        ReadLines(str(source), 7).shards(),
        Layout(tmp_path / "out"),
    )
    with pytest.raises(CurateError, match=r"more than 2 documents"):
        phase.run_shard(job, 1, 0, Attempt())


@pytest.mark.parametrize("late_first", [False, True])
def test_a_new_last_stage_moves_the_result_to_another_phase(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, late_first: bool
) -> None:
    """Stopped between two phases and begun again with, or without, a stage that rejects after the tokens."""

    def plan(output: str, *, late: bool) -> cu.Pipeline:
        trained = cu.Tokenize(cu.TrainTokenizer(vocab_size=300))
        stages = [no_shouting, trained, *([CountWords(6)] if late else [])]
        return cu.Pipeline(ReadLines(str(source)), stages, cu.write_tokens(str(tmp_path / output)))

    def stop_before_phase_2(job: Job, step: Step, *rest: Any) -> None:
        if step.name == "phase-2":
            raise KeyboardInterrupt
        run_step(job, step, *rest)

    run_step = driver._run_step
    monkeypatch.setattr(driver, "_run_step", stop_before_phase_2)
    with pytest.raises(KeyboardInterrupt):
        cu.run(plan("out", late=late_first), cu.Local(1))
    monkeypatch.undo()
    cu.run(plan("out", late=not late_first), cu.Local(1), restart=True)
    cu.run(plan("fresh", late=not late_first), cu.Local(1))
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_removal_cut_short_is_ended_by_the_next_start(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    for output in ("out", "whole"):
        cu.run(pipeline(source, tmp_path / output), cu.Local(1))
    ids = [row for batch in read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    gone = {ids[0], ids[-1]}
    remove(tmp_path / "whole", gone)
    monkeypatch.setattr(Ledger, "write", kill)  # the documents are written, their ledger is not
    with pytest.raises(KeyboardInterrupt):
        remove(tmp_path / "out", gone)
    monkeypatch.undo()
    report = cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    assert report.totals["removed"] == len(gone)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert verify(tmp_path / "out") == []


def test_what_was_taken_down_stays_out_of_a_new_run(source: Path, tmp_path: Path) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    ids = [row for batch in read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    remove(tmp_path / "out", {ids[0]})
    report = cu.run(pipeline(source, tmp_path / "out", min_words=3), cu.Local(1), restart=True)
    left = [row for batch in read_documents(tmp_path / "out") for row in batch["id"].to_pylist()]
    assert left == ids[1:]
    assert report.totals["removed"] == 1
    assert verify(tmp_path / "out") == []


def test_input_inside_the_output_folder_is_refused_before_it_is_replaced(
    source: Path, tmp_path: Path
) -> None:
    cu.run(pipeline(source, tmp_path / "out"), cu.Local(1))
    before = tree(tmp_path / "out")
    read = cu.read_parquet(str(tmp_path / "out" / "documents" / "*.parquet"))
    again = cu.Pipeline(read, [CountWords()], cu.write_documents(str(tmp_path / "out")))
    with pytest.raises(OutputError, match="lies in the output folder"):
        cu.run(again, cu.Local(1), restart=True)
    assert tree(tmp_path / "out") == before
