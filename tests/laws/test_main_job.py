"""The flagship recipe on the embedded sample crawl: what was planted is what the ledger says."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import curate as cu
from curate.run.verify import verify
from tests.laws.test_engine import tree

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "pipelines"))
import fineweb_like  # noqa: E402

#: What the sample's manifest calls a fault, and the stage and reasons that name it in a run.
FATES = {
    ("read", "record_type"): ("read_warc", {"record_type"}),
    ("read", "mime"): ("read_warc", {"mime_type"}),
    ("read", "http_status"): ("read_warc", {"http_status"}),
    ("read", "empty"): ("read_warc", {"empty_payload"}),
    ("read", "payload_limit"): ("read_warc", {"decoded_too_large"}),
    ("read", "broken_gzip"): ("read_warc", {"corrupt_member"}),
    ("read", "bad_length"): ("read_warc", {"bad_length"}),
    ("read", "cut_file"): ("read_warc", {"cut_short"}),
    ("read", "repeated_id"): ("read_warc", {"repeated_id"}),
    ("url", "banned_word"): ("url_filter", {"banned_word", "soft_words", "banned_substring"}),
    ("url", "blocked_domain"): ("url_filter", {"blocked_domain"}),
    ("opt_out", "noai"): ("opt_out", {"robots_noai"}),
    ("opt_out", "tdm_reservation"): ("opt_out", {"tdm_reservation"}),
    ("quality", "min_words"): ("gopher_quality", {"too_few_words"}),
    ("quality", "repetition"): ("gopher_repetition", {"top_2gram", "top_3gram", "top_4gram"}),
    ("quality", "duplicate_lines"): ("fineweb", {"repeated_lines"}),
    ("quality", "hash_ratio"): ("gopher_quality", {"too_many_hashes"}),
    ("quality", "ellipsis_ratio"): ("gopher_quality", {"too_many_ellipses"}),
    ("quality", "bullet_lines"): ("gopher_quality", {"too_many_bullets"}),
    ("quality", "line_punctuation"): ("fineweb", {"unpunctuated_lines"}),
    ("quality", "short_lines"): ("fineweb", {"short_lines"}),
    ("quality", "lorem_ipsum"): ("c4", {"lorem_ipsum"}),
    ("quality", "curly_bracket"): ("c4", {"curly_bracket"}),
    ("quality", "min_sentences"): ("c4", {"too_few_sentences"}),
    ("quality", "alphabetic_words"): ("gopher_quality", {"too_few_alphabetic_words"}),
    ("quality", "mean_word_length"): ("gopher_quality", {"words_too_long"}),
    ("contamination", "contaminated"): ("decontaminate", {"contaminated"}),
    ("exact_dedup", "duplicate"): ("exact_dedup", {"exact_duplicate"}),
    ("near_dedup", "duplicate"): ("near_dedup", {"near_duplicate"}),
}
#: One of a cluster stays, whichever comes first in keeper order.
CLUSTERED = {"exact_duplicate", "near_duplicate", "duplicate_original", "similar_control"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Any:
    planted = cu.write_sample(tmp_path_factory.mktemp("crawl"))
    records = tuple(replace(record, id=record.id.removeprefix("urn:uuid:")) for record in planted.records)
    return replace(planted, records=records)


def flagship(sample: Any, output: Path, **parameters: Any) -> cu.Pipeline:
    """The recipe on the sample, with a small vocabulary."""
    return fineweb_like.pipeline(
        output=str(output),
        blocked_domains=",".join(sample.blocked_domains),
        **{
            "input": f"{sample.folder}/*.warc*",
            "evals": f"{sample.folder}/evals.jsonl",
            "vocab_size": 700,
            "valid_share": 0.1,
            "engine": "resiliparse",
            "profile": "balanced",
            **parameters,
        },
    )


@pytest.fixture(scope="module")
def finished(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flagship") / "out"
    report = cu.run(flagship(sample, folder, engine="trafilatura", profile="precision"), cu.Local(2))
    assert report.exit_code == 1  # one file is damaged
    return folder


@pytest.fixture(scope="module")
def rejected(finished: Path) -> list[dict[str, Any]]:
    names = ["id", "url", "stage", "reason", "failed", "duplicate_of", "similarity"]
    return [row for batch in cu.read_rejects(finished, names) for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def kept(finished: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for batch in cu.read_documents(finished) for row in batch.to_pylist()}


def fates_of(record: Any) -> tuple[str, set[str]] | None:
    """Stage and possible reasons of a planted record; None = kept."""
    if record.language not in {"", "en"} and record.stage not in {"read", "url", "opt_out"}:
        return "language", {"language", "language_score"}
    return FATES[record.stage, record.reason] if record.stage is not None else None


def test_the_run_is_whole(finished: Path) -> None:
    assert verify(finished) == []


def test_every_planted_record_meets_its_fate(
    sample: Any, rejected: list[dict[str, Any]], kept: dict[str, dict[str, Any]]
) -> None:
    found = {(row["url"] or "", row["stage"], row["reason"]) for row in rejected}
    wrong = []
    for record in sample.records:
        if record.kind in CLUSTERED or record.kind in {"broken_gzip", "cut_file", "repeated_id"}:
            continue
        fate = fates_of(record)
        if fate is None:
            if record.id not in kept:
                wrong.append((record.kind, record.url, "kept", [f for f in found if f[0] == record.url]))
        else:
            stage, reasons = fate
            if not any((record.url, stage, reason) in found for reason in reasons):
                wrong.append((record.kind, record.url, fate, [f for f in found if f[0] == record.url]))
    assert not wrong, f"{len(wrong)} records:\n" + "\n".join(map(str, wrong[:20]))


def test_the_ledger_counts_what_was_planted_reason_by_reason(sample: Any, finished: Path) -> None:
    totals = json.loads((finished / "manifest.json").read_text())["totals"]
    assert totals["records"] == len(sample.records)
    planned: Counter[tuple[str, frozenset[str]]] = Counter()
    for record in sample.records:
        fate = fates_of(record)
        if fate is not None:
            stage, reasons = fate
            planned[stage, frozenset(reasons)] += 1
    for (stage, reasons), rows in planned.items():
        counted = totals["rejected"].get(stage, {})
        assert sum(counted.get(reason, 0) for reason in reasons) == rows, (stage, sorted(reasons))
    assert totals["kept"] == len(sample.records) - sum(planned.values())


def test_one_of_each_cluster_stays_and_the_others_name_it(
    sample: Any, rejected: list[dict[str, Any]], kept: dict[str, dict[str, Any]]
) -> None:
    clusters: dict[str, list[Any]] = {}
    for record in sample.records:
        if record.kind in CLUSTERED and record.kind != "similar_control" and record.language == "en":
            clusters.setdefault(record.details["cluster"], []).append(record)
    gone = {row["id"]: row for row in rejected}
    for cluster, records in clusters.items():
        if len(records) == 1:
            continue  # the original of a control: its partner is not similar enough
        stays = [record for record in records if record.id in kept]
        assert len(stays) == 1, cluster
        assert kept[stays[0].id]["duplicates"] == len(records) - 1
        for record in records:
            if record is not stays[0]:
                assert gone[record.id]["duplicate_of"] == stays[0].id
                assert gone[record.id]["similarity"] >= 0.75


def test_similar_controls_stay(sample: Any, kept: dict[str, dict[str, Any]]) -> None:
    assert {record.id for record in sample.of_kind("similar_control")} <= set(kept)


def test_planted_personal_data_is_gone_and_counted(sample: Any, kept: dict[str, dict[str, Any]]) -> None:
    for record in sample.of_kind("pii"):
        if record.language != "en":
            continue
        row = kept[record.id]
        for item in record.details["pii"]:
            assert item["value"] not in row["text"], item["kind"]
        assert sum(n for kind, n in row["pii"].items() if kind != "near_misses") >= len(
            record.details["pii"]
        ), record.details


def test_the_pages_beside_the_damage_are_recovered(sample: Any, kept: dict[str, dict[str, Any]]) -> None:
    assert {record.id for record in sample.of_kind("beside_damage")} <= set(kept)


def test_mis_declared_pages_are_decoded(sample: Any, rejected: list[dict[str, Any]], finished: Path) -> None:
    texts = {
        row["url"]: row["text"]
        for batch in cu.read_rejects(finished, ["url", "text"])
        for row in batch.to_pylist()
        if row["text"]
    }
    for record in sample.of_kind("charset"):
        assert record.details["contains"][:20] in texts[record.url], record.details


def test_the_tokens_load_in_datasets_and_decode_to_the_documents(
    finished: Path, kept: dict[str, dict[str, Any]]
) -> None:
    datasets = pytest.importorskip("datasets")
    tokenizer = cu.Tokenizer.load(str(finished / "tokenizer" / "tokenizer.json"))
    loaded = datasets.load_from_disk(str(finished / "tokens"))
    rows = [row for split in ("train", "valid") for row in loaded[split]]
    assert {row["id"] for row in rows} == set(kept)
    assert len(loaded["valid"]) > 0
    for row in rows[::10]:
        *ids, last = row["input_ids"]
        assert last == tokenizer.eos_id
        assert tokenizer.decode(ids) == kept[row["id"]]["text"]


def test_tokens_feed_the_trainers_dataset(finished: Path) -> None:
    dataset = cu.TokenDataset(finished / "tokens" / "train", seq_len=64, seed=3)
    assert len(dataset) > 10
    assert dataset[0]["input_ids"].shape == (64,)


def test_one_worker_and_two_write_the_same_bytes(sample: Any, tmp_path: Path) -> None:
    for workers in (1, 2):
        cu.run(flagship(sample, tmp_path / str(workers)), cu.Local(workers))
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_ten_kills_of_the_whole_process_group_leave_the_same_bytes(sample: Any, tmp_path: Path) -> None:
    def start(output: Path) -> subprocess.Popen[bytes]:
        words = [f"input={sample.folder}/*.warc*", f"evals={sample.folder}/evals.jsonl", "engine=resiliparse"]
        words += ["profile=balanced", "vocab_size=700", f"output={output}", "--workers", "2", "--quiet"]
        recipe = str(REPOSITORY / "pipelines" / "fineweb_like.py")
        return subprocess.Popen([sys.executable, "-m", "curate", recipe, *words], start_new_session=True)

    assert start(tmp_path / "whole").wait() == 1
    chance, kills = random.Random(11), 0
    while kills < 10:
        process = start(tmp_path / "out")
        time.sleep(chance.uniform(0.5, 3.0))
        if process.poll() is not None:
            shutil.rmtree(tmp_path / "out")  # done before the kill: begin again
            continue
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert start(tmp_path / "out").wait() == 1
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert verify(tmp_path / "out") == []


def test_every_language_in_its_own_dataset(sample: Any, tmp_path: Path) -> None:
    cu.run(flagship(sample, tmp_path / "out", language="any", by_language=True), cu.Local(2))
    assert verify(tmp_path / "out") == []
    found = {path.parent.name for path in (tmp_path / "out" / "tokens").glob("*/dataset_dict.json")}
    assert "en" in found
    datasets = pytest.importorskip("datasets")
    total = sum(
        len(split)
        for name in found
        for split in datasets.load_from_disk(str(tmp_path / "out/tokens" / name)).values()
    )
    assert total == json.loads((tmp_path / "out" / "manifest.json").read_text())["totals"]["kept"]


def test_a_run_that_keeps_nothing_leaves_loadable_outputs(sample: Any, tmp_path: Path) -> None:
    report = cu.run(flagship(sample, tmp_path / "out", language="sw"), cu.Local(2))
    assert report.totals["kept"] == 0
    assert verify(tmp_path / "out") == []
    datasets = pytest.importorskip("datasets")
    assert [len(split) for split in datasets.load_from_disk(str(tmp_path / "out" / "tokens")).values()] == [
        0,
        0,
    ]


def test_a_given_tokenizer_is_used_and_copied(sample: Any, finished: Path, tmp_path: Path) -> None:
    given = finished / "tokenizer" / "tokenizer.json"
    cu.run(flagship(sample, tmp_path / "out", tokenizer=str(given), vocab_size=None), cu.Local(2))
    assert verify(tmp_path / "out") == []
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").read_bytes() == given.read_bytes()


@pytest.mark.parametrize("of_training", [{"vocab_size": 700}, {"vocab_size": None, "tokenizer_sample": 0.5}])
def test_a_given_tokenizer_is_not_trained(sample: Any, tmp_path: Path, of_training: dict[str, Any]) -> None:
    with pytest.raises(cu.PlanError, match="`vocab_size` and `tokenizer_sample`"):
        flagship(sample, tmp_path / "out", tokenizer="tokenizer.json", **of_training)


def test_several_stand_between_commas(sample: Any, tmp_path: Path) -> None:
    """Inputs, languages, evaluation sets and their columns; any policy for personal data."""
    tables = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for table in tables:
        table.write_text(json.dumps({"prompt": f"{table.name} asks", "reply": "and says"}))
    files = sorted(Path(sample.folder).glob("*.warc*"))[:2]
    plan = flagship(
        sample,
        tmp_path / "out",
        input=", ".join(map(str, files)),
        language="en,de",
        evals=",".join(map(str, tables)),
        eval_fields="prompt,reply",
        pii="mask",
    )
    stages = {stage.name: stage for stage in plan.stages}
    assert [file.path for file in plan.read.files()] == [str(file) for file in files]
    assert stages["language"].keep == {"en", "de"}
    assert stages["decontaminate"].coverage()["items"] == 2
    assert stages["scrub_pii"].policy == "mask"


def test_kept_work_spares_the_first_phase_the_old_input(sample: Any, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    first, second = sorted(Path(sample.folder).glob("*.warc*"))[:2]
    shutil.copy(first, crawl / "1.warc.gz")
    run = {"input": f"{crawl}/*.warc*", "keep_work": True}
    cu.run(flagship(sample, tmp_path / "out", **run), cu.Local(1))
    ledger = tmp_path / "out" / "ledger"
    (read,) = ledger.glob("phase-1-*0.json")
    before = read.stat().st_mtime_ns
    shutil.copy(second, crawl / "2.warc.gz")
    cu.run(flagship(sample, tmp_path / "out", **run), cu.Local(1), restart=True)
    assert read.stat().st_mtime_ns == before
    assert len(list(ledger.glob("phase-1-*.json"))) == 2
    assert verify(tmp_path / "out") == []


def test_take_downs_reach_documents_rejects_and_tokens(sample: Any, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    ids = pq.read_table(finished / "documents" / "00000.parquet", columns=["id"])["id"].to_pylist()[:3]
    removed = cu.remove(tmp_path / "out", set(ids))
    assert removed.documents == 3
    assert removed.tokens > 0
    assert verify(tmp_path / "out") == []
    for path in (tmp_path / "out").rglob("data-*.arrow"):
        assert not any(identifier.encode() in path.read_bytes() for identifier in ids)
