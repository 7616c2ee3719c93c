"""The loop learns, resumes to the same bits, and counts nats and bytes as it says."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from curate.errors import CurateError, OutputError  # noqa: E402
from curate.io.token_dataset import TokenDataset  # noqa: E402
from curate.io.tokens import TokenizerFacts, finish_split, finish_tokens, write_token_shard  # noqa: E402
from curate.train.checkpoint import latest_checkpoint, read_facts, restore, save_checkpoint  # noqa: E402
from curate.train.data import LossSums, collate, evaluate, token_losses  # noqa: E402
from curate.train.loop import TrainConfig, train  # noqa: E402
from curate.train.model import Decoder, ModelConfig  # noqa: E402
from curate.train.optimizer import adamw, lr_factor  # noqa: E402
from curate.train.sampling import sample  # noqa: E402

torch.set_num_threads(1)

VOCAB, EOS = 64, 63
TINY = {
    "seq_len": 16,
    "batch_tokens": 128,
    "micro_batch_tokens": 64,
    "d_model": 16,
    "n_layers": 2,
    "n_heads": 2,
    "n_kv_heads": 1,
    "lr": 1e-2,
    "warmup_steps": 5,
    "eval_tokens": 256,
}


def documents(n, seed):
    """Each word is followed by one of two: less than ln 2 nats per token to learn."""
    random = np.random.default_rng(seed)
    for _ in range(n):
        word, text = int(random.integers(EOS)), []
        for _ in range(random.integers(3, 30)):
            text.append(word)
            word = (word * 5 + int(random.integers(2))) % EOS
        yield [*text, EOS]


def write(folder, rows, tokenizer=b"{}"):
    folder.mkdir(parents=True)
    names = [f"d{i}" for i in range(len(rows))]
    batch = pa.record_batch(
        {
            "input_ids": pa.array(rows, pa.list_(pa.uint16())),
            "id": pa.array(names, pa.string()),
            "url": pa.array(names, pa.string()),
            "source": pa.array(names, pa.string()),
        }
    )
    lengths = np.arange(VOCAB) % 4 + 1
    lengths[EOS] = 0
    shard = write_token_shard(folder / "data.arrow", [batch], pa.uint16())
    finish_split(folder, [shard], TokenizerFacts(tokenizer, VOCAB, EOS, lengths), {})


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tokens"
    write(folder / "train", list(documents(300, 0)))
    write(folder / "valid", list(documents(40, 1)))
    finish_tokens(folder, ["train", "valid"])
    return folder


def test_it_learns(tokens):
    records = []
    result = train(tokens, TrainConfig(steps=80, eval_every=40, **TINY), records.append)
    assert [r["step"] for r in records] == list(range(1, 81))
    assert abs(records[0]["loss"] - math.log(VOCAB)) < 0.2
    assert result.loss < math.log(VOCAB) - 1.5
    assert result.valid_loss < math.log(VOCAB) - 1.5
    assert [r["step"] for r in records if "valid_loss" in r] == [40, 80]
    assert records[-1]["valid_bits_per_byte"] == result.valid_bits_per_byte
    assert result.valid_bits_per_byte < records[39]["valid_bits_per_byte"]
    assert records[-1]["tokens"] == 80 * 128
    assert result.parameters == result.model.n_parameters()


def weights(result):
    return {name: weight.detach().clone() for name, weight in result.model.named_parameters()}


def curve(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "tokens_per_s")} for line in lines]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("schedule", ["wsd", "cosine"])
def test_a_killed_run_resumes_to_the_same_bits(tokens, tmp_path, schedule):
    shape = {**TINY, "steps": 14, "schedule": schedule, "checkpoint_every": 4, "eval_every": 6}
    whole = train(tokens, TrainConfig(checkpoint_dir=tmp_path / "a", **shape))
    config = TrainConfig(checkpoint_dir=tmp_path / "b", **shape)
    for last in (3, 10):  # before any checkpoint; two steps after one

        def stop(record, last=last):
            if record["step"] == last:
                raise KilledError

        with pytest.raises(KilledError):
            train(tokens, config, stop)
    steps = []
    resumed = train(tokens, config, lambda record: steps.append(record["step"]))
    assert steps[0] == 9
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(resumed)[name]), name
    assert curve(tmp_path / "a") == curve(tmp_path / "b")
    assert len(curve(tmp_path / "a")) == 14
    again = train(tokens, config)
    assert (again.steps, again.valid_loss) == (14, whole.valid_loss)
    assert math.isnan(again.loss)
    assert [p.name for p in (tmp_path / "b").glob("*.npz")] == ["step-00000014.npz"]


def test_the_same_configuration_gives_the_same_curve_and_another_seed_does_not(tokens):
    def losses(**changes):
        records = []
        train(tokens, TrainConfig(**{**TINY, "steps": 4, **changes}), records.append)
        return [r["loss"] for r in records]

    assert losses() == losses()
    assert losses() != losses(seed=1)


def test_accumulation_adds_up(tokens):
    small = train(tokens, TrainConfig(**{**TINY, "steps": 3, "micro_batch_tokens": 16}))
    large = train(tokens, TrainConfig(**{**TINY, "steps": 3, "micro_batch_tokens": 128}))
    assert small.loss == pytest.approx(large.loss, abs=1e-5)
    for name, weight in weights(small).items():
        torch.testing.assert_close(weight, weights(large)[name], atol=1e-4, rtol=1e-3)


def test_a_checkpoint_of_another_run_is_refused(tokens, tmp_path):
    config = {**TINY, "steps": 2, "checkpoint_dir": tmp_path / "c"}
    train(tokens, TrainConfig(**config))
    with pytest.raises(CurateError, match="d_ff, lr"):
        train(tokens, TrainConfig(**{**config, "lr": 1e-4, "d_ff": 32}))
    write(tmp_path / "other", list(documents(300, 5)))
    with pytest.raises(CurateError, match="content_digest"):
        train(tmp_path / "other", TrainConfig(**config))
    assert train(tokens, TrainConfig(**{**config, "steps": 3})).steps == 3
    assert len(curve(tmp_path / "c")) == 3
    fresh = train(tokens, TrainConfig(**{**config, "lr": 1e-4, "resume": False}))
    assert fresh.steps == 2
    assert len(curve(tmp_path / "c")) == 2


def test_a_damaged_checkpoint_is_refused(tokens, tmp_path):
    config = TrainConfig(**{**TINY, "steps": 1, "checkpoint_dir": tmp_path})
    train(tokens, config)
    path = latest_checkpoint(tmp_path)
    whole = path.read_bytes()
    for data in (b"", whole[:100], whole[: len(whole) // 2], b"PK" + bytes(50)):
        path.write_bytes(data)
        with pytest.raises(OutputError, match="cannot be read"):
            train(tokens, config)


def test_checkpoint_round_trip(tmp_path):
    shape = ModelConfig(vocab_size=9, d_model=8, n_layers=1, n_heads=2, n_kv_heads=1)
    model = Decoder(shape)
    optimizer = adamw(model, 1e-2, 0.1)
    model(torch.tensor([[1, 2, 3]])).sum().backward()
    optimizer.step()
    path = save_checkpoint(tmp_path, 1, model, optimizer, {"note": "x"})
    facts = read_facts(path)
    assert (facts["step"], facts["note"]) == (1, "x")
    other = Decoder(shape, seed=9)
    other_optimizer = adamw(other, 1e-2, 0.1)
    restore(path, other, other_optimizer)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert optimizer.state[a].keys() == other_optimizer.state[b].keys()
        for key, value in optimizer.state[a].items():
            assert torch.equal(value, other_optimizer.state[b][key])
    larger = Decoder(ModelConfig(vocab_size=10, d_model=8, n_layers=1, n_heads=2, n_kv_heads=1))
    with pytest.raises(OutputError, match="shape"):
        restore(path, larger, adamw(larger, 1e-2, 0.1))


def test_too_few_tokens_and_bad_parameters(tokens, tmp_path):
    write(tmp_path / "few", [[1, EOS]])
    with pytest.raises(CurateError, match="2 tokens"):
        train(tmp_path / "few", TrainConfig(**TINY))
    with pytest.raises(FileNotFoundError):
        train(tmp_path / "nothing", TrainConfig(**TINY))
    with pytest.raises(CurateError, match="8 tokens, seq_len is 16"):
        train(TokenDataset(tokens / "train", 8), TrainConfig(**TINY))
    write(tmp_path / "foreign", list(documents(40, 1)), tokenizer=b"other")
    with pytest.raises(CurateError, match="different tokenizers"):
        train(tokens, TrainConfig(**TINY), valid=TokenDataset(tmp_path / "foreign", 16))
    for bad in (
        {"schedule": "x"},
        {"batch_tokens": 100},
        {"micro_batch_tokens": 24},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"steps": -1},
        {"eval_every": 0},
        {"seq_len": 0},
    ):
        with pytest.raises(CurateError) as caught:
            TrainConfig(**{**TINY, **bad})
        assert caught.value.hint


def test_a_loss_that_explodes_stops_the_run(tokens):
    with pytest.raises(CurateError, match="the loss of step"):
        train(tokens, TrainConfig(**{**TINY, "steps": 20, "lr": 1e30, "warmup_steps": 0}))


def test_bits_per_byte_of_a_uniform_model(tokens):
    dataset = TokenDataset(tokens / "valid", 16, shuffle=False)
    model = Decoder(ModelConfig(vocab_size=VOCAB, d_model=8, n_layers=1, n_heads=2, n_kv_heads=1))
    with torch.no_grad():
        model.norm.weight.zero_()  # all logits 0: every token has probability 1 / 64
    lengths = torch.from_numpy(dataset.store.token_bytes().astype("int64"))
    sums = evaluate(model, dataset, n_samples=7, micro_batch=3, masked=True, token_bytes=lengths)
    labels = np.concatenate([dataset[i]["labels"] for i in range(7)])
    text = labels[labels != EOS]
    assert sums.tokens == 7 * 16
    assert sums.loss == pytest.approx(math.log(VOCAB), abs=1e-5)
    assert sums.text_bytes == sum(int(label) % 4 + 1 for label in text)
    assert sums.bits_per_byte == pytest.approx(6 * len(text) / sums.text_bytes, rel=1e-5)
    assert LossSums().bits_per_byte is None


def test_masked_losses_ignore_other_documents(tokens):
    dataset = TokenDataset(tokens / "train", 16)
    index = next(i for i in range(len(dataset)) if dataset[i]["segment_ids"][-1] == 1)
    batch = collate([dataset[index]], "cpu")
    model = Decoder(TrainConfig(**TINY).model(VOCAB), seed=3)
    with torch.no_grad():
        model.embedding.weight.mul_(20)
    second = batch["segment_ids"][0] == 1
    changed = {**batch, "input_ids": torch.where(second, batch["input_ids"], 7)}
    for masked in (True, False):
        a, b = (token_losses(model, x, masked)[0, second] for x in (batch, changed))
        assert torch.equal(a, b) == masked


def test_schedules():
    wsd = [lr_factor("wsd", step, 100, 10) for step in range(1, 101)]
    assert wsd[:10] == [pytest.approx(i / 10) for i in range(1, 11)]
    assert set(wsd[10:81]) == {1.0}
    assert wsd[80:] == [pytest.approx((20 - i) / 20) for i in range(20)]
    cosine = [lr_factor("cosine", step, 100, 10) for step in range(1, 101)]
    assert cosine[9] == 1.0
    assert cosine[54] == pytest.approx(0.55)
    assert cosine[-1] == pytest.approx(0.1)
    assert lr_factor("wsd", 1, 1, 0) == 1.0
    assert lr_factor("cosine", 5, 5, 10) == 0.5


@pytest.mark.parametrize("tied", [True, False])
def test_only_hidden_matrices_decay(tied):
    model = Decoder(ModelConfig(vocab_size=9, d_model=8, n_layers=1, n_heads=2, tie_embeddings=tied))
    optimizer = adamw(model, 1e-3, 0.1)
    names = {id(weight): name for name, weight in model.named_parameters()}
    decayed, others = ({names[id(w)] for w in group["params"]} for group in optimizer.param_groups)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert others == {n for n in names.values() if "norm" in n or n == "embedding.weight"}
    assert decayed | others == set(names.values())


def test_sampling():
    model = Decoder(ModelConfig(vocab_size=VOCAB, d_model=16, n_layers=1), seed=1)
    with torch.no_grad():
        model.embedding.weight.mul_(10)
    first = sample(model, [1, 2], 20, seed=3, context_tokens=8)
    assert first == sample(model, [1, 2], 20, seed=3, context_tokens=8)
    assert first != sample(model, [1, 2], 20, seed=4, context_tokens=8)
    assert len(first) == 20
    assert all(0 <= i < VOCAB for i in first)
    greedy = sample(model, [1, 2], 5, temperature=0)
    assert greedy == sample(model, [1, 2], 5, top_k=1, seed=9)
    assert greedy[0] == int(model(torch.tensor([[1, 2]]))[0, -1].argmax())
    assert sample(model, [1, 2], 5, temperature=0, stop_id=greedy[0]) == []
    assert sample(model, [1], 0) == []
    for bad in ({"prompt_ids": []}, {"temperature": -1.0}, {"top_k": 0}, {"context_tokens": 0}):
        with pytest.raises(CurateError):
            sample(model, **{"prompt_ids": [1], "max_new_tokens": 1, **bad})
