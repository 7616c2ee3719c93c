"""The training loop: tokens in, a small model out, the same bits after any interruption."""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from curate.errors import CurateError
from curate.io.token_dataset import TokenDataset
from curate.train.checkpoint import latest_checkpoint, read_facts, restore, save_checkpoint
from curate.train.data import LossSums, collate, evaluate, token_losses
from curate.train.model import Decoder, ModelConfig
from curate.train.optimizer import SCHEDULES, adamw, lr_factor

#: a change of these leaves weights and data order what they were, so that a run may be resumed
FREE_TO_CHANGE = {
    "steps",
    "checkpoint_dir",
    "checkpoint_every",
    "resume",
    "eval_every",
    "eval_tokens",
    "device",
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit two CPU cores and a vocabulary of 32k for a few minutes.

    Attributes:
        steps: optimizer steps, counted over all resumptions.
        seq_len: tokens per sample.
        batch_tokens: tokens per step (global batch); a multiple of seq_len.
        micro_batch_tokens: tokens per forward pass, a divisor of batch_tokens; the rest is accumulated.
        d_model, n_layers, n_heads, n_kv_heads, d_ff, tie_embeddings: see `ModelConfig`.
        lr: peak learning rate.
        schedule: "wsd" or "cosine", see `curate.train.optimizer.SCHEDULES`.
        warmup_steps: steps of linear rise.
        weight_decay: of matrices between hidden states.
        grad_clip: largest norm of the gradient.
        document_mask: attention stays within a document. What ends one document still predicts the next one's
            first token.
        seed: of weights and data order.
        eval_every: steps between evaluations on the valid split; None = at the end only.
        eval_tokens: evaluate on about this many tokens, the first of the split.
        checkpoint_dir: folder for checkpoints and `log.jsonl`; None = keep nothing.
        checkpoint_every: steps between checkpoints; there is always one at the end.
        resume: continue from the latest checkpoint in checkpoint_dir, if there is one.
        device: torch device. Only "cpu" is bit-exact.
    """

    steps: int = 200
    seq_len: int = 256
    batch_tokens: int = 1024
    micro_batch_tokens: int = 1024
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int = 2
    d_ff: int | None = None
    tie_embeddings: bool = True
    lr: float = 3e-3
    schedule: str = "wsd"
    warmup_steps: int = 20
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    document_mask: bool = True
    seed: int = 0
    eval_every: int | None = None
    eval_tokens: int = 32768
    checkpoint_dir: Path | None = None
    checkpoint_every: int = 100
    resume: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("seq_len", "batch_tokens", "micro_batch_tokens", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise CurateError(f"{name} is {getattr(self, name)}", hint="give a positive number")
        if self.steps < 0 or self.warmup_steps < 0 or (self.eval_every is not None and self.eval_every < 1):
            raise CurateError("a number of steps is out of range", hint="steps and warmup_steps count from 0")
        if self.micro_batch_tokens % self.seq_len or self.batch_tokens % self.micro_batch_tokens:
            raise CurateError(
                f"batch_tokens {self.batch_tokens}, micro_batch_tokens {self.micro_batch_tokens} and seq_len "
                f"{self.seq_len} do not divide",
                hint="make each a multiple of the next",
            )
        if self.schedule not in SCHEDULES:
            raise CurateError(f"unknown schedule {self.schedule!r}", hint=f"known: {', '.join(SCHEDULES)}")
        if not (self.lr > 0 and self.grad_clip > 0 and self.weight_decay >= 0):
            raise CurateError("lr, grad_clip or weight_decay is out of range", hint="give positive numbers")

    def model(self, vocab_size: int) -> ModelConfig:
        """The shape of the model."""
        names = ("d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff", "tie_embeddings")
        return ModelConfig(vocab_size, **{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class TrainResult:
    """What training gave.

    Attributes:
        model: the trained decoder.
        steps: optimizer steps done, over all resumptions.
        loss: nats per token of the last step's training batch; nan if this call did no step.
        valid_loss, valid_bits_per_byte: on the valid split at the end; None without one.
        parameters: weights of the model.
    """

    model: Decoder
    steps: int
    loss: float
    valid_loss: float | None
    valid_bits_per_byte: float | None
    parameters: int


def train(
    tokens: str | Path | TokenDataset,
    config: TrainConfig | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    valid: TokenDataset | None = None,
) -> TrainResult:
    """Trains a small decoder on a token dataset.

    No step draws a random number: weights come from `seed` alone and the order of samples from `seed` and the
    dataset, so a checkpoint needs no random state.

    Args:
        tokens: a folder with splits `train` and perhaps `valid`, one finished split, or a dataset (whose
            seq_len must be that of `config`).
        config: defaults if None.
        on_step: called after each step with its log record: step, steps, loss, bits_per_byte, lr, grad_norm,
            tokens, seconds, tokens_per_s, and valid_loss and valid_bits_per_byte where evaluated. The same
            records are the lines of `checkpoint_dir/log.jsonl`.
        valid: held-out samples; None = the `valid` split of the folder.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: a damaged dataset or checkpoint.
        CurateError: too few tokens, a parameter out of range, a checkpoint of another run, a loss that is not
            finite.
    """
    config = config or TrainConfig()
    data, valid = _open(tokens, valid, config)
    device = torch.device(config.device)
    model = Decoder(config.model(data.store.vocab_size), seed=config.seed).to(device)
    optimizer = adamw(model, config.lr, config.weight_decay)
    token_bytes = torch.from_numpy(data.store.token_bytes().astype("int64")).to(device)
    step = _resume(config, data, model, optimizer)
    stream = iter(data)
    sums = LossSums()
    final: LossSums | None = None
    while step < config.steps:
        started = time.perf_counter()
        step += 1
        sums = LossSums()
        for _ in range(config.batch_tokens // config.micro_batch_tokens):
            batch = collate(islice(stream, config.micro_batch_tokens // config.seq_len), device)
            nats = token_losses(model, batch, config.document_mask)
            (nats.sum() / config.batch_tokens).backward()
            sums.add(nats, batch["labels"], token_bytes)
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip))
        if not math.isfinite(norm) or not math.isfinite(sums.loss):
            raise CurateError(
                f"the loss of step {step} is {sums.loss}", hint="lower lr or raise warmup_steps"
            )
        lr = config.lr * lr_factor(config.schedule, step, config.steps, config.warmup_steps)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - started
        record: dict[str, Any] = {
            "step": step,
            "steps": config.steps,
            "loss": sums.loss,
            "bits_per_byte": sums.bits_per_byte,
            "lr": lr,
            "grad_norm": norm,
            "tokens": step * config.batch_tokens,
            "seconds": seconds,
            "tokens_per_s": config.batch_tokens / seconds,
        }
        due = config.eval_every is not None and step % config.eval_every == 0
        if valid is not None and (due or step == config.steps):
            final = _evaluate(model, valid, config, token_bytes)
            record |= {"valid_loss": final.loss, "valid_bits_per_byte": final.bits_per_byte}
        _log(config, record)
        if config.checkpoint_dir and (step % config.checkpoint_every == 0 or step == config.steps):
            facts = {"config": _identity(config), "data": data.state_dict()}
            save_checkpoint(config.checkpoint_dir, step, model, optimizer, facts)
        if on_step:
            on_step(record)
    if valid is not None and final is None:
        final = _evaluate(model, valid, config, token_bytes)
    return TrainResult(
        model=model,
        steps=step,
        loss=sums.loss,
        valid_loss=final.loss if final else None,
        valid_bits_per_byte=final.bits_per_byte if final else None,
        parameters=model.n_parameters(),
    )


def _open(
    tokens: str | Path | TokenDataset, valid: TokenDataset | None, config: TrainConfig
) -> tuple[TokenDataset, TokenDataset | None]:
    if isinstance(tokens, TokenDataset):
        data = tokens
    else:
        folder = Path(tokens)
        joined = (folder / "train").is_dir()
        data = TokenDataset(folder / "train" if joined else folder, config.seq_len, seed=config.seed)
        if valid is None and joined and (folder / "valid").is_dir():
            valid = TokenDataset(folder / "valid", config.seq_len, shuffle=False)
    for dataset in (data, valid):
        if dataset is not None and dataset.seq_len != config.seq_len:
            raise CurateError(
                f"samples have {dataset.seq_len} tokens, seq_len is {config.seq_len}", hint="use one length"
            )
    if data.world_size != 1 or data.epochs is not None:
        raise CurateError("this loop is one process on an endless dataset", hint="world_size=1, epochs=None")
    if len(data) == 0:
        raise CurateError(
            f"{data.store.folder} has {data.store.tokens} tokens, not one sample of {config.seq_len}",
            hint="a smaller seq_len, or more documents",
        )
    if valid is not None and valid.store.manifest["tokenizer"] != data.store.manifest["tokenizer"]:
        raise CurateError("train and valid were made by different tokenizers", hint="tokenize them together")
    return data, valid if valid is not None and len(valid) else None


def _resume(config: TrainConfig, data: TokenDataset, model: Decoder, optimizer: Any) -> int:
    folder = config.checkpoint_dir
    if folder is None:
        return 0
    path = latest_checkpoint(folder)
    log = folder / "log.jsonl"
    if path is None or not config.resume:
        for old in folder.glob("step-*.npz"):
            old.unlink()
        log.unlink(missing_ok=True)
        return 0
    facts = read_facts(path)
    mine = _identity(config)
    changed = sorted(name for name in mine if facts["config"].get(name) != mine[name])
    if changed:
        raise CurateError(
            f"checkpoint {path} was trained with another {', '.join(changed)}",
            hint="use the same configuration, another checkpoint_dir, or resume=False",
        )
    data.load_state_dict(facts["data"])
    restore(path, model, optimizer)
    step = int(facts["step"])
    if log.is_file():  # steps after the checkpoint are done again
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(lines[:step]))
    return step


def _evaluate(model: Decoder, valid: TokenDataset, config: TrainConfig, token_bytes: Any) -> LossSums:
    return evaluate(
        model,
        valid,
        n_samples=max(config.eval_tokens // config.seq_len, 1),
        micro_batch=config.micro_batch_tokens // config.seq_len,
        masked=config.document_mask,
        token_bytes=token_bytes,
    )


def _identity(config: TrainConfig) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(config).items() if k not in FREE_TO_CHANGE}


def _log(config: TrainConfig, record: dict[str, Any]) -> None:
    if config.checkpoint_dir is None:
        return
    config.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    with (config.checkpoint_dir / "log.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
