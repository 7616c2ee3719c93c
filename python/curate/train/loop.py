"""The training loop: tokens in, a small model out, the same bits after any interruption."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from curate.errors import CurateError
from curate.io.mixture import TokenMixture
from curate.io.storage import place
from curate.io.token_dataset import TokenDataset
from curate.train import distributed
from curate.train.data import LossSums, batches, evaluate, tensors, token_losses
from curate.train.model import Decoder, ModelConfig
from curate.train.steps import StepConfig, optimize

#: a change of these leaves weights and data order what they were, so that a run may be resumed
FREE_TO_CHANGE = {
    "steps",
    "checkpoint_dir",
    "checkpoint_every",
    "resume",
    "eval_every",
    "eval_tokens",
    "device",
    "compile",
    "workers",
    "peak_flops",
}
#: peak of dense bfloat16 in FLOP/s, by a part of the device's name (makers' data sheets)
PEAK_FLOPS = {
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit two CPU cores and a vocabulary of 32k for a few minutes.

    Attributes:
        steps: optimizer steps, counted over all resumptions.
        seq_len: tokens per sample.
        batch_tokens: tokens per step over all ranks (global batch); a multiple of seq_len x world size.
        micro_batch_tokens: tokens per forward pass, a divisor of each rank's part; the rest is accumulated.
        d_model, n_layers, n_heads, n_kv_heads, d_ff, tie_embeddings, qk_norm: see `ModelConfig`.
        dtype: of activations; None = bfloat16 where the device computes it natively, else float32.
        optimizer, lr, schedule, warmup_steps, weight_decay, grad_clip: see `curate.train.steps.StepConfig`.
        document_mask: attention stays within a document. What ends one document still predicts the next one's
            first token.
        seed: of weights and data order.
        eval_every: steps between evaluations on the valid split; None = at the end only.
        eval_tokens: evaluate on about this many tokens, the first of the split.
        checkpoint_dir, checkpoint_every, resume: see `curate.train.steps.StepConfig`.
        device: torch device; "auto" = this process's GPU if there is one. Only "cpu" is bit-exact.
        compile: by `torch.compile`; None = on GPUs.
        workers: processes that make batches; 0 = this one.
        peak_flops: of the device, for the model FLOPs utilisation; None = from a table, unknown for CPUs.
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
    qk_norm: bool = False
    dtype: str | None = None
    optimizer: str = "adamw"
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
    device: str = "auto"
    compile: bool | None = None
    workers: int = 0
    peak_flops: float | None = None

    def __post_init__(self) -> None:
        for name in ("seq_len", "batch_tokens", "micro_batch_tokens"):
            if getattr(self, name) < 1:
                raise CurateError(f"{name} is {getattr(self, name)}", hint="give a positive number")
        if self.workers < 0 or (self.eval_every is not None and self.eval_every < 1):
            raise CurateError("eval_every or workers is out of range", hint="evaluate every 1 step or more")
        if self.micro_batch_tokens % self.seq_len or self.batch_tokens % self.micro_batch_tokens:
            raise CurateError(
                f"batch_tokens {self.batch_tokens}, micro_batch_tokens {self.micro_batch_tokens} and seq_len "
                f"{self.seq_len} do not divide",
                hint="make each a multiple of the next",
            )
        self.step_config()  # refuses what is out of range there

    def model(self, vocab_size: int, device: Any = None) -> ModelConfig:
        """The shape of the model, with the type of activations for a device."""
        names = ("d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff", "tie_embeddings", "qk_norm")
        native = device is not None and device.type == "cuda" and torch.cuda.is_bf16_supported()
        dtype = self.dtype or ("bfloat16" if native else "float32")
        return ModelConfig(vocab_size, dtype=dtype, **{name: getattr(self, name) for name in names})

    def step_config(self) -> StepConfig:
        """The part that is common to all kinds of training."""
        mine = dataclasses.asdict(self)
        names = {field.name for field in dataclasses.fields(StepConfig)} - {"identity"}
        identity = {k: v for k, v in mine.items() if k not in FREE_TO_CHANGE and k not in names}
        return StepConfig(**{k: v for k, v in mine.items() if k in names}, identity=identity)


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
    tokens: str | Path | TokenDataset | TokenMixture,
    config: TrainConfig | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    valid: TokenDataset | None = None,
    init: Decoder | None = None,
) -> TrainResult:
    """Trains a small decoder on a token dataset; under `torchrun`, on all its processes.

    No step draws a random number: weights come from `seed` alone and the order of samples from `seed` and the
    dataset, so a checkpoint needs no random state. Of a dataset with a loss mask only what it allows is learned
    (supervised fine-tuning).

    Args:
        tokens: a folder with splits `train` and perhaps `valid`, one finished split, or a dataset or mixture (whose
            seq_len, rank and world size must be those of the run).
        config: defaults if None.
        on_step: called after each step with its log record: step, steps, loss, bits_per_byte, lr, grad_norm,
            tokens, seconds, tokens_per_s, mfu (None where the device's peak is unknown), and
            valid_loss and valid_bits_per_byte where evaluated. The same records are the lines of
            `checkpoint_dir/log.jsonl`.
        valid: held-out samples; None = the `valid` split of the folder.
        init: begin with these weights; the shape is then theirs.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: a damaged dataset or checkpoint.
        CurateError: too few tokens, a parameter out of range, a checkpoint of another run, a loss that is not
            finite.
    """
    config = config or TrainConfig()
    rank, world_size = distributed.join()
    device = distributed.device_of(config.device)
    data, valid = _open(tokens, valid, config, rank, world_size)
    model = Decoder(config.model(data.store.vocab_size, device) if init is None else init.config, config.seed)
    if init is not None:
        model.load_state_dict(init.state_dict())
    model.to(device)
    step = Step(model, config, data, valid, device)
    done = optimize(model, config.step_config(), step.backward, data, step.finish, on_step)
    final = step.evaluated
    if valid is not None and final is None:
        final = step.evaluate()
    return TrainResult(
        model=model,
        steps=done,
        loss=step.sums.loss,
        valid_loss=final.loss if final else None,
        valid_bits_per_byte=final.bits_per_byte if final else None,
        parameters=model.n_parameters(),
    )


def documents_of_step(
    data: TokenDataset | TokenMixture, config: TrainConfig, step: int
) -> list[dict[str, Any]]:
    """Which documents a step of a run learned from, e.g. one whose loss jumped: id, url, source, tokens of each.

    Args:
        data: opened as for the run; where its state stands does not matter.
        config: of the run.
        step: from 1, counted from the beginning of the data.
    """
    samples = config.batch_tokens // config.seq_len
    found = []
    for position in range((step - 1) * samples, step * samples):
        if isinstance(data, TokenMixture):
            found += data.documents_at(position)
        else:
            found += data.documents(data.index_at(position))
    return found


class Step:
    """One step of pre-training or supervised fine-tuning: batches in, gradients out."""

    def __init__(
        self,
        model: Decoder,
        config: TrainConfig,
        data: TokenDataset | TokenMixture,
        valid: TokenDataset | None,
        device: torch.device,
    ) -> None:
        self.model, self.config, self.data, self.valid, self.device = model, config, data, valid, device
        compiled = config.compile if config.compile is not None else device.type == "cuda"
        replica = distributed.replicate(model)
        self.forward = torch.compile(replica) if compiled else replica
        self.replica = replica
        self.token_bytes = torch.from_numpy(data.store.token_bytes().astype("int64")).to(device)
        self.samples = config.batch_tokens // config.seq_len // data.world_size
        self.micro = min(config.micro_batch_tokens // config.seq_len, self.samples)
        self.stream: Any = None
        self.sums = LossSums()
        self.evaluated: LossSums | None = None
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        known = next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)
        self.peak = config.peak_flops or known

    def backward(self, step: int) -> dict[str, Any]:
        """Accumulates the gradients of a step; its loss is the mean over the labels of all ranks."""
        if self.stream is None:  # only now does the state stand where the run goes on
            self.stream = batches(self.data, self.micro, self.config.workers)
        needed = self.samples // self.micro
        parts = [tensors(part, self.device) for part in islice(self.stream, needed)]
        if sum(len(part["labels"]) for part in parts) < self.samples:
            raise CurateError(
                f"the data ends in step {step}", hint="fewer steps, or higher caps on repetition"
            )
        counts = [float(p["loss_mask"].sum() if "loss_mask" in p else p["labels"].numel()) for p in parts]
        total = distributed.summed([sum(counts)], self.device)[0]
        sums = LossSums()
        for number, part in enumerate(parts):
            with distributed.without_sync(self.replica, number == len(parts) - 1):
                nats = token_losses(self.forward, part, self.config.document_mask)
                mask = part.get("loss_mask")
                learned = nats if mask is None else nats * mask
                (learned.sum() * (self.data.world_size / max(total, 1.0))).backward()
            sums.add(nats, part["labels"], self.token_bytes, mask)
        values = [sums.nats, sums.tokens, sums.text_nats, sums.text_bytes]
        nats_, tokens_, text_nats, text_bytes = distributed.summed([float(v) for v in values], self.device)
        self.sums = LossSums(nats_, int(tokens_), text_nats, int(text_bytes))
        # A batch in which nothing is to be learned has no mean; its loss counts as none.
        return {
            "loss": self.sums.loss if self.sums.tokens else 0.0,
            "bits_per_byte": self.sums.bits_per_byte,
            "tokens": step * self.config.batch_tokens,
        }

    def finish(self, step: int, record: dict[str, Any]) -> None:
        """Adds speed and, where due, the evaluation to the record."""
        speed = self.config.batch_tokens / record["seconds"]
        flops = speed * self.model.flops_per_token(self.config.seq_len) / self.data.world_size
        record |= {"tokens_per_s": speed, "mfu": flops / self.peak if self.peak else None}
        every = self.config.eval_every
        if self.valid is not None and ((every and step % every == 0) or step == self.config.steps):
            self.evaluated = self.evaluate()
            record |= {
                "valid_loss": self.evaluated.loss,
                "valid_bits_per_byte": self.evaluated.bits_per_byte,
            }

    def evaluate(self) -> LossSums:
        """Losses on the held-out samples."""
        assert self.valid is not None
        return evaluate(
            self.model,
            self.valid,
            n_samples=max(self.config.eval_tokens // self.config.seq_len, 1),
            micro_batch=self.micro,
            masked=self.config.document_mask,
            token_bytes=self.token_bytes,
        )


def _open(
    tokens: str | Path | TokenDataset | TokenMixture,
    valid: TokenDataset | None,
    config: TrainConfig,
    rank: int,
    world_size: int,
) -> tuple[TokenDataset | TokenMixture, TokenDataset | None]:
    if isinstance(tokens, TokenDataset | TokenMixture):
        data = tokens
    else:
        folder = place(tokens)
        joined = (folder / "train").is_dir()
        data = TokenDataset(
            str(folder / "train" if joined else folder),
            config.seq_len,
            seed=config.seed,
            rank=rank,
            world_size=world_size,
        )
        if valid is None and joined and (folder / "valid").is_dir():
            valid = TokenDataset(str(folder / "valid"), config.seq_len, shuffle=False)
    for dataset in (data, valid):
        if dataset is not None and dataset.seq_len != config.seq_len:
            raise CurateError(
                f"samples have {dataset.seq_len} tokens, seq_len is {config.seq_len}", hint="use one length"
            )
    if (data.rank, data.world_size) != (rank, world_size) or getattr(data, "epochs", None) is not None:
        raise CurateError(
            f"the dataset is that of rank {data.rank} of {data.world_size}, or ends",
            hint=f"rank={rank}, world_size={world_size}, epochs=None",
        )
    if config.batch_tokens % (config.seq_len * world_size):
        raise CurateError(
            f"{config.batch_tokens} tokens in samples of {config.seq_len} do not divide by {world_size} ranks",
            hint="raise batch_tokens",
        )
    samples = config.batch_tokens // config.seq_len // world_size
    if samples % min(config.micro_batch_tokens // config.seq_len, samples):
        raise CurateError("micro_batch_tokens do not divide a rank's part of the batch", hint="lower them")
    if isinstance(data, TokenDataset) and len(data) == 0:
        raise CurateError(
            f"{data.store.folder} has {data.store.tokens} tokens, not one sample of {config.seq_len}",
            hint="a smaller seq_len, or more documents",
        )
    if valid is not None and valid.store.manifest["tokenizer"] != data.store.manifest["tokenizer"]:
        raise CurateError("train and valid were made by different tokenizers", hint="tokenize them together")
    return data, valid if valid is not None and len(valid) else None
