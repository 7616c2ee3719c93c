"""From token datasets to tensors, and losses in nats per token and bits per byte."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from curate.io.token_dataset import Sample, TokenDataset
from curate.train.model import Decoder


@dataclass
class LossSums:
    """Sums over predicted tokens; the means are properties.

    Attributes:
        nats, tokens: over all labels.
        text_nats, text_bytes: over the labels that stand for text: special tokens are in neither.
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

    def add(self, nats: Tensor, labels: Tensor, token_bytes: Tensor) -> None:
        """Adds the losses of `labels`; both of one shape."""
        lengths = token_bytes[labels]
        doubles = nats.detach().double()
        self.nats += float(doubles.sum())
        self.tokens += labels.numel()
        self.text_nats += float(doubles[lengths > 0].sum())
        self.text_bytes += int(lengths.sum())


def collate(samples: Iterable[Sample], device: Any) -> dict[str, Tensor]:
    """Samples as one training batch: int64 [samples, seq_len] per column."""
    listed = list(samples)
    return {k: torch.from_numpy(np.stack([s[k] for s in listed])).to(device) for k in listed[0]}


def token_losses(model: Decoder, batch: dict[str, Tensor], masked: bool) -> Tensor:
    """Cross-entropy of each label in nats, [samples, seq_len]; `masked` keeps documents apart."""
    logits = model(batch["input_ids"], batch["segment_ids"] if masked else None)
    labels = batch["labels"]
    return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="none").view_as(labels)


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
    device = token_bytes.device
    samples = (dataset[i] for i in range(min(n_samples, len(dataset))))
    with torch.inference_mode():
        while chunk := list(islice(samples, micro_batch)):
            batch = collate(chunk, device)
            sums.add(token_losses(model, batch, masked), batch["labels"], token_bytes)
    return sums
