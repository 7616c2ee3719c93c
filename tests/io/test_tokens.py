"""Token shards: same rows, same bytes; every version of `datasets` loads them."""

import hashlib
import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import OutputError
from curate.io import tokens
from curate.io.token_verify import verify_tokens
from curate.io.tokens import TokenizerFacts, finish_split, finish_tokens, split_of, write_token_shard

TYPES = [pa.uint16(), pa.uint32()]


def rows_to_batch(rows, dtype=None):
    dtype = dtype or pa.list_(pa.uint32())
    return pa.record_batch(
        {
            "input_ids": pa.array([r[0] for r in rows], dtype),
            "id": pa.array([r[1] for r in rows], pa.string()),
            "url": pa.array([r[2] for r in rows], pa.large_string()),
            "source": pa.array([r[3] for r in rows], pa.string()),
            "text": pa.array(["left out"] * len(rows), pa.large_string()),
        }
    )


def some_rows(n, eos=9, seed=0):
    random = np.random.default_rng(seed)
    return [
        ([*random.integers(0, 9, random.integers(0, 20)).tolist(), eos], f"d{i}", None if i % 3 else "u", "s")
        for i in range(n)
    ]


def facts(vocab=10, eos=9):
    lengths = np.arange(vocab) % 3 + 1
    lengths[vocab - 1] = 0
    return TokenizerFacts(b'{"a": 1}', vocab, eos, lengths)


def write_split(folder, rows, dtype=pa.uint16(), *, shards=2, rows_per_batch=4, tokenizer=None):  # noqa: B008
    folder.mkdir(parents=True)
    written = []
    for i in range(shards):
        part = rows[len(rows) * i // shards : len(rows) * (i + 1) // shards]
        path = folder / f"data-{i:05d}-of-{shards:05d}.arrow"
        written.append(write_token_shard(path, [rows_to_batch(part)], dtype, rows_per_batch))
    return finish_split(folder, written, tokenizer or facts(), {"plan": "test"})


@pytest.fixture
def dataset(tmp_path):
    write_split(tmp_path / "t" / "train", some_rows(30))
    write_split(tmp_path / "t" / "valid", [], shards=1)
    finish_tokens(tmp_path / "t", ["train", "valid"])
    return tmp_path / "t"


row = st.tuples(
    st.lists(st.integers(0, 60000), max_size=6),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.none() | st.text(max_size=3),
    st.none() | st.just("source"),
)


@given(
    st.lists(row, max_size=12), st.lists(st.integers(0, 12), max_size=4), st.integers(1, 5), st.integers(1, 9)
)
def test_bytes_depend_on_the_rows_alone(tmp_path_factory, rows, cuts, rows_per_batch, limit):
    folder = tmp_path_factory.mktemp("cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "MAX_BATCH_TOKENS", limit)
        whole = write_token_shard(folder / "a", [rows_to_batch(rows)], pa.uint16(), rows_per_batch)
        edges = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
        big = rows_to_batch(rows, pa.large_list(pa.int64()))
        parts = [big.slice(a, b - a) for a, b in pairwise(edges)]
        cut = write_token_shard(folder / "b", parts, pa.uint16(), rows_per_batch)
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert {**whole, "file": "b"} == cut
    table = pa.ipc.open_stream(folder / "a").read_all()
    assert table.select(["input_ids", "id", "url", "source"]).to_pylist() == [
        dict(zip(["input_ids", "id", "url", "source"], r, strict=True)) for r in rows
    ]
    for batch in pa.ipc.open_stream(folder / "a"):
        assert 1 <= batch.num_rows <= rows_per_batch
        assert batch.num_rows == 1 or len(batch["input_ids"].values) <= limit


def test_shard_facts(tmp_path):
    rows = some_rows(10)
    made = write_token_shard(tmp_path / "x.arrow", [rows_to_batch(rows)], pa.uint32(), 4)
    data = (tmp_path / "x.arrow").read_bytes()
    assert made["sha256"] == hashlib.sha256(data).hexdigest()
    assert (made["bytes"], made["rows"], made["tokens"]) == (len(data), 10, sum(len(r[0]) for r in rows))
    assert [b["rows"] for b in made["batches"]] == [4, 4, 2]
    assert made["max_id"] == 9
    schema = tokens.token_schema(pa.uint32())
    for b in made["batches"]:
        message = pa.ipc.read_message(pa.py_buffer(data).slice(b["offset"]))
        batch = pa.ipc.read_record_batch(message, schema)
        assert (batch.num_rows, len(batch["input_ids"].values)) == (b["rows"], b["tokens"])
    assert os.listdir(tmp_path) == ["x.arrow"]  # noqa: PTH208  # no temporary file is left


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("input_ids", pa.array([[70000]], pa.list_(pa.uint32())), "does not fit"),
        ("input_ids", pa.array([[-1]], pa.list_(pa.int64())), "does not fit"),
        ("input_ids", pa.array([[None]], pa.list_(pa.int64())), "null"),
        ("input_ids", pa.array([None], pa.list_(pa.int64())), "null"),
        ("input_ids", pa.array([[1.0]], pa.list_(pa.float32())), "integers|float"),
        ("input_ids", pa.array([1]), "int64"),
        ("id", pa.array([None], pa.string()), "null"),
    ],
)
def test_rows_that_are_refused(tmp_path, column, values, problem):
    good = rows_to_batch([([65535], "a", None, None)])
    write_token_shard(tmp_path / "good", [good], pa.uint16())
    bad = good.set_column(good.schema.get_field_index(column), column, values)
    with pytest.raises(OutputError, match=problem):
        write_token_shard(tmp_path / "bad", [bad], pa.uint16())
    assert not (tmp_path / "bad").exists()
    with pytest.raises(OutputError, match="no column `url`"):
        write_token_shard(tmp_path / "bad", [good.drop_columns(["url"])], pa.uint16())


def test_types_that_are_refused(tmp_path):
    with pytest.raises(OutputError, match="int64"):
        write_token_shard(tmp_path / "bad", [], pa.int64())
    with pytest.raises(OutputError, match="rows_per_batch"):
        write_token_shard(tmp_path / "bad", [], pa.uint16(), 0)


def test_finish_refuses(tmp_path):
    shard = write_token_shard(tmp_path / "a.arrow", [rows_to_batch(some_rows(3))], pa.uint16())
    finish_split(tmp_path, [shard], facts(10), {})
    for shards, tokenizer, problem in [
        ([], facts(), "no token shard"),
        ([shard], facts(9), "token id 9"),
        ([shard], TokenizerFacts(b"", 10, None, np.zeros(9)), "shape"),
        ([shard, {**shard, "dtype": "uint32"}], facts(), "uint16.*uint32"),
    ]:
        with pytest.raises(OutputError, match=problem):
            finish_split(tmp_path, shards, tokenizer, {})
    with pytest.raises(OutputError, match="not finished"):
        finish_tokens(tmp_path, ["train"])


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_datasets_loads_both_splits(tmp_path, dtype):
    datasets = pytest.importorskip("datasets")
    rows = some_rows(30)
    write_split(tmp_path / "train", rows, dtype)
    write_split(tmp_path / "valid", [], dtype, shards=1)
    finish_tokens(tmp_path, ["train", "valid"])
    loaded = datasets.load_from_disk(str(tmp_path))
    assert list(loaded) == ["train", "valid"]
    assert [len(loaded["train"]), len(loaded["valid"])] == [30, 0]
    assert [list(r) for r in loaded["train"]["input_ids"]] == [r[0] for r in rows]
    assert loaded["train"]["url"][:2] == ["u", None]
    ids = loaded["train"].with_format("numpy")[0]["input_ids"]
    assert str(ids.dtype) == str(dtype) or ids.dtype == np.int64
    assert loaded["train"].data.column("input_ids").type.value_type == dtype


def test_old_datasets_loads_both_splits(dataset):
    default = Path(__file__).resolve().parents[2] / ".venvs" / "datasets" / "bin" / "python"
    python = Path(os.environ.get("CURATE_OLD_DATASETS_PYTHON", default))
    if not python.is_file():
        pytest.skip(f"no interpreter with an old `datasets` at {python}; `make peers` makes it")
    code = (
        "import sys, json, datasets; d = datasets.load_from_disk(sys.argv[1]);"
        "print(json.dumps([len(d['train']), len(d['valid']), d['train']['input_ids']]))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    out = subprocess.run(
        [python, "-c", code, str(dataset)], capture_output=True, check=True, text=True, env=environment
    )
    assert json.loads(out.stdout.splitlines()[-1]) == [30, 0, [r[0] for r in some_rows(30)]]


def test_manifest_says_what_is_there(dataset):
    manifest = json.loads((dataset / "train" / "manifest.json").read_bytes())
    assert manifest["format_version"] == "2.0"
    assert manifest["dtype"] == "uint16"
    assert manifest["tokenizer"]["sha256"] == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert manifest["rows"] == 30
    assert manifest["provenance"] == {"plan": "test"}
    state = json.loads((dataset / "train" / "state.json").read_bytes())
    assert state["_fingerprint"] == manifest["content_digest"][:16]
    assert np.load(dataset / "train" / "index.npy")[-1, :4].tolist() == [2, 0, 30, manifest["tokens"]]


def test_content_digest_follows_order_and_tokenizer(tmp_path):
    rows = some_rows(10)
    digests = {
        write_split(tmp_path / "a", rows)["content_digest"],
        write_split(tmp_path / "b", rows[::-1])["content_digest"],
        write_split(tmp_path / "c", rows, pa.uint32())["content_digest"],
        write_split(tmp_path / "d", rows, tokenizer=TokenizerFacts(b"other", 10, 9, np.ones(10)))[
            "content_digest"
        ],
    }
    assert len(digests) == 4
    assert write_split(tmp_path / "e", rows)["content_digest"] in digests


def test_state_is_written_last_and_never_left_over(tmp_path, monkeypatch):
    shard = write_token_shard(tmp_path / "a.arrow", [rows_to_batch(some_rows(3))], pa.uint16())
    finish_split(tmp_path, [shard], facts(), {})
    write, names = tokens.write_bytes, []

    def watched(path, data):
        assert not (tmp_path / "state.json").exists()
        names.append(path.name)
        write(path, data)

    monkeypatch.setattr(tokens, "write_bytes", watched)
    finish_split(tmp_path, [shard], facts(), {})
    assert names[-1] == "state.json"


def test_verify_finds_nothing_in_a_sound_dataset(dataset):
    assert verify_tokens(dataset) == []
    assert verify_tokens(dataset / "train") == []


def flip(path, at=-40):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "spoil", "problem"),
    [
        ("data-00000-of-00002.arrow", flip, "not those of the manifest"),
        (
            "data-00000-of-00002.arrow",
            lambda p: p.write_bytes(p.read_bytes()[:-9]),
            "not those of the manifest",
        ),
        ("data-00001-of-00002.arrow", Path.unlink, "missing"),
        ("index.npy", lambda p: flip(p, -84), "not those of the manifest"),
        ("token_bytes.npy", flip, "not those of the manifest"),
        ("tokenizer.json", lambda p: p.write_bytes(b"{}"), "not those of the manifest"),
        ("tokenizer.json", Path.unlink, "missing"),
        ("dataset_info.json", Path.unlink, "missing"),
        ("state.json", lambda p: p.write_text("{}"), "does not name"),
        ("state.json", Path.unlink, "not a finished split"),
        ("manifest.json", lambda p: p.write_text('{"format": 3'), "not readable"),
        ("manifest.json", lambda p: p.write_text("[]"), "not readable"),
        ("stray.arrow", Path.touch, "not in the manifest"),
    ],
)
def test_verify_finds_damage(dataset, name, spoil, problem):
    spoil(dataset / "train" / name)
    found = verify_tokens(dataset)
    assert any(problem in line for line in found), found


def test_verify_finds_a_missing_split(dataset):
    (dataset / "dataset_dict.json").write_text('{"splits": ["train", "gone", "../t/train"]}')
    assert len(verify_tokens(dataset)) == 2
    (dataset / "dataset_dict.json").write_text("[1]")
    assert "not readable" in verify_tokens(dataset)[0]
    with pytest.raises(FileNotFoundError):
        verify_tokens(dataset / "gone")


def test_verify_looks_into_the_rows(tmp_path):
    # Two rows without the delimiter, one of them empty; digests are all right.
    rows = [([1, 9], "a", None, None), ([1, 2], "b", None, None), ([], "c", None, None)]
    write_split(tmp_path / "eos", rows, shards=1)
    assert [p.partition(": ")[2] for p in verify_tokens(tmp_path / "eos")] == [
        "batch 0: 2 rows do not end with token 9"
    ]
    (tmp_path / "vocab").mkdir()
    shard = write_token_shard(tmp_path / "vocab" / "a.arrow", [rows_to_batch(rows[:1])], pa.uint16())
    lengths = np.zeros(5)
    finish_split(tmp_path / "vocab", [{**shard, "max_id": 0}], TokenizerFacts(b"", 5, None, lengths), {})
    assert "id 9 is outside the vocabulary of 5" in verify_tokens(tmp_path / "vocab")[0]


def test_verify_holds_the_index_against_the_batches(tmp_path):
    (tmp_path / "x").mkdir()
    shard = write_token_shard(tmp_path / "x" / "a.arrow", [rows_to_batch(some_rows(9))], pa.uint16(), 4)
    shard["batches"][1]["offset"] += 8
    finish_split(tmp_path / "x", [shard], facts(), {})
    assert "not where the index says" in verify_tokens(tmp_path / "x")[0]


def test_verify_survives_a_shard_that_is_no_stream(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    shard = write_token_shard(folder / "a.arrow", [rows_to_batch(some_rows(9))], pa.uint16(), 4)
    whole = (folder / "a.arrow").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for at in random.integers(0, len(data), 3):
            data[at] = random.integers(256)
        (folder / "a.arrow").write_bytes(data)
        # A manifest that lies: the digest fits the damaged bytes.
        finish_split(folder, [{**shard, "sha256": hashlib.sha256(data).hexdigest()}], facts(), {})
        for problem in verify_tokens(folder):
            assert str(folder) in problem


def test_split_follows_the_id():
    ids = pa.array([f"doc {i}" for i in range(20_000)])
    tenth, half = split_of(ids, 0.1).to_numpy(False), split_of(ids, 0.5).to_numpy(False)
    assert abs(tenth.mean() - 0.1) < 0.01
    assert abs(half.mean() - 0.5) < 0.02
    assert not (tenth & ~half).any()
    assert split_of(ids[::-1], 0.1).to_pylist() == tenth[::-1].tolist()
    assert not split_of(ids, 0.0).to_numpy(False).any()
    assert split_of(ids, 1.0).to_numpy(False).all()
    expected = [int.from_bytes(hashlib.blake2b(b"doc 0", digest_size=8).digest(), "big") < 2**64 * 0.5]
    assert split_of(ids[:1], 0.5).to_pylist() == expected
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(OutputError, match="valid_share"):
            split_of(ids, bad)
    with pytest.raises(OutputError, match="without an id"):
        split_of(pa.array([None], pa.string()), 0.1)
