"""Comparisons: told apart where there is something to tell, and only there."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from curate.errors import CurateError  # noqa: E402
from curate.io.tokens import TokenizerFacts, finish_split, finish_tokens, write_token_shard  # noqa: E402
from curate.tokenizer import Tokenizer  # noqa: E402
from curate.train.compare import CANNOT_TELL, compare, interval, text_nats, write_result  # noqa: E402
from curate.train.loop import TrainConfig  # noqa: E402
from curate.train.model import Decoder, ModelConfig  # noqa: E402

torch.set_num_threads(1)

TEXT = "the cat sat on a mat and saw some bird near our old tree while rain fell"
WORDS = np.array(TEXT.split())
CONFIG = TrainConfig(
    steps=25,
    seq_len=32,
    batch_tokens=256,
    micro_batch_tokens=256,
    d_model=32,
    n_layers=1,
    n_heads=2,
    n_kv_heads=1,
    lr=1e-2,
    warmup_steps=3,
)


def prose(n, seed):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 30)) + "." for _ in range(n)]


def noise(n, seed):
    random = np.random.default_rng(seed)
    return ["".join(chr(97 + k) for k in random.integers(0, 26, 120)) for _ in range(n)]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(prose(50, 9), 300)


def write(folder, texts, valid, tokenizer):
    for name, rows in (("train", texts), ("valid", valid)):
        (folder / name).mkdir(parents=True)
        names = [f"{name}{k}" for k in range(len(rows))]
        batch = pa.record_batch(
            {
                "input_ids": tokenizer.encode_batch(rows, last=tokenizer.eos_id),
                "id": names,
                "url": names,
                "source": names,
            }
        )
        shard = write_token_shard(folder / name / "a.arrow", [batch], pa.uint16())
        facts = TokenizerFacts(
            tokenizer.to_bytes(), tokenizer.vocab_size, tokenizer.eos_id, tokenizer.token_bytes()
        )
        finish_split(folder / name, [shard], facts, {})
    finish_tokens(folder, ["train", "valid"])
    return folder


def test_prose_teaches_more_than_noise(tokenizer, tmp_path):
    a = write(tmp_path / "a", prose(700, 1), prose(15, 2), tokenizer)
    b = write(tmp_path / "b", noise(400, 1), prose(15, 3), tokenizer)
    result = compare(a, b, CONFIG)
    assert result.verdict == "A"
    assert result.overall.high < 0
    assert result.bits_per_byte["A"]["all"] < result.bits_per_byte["B"]["all"] - 0.2
    turned = compare(b, a, CONFIG, replicates=2)
    assert turned.overall.mean == pytest.approx(-result.overall.mean, rel=0.5)
    write_result(result, tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_bytes())
    assert told["verdict"] == "A"
    assert len(told["differences"]["all"]["replicates"]) == 3
    assert told["digests"]["A"] != told["digests"]["B"]
    assert any("A teaches more" in line for line in result.sentences())


def test_two_halves_of_the_same_cannot_be_told_apart(tokenizer, tmp_path):
    texts = prose(1400, 4)
    a = write(tmp_path / "a", texts[::2], prose(15, 5), tokenizer)
    b = write(tmp_path / "b", texts[1::2], prose(15, 6), tokenizer)
    result = compare(a, b, CONFIG)
    assert result.verdict == CANNOT_TELL
    assert result.overall.low < 0 < result.overall.high
    assert max(result.epochs.values()) < 1
    assert result.train_tokens == 25 * 256
    same = compare(a, a, CONFIG, held_out={"x": prose(5, 7)}, replicates=2)
    assert (same.overall.mean, same.overall.low, same.overall.high) == (0, 0, 0)
    assert same.verdict == CANNOT_TELL
    assert list(same.bits_per_byte["A"]) == ["x", "all"]


def test_a_dataset_can_be_better_for_one_set_and_worse_for_another(tokenizer, tmp_path):
    a = write(tmp_path / "a", prose(700, 1), [], tokenizer)
    b = write(tmp_path / "b", noise(400, 1), [], tokenizer)
    result = compare(a, b, CONFIG, held_out={"prose": prose(15, 2), "noise": noise(15, 2)})
    assert [result.differences[name].verdict for name in ("prose", "noise")] == ["A", "B"]
    assert set(result.differences) == {"prose", "noise", "all"}
    assert any(
        line.startswith("noise: A - B +") and line.endswith("B teaches more") for line in result.sentences()
    )


def test_what_is_refused(tokenizer, tmp_path):
    a = write(tmp_path / "a", prose(10, 1), [], tokenizer)
    for change in ({"replicates": 1}, {"replicates": 11}, {}, {"held_out": {"x": []}}):
        with pytest.raises(CurateError) as caught:
            compare(a, a, CONFIG, **change)
        assert caught.value.hint


def test_held_out_text_of_one_dataset_alone_is_refused(tokenizer, tmp_path):
    a = write(tmp_path / "a", prose(10, 1), prose(5, 2), tokenizer)
    b = write(tmp_path / "b", prose(10, 3), [], tokenizer)
    with pytest.raises(CurateError, match=r"B \(.*/b`\) has no valid split") as caught:
        compare(a, b, CONFIG)
    assert "--held-out" in caught.value.hint
    with pytest.raises(CurateError, match=r"A \(.*/b/train`\) has no valid split"):
        compare(b / "train", a, CONFIG)


@pytest.mark.parametrize("given", [None, {"x": ["the cat sat"]}])
def test_a_fault_of_the_second_dataset_shows_before_the_first_is_trained(given, tokenizer, tmp_path):
    a = write(tmp_path / "a", prose(50, 1), prose(5, 2), tokenizer)
    few = write(tmp_path / "few", ["cat"], prose(5, 4), tokenizer)
    steps = []
    for b, error in ((tmp_path / "typo", FileNotFoundError), (few, CurateError)):
        with pytest.raises(error):
            compare(a, b, CONFIG, held_out=given, on_step=lambda arm, record: steps.append(arm))
    assert steps == []


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_interval_covers_no_difference_as_often_as_it_says(spread):
    """Replicates that differ by chance: of 100 experiments at most one in ten shows an effect."""
    random = np.random.default_rng(0)
    sizes = random.integers(100, 1000, 40).astype(float)
    found = 0
    for experiment in range(100):
        common = random.normal(0, spread, (3, 1)) + random.normal(0, 1, (3, 40))
        a = 1.5 * sizes + common * np.sqrt(sizes)
        b = 1.5 * sizes * np.ones((3, 1))
        found += interval(a, b, sizes, experiment).verdict != CANNOT_TELL
    assert found <= 10


def test_the_interval_sees_a_clear_effect():
    sizes = np.full(30, 100.0)
    a = np.random.default_rng(1).normal(150, 1, (3, 30))
    found = interval(a - 5, a, sizes)
    assert found.mean == pytest.approx(-0.05 / math.log(2))
    assert found.low == pytest.approx(found.high) == pytest.approx(found.mean)
    assert found.replicates == pytest.approx([found.mean] * 3)
    assert found.verdict == "A"


def test_nats_of_a_uniform_model_count_every_token_once(tokenizer):
    model = Decoder(ModelConfig(tokenizer.vocab_size, d_model=8, n_layers=1, n_heads=2, n_kv_heads=1))
    with torch.no_grad():
        model.norm.weight.zero_()
    texts = [*prose(3, 1), "", "x", "雨" * 50]
    nats = text_nats(model, tokenizer, texts, 16)
    counts = tokenizer.count_batch(texts).to_pylist()
    assert nats.tolist() == pytest.approx([n * math.log(tokenizer.vocab_size) for n in counts], rel=1e-5)
