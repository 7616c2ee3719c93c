"""From token datasets to tensors, and losses in nats per token and bits per byte."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from curate.io.mixture import TokenMixture
from curate.io.token_dataset import Sample, TokenDataset
from curate.train.model import Decoder


@dataclass
class LossSums:
    """Sums over predicted tokens; the means are properties.

    Attributes:
        nats, tokens: over all labels that are to be learned.
        text_nats, text_bytes: over those that stand for text: special tokens are in neither.
    """

    nats: float = 0.0
    tokens: int = 0
    text_nats: float = 0.0
    text_bytes: int = 0

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per byte of text: does not depend on the vocabulary. None where no label stands for text."""
        return self.text_nats / (math.log(2) * self.text_bytes) if self.text_bytes else None

    def add(self, nats: Tensor, labels: Tensor, token_bytes: Tensor, mask: Tensor | None = None) -> None:
        """Adds the losses of `labels`, those where `mask` is true; all of one shape."""
        doubles = nats.detach().double()
        if mask is not None:
            doubles, labels = doubles[mask], labels[mask]
        lengths = token_bytes[labels]
        self.nats += float(doubles.sum())
        self.tokens += labels.numel()
        self.text_nats += float(doubles[lengths > 0].sum())
        self.text_bytes += int(lengths.sum())


def tensors(batch: Sample, device: Any) -> dict[str, Tensor]:
    """A training batch on its device: [samples, seq_len] per column."""
    return {name: torch.from_numpy(column).to(device) for name, column in batch.items()}


class _Batches(IterableDataset[Sample]):  # type: ignore[misc,unused-ignore]
    """The batches of a dataset from where its state stands; worker `k` of `n` makes every n-th."""

    def __init__(self, dataset: TokenDataset | TokenMixture, samples: int) -> None:
        self.dataset, self.samples = dataset, samples

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        turn = 0
        while len(positions := self.dataset.take(self.samples)):
            if turn % workers == number:
                if isinstance(self.dataset, TokenMixture):
                    yield self.dataset.batch_at(positions)
                else:
                    yield self.dataset.batch(self.dataset.indices_at(positions))
            turn += 1


def batches(dataset: TokenDataset | TokenMixture, samples: int, workers: int = 0) -> Iterator[Sample]:
    """Training batches in the global order, made by this process or by workers of a torch `DataLoader`.

    A batch counts as consumed when it is handed out here, however far the workers are ahead: the state of
    `dataset` is what a checkpoint needs.
    """
    if not workers:
        yield from dataset.batches(samples)
        return
    loader = DataLoader(
        _Batches(dataset, samples), batch_size=None, num_workers=workers, multiprocessing_context="spawn"
    )
    for batch in loader:
        dataset.take(samples)
        yield {name: column.numpy() for name, column in batch.items()}


def token_losses(model: Any, batch: dict[str, Tensor], masked: bool) -> Tensor:
    """Cross-entropy of each label in nats, [samples, seq_len]; `masked` keeps documents apart."""
    logits = model(batch["input_ids"], batch["segment_ids"] if masked else None)
    labels = batch["labels"]
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)


def evaluate(
    model: Decoder,
    dataset: TokenDataset,
    *,
    n_samples: int,
    micro_batch: int,
    masked: bool,
    token_bytes: Tensor,
) -> LossSums:
    """Losses over the first `n_samples` samples in stored order: the same ones every time."""
    sums = LossSums()
    for part in evaluate_each(
        model, dataset, n_samples=n_samples, micro_batch=micro_batch, masked=masked, token_bytes=token_bytes
    ):
        sums.nats += part.nats
        sums.tokens += part.tokens
        sums.text_nats += part.text_nats
        sums.text_bytes += part.text_bytes
    return sums


def evaluate_each(
    model: Decoder,
    dataset: TokenDataset,
    *,
    n_samples: int,
    micro_batch: int,
    masked: bool,
    token_bytes: Tensor,
) -> list[LossSums]:
    """The same, sample by sample."""
    found = []
    device = token_bytes.device
    total = min(n_samples, len(dataset))
    with torch.inference_mode():
        for start in range(0, total, micro_batch):
            batch = tensors(dataset.batch(range(start, min(start + micro_batch, total))), device)
            nats, mask = token_losses(model, batch, masked), batch.get("loss_mask")
            for k in range(len(nats)):
                sums = LossSums()
                sums.add(nats[k], batch["labels"][k], token_bytes, None if mask is None else mask[k])
                found.append(sums)
    return found
