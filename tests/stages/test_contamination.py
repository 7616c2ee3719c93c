"""Evaluation items in documents: recall on injected items, no alarm on prose that cannot contain them."""

import gzip
import json
import pickle
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import PlanError
from curate.stages.contamination import Decontaminate

ITEM = (
    "A baker fills seven trays with nine rolls each, sells half of them before noon, and gives the rest to "
    "three neighbours in equal parts. How many rolls does each neighbour receive?"
)
PROSE = "The harbour was quiet that evening and nobody spoke of the storm that everybody was waiting for. "


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def reasons(stage: Decontaminate, *texts: str | None) -> list[str | None]:
    outcome = stage(batch(*texts))
    return [None] * len(texts) if outcome.reason is None else outcome.reason.to_pylist()


def test_items_are_found_however_they_are_set() -> None:
    stage = Decontaminate((("bakery", "7", ITEM),))
    injected = [
        ITEM,
        ITEM.upper(),
        re.sub(r"[^\w\s]", "", ITEM),
        "> " + ITEM.replace(" ", "\n> "),
        ITEM.replace(", ", " — ").replace("neighbour", "néighbour"),
        PROSE * 300 + ITEM + PROSE * 300,
        PROSE + ITEM[: len(ITEM) // 2],
    ]
    outcome = stage(batch(*injected, PROSE * 50, "", None, ITEM[:40]))
    assert outcome.reason.to_pylist() == ["contaminated"] * len(injected) + [None] * 4
    found = outcome.batch["contamination"].to_pylist()
    words = len(ITEM.split())
    assert found[0] == {"set": "bakery", "item": "7", "matches": words - 12, "longest_words": words}
    assert found[5]["longest_words"] >= words
    assert found[-4:] == [None] * 4
    assert outcome.batch.schema.field("contamination").type == stage.adds.field("contamination").type
    assert set(stage.reasons) == {"contaminated"}


def test_twelve_words_are_not_enough_thirteen_are() -> None:
    stage = Decontaminate((("s", "1", ITEM),))
    words = ITEM.split()
    pages = [f"{PROSE} {' '.join(words[3:end])} {PROSE}" for end in (15, 16)]
    assert reasons(stage, *pages) == [None, "contaminated"]


def test_tagging_removes_nothing() -> None:
    stage = Decontaminate([["s", "1", ITEM]], action="tag")  # type: ignore[arg-type]
    outcome = stage(batch(ITEM, PROSE))
    assert outcome.reason is None
    assert stage.reasons == {}
    assert [found and found["set"] for found in outcome.batch["contamination"].to_pylist()] == ["s", None]


def test_short_items_have_their_own_rule() -> None:
    short, tiny = "Why do larch trees drop their needles every winter?", "What is a larch?"
    stage = Decontaminate((("s", "short", short), ("s", "tiny", tiny)))
    assert stage.coverage() == {"items": 2, "uncheckable_items": 1, "common_ngrams": 0}
    assert reasons(stage, PROSE + short + PROSE, PROSE + tiny, PROSE + short[:-8]) == [
        "contaminated",
        None,
        None,
    ]


def test_boilerplate_of_many_items_is_no_evidence() -> None:
    template = "Read the passage below with care and then choose the one answer that fits it best of all"
    items = tuple(("quiz", str(i), f"{template} {chr(97 + i) * 3} question") for i in range(11))
    assert reasons(Decontaminate(items), template) == [None]
    assert reasons(Decontaminate(items[:10]), template) == ["contaminated"]


def test_rows_of_numbers_are_no_evidence() -> None:
    numbers = " ".join(str(n) for n in range(40))
    stage = Decontaminate((("s", "1", f"Sort these: {numbers}"),))
    assert reasons(stage, " ".join(str(n * n) for n in range(60))) == [None]


def write(folder: Path) -> None:
    rows = [{"id": i, "question": f"{ITEM} {chr(97 + i)}", "answer": "eleven"} for i in range(2)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / "plain.jsonl").write_bytes(lines)
    (folder / "packed.jsonl.gz").write_bytes(gzip.compress(lines))
    with pa.CompressedOutputStream(str(folder / "zipped.jsonl.zst"), "zstd") as file:
        file.write(lines)
    columns = {"set": ["mine"] * 2, "question": [ITEM, None], "choices": [["a", "b"], None]}
    pa.parquet.write_table(pa.table(columns), folder / "table.parquet")
    (folder / "README.md").write_text("not an evaluation set")


def test_files_folders_and_globs(tmp_path: Path) -> None:
    write(tmp_path)
    sets = {
        "plain.jsonl": "plain",
        "packed.jsonl.gz": "packed",
        "zipped.jsonl.zst": "zipped",
        "table.parquet": "mine",
    }
    for name, label in sets.items():
        stage = Decontaminate(str(tmp_path / name))
        outcome = stage(batch(ITEM))
        (found,) = outcome.batch["contamination"].to_pylist()
        assert (found["set"], found["item"]) == (label, "0")
    assert Decontaminate(str(tmp_path)).coverage()["items"] == 8
    assert Decontaminate((str(tmp_path / "*.jsonl*"),)).coverage()["items"] == 6
    stage = Decontaminate(str(tmp_path / "table.parquet"), fields=("choices", "question"))
    assert (
        stage(batch(f"a, b: {ITEM}")).batch["contamination"][0]["longest_words"].as_py()
        == len(ITEM.split()) + 2
    )


def test_the_fingerprint_covers_the_contents_not_the_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    one, two = (Decontaminate(str(tmp_path / name / "plain.jsonl")) for name in ("one", "two"))
    assert one.identity() == two.identity()
    with (tmp_path / "two" / "plain.jsonl").open("a") as file:
        file.write('{"question": "another"}\n')
    assert one.identity() != two.identity()
    assert pickle.loads(pickle.dumps(one)) == one
    json.dumps(Decontaminate((("s", "1", ITEM),)).identity())


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(FileNotFoundError):
        Decontaminate(str(tmp_path / "*.json")).coverage()
    with pytest.raises(FileNotFoundError):
        Decontaminate(str(tmp_path / "missing.jsonl")).coverage()
    with pytest.raises(PlanError, match="format"):
        Decontaminate(str(tmp_path / "README.md")).coverage()
    with pytest.raises(PlanError, match="none of the columns") as caught:
        Decontaminate(str(tmp_path / "plain.jsonl"), fields=("prompt",)).coverage()
    assert caught.value.hint is not None
    assert "question" in caught.value.hint
    for name, content in {
        "cut.jsonl": b'{"question": "a',
        "cut.jsonl.zst": b"\x28\xb5\x2f\xfd\0",
        "cut.parquet": b"PAR1",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PlanError, match=name):
            Decontaminate(str(tmp_path / name)).coverage()


@pytest.mark.parametrize(
    "bad",
    [
        {"evals": ()},
        {"evals": ("a.jsonl", ("s", "1", "t"))},
        {"evals": (("s", 1, "t"),)},
        {"evals": "a.jsonl", "action": "delete"},
        {"evals": "a.jsonl", "ngram": 0},
        {"evals": "a.jsonl", "min_item_words": 0},
        {"evals": "a.jsonl", "max_items_per_ngram": 0},
    ],
)
def test_bad_parameters(bad: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        Decontaminate(**bad)  # type: ignore[arg-type]


letters = st.lists(st.sampled_from("abcdefgh"), max_size=30).map(" ".join)


@given(items=st.lists(letters, min_size=1, max_size=6), texts=st.lists(letters, max_size=6))
def test_equals_the_definition(items: list[str], texts: list[str]) -> None:
    ngram, shortest, common = 5, 4, 2

    def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    split = [item.split() for item in items]
    indexed: dict[tuple[str, ...], set[int]] = {}
    whole: dict[tuple[str, ...], int] = {}
    for number, words in enumerate(split):
        if len(words) >= ngram:
            for gram in grams(words, ngram):
                if len(set(gram)) >= 4:
                    indexed.setdefault(gram, set()).add(number)
        elif len(words) >= shortest and len(set(words)) >= 4:
            whole.setdefault(tuple(words), number)
    indexed = {gram: found for gram, found in indexed.items() if len(found) <= common}

    def longest(words: list[str], at: int, item: list[str]) -> int:
        gram = words[at : at + ngram]
        best = 0
        for place in range(len(item) - ngram + 1):
            if item[place : place + ngram] == gram:
                n = ngram
                while at + n < len(words) and place + n < len(item) and words[at + n] == item[place + n]:
                    n += 1
                best = max(best, n)
        return best

    def expected(text: str) -> dict[str, object] | None:
        words, hits, best = text.split(), 0, (0, 0)
        for at, gram in enumerate(grams(words, ngram)):
            hits += gram in indexed
            for number in indexed.get(gram, ()):
                best = max(best, (longest(words, at, split[number]), -number))
        for n in range(shortest, ngram):
            for gram in grams(words, n):
                if gram in whole:
                    hits += 1
                    best = max(best, (n, -whole[gram]))
        return (
            {"set": "s", "item": str(-best[1]), "matches": hits, "longest_words": best[0]} if hits else None
        )

    evals = tuple(("s", str(i), item) for i, item in enumerate(items))
    stage = Decontaminate(evals, ngram=ngram, min_item_words=shortest, max_items_per_ngram=common)
    assert stage(batch(*texts)).batch["contamination"].to_pylist() == [expected(text) for text in texts]


def read(path: Path) -> list[dict[str, str]]:
    with pa.input_stream(str(path), compression="zstd") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def test_recall_on_injected_items_and_no_alarm_on_novels(data_dir: Path) -> None:
    novels = [row["text"] for row in read(data_dir / "text" / "en-novels.jsonl.zst")]
    items = read(data_dir / "evals" / "gsm8k.jsonl.zst")
    stage = Decontaminate(str(data_dir / "evals" / "gsm8k.jsonl.zst"))
    assert set(reasons(stage, *novels)) == {None}
    host = novels[0][:20_000]
    sample = items[::20]
    injected = [host + " " + item["question"] + " " + host for item in sample]
    # Punctuation inside numbers stays: "1,500" without it would be two numbers.
    shouted = [re.sub(r"(?<!\d)[^\w\s]|[^\w\s](?!\d)", " ", text).upper() for text in injected]
    assert set(reasons(stage, *injected)) == {"contaminated"}
    assert set(reasons(stage, *shouted)) == {"contaminated"}
