"""Mixtures: shares in tokens, caps, schedules, and states that lose and repeat nothing."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError
from curate.io.mixture import BLOCK, Component, TokenMixture, annealing
from curate.io.token_dataset import TokenDataset
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard


def write(folder, tokens, first, tokenizer=b"{}"):
    folder.mkdir(parents=True)
    batch = pa.record_batch(
        {
            "input_ids": pa.array([list(range(first, first + tokens))], pa.list_(pa.uint32())),
            "id": [folder.name],
            "url": ["u"],
            "source": ["s"],
        }
    )
    shard = write_token_shard(folder / "data.arrow", [batch], pa.uint32())
    finish_split(folder, [shard], TokenizerFacts(tokenizer, 1 << 20, None, np.ones(1 << 20)), {})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("mix")
    return {
        "a": write(root / "a", 4001, 0),
        "b": write(root / "b", 2001, 100_000),
        "c": write(root / "c", 801, 200_000),
    }


def mixture(folders, weights, caps=None, **parameters):
    caps = caps or {}
    parts = {n: Component(TokenDataset(folders[n], 4, seed=5), w, caps.get(n)) for n, w in weights.items()}
    return TokenMixture(parts, **parameters)


def firsts(mix, n):
    found = []
    for sample in mix:
        found.append(int(sample["input_ids"][0]))
        if len(found) == n:
            break
    return found


def test_shares_are_those_of_the_weights(folders):
    mix = mixture(folders, {"a": 6, "b": 3, "c": 1})
    seen = Counter(value // 100_000 for value in firsts(mix, BLOCK))
    assert [seen[k] for k in range(3)] == pytest.approx([0.6 * BLOCK, 0.3 * BLOCK, 0.1 * BLOCK], abs=1)
    told = mix.shares()
    assert told["datasets"]["a"]["share"] == pytest.approx(0.6, abs=1e-3)
    assert told["datasets"]["c"]["epochs"] == pytest.approx(0.1 * BLOCK / 200, abs=0.01)
    assert sum(d["tokens"] for d in told["datasets"].values()) == 4 * BLOCK
    # Within a few hundred samples the shares hold as well: the order inside a block is mixed.
    head = Counter(value // 100_000 for value in firsts(mixture(folders, {"a": 6, "b": 3, "c": 1}), 400))
    assert head[0] == pytest.approx(240, abs=45)


def test_each_dataset_is_read_in_its_own_order(folders):
    seen = firsts(mixture(folders, {"a": 1, "b": 1}), 3000)
    for name, low in (("a", 0), ("b", 100_000)):
        own = [v for v in seen if low <= v < low + 100_000]
        alone = TokenDataset(folders[name], 4, seed=5)
        assert own == [int(alone[alone.index_at(k)]["input_ids"][0]) for k in range(len(own))]


def test_a_cap_ends_a_dataset_and_the_mixture(folders):
    mix = mixture(folders, {"a": 1, "b": 1}, {"a": 0.5, "b": 1.5})
    seen = firsts(mix, 10**6)
    count = Counter(value // 100_000 for value in seen)
    assert (count[0], count[1]) == (500, 750)
    # As long as both have some left they take turns; afterwards the other one goes on alone.
    assert {value // 100_000 for value in seen[-200:]} == {1}
    assert mix.shares()["datasets"]["b"]["epochs"] == 1.5
    assert list(mix) == []


def test_a_schedule_changes_the_weights_at_its_tokens(folders):
    mix = mixture(
        folders, {"a": 1, "b": 0, "c": 0}, schedule={0: {"a": 1}, 4000: {"b": 1, "c": 1}, 8000: {"c": 1}}
    )
    seen = [value // 100_000 for value in firsts(mix, 3000)]
    assert set(seen[:1000]) == {0}
    assert Counter(seen[1000:2000])[1] == pytest.approx(500, abs=50)
    assert set(seen[2000:]) == {2}


def test_annealing_goes_from_one_table_to_the_other():
    schedule = annealing({"a": 3, "b": 1}, {"b": 1, "c": 1}, 1000, 2000, steps=4)
    assert schedule[0] == {"a": 0.75, "b": 0.25}
    assert schedule[2000] == {"b": 0.5, "c": 0.5}
    assert sorted(schedule) == [0, 1000, 1250, 1500, 1750, 2000]
    falling = [table.get("a", 0.0) for _, table in sorted(schedule.items())]
    assert falling == sorted(falling, reverse=True)
    assert all(sum(table.values()) == pytest.approx(1) for table in schedule.values())
    with pytest.raises(CurateError):
        annealing({"a": 1}, {"b": 1}, 5, 5)


def test_the_synthetic_share_is_recorded(folders):
    parts = {n: Component(TokenDataset(folders[n], 4), 1, synthetic=s) for n, s in (("a", 0.0), ("b", 0.8))}
    mix = TokenMixture(parts)
    firsts(mix, BLOCK)
    assert mix.state_dict()["shares"]["synthetic_share"] == pytest.approx(0.4)


def test_weights_are_in_tokens_where_rows_have_padding(tmp_path):
    # Documents of 5 tokens in rows of 10: half of each padded row is padding.
    folder = tmp_path / "short"
    folder.mkdir()
    batch = pa.record_batch(
        {
            "input_ids": pa.array([[1] * 5] * 100, pa.list_(pa.uint32())),
            "id": [str(k) for k in range(100)],
            "url": ["u"] * 100,
            "source": ["s"] * 100,
        }
    )
    shard = write_token_shard(folder / "data.arrow", [batch], pa.uint32())
    finish_split(folder, [shard], TokenizerFacts(b"{}", 10, None, np.ones(10)), {})
    parts = {
        "dense": Component(TokenDataset(folder, 9), 1),
        "padded": Component(TokenDataset(folder, 9, packing="pad"), 1),
    }
    mix = TokenMixture(parts)
    count = Counter(mix.locate(k)[0] for k in range(BLOCK))
    assert count["padded"] / count["dense"] == pytest.approx(2, abs=0.01)
    assert all("loss_mask" in sample for sample, _ in zip(mix, range(5), strict=False))


@pytest.mark.parametrize("before", [1, 2, 4])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_resuming_with_other_ranks_goes_on_in_the_same_order(folders, before, after):
    weights, caps = {"a": 2, "b": 1}, {"b": 0.7}
    whole = firsts(mixture(folders, weights, caps), 1500)
    ranks = [mixture(folders, weights, caps, rank=r, world_size=before) for r in range(before)]
    rounds = 600 // before
    shares = [firsts(mix, rounds) for mix in ranks]
    seen = [share[k] for k in range(rounds) for share in shares]
    states = [json.loads(json.dumps(mix.state_dict())) for mix in ranks]
    assert all(state == states[0] for state in states)
    resumed = [mixture(folders, weights, caps, rank=r, world_size=after) for r in range(after)]
    for mix in resumed:
        mix.load_state_dict(states[0])
    shares = [firsts(mix, 300) for mix in resumed]
    seen += [share[k] for k in range(300) for share in shares]
    assert seen == whole[: len(seen)]


@given(st.integers(0, 700), st.integers(1, 4))
def test_a_changed_mixture_repeats_and_loses_nothing(folders, consumed, world_size):
    first = mixture(folders, {"a": 2, "b": 1})
    seen = firsts(first, consumed) if consumed else []
    state = json.loads(json.dumps(first.state_dict()))
    rest = []
    shares = []
    for rank in range(world_size):
        mix = mixture(
            folders, {"a": 1, "b": 5, "c": 1}, {"a": 1, "b": 1, "c": 1}, rank=rank, world_size=world_size
        )
        mix.load_state_dict(state)
        shares.append(firsts(mix, 10**6))
    for k in range(max(map(len, shares))):
        rest += [share[k] for share in shares if k < len(share)]
    every = (
        [4 * k for k in range(1000)]
        + [100_000 + 4 * k for k in range(500)]
        + [200_000 + 4 * k for k in range(200)]
    )
    assert sorted(seen + rest) == every
    # Where the past is still known, so is its provenance.
    for position in (0, consumed - 1):
        if 0 <= position < consumed:
            assert mix.locate(position) == first.locate(position)
            assert mix.documents_at(position) == first.documents_at(position)


def test_a_dataset_may_leave(folders):
    first = mixture(folders, {"a": 1, "b": 1})
    seen = [v for v in firsts(first, 600) if v < 100_000]
    mix = mixture(folders, {"a": 1}, {"a": 1})
    mix.load_state_dict(first.state_dict())
    assert sorted(seen + firsts(mix, 10**6)) == [4 * k for k in range(1000)]


def test_what_is_refused(folders, tmp_path):
    other = write(tmp_path / "o", 500, 0, tokenizer=b"{ }")
    part = Component(TokenDataset(folders["a"], 4), 1)
    for components, parameters in [
        ({}, {}),
        ({"a": part, "o": Component(TokenDataset(other, 4), 1)}, {}),
        ({"a": part, "b": Component(TokenDataset(folders["b"], 5), 1)}, {}),
        ({"a": Component(part.dataset, -1)}, {}),
        ({"a": Component(part.dataset, 1, max_epochs=-1)}, {}),
        ({"a": Component(part.dataset, 1, synthetic=2)}, {}),
        ({"a": part, "b": Component(TokenDataset(folders["b"], 4), 1e-6)}, {}),
        ({"a": part}, {"schedule": {5: {"a": 1}}}),
        ({"a": part}, {"schedule": {0: {"x": 1}}}),
        ({"a": part}, {"rank": 1}),
    ]:
        with pytest.raises(CurateError) as caught:
            TokenMixture(components, **parameters)
        assert caught.value.hint
    state = TokenMixture({"a": part}).state_dict()
    with pytest.raises(CurateError, match="another dataset"):
        TokenMixture({"a": Component(TokenDataset(folders["b"], 4), 1)}).load_state_dict(state)
    for bad in ({}, {**state, "version": 2}, {**state, "consumed": -1}, {**state, "stretches": [{}]}):
        with pytest.raises(CurateError, match="no state"):
            TokenMixture({"a": part}).load_state_dict(bad)
    with pytest.raises(IndexError):
        TokenMixture({"a": part}).locate(-1)
