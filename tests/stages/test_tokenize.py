import dataclasses
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import CurateError, OutputError, PlanError
from curate.schema import EVERY_SHARD
from curate.stages.tokenize import ARTIFACT, Tokenize, TrainTokenizer
from curate.tokenizer import Tokenizer

TEXTS = ["the cat sat on the mat", "a dog's life", "", None, "<|endoftext|> of the text", "漢字 123"]
PARAMS = TrainTokenizer(vocab_size=290)


def documents(texts: list[str | None], start: int = 0) -> pa.RecordBatch:
    ids = [f"doc-{start + n}" for n in range(len(texts))]
    return pa.record_batch({"id": pa.array(ids), "text": pa.array(texts, pa.large_string())})


def verdicts(params: TrainTokenizer, shards: list[list[pa.RecordBatch]]) -> pa.Table:
    (only,) = params.rounds
    mapped = [table for n, shard in enumerate(shards) for table in only.map(shard, n, pa.table({}))]
    for table in mapped:
        assert table.schema.field("partition").type == pa.int32()
        assert set(table["partition"].to_pylist()) <= set(range(only.partitions))
    return only.reduce(0, pa.concat_tables(mapped) if mapped else pa.table({}))


def test_the_barrier_trains_what_the_tokenizer_class_trains() -> None:
    table = verdicts(PARAMS, [[documents(TEXTS)]])
    assert table["shard"].to_pylist() == [EVERY_SHARD]
    expected = Tokenizer.train(TEXTS, 290)
    assert table["tokenizer_json"][0].as_py() == expected.to_bytes()
    outcome = Tokenize(PARAMS).apply(documents(TEXTS), table)
    assert outcome.reason is None
    rows = outcome.batch["input_ids"].to_pylist()
    assert rows == [[*expected.encode(text or "").tolist(), expected.eos_id] for text in TEXTS]
    assert rows[4].count(expected.eos_id) == 1
    assert Tokenize(PARAMS).artifacts(table) == {ARTIFACT: expected.to_bytes()}
    assert PARAMS.artifacts(table) == {ARTIFACT: expected.to_bytes()}
    assert PARAMS.apply(documents(TEXTS), table).batch == documents(TEXTS)


def test_shards_and_batches_do_not_show() -> None:
    whole = verdicts(PARAMS, [[documents(TEXTS)]])
    one_by_one = [documents([text], n) for n, text in enumerate(TEXTS)]
    assert verdicts(PARAMS, [one_by_one]) == whole
    assert verdicts(PARAMS, [[batch] for batch in one_by_one]) == whole
    assert verdicts(PARAMS, [one_by_one[3:], [], one_by_one[:3]]) == whole


@pytest.mark.parametrize("shards", [[], [[]], [[documents([])], []]])
def test_without_documents_the_tokenizer_is_the_bytes_and_the_specials(
    shards: list[list[pa.RecordBatch]],
) -> None:
    table = verdicts(PARAMS, shards)
    tokenizer = Tokenizer.from_bytes(table["tokenizer_json"][0].as_py())
    assert tokenizer.vocab_size == 257
    batch = Tokenize(PARAMS).apply(documents([]), table).batch
    assert batch.num_rows == 0
    assert batch.schema.field("input_ids").type == pa.list_(pa.uint16())


@pytest.mark.parametrize(("vocab_size", "ids"), [(65536, pa.uint16()), (65537, pa.uint32())])
def test_the_declared_type_follows_the_vocabulary_asked_for(vocab_size: int, ids: pa.DataType) -> None:
    params = TrainTokenizer(vocab_size=vocab_size)
    stage = Tokenize(params)
    assert stage.adds == pa.schema([("input_ids", pa.list_(ids))])
    batch = stage.apply(documents(TEXTS), verdicts(params, [[documents(TEXTS)]])).batch
    assert batch.schema.field("input_ids").type == pa.list_(ids)


def test_a_given_tokenizer_is_a_plain_stage(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(["the cat"], 270)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    stage = Tokenize(path)
    assert stage == Tokenize(str(path))
    assert (stage.name, stage.reads) == (Tokenize(PARAMS).name, {"text"})
    outcome = stage(documents(TEXTS))
    rows = [tokenizer.encode(text or "").tolist() for text in TEXTS]
    assert outcome.batch["input_ids"].to_pylist() == [[*row, tokenizer.eos_id] for row in rows]
    assert outcome.batch.schema.field("input_ids").type == stage.adds.field("input_ids").type
    assert Tokenize(path, append_eos=False)(documents(TEXTS)).batch["input_ids"].to_pylist() == rows
    assert stage.artifacts(pa.table({})) == {ARTIFACT: tokenizer.to_bytes()}
    assert stage.tokenizer_bytes() == tokenizer.to_bytes()
    path.unlink()
    carried = pickle.loads(pickle.dumps(stage))
    assert carried(documents(TEXTS)).batch == outcome.batch


def test_identity_covers_the_content_of_the_file_not_its_place(tmp_path: Path) -> None:
    small, same, other = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    for path, size in ((small, 260), (same, 260), (other, 259)):
        Tokenizer.train(["the cat"], size).save(str(path))
    assert Tokenize(small).identity() == Tokenize(same).identity()
    assert Tokenize(small).identity() != Tokenize(other).identity()
    assert Tokenize(small).identity() != Tokenize(small, append_eos=False).identity()
    assert Tokenize(PARAMS).identity() != Tokenize(dataclasses.replace(PARAMS, vocab_size=300)).identity()


def test_a_sample_depends_on_ids_alone() -> None:
    params = dataclasses.replace(PARAMS, sample=0.5)
    assert PARAMS.reads == {"text"}
    assert params.reads == {"text", "id"}
    texts = [f"word{n} " * 3 for n in range(100)]
    batch = documents(texts)
    (only,) = params.rounds
    (counted,) = only.map([batch], 0, pa.table({}))
    pieces = set(counted["piece"].to_pylist())
    chosen = [
        n
        for n in range(100)
        if f"word{n}".encode().rstrip(b"0123456789") in pieces and f"{n}".encode() in pieces
    ]
    assert 30 < len(chosen) < 70
    halves = verdicts(params, [[batch.slice(50)], [batch.slice(0, 50)]])
    assert halves == verdicts(params, [[batch]])
    assert halves != verdicts(PARAMS, [[batch]])


@pytest.mark.parametrize(
    "arguments",
    [
        {"vocab_size": 256},
        {"vocab_size": -1},
        {"sample": 0.0},
        {"sample": 1.5},
        {"special_tokens": "<s>"},
        {"pattern": "gpt-5"},
        {"min_frequency": -1},
    ],
)
def test_impossible_parameters_are_refused_before_a_run(arguments: dict[str, object]) -> None:
    with pytest.raises(CurateError):
        TrainTokenizer(**arguments)  # type: ignore[arg-type]


def test_a_missing_delimiter_is_refused_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no special token"):
        Tokenize(TrainTokenizer(special_tokens=("<s>",)))
    assert Tokenize(TrainTokenizer(special_tokens=("<s>",)), eos_token="<s>").adds
    path = str(tmp_path / "t.json")
    Tokenizer.train([], 256, special_tokens=[]).save(path)
    with pytest.raises(PlanError, match="no special token"):
        _ = Tokenize(path).adds
    assert Tokenize(path, append_eos=False).adds
    with pytest.raises(FileNotFoundError):
        _ = Tokenize(str(tmp_path / "absent.json")).adds


def test_a_missing_verdict_is_an_error() -> None:
    with pytest.raises(OutputError):
        Tokenize(PARAMS).apply(documents(TEXTS), pa.table({}))


def test_a_tiktoken_file_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    """It names neither pattern nor special tokens, and every document ends in one."""
    trained = Tokenizer.train(["a cat sat"] * 3, 270)
    path = str(tmp_path / "a.tiktoken")
    trained.save_tiktoken(path)
    with pytest.raises(CurateError, match="neither its pattern nor its special tokens") as caught:
        Tokenize(path).identity()
    assert "from_tiktoken" in str(caught.value.hint)
    converted = str(tmp_path / "tokenizer.json")
    specials = {"<|endoftext|>": trained.vocab_size}
    Tokenizer.from_tiktoken(path, "gpt2", specials).save(converted)
    assert Tokenize(converted).adds.names == ["input_ids"]
