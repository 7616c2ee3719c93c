"""Our decoder and loop against `transformers`' Llama trained by a plain loop of torch."""

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from curate.io.token_dataset import TokenDataset  # noqa: E402
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard  # noqa: E402
from curate.train.loop import TrainConfig, train  # noqa: E402
from curate.train.model import Decoder  # noqa: E402
from curate.train.optimizer import lr_factor  # noqa: E402
from tests.train.test_model import as_llama  # noqa: E402

torch.set_num_threads(1)
VOCAB = 64
STEPS = 300


def corpus(folder):
    """Each token is followed by one of two: enough to learn for some hundred steps."""
    random = np.random.default_rng(0)
    rows = []
    for _ in range(400):
        row = [int(random.integers(VOCAB))]
        for _ in range(60):
            row.append((row[-1] * 5 + int(random.integers(2))) % VOCAB)
        rows.append(row)
    names = [str(k) for k in range(len(rows))]
    folder.mkdir()
    batch = pa.record_batch(
        {"input_ids": pa.array(rows, pa.list_(pa.uint16())), "id": names, "url": names, "source": names}
    )
    shard = write_token_shard(folder / "a.arrow", [batch], pa.uint16())
    finish_split(folder, [shard], TokenizerFacts(b"{}", VOCAB, None, np.ones(VOCAB)), {})
    return folder


def test_the_loss_curve_is_that_of_transformers(tmp_path):
    folder = corpus(tmp_path / "x")
    config = TrainConfig(
        steps=STEPS,
        seq_len=16,
        batch_tokens=128,
        micro_batch_tokens=64,
        d_model=32,
        n_layers=2,
        n_heads=4,
        n_kv_heads=2,
        lr=1e-2,
        warmup_steps=20,
        document_mask=False,
        device="cpu",
    )
    records = []
    train(folder, config, records.append)
    ours = np.array([record["loss"] for record in records])

    theirs = as_llama(Decoder(config.model(VOCAB), seed=config.seed))
    matrices = [w for n, w in theirs.named_parameters() if w.ndim == 2 and "embed" not in n]
    others = [w for n, w in theirs.named_parameters() if w.ndim != 2 or "embed" in n]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    data = iter(TokenDataset(folder, 16, seed=config.seed))
    curve = []
    for step in range(1, STEPS + 1):
        samples = [next(data) for _ in range(8)]
        ids, labels = (torch.from_numpy(np.stack([s[k] for s in samples])) for k in ("input_ids", "labels"))
        logits = theirs(ids).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * lr_factor("wsd", step, STEPS, 20)
        optimizer.step()
        optimizer.zero_grad()
        curve.append(loss.item())
    assert ours[-1] < 1.2
    assert ours[0] > 4
    assert np.abs(ours / np.array(curve) - 1).max() < 0.01
