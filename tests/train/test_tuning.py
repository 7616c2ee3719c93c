"""Tuning on toy tasks: masked loss falls, the margin rises, the pass rate rises; all resume to the same bits."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from pipelines import preference  # noqa: E402

import curate as cu  # noqa: E402
from curate.errors import CurateError, OutputError  # noqa: E402
from curate.io.token_dataset import TokenDataset  # noqa: E402
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard  # noqa: E402
from curate.tokenizer import Tokenizer  # noqa: E402
from curate.train import dpo, grpo  # noqa: E402
from curate.train.data import evaluate, tensors, token_losses  # noqa: E402
from curate.train.loop import TrainConfig  # noqa: E402
from curate.train.model import Decoder, ModelConfig  # noqa: E402
from curate.train.rows import RowOrder, log_probabilities, padded  # noqa: E402
from curate.train.sft import finetune  # noqa: E402
from curate.train.steps import StepConfig  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "tokenizer.json"
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trained = Tokenizer.train(["user assistant 0+0 1+2=3"], 270, special_tokens=specials)
    trained.save(str(path))
    return str(path), trained


def sums_up(limit):
    return [(f"{a}+{b}", str(a + b)) for a in range(limit) for b in range(limit)]


def written(folder, tokenizer, tasks):
    """Token shards of conversations of one question and one answer."""
    lines = [
        json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]})
        for q, a in tasks
    ]
    names = [str(k) for k in range(len(lines))]
    batch = pa.record_batch({"id": names, "text": pa.array(lines, pa.large_string())})
    kept, _ = cu.apply([cu.RenderChat(), cu.TokenizeChat(tokenizer[0])], batch)
    # Written here and not by a run, whose shards name files: the order of samples follows the digest of the shards.
    columns = {name: kept[name] for name in ("input_ids", "loss_mask", "id")}
    rows = pa.record_batch({**columns, "url": names, "source": names})
    told = tokenizer[1]
    facts = TokenizerFacts(told.to_bytes(), told.vocab_size, told.eos_id, told.token_bytes())
    (folder / "train").mkdir()
    shard = write_token_shard(folder / "train" / "a.arrow", [rows], pa.uint16(), loss_mask=True)
    finish_split(folder / "train", [shard], facts, {})
    return folder


@pytest.fixture(scope="module")
def chats(tokenizer, tmp_path_factory):
    return written(tmp_path_factory.mktemp("chats"), tokenizer, sums_up(6))


def model(vocab, seed=0, width=32):
    return Decoder(ModelConfig(vocab, d_model=width, n_layers=2, n_heads=2, n_kv_heads=1), seed=seed)


@pytest.fixture(scope="module")
def tuned(tokenizer, chats):
    """A model that has seen the sums, and its records."""
    records = []
    config = TrainConfig(
        steps=80, seq_len=64, batch_tokens=512, micro_batch_tokens=256, lr=1e-2, warmup_steps=5
    )
    result = finetune(chats, model(tokenizer[1].vocab_size), config, records.append)
    return result.model, records


def masked_loss(net, dataset):
    lengths = torch.from_numpy(dataset.store.token_bytes().astype("int64"))
    return evaluate(net, dataset, n_samples=99, micro_batch=4, masked=True, token_bytes=lengths).loss


def test_fine_tuning_lowers_the_masked_loss(tokenizer, chats, tuned):
    dataset = TokenDataset(chats / "train", 64, packing="best_fit")
    before, after = (masked_loss(net, dataset) for net in (model(tokenizer[1].vocab_size), tuned[0]))
    assert before == pytest.approx(math.log(tokenizer[1].vocab_size), abs=0.3)
    assert after < 0.6 < before - 2
    assert tuned[1][-1]["loss"] < tuned[1][0]["loss"] - 2


def test_packed_conversations_do_not_leak(tokenizer, chats, tuned):
    dataset = TokenDataset(chats / "train", 64, packing="best_fit")
    batch = tensors(dataset.batch(range(len(dataset))), "cpu")
    assert int(batch["segment_ids"].max()) >= 2
    changed = dict(batch)
    first = batch["segment_ids"] == 0
    changed["input_ids"] = torch.where(first, (batch["input_ids"] + 5) % 100, batch["input_ids"])
    a, b = (token_losses(tuned[0], x, True) for x in (batch, changed))
    assert torch.equal(a[~first], b[~first])
    assert not torch.allclose(a[first], b[first])
    # No label that is learned belongs to another conversation than its input.
    following = batch["segment_ids"][:, 1:] != batch["segment_ids"][:, :-1]
    assert not (batch["loss_mask"][:, :-1] & following).any()


@pytest.fixture(scope="module")
def pairs(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    lines = [json.dumps({"prompt": q, "chosen": a, "rejected": str(int(a) + 1)}) for q, a in sums_up(4)]
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    cu.run(
        preference.pipeline(str(folder / "in.jsonl"), tokenizer[0], str(folder / "out"), valid_share=0.0),
        cu.Local(1),
    )
    return folder / "out" / "tokens"


def test_pairs_are_read_as_they_were_written(tokenizer, pairs):
    found = dpo.read_pairs(pairs / "train")
    assert len(found) == 16
    told = tokenizer[1]
    texts = {(told.decode(p.chosen), told.decode(p.rejected)) for p in found}
    expected = set()
    for q, a in sums_up(4):
        start = f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n"
        expected.add(tuple(f"{start}{x}<|im_end|>\n<|endoftext|>" for x in (a, str(int(a) + 1))))
    assert texts == expected
    assert all(told.decode(p.chosen[p.chosen_mask]).endswith("<|im_end|>\n<|endoftext|>") for p in found)


def test_no_pairs_in_conversations(chats, tmp_path):
    with pytest.raises(OutputError, match="no pair"):
        dpo.read_pairs(chats / "train")


class KilledError(Exception):
    pass


def test_dpo_raises_the_margin_and_resumes(pairs, tuned, tmp_path):
    found = dpo.read_pairs(pairs / "train")

    def config(folder):
        updates = StepConfig(steps=25, lr=4e-3, weight_decay=0.0, checkpoint_dir=folder, checkpoint_every=5)
        return dpo.DPOConfig(updates, beta=0.5, pairs_per_step=8)

    records = []
    whole = dpo.tune(found, tuned[0], config(tmp_path / "a"), records.append)
    assert records[0]["margin"] == pytest.approx(0, abs=1e-5)
    assert records[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert records[-1]["margin"] > 0.3
    assert records[-1]["accuracy"] > 0.6
    assert records[-1]["loss"] < math.log(2) - 0.05

    def stop(record):
        if record["step"] == 7:
            raise KilledError

    with pytest.raises(KilledError):
        dpo.tune(found, tuned[0], config(tmp_path / "b"), stop)
    resumed = dpo.tune(found, tuned[0], config(tmp_path / "b"))
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_grpo_raises_the_pass_rate(tokenizer, tmp_path):
    told = tokenizer[1]
    tasks = [(f"{a}+1", str(a + 1)) for a in range(8)]
    # A model that has only begun to learn the sums.
    config = TrainConfig(
        steps=200, seq_len=64, batch_tokens=256, micro_batch_tokens=256, lr=5e-3, warmup_steps=5
    )
    begun = finetune(written(tmp_path, tokenizer, tasks), model(told.vocab_size, width=64), config).model
    prompts = [grpo.Prompt(q, "number", a) for q, a in tasks]
    markers = ("<|im_start|>", "<|im_end|>")

    def encode(question):
        text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        return told.encode(text, allowed_special=markers).tolist()

    stop = told.special_tokens["<|im_end|>"]

    def tuned_for(steps, told_of):
        updates = StepConfig(steps=steps, lr=2e-3, weight_decay=0.0, warmup_steps=3)
        config = grpo.GRPOConfig(
            updates, prompts_per_step=8, answers_per_prompt=16, max_new_tokens=4, kl=1e-3
        )
        return grpo.tune(prompts, begun, config, encode, told.decode, stop, told_of.append)

    records, again = [], []
    after = tuned_for(70, records)
    rates = [record["pass_rate"] for record in records]
    assert np.mean(rates[-10:]) > np.mean(rates[:10]) + 0.08
    before_rate, after_rate = (
        grpo.pass_rate(prompts, net, encode, told.decode, stop, 4) for net in (begun, after)
    )
    assert after_rate >= before_rate
    assert all(0 <= r["groups_used"] <= 1 and r["kl"] >= 0 for r in records)
    tuned_for(1, again)
    assert again[0]["loss"] == records[0]["loss"]
    assert again[0]["pass_rate"] == records[0]["pass_rate"]


def test_verifiers():
    score = {name: grpo.VERIFIERS[name] for name in grpo.VERIFIERS}
    assert score["exact"](" 4\n", "4") == 1
    assert score["exact"]("4.", "4") == 0
    assert score["number"]("so it is 1,204.50", "1204.5") == 1
    assert score["number"]("none", "none") == 0
    assert score["number"]("3 and 5", "3") == 0
    assert score["contains"]("the answer is four", "four") == 1


def test_prompts_are_text_rows(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "2+2", "verifier": "number", "answer": "4", "id": 1}\n')
    assert grpo.read_prompts(path) == [grpo.Prompt("2+2", "number", "4")]
    for line in ('{"prompt": "2+2"}', "[]", "{", '{"prompt": 1, "verifier": "number", "answer": "4"}'):
        path.write_text(line)
        with pytest.raises(CurateError, match="line 1"):
            grpo.read_prompts(path)
    path.write_text('{"prompt": "x", "verifier": "judge", "answer": "4"}')
    with pytest.raises(CurateError, match="unknown verifier"):
        grpo.read_prompts(path)
    with pytest.raises(CurateError, match="two answers"):
        grpo.GRPOConfig(answers_per_prompt=1)


def test_the_order_of_rows():
    order = RowOrder(7, 3, "k")
    taken = [row for _ in range(7) for row in order.take()]
    assert [sorted(taken[k : k + 7]) for k in (0, 7, 14)] == [list(range(7))] * 3
    other = RowOrder(7, 3, "k")
    other.load_state_dict(json.loads(json.dumps({**order.state_dict(), "consumed": 6})))
    assert other.take() == taken[6:9]
    with pytest.raises(CurateError, match="other rows"):
        RowOrder(8, 3, "k").load_state_dict(order.state_dict())
    with pytest.raises(CurateError):
        RowOrder(0, 3, "k")


def test_log_probabilities_do_not_depend_on_padding():
    net = model(20, seed=3)
    with torch.no_grad():
        net.embedding.weight.mul_(10)
    sequences = [[1, 2, 3, 4], [5, 6], [7, 8, 9, 10, 11, 12]]
    masks = [[False, True, True, True], [False, True], [False] * 3 + [True] * 3]
    together = log_probabilities(net, padded(sequences, masks, "cpu")).sum(dim=1)
    for k in range(3):
        alone = log_probabilities(net, padded(sequences[k : k + 1], masks[k : k + 1], "cpu")).sum()
        assert together[k].item() == pytest.approx(alone.item(), abs=1e-5)
        logits = torch.log_softmax(net(torch.tensor([sequences[k]])), -1)[0]
        slow = sum(logits[p - 1, sequences[k][p]].item() for p in range(1, len(sequences[k])) if masks[k][p])
        assert alone.item() == pytest.approx(slow, abs=1e-4)
