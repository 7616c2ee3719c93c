"""TokenDataset: every token once, one order for all ranks, exact resumption."""

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

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
        ({"packing": "first_come"}, "first_come"),
        ({"columns": ["ids"]}, "ids"),
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
    monkeypatch.setattr(token_store, "MAX_OPEN_BATCHES", 3)
    monkeypatch.setattr(token_store, "MAX_KNOWN_BATCHES", 3)
    folder = write(tmp_path / "x", numbered([5] * 60), shards=20, rows_per_batch=1)
    dataset = pickle.loads(pickle.dumps(TokenDataset(folder, 7, epochs=1)))
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    assert sorted(firsts(dataset)) == [7 * i for i in range(len(dataset))]
    assert [d["id"] for i in range(len(dataset)) for d in dataset.documents(i)][-1] == "d58"
    assert len(dataset.store._mapped) == 20
    assert len(dataset.store._batches) <= 3
    assert len(dataset.store._document_begins) <= 3
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    monkeypatch.setattr(token_store, "MAX_MAPPED_SHARDS", 2)
    dataset = TokenDataset(folder, 7, epochs=1)
    assert sorted(firsts(dataset)) == [7 * i for i in range(len(dataset))]
    assert len(dataset.store._mapped) <= 2
    assert len(dataset.store._ids) <= 2


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
    edit(folder, format_version="2.7")
    assert len(TokenDataset(folder, 2)) == 5
    for changes, problem in [
        ({"format_version": "3.0"}, "format curate-tokens 3.0"),
        ({"format_version": "2.0", "dtype": "int32"}, "int32"),
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
    for _ in range(150):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        shard.write_bytes(data)
        dataset = TokenDataset(folder, 3, packing="concat")
        try:
            for i in range(len(right)):
                assert len(dataset[i]["input_ids"]) == 3
                dataset.documents(i)
        except OutputError:
            failed += 1
        with pytest.raises(OutputError, match="not those of the manifest"):
            TokenDataset(folder, 3, verify=True)[0]
    assert failed > 20
    index = bytearray((folder / "index.npy").read_bytes())
    index[-3] ^= 1
    (folder / "index.npy").write_bytes(index)
    with pytest.raises(OutputError):
        TokenDataset(folder, 3, verify=True)
    index[-3] ^= 1
    (folder / "index.npy").write_bytes(index)
    shard.write_bytes(whole[:-1])
    with pytest.raises(OutputError, match="bytes"):
        TokenDataset(folder, 3)[0]
    shard.unlink()
    with pytest.raises(OutputError, match="missing"):
        TokenDataset(folder, 3)[0]


def test_an_index_that_points_elsewhere_is_refused(tmp_path):
    folder = write(tmp_path / "x", numbered([5, 6, 7, 8]), rows_per_batch=2)
    index = np.load(folder / "index.npy")
    for row, column, value in [(0, 0, 5), (0, 4, 10**9), (1, 4, -8), (1, 4, 3), (1, 3, 30), (0, 2, 1)]:
        wrong = index.copy()
        wrong[row, column] = value
        np.save(folder / "index.npy", wrong)
        with pytest.raises(OutputError):
            TokenDataset(folder, 3)
    wrong = index.copy()
    wrong[0, 5] = 10**9  # list offsets beyond the file
    np.save(folder / "index.npy", wrong)
    with pytest.raises(OutputError):
        TokenDataset(folder, 3)[0]


def test_a_split_at_an_address_is_fetched_once_and_checked(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    folder = write(tmp_path / "x", numbered([5] * 20), shards=3)
    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/far/train/{path.name}", path.read_bytes())
    cache = tmp_path / "cache"
    near = [s["input_ids"].tolist() for s in TokenDataset(folder, 4, epochs=1, seed=2)]
    far = TokenDataset("memory://far/train", 4, epochs=1, seed=2, cache_dir=cache)
    assert not list(cache.rglob("*.arrow"))
    assert [s["input_ids"].tolist() for s in far] == near
    assert len(list(cache.rglob("*.arrow"))) == 3
    memory.rm("/far/train/data-1.arrow")
    again = pickle.loads(
        pickle.dumps(TokenDataset("memory://far/train", 4, epochs=1, seed=2, cache_dir=cache))
    )
    assert [s["input_ids"].tolist() for s in again] == near
    memory.pipe_file("/far/train/data-1.arrow", b"x" * len((folder / "data-1.arrow").read_bytes()))
    with pytest.raises(OutputError, match="not those of the manifest"):
        list(TokenDataset("memory://far/train", 4, epochs=1, cache_dir=tmp_path / "other"))
    assert not list((tmp_path / "other").rglob("data-1*"))
    memory.rm("/far/train/data-2.arrow")
    with pytest.raises(OutputError, match="cannot be fetched"):
        TokenDataset("memory://far/train", 4, shuffle=False, cache_dir=tmp_path / "third")[-1]
    memory.rm("/far/train/state.json")
    with pytest.raises(OutputError, match="not a finished split"):
        TokenDataset("memory://far/train", 4, cache_dir=cache)


def test_batches_are_the_samples(split):
    whole = list(TokenDataset(split, 5, seed=3, epochs=2))
    batches = list(TokenDataset(split, 5, seed=3, epochs=2).batches(7))
    assert [len(b["labels"]) for b in batches[:-1]] == [7] * (len(batches) - 1)
    for column in ("input_ids", "labels", "segment_ids"):
        joined = np.concatenate([b[column] for b in batches])
        assert (joined == np.stack([s[column] for s in whole])).all()
    dataset = TokenDataset(split, 5, columns=["position_ids", "segment_ids"])
    for sample in (dataset[i] for i in range(len(dataset))):
        expected = [list(sample["segment_ids"][:k]).count(s) for k, s in enumerate(sample["segment_ids"])]
        assert sample["position_ids"].tolist() == expected


def test_opening_is_quick_with_many_shards(tmp_path):
    folder = write(tmp_path / "x", numbered([5] * 600), shards=300)
    TokenDataset(folder, 7)
    best = min(timed_opening(folder) for _ in range(5))
    assert best < 0.05


def timed_opening(folder):
    started = time.perf_counter()
    TokenDataset(folder, 7)
    return time.perf_counter() - started


def test_no_torch_is_needed(tmp_path):
    folder = write(tmp_path / "x", numbered([5] * 20))
    code = (
        "import sys; sys.modules['torch'] = None; import curate as cu;"
        "d = cu.TokenDataset(sys.argv[1], 4, packing='best_fit'); next(d.batches(2));"
        "m = cu.TokenMixture({'a': cu.Component(d, 1.0)}); print(next(m.batches(3))['labels'].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["(3,", "4)"]
