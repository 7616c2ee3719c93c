"""Packing: every token is where its policy says, losses are counted, packed splits hold the same rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError, OutputError
from curate.io.pack import pack_tokens
from curate.io.packing import PACKING, best_fit, doc_lens, losses, plan_rows, position_ids
from curate.io.token_dataset import TokenDataset
from curate.io.token_verify import verify_tokens
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard

VOCAB, EOS = 5000, 4999


def write(folder, lengths, masks=None):
    """Documents of counting tokens, so that a token names its place."""
    ends = np.cumsum(lengths).tolist()
    documents = [list(range(end - n, end)) for end, n in zip(ends, lengths, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"d{k}" for k in range(len(lengths))]
    columns = {
        "input_ids": pa.array(documents, pa.list_(pa.uint16())),
        "id": pa.array(names, pa.string()),
        "url": pa.array([None] * len(names), pa.string()),
        "source": pa.array(["s"] * len(names), pa.string()),
    }
    if masks is not None:
        columns["loss_mask"] = pa.array(masks, pa.list_(pa.bool_()))
    shard = write_token_shard(
        folder / "data.arrow", [pa.record_batch(columns)], pa.uint16(), 3, loss_mask=masks is not None
    )
    finish_split(folder, [shard], TokenizerFacts(b"{}", VOCAB, EOS, np.ones(VOCAB)), {})
    return folder


def slow_best_fit(sizes, row):
    """Bins as a list of rooms, searched from the start; of equal rooms the one that was made or changed last."""
    rooms, changed, bins = [], [], {}
    for clock, k in enumerate(sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))):
        fitting = [b for b in range(len(rooms)) if rooms[b] >= sizes[k]]
        if fitting:
            best = min(fitting, key=lambda b: (rooms[b], -changed[b]))
        else:
            best = len(rooms)
            rooms.append(row)
            changed.append(clock)
        rooms[best] -= sizes[k]
        changed[best] = clock
        bins[k] = best
    return [bins[k] for k in range(len(sizes))]


@given(st.lists(st.integers(1, 12), max_size=40))
def test_best_fit_is_that_of_the_slow_reference(sizes):
    assert best_fit(np.array(sizes, np.int64), 12).tolist() == slow_best_fit(sizes, 12)


@given(st.lists(st.integers(0, 23), max_size=30), st.integers(1, 9), st.sampled_from(["best_fit", "pad"]))
def test_every_token_is_in_one_place(lengths, seq_len, policy):
    lengths = np.array(lengths, np.int64)
    plan = plan_rows(policy, lengths, seq_len)
    assert plan.length == seq_len + 1
    held = [range(s, s + n) for s, n in zip(plan.starts.tolist(), plan.lengths.tolist(), strict=True)]
    assert sorted(t for piece in held for t in piece) == list(range(int(lengths.sum())))
    owner = np.repeat(np.arange(len(lengths)), lengths)
    for piece, document in zip(held, plan.documents.tolist(), strict=True):
        assert {int(o) for o in owner[piece.start : piece.stop]} == {document}
    for row in range(plan.rows):
        pieces = held[plan.first[row] : plan.first[row + 1]]
        assert 0 < sum(map(len, pieces)) <= plan.length
        assert [p.start for p in pieces] == sorted(p.start for p in pieces)
    firsts = [held[plan.first[row]].start for row in range(plan.rows)]
    assert firsts == sorted(firsts)
    whole = np.bincount(plan.documents, minlength=len(lengths)) if len(plan.documents) else lengths * 0
    assert ((whole == 1) == ((lengths > 0) & (lengths <= plan.length))).all()


def test_best_fit_pads_less_than_pad():
    lengths = np.random.default_rng(0).integers(1, 300, 500)
    best, pad = (plan_rows(p, lengths, 128) for p in ("best_fit", "pad"))
    assert best.rows < 0.75 * pad.rows
    assert best.rows * best.length < 1.05 * lengths.sum()


@pytest.mark.parametrize("packing", sorted(PACKING))
def test_samples_labels_and_masks(tmp_path, packing):
    lengths = [3, 0, 11, 2, 5, 1, 4]
    dataset = TokenDataset(write(tmp_path / "x", lengths), 6, packing=packing, columns=None)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    seen = []
    for i in range(len(dataset)):
        sample = dataset[i]
        row = [*sample["input_ids"].tolist(), int(sample["labels"][-1])]
        assert row[1:] == sample["labels"].tolist()
        learned = sample["labels"][sample["loss_mask"]] if packing != "concat" else sample["labels"]
        seen += learned.tolist()
        segments = sample["segment_ids"].tolist()
        real = [t for t in row[:-1] if t != EOS]
        groups = [
            len({owner[t] for t, s in zip(real, segments, strict=False) if s == k}) for k in set(segments)
        ]
        assert max(groups) == 1
        documents = dataset.documents(i)
        assert sum(d["tokens"] for d in documents) == len(real)
        assert [d["id"] for d in documents] == [f"d{k}" for k in dict.fromkeys(owner[t] for t in real)]
    firsts = {int(f) for f in np.cumsum(lengths) - lengths}
    if packing == "concat":
        assert seen == list(range(1, len(seen) + 1))
    else:
        # A document longer than a row goes on in another one: the first token of that piece is not learned.
        assert set(range(sum(lengths))) - set(seen) - firsts == {3 + 7}
        assert len(seen) == len(set(seen))
        told = dataset.packing_losses()
        assert told["unpredicted_tokens"] == sum(lengths) - len(seen)
        assert told["padding_tokens"] == len(dataset) * 7 - sum(lengths)
        assert told["cut_documents"] == 1
        assert told["dropped_tokens"] == 0
    told = dataset.packing_losses()
    assert told["loses"] == PACKING[packing]
    assert told["tokens"] == sum(lengths)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_losses_of_concat_are_counted(lengths, seq_len):
    plan = plan_rows("concat", np.array(lengths, np.int64), seq_len)
    told = losses(plan, np.array(lengths, np.int64))
    rows = [set(range(r * seq_len, r * seq_len + seq_len + 1)) for r in range(plan.rows)]
    used = set().union(*rows)
    assert told["dropped_tokens"] == sum(lengths) - len(used)
    ends = np.cumsum(lengths).tolist()
    # A token is in the row that it predicts from; the very last one is predicted only.
    rows_of = [
        {min(t // seq_len, plan.rows - 1) for t in range(e - n, e) if t in used}
        for e, n in zip(ends, lengths, strict=True)
    ]
    assert told["cut_documents"] == sum(len(found) > 1 for found in rows_of)


@pytest.mark.parametrize("packing", sorted(PACKING))
@pytest.mark.parametrize("masked", [False, True])
def test_a_packed_split_holds_the_same_samples(tmp_path, packing, masked):
    random = np.random.default_rng(3)
    lengths = random.integers(0, 20, 60).tolist()
    masks = [(random.random(n) < 0.5).tolist() for n in lengths] if masked else None
    source = write(tmp_path / "x", lengths, masks)
    loose = TokenDataset(source, 8, packing=packing, shuffle=False)
    manifest = pack_tokens(source, tmp_path / "p", 8, packing=packing, rows_per_shard=20)
    assert verify_tokens(tmp_path / "p") == []
    assert (manifest["form"], manifest["row_tokens"]) == ("packed", 9)
    assert manifest["packing"]["policy"] == packing
    assert manifest["packing"]["loses"] == PACKING[packing]
    packed = TokenDataset(tmp_path / "p", shuffle=False)
    assert (packed.seq_len, packed.packing, len(packed)) == (8, packing, len(loose))
    assert packed.packing_losses() == loose.packing_losses()
    for i in range(len(loose)):
        a, b = loose[i], packed[i]
        assert set(a) == set(b)
        for name in a:
            assert (a[name] == b[name]).all(), name
        assert loose.documents(i) == packed.documents(i)
    again = pack_tokens(source, tmp_path / "q", 8, packing=packing, rows_per_shard=20)
    assert again == manifest
    with pytest.raises(OutputError, match="packed already"):
        pack_tokens(tmp_path / "p", tmp_path / "r", 8, packing=packing)
    with pytest.raises(CurateError, match="seq_len=8"):
        TokenDataset(tmp_path / "p", 9)
    datasets = pytest.importorskip("datasets")
    theirs = datasets.load_from_disk(str(tmp_path / "p"))
    assert len(theirs) == len(packed)
    assert theirs.with_format("numpy")[0]["input_ids"].tolist() == packed.rows([0])[0].tolist()
    assert all(sum(lens) == 9 for lens in theirs["doc_lens"])


def test_the_mask_of_documents_reaches_samples(tmp_path):
    masks = [[False, True, True], [False] * 4, [True] * 5]
    dataset = TokenDataset(write(tmp_path / "x", [3, 4, 5], masks), 5)
    flat = [m for mask in masks for m in mask]
    for i in range(len(dataset)):
        assert dataset[i]["loss_mask"].tolist() == flat[i * 5 + 1 : i * 5 + 6]
    packed = TokenDataset(tmp_path / "x", 11, packing="best_fit")
    assert packed[0]["loss_mask"].tolist() == [True, True, *[False] * 5, *[True] * 4]


def test_positions_and_lengths():
    segments = np.array([[0, 0, 1, 2, 2, 2], [0, 0, 0, 0, 0, 1]])
    assert position_ids(segments).tolist() == [[0, 1, 0, 0, 1, 2], [0, 1, 2, 3, 4, 0]]
    assert doc_lens(segments[0]).tolist() == [2, 1, 3]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"doc_lens": [[2, 2]]}, "add up"),
        ({"doc_lens": [[5, -1, 1]]}, "add up"),
        ({"doc_ids": [["a"]]}, "as long as doc_lens"),
        ({"input_ids": [[1, 2, 3, 4]]}, "another length"),
        ({"loss_mask": [[True] * 4]}, "another length"),
        ({"loss_mask": [[True] * 4 + [None]]}, "null"),
    ],
)
def test_packed_rows_that_are_refused(tmp_path, change, problem):
    row = {
        "input_ids": [[1, 2, 3, 4, 5]],
        "doc_lens": [[2, 3]],
        "loss_mask": [[True] * 5],
        "doc_ids": [["a", "b"]],
        "doc_urls": [[None, "u"]],
        "doc_sources": [["s", "s"]],
    }
    write_token_shard(tmp_path / "a.arrow", [pa.record_batch(row)], pa.uint16(), row_tokens=5, loss_mask=True)
    batch = pa.record_batch({**row, **change})
    with pytest.raises(OutputError, match=problem):
        write_token_shard(tmp_path / "b.arrow", [batch], pa.uint16(), row_tokens=5, loss_mask=True)
