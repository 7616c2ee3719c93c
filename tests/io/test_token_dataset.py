"""TokenDataset: every token once, one order for all ranks, exact resumption."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError, OutputError
from curate.io import token_store
from curate.io.permutation import Permutation
from curate.io.token_dataset import TokenDataset
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard

VOCAB = 70_000


def write(folder, documents, *, shards=1, rows_per_batch=3, dtype=None):
    dtype = dtype or pa.uint32()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for i in range(shards):
        part = range(len(documents) * i // shards, len(documents) * (i + 1) // shards)
        batch = pa.record_batch(
            {
                "input_ids": pa.array([documents[k] for k in part], pa.list_(pa.uint32())),
                "id": pa.array([f"d{k}" for k in part], pa.string()),
                "url": pa.array([f"http://x/{k}" for k in part], pa.string()),
                "source": pa.array(["s"] * len(part), pa.string()),
            }
        )
        written.append(write_token_shard(folder / f"data-{i}.arrow", [batch], dtype, rows_per_batch))
    finish_split(folder, written, TokenizerFacts(b"{}", VOCAB, None, np.ones(VOCAB)), {})
    return folder


def numbered(lengths):
    """Documents whose tokens count on, so that a token names its place in the stream."""
    ends = np.cumsum(lengths).tolist()
    return [list(range(end - n, end)) for end, n in zip(ends, lengths, strict=True)]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    lengths = np.random.default_rng(1).integers(0, 9, 90).tolist()
    return write(tmp_path_factory.mktemp("split") / "train", numbered(lengths), shards=4)


@given(st.integers(1, 3000), st.text(max_size=5))
def test_permutation_is_a_bijection(length, key):
    permutation = Permutation(length, key)
    sent = permutation.many(np.arange(length))
    assert sorted(sent.tolist()) == list(range(length))
    for i in {0, length // 2, length - 1}:
        assert permutation(i) == sent[i]


def test_permutation_of_many():
    length = (1 << 61) + 12345
    permutation = Permutation(length, "big")
    sent = [permutation(i) for i in range(500)]
    assert len(set(sent)) == 500
    assert all(0 <= i < length for i in sent)
    assert permutation.many(np.arange(500)).tolist() == sent
    for wrong in (-1, length):
        with pytest.raises(IndexError):
            permutation(wrong)
        with pytest.raises(IndexError):
            permutation.many(np.array([wrong]))
    with pytest.raises(ValueError, match="permutation of 0"):
        Permutation(0, "")


def test_permutation_mixes():
    n = 5000
    sent = Permutation(n, "mix").many(np.arange(n))
    assert abs(np.corrcoef(sent, np.arange(n))[0, 1]) < 0.05
    # As many neighbours stay neighbours as in a random order: about 2.
    assert (np.abs(np.diff(sent)) == 1).sum() < 12
    other = Permutation(n, "mix2").many(np.arange(n))
    assert (sent == other).sum() < 12


@given(st.lists(st.integers(0, 7), max_size=25), st.integers(1, 9), st.integers(1, 3), st.integers(1, 4))
def test_every_token_is_predicted_once(tmp_path_factory, lengths, seq_len, shards, rows_per_batch):
    folder = tmp_path_factory.mktemp("x")
    documents = numbered(lengths)
    write(folder, documents, shards=shards, rows_per_batch=rows_per_batch)
    dataset = TokenDataset(folder, seq_len)
    total = sum(lengths)
    assert len(dataset) == max(total - 1, 0) // seq_len
    owner = np.repeat(np.arange(len(lengths)), lengths)
    for i in range(len(dataset)):
        got = dataset[i]
        first = i * seq_len
        assert got["input_ids"].tolist() == list(range(first, first + seq_len))
        assert got["labels"].tolist() == list(range(first + 1, first + seq_len + 1))
        assert {v.dtype for v in got.values()} == {np.dtype("int64")}
        segments = got["segment_ids"]
        assert segments[0] == 0
        assert (np.diff(segments) == (np.diff(owner[first : first + seq_len]) > 0)).all()
        provenance = dataset.documents(i)
        names, counts = np.unique(owner[first : first + seq_len], return_counts=True)
        assert [(d["id"], d["tokens"]) for d in provenance] == [
            (f"d{n}", c) for n, c in zip(names, counts, strict=True)
        ]


def firsts(samples):
    return [int(s["input_ids"][0]) for s in samples]


def taken(dataset, n):
    iterator = iter(dataset)
    return firsts(next(iterator) for _ in range(n))


def test_an_epoch_shows_each_sample_once(split):
    dataset = TokenDataset(split, 5, seed=3, epochs=2)
    n = len(dataset)
    order = firsts(dataset)
    assert len(order) == 2 * n
    stored = [5 * i for i in range(n)]
    assert sorted(order[:n]) == sorted(order[n:]) == stored
    assert order[:n] != stored
    assert order[:n] != order[n:]
    assert taken(TokenDataset(split, 5, seed=3), 2 * n) == order
    assert taken(TokenDataset(split, 5, seed=4), n) != order[:n]
    assert firsts(TokenDataset(split, 5, epochs=1, shuffle=False)) == stored


@pytest.mark.parametrize("before", [1, 2, 4])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_resuming_with_other_ranks_goes_on_in_the_same_order(split, before, after):
    assert 24 < len(TokenDataset(split, 10)) < 36
    whole = taken(TokenDataset(split, 10, seed=7), 5 * 12 * 4)
    rounds = 12 // before * 3  # 36 samples, more than an epoch
    ranks = [TokenDataset(split, 10, seed=7, rank=r, world_size=before) for r in range(before)]
    shares = [taken(dataset, rounds) for dataset in ranks]
    seen = [share[i] for i in range(rounds) for share in shares]
    states = [json.loads(json.dumps(dataset.state_dict())) for dataset in ranks]
    assert all(state == states[0] for state in states)
    resumed = [TokenDataset(split, 10, seed=7, rank=r, world_size=after) for r in range(after)]
    for dataset in resumed:
        dataset.load_state_dict(states[0])
    shares = [taken(dataset, 40) for dataset in resumed]
    seen += [share[i] for i in range(40) for share in shares]
    assert seen == whole[: len(seen)]


def test_a_state_of_something_else_is_refused(split, tmp_path):
    state = TokenDataset(split, 4).state_dict()
    TokenDataset(split, 4).load_state_dict(state)
    other = write(tmp_path / "other", numbered([30, 30]))
    for dataset, problem in [
        (TokenDataset(other, 4), "content_digest"),
        (TokenDataset(split, 5), "seq_len"),
        (TokenDataset(split, 4, seed=1), "seed"),
        (TokenDataset(split, 4, shuffle=False), "shuffle"),
    ]:
        with pytest.raises(CurateError, match=problem):
            dataset.load_state_dict(state)
    for bad, problem in [({"version": 2}, "version"), ({"consumed": -1}, "consumed")]:
        with pytest.raises(CurateError, match=problem):
            TokenDataset(split, 4).load_state_dict({**state, **bad})


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"packing": "best_fit"}, "best_fit"),
        ({"seq_len": 0}, "seq_len"),
        ({"rank": 2, "world_size": 2}, "rank 2"),
        ({"epochs": -1}, "epochs"),
    ],
)
def test_bad_parameters(split, parameters, problem):
    with pytest.raises(CurateError, match=problem) as caught:
        TokenDataset(split, **{"seq_len": 4, **parameters})
    assert caught.value.hint


def test_an_empty_split(tmp_path):
    dataset = TokenDataset(write(tmp_path / "x", []), 4)
    assert len(dataset) == 0
    assert list(dataset) == []
    with pytest.raises(CurateError, match="0 tokens"):
        dataset.index_at(0)
    with pytest.raises(IndexError):
        dataset[0]


def test_uint16(tmp_path):
    dataset = TokenDataset(write(tmp_path / "x", [[65535, 0, 1]], dtype=pa.uint16()), 2)
    assert dataset[-1]["input_ids"].tolist() == [65535, 0]


def test_few_files_are_open_and_workers_get_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(token_store, "MAX_OPEN_SHARDS", 2)
    monkeypatch.setattr(token_store, "MAX_OPEN_BATCHES", 3)
    folder = write(tmp_path / "x", numbered([5] * 60), shards=20, rows_per_batch=1)
    dataset = pickle.loads(pickle.dumps(TokenDataset(folder, 7, epochs=1)))
    assert sorted(firsts(dataset)) == [7 * i for i in range(len(dataset))]
    assert len(dataset.store._maps) <= 2
    assert len(dataset.store._batches) <= 3


def edit(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def test_what_is_refused_on_opening(tmp_path):
    folder = write(tmp_path / "x" / "train", numbered([5, 6]))
    with pytest.raises(FileNotFoundError):
        TokenDataset(tmp_path / "nothing", 2)
    with pytest.raises(OutputError) as caught:
        TokenDataset(tmp_path / "x", 2)
    assert "train" in caught.value.hint
    edit(folder, format_version="1.7")
    assert len(TokenDataset(folder, 2)) == 5
    for changes, problem in [
        ({"format_version": "2.0"}, "format curate-tokens 2.0"),
        ({"format_version": "1.0", "dtype": "int32"}, "int32"),
        ({"dtype": "uint32", "rows": 3}, "disagree"),
        ({"rows": None}, "damaged"),
    ]:
        edit(folder, **changes)
        with pytest.raises(OutputError, match=problem):
            TokenDataset(folder, 2)


def test_a_type_that_is_not_that_of_the_shards_is_refused(tmp_path):
    folder = write(tmp_path / "x", numbered([5, 6]))
    edit(folder, dtype="uint16")
    with pytest.raises(OutputError):
        TokenDataset(folder, 2)[0]


def test_damage_is_an_error_not_a_crash(tmp_path):
    folder = write(tmp_path / "x", numbered([5, 6, 7, 8]))
    shard = folder / "data-0.arrow"
    whole = shard.read_bytes()
    right = [s["input_ids"].tolist() for s in TokenDataset(folder, 3, epochs=1, shuffle=False)]
    random = np.random.default_rng(0)
    failed = 0
    for _ in range(200):
        data = bytearray(whole)
        data[random.integers(400, len(data))] ^= 1 << random.integers(8)
        shard.write_bytes(data)
        try:
            for i in range(len(right)):
                TokenDataset(folder, 3)[i]
        except OutputError:
            failed += 1
    assert failed > 20
    shard.write_bytes(whole[:-1])
    with pytest.raises(OutputError, match="bytes"):
        TokenDataset(folder, 3)[0]
    shard.unlink()
    with pytest.raises(OutputError, match="cannot be read"):
        TokenDataset(folder, 3)[0]
