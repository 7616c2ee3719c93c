"""The sample is spread over the input and bounded; what is measured is a real run of it."""

import json
from collections import Counter
from pathlib import Path

import pytest

import curate as cu
from curate.io.reader import InputFile
from curate.run.job import Kind
from curate.sizing.measure import PIECE_BYTES, measure, sample

MIB = 1 << 20


def files(*sizes: int | None) -> list[InputFile]:
    return [InputFile(f"{number:03}", size, "") for number, size in enumerate(sizes)]


def taken(chosen: list[InputFile]) -> Counter[str]:
    found: Counter[str] = Counter()
    for file in chosen:
        found[file.path] += PIECE_BYTES if file.length is None else file.length
    return found


def test_a_small_input_is_taken_whole() -> None:
    assert taken(sample(files(5 * MIB, 3 * MIB, 0))) == {"000": 5 * MIB, "001": 3 * MIB, "002": 0}


@pytest.mark.parametrize(
    "sizes", [[1000 * MIB] * 90, [MIB] * 500, [1000 * MIB], [10 * MIB, 3000 * MIB], [None] * 50]
)
def test_a_large_input_is_sampled_from_its_beginning_to_its_end(sizes: list[int | None]) -> None:
    chosen = sample(files(*sizes), 32 * MIB)
    assert 8 * MIB <= sum(taken(chosen).values()) <= 40 * MIB
    places = sorted({int(file.path) for file in chosen})
    assert len(places) == min(len(sizes), 8 if sizes[0] != MIB else 32)
    assert places[0] == 0
    assert places[-1] >= len(sizes) - len(sizes) / len(places) - 1
    for path in taken(chosen):  # the pieces of a file follow each other, as those of a run do
        own = [file for file in chosen if file.path == path]
        assert [file.start for file in own] == [PIECE_BYTES * n for n in range(len(own))]


def pipeline(folder: Path) -> cu.Pipeline:
    short = cu.RuleTable("length", (cu.Rule("too_short", "n_words", ">=", 3, "this test"),))
    tokenize = cu.Tokenize(cu.TrainTokenizer(vocab_size=300))
    stages = [cu.TextStats(), cu.Rules(short), cu.ExactDedup(), tokenize]
    return cu.Pipeline(cu.read_jsonl(f"{folder}/*.jsonl"), stages, cu.write_tokens(str(folder / "never")))


def write(folder: Path, count: int, rows: int) -> None:
    for number in range(count):
        lines = [
            json.dumps({"text": f"word{n} in file {number} " + "filler text " * (n % 50)})
            for n in range(rows)
        ]
        lines += [json.dumps({"text": "short"}), json.dumps({"text": "the same in every file"})]
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")


def test_what_is_measured_is_a_run(tmp_path: Path) -> None:
    write(tmp_path, 3, 4000)
    recipe = pipeline(tmp_path)
    measured = measure(recipe, recipe.read.files())
    assert measured.files == 3
    assert measured.bytes == sum(path.stat().st_size for path in tmp_path.glob("*.jsonl"))
    assert (measured.records, measured.kept) == (3 * 4002, 3 * 4000 + 1)
    assert measured.tokens > measured.kept * 5
    assert [(step.name, step.tasks) for step in measured.steps] == [
        ("phase 1", 3),
        ("exact_dedup: hashes (reduce)", 16),
        ("phase 2", 3),
        ("tokenize: count_pieces (reduce)", 1),
        ("phase 3", 3),
    ]
    hashes, pieces = measured.steps[1], measured.steps[3]
    assert hashes.kind is pieces.kind is Kind.REDUCE
    assert (hashes.keys_vary, pieces.keys_vary) == (False, True)
    assert hashes.keys_growth == pytest.approx(1, abs=0.01)  # nearly every document has a text of its own
    assert pieces.keys_growth < 0.6  # the pieces of the first file are mostly those of the others
    assert hashes.rows_bytes > hashes.keys_bytes * 0.99 > 0
    assert 0.2 < sum(measured.steps[0].stages.values()) <= 1
    assert list(measured.steps[0].stages) == ["read_jsonl", "text_stats", "length"]
    assert all(0 <= step.grows <= step.seconds for step in (*measured.steps, measured.finish))
    assert measured.disk_bytes > measured.output_bytes > 0
    assert not (tmp_path / "never").exists()


def test_a_file_that_cannot_be_divided_counts_as_a_whole(tmp_path: Path, data_dir: Path) -> None:
    """One gzip stream around all records: its first split has to read it to the end."""
    import gzip

    plain = gzip.decompress((data_dir / "wcxb-dev" / "part-0.warc.gz").read_bytes())[: 12 * MIB]
    (tmp_path / "one.warc.gz").write_bytes(gzip.compress(plain, 1))
    recipe = cu.Pipeline(
        cu.read_warc(f"{tmp_path}/one.warc.gz"), [], cu.write_documents(str(tmp_path / "never"))
    )
    whole = recipe.read.files()
    measured = measure(recipe, [InputFile(whole[0].path, whole[0].size, whole[0].stamp, stop=100_000)])
    assert measured.bytes == whole[0].size
