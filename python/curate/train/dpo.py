"""Direct preference optimization (Rafailov et al. 2023): the chosen answer becomes likelier than the rejected one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812

from curate.errors import OutputError
from curate.io.token_store import TokenStore
from curate.train import distributed
from curate.train.model import Decoder
from curate.train.rows import RowOrder, copy_of, log_probabilities, padded
from curate.train.steps import StepConfig, optimize


@dataclass(frozen=True)
class Pair:
    """Two sequences with a common prompt, and which of their tokens are the answer."""

    chosen: npt.NDArray[np.int64]
    chosen_mask: npt.NDArray[np.bool_]
    rejected: npt.NDArray[np.int64]
    rejected_mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DPOConfig:
    """How to tune.

    Attributes:
        updates: see `StepConfig`.
        beta: how strongly the reference model holds.
        pairs_per_step: global batch.
        seed: of the order of the pairs.
    """

    updates: StepConfig = field(default_factory=lambda: StepConfig(steps=100, lr=1e-4, weight_decay=0.0))
    beta: float = 0.1
    pairs_per_step: int = 8
    seed: int = 0


def read_pairs(folder: str | Path) -> list[Pair]:
    """The pairs of a split written by `pipelines/preference.py`.

    Raises:
        FileNotFoundError: there is no such split.
        OutputError: it is unfinished or damaged, or a row is no pair.
    """
    store = TokenStore(folder)
    if not store.loss_mask:
        raise OutputError(
            f"{folder} has no loss mask, so it holds no pairs", hint="use pipelines/preference.py"
        )
    pairs = []
    ends = np.cumsum(store.row_lengths())
    for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        ids, mask = store.read(start, stop), store.read_mask(start, stop)
        # The mask is true on two answers; each sequence ends with its answer.
        falls = np.flatnonzero(mask[:-1] & ~mask[1:]) + 1
        if len(falls) != 1 or not len(mask) or not mask[-1] or mask[0]:
            raise OutputError(f"a row of {folder} is no pair", hint="use pipelines/preference.py")
        half = int(falls[0])
        pairs.append(Pair(ids[:half], mask[:half], ids[half:], mask[half:]))
    return pairs


def tune(
    pairs: Sequence[Pair],
    init: Decoder,
    config: DPOConfig,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> Decoder:
    """Tunes a model on preference pairs.

    Args:
        pairs: see `read_pairs`.
        init: the model to begin with, which is the reference, too; it stays as it is.
        config: see `DPOConfig`.
        on_step: called with the record of each step: loss, margin (mean of beta x (log-ratio of chosen - log-ratio
            of rejected)), accuracy (share of pairs with a margin above 0), lr, grad_norm, seconds.

    Returns:
        The tuned model.

    Raises:
        CurateError: no pairs, a checkpoint of another run, a loss that is not finite.
    """
    rank, world_size = distributed.join()
    device = init.embedding.weight.device
    reference = copy_of(init, requires_grad=False)
    model = copy_of(init, requires_grad=True)
    replica = distributed.replicate(model)
    order = RowOrder(len(pairs), config.pairs_per_step, f"dpo {config.seed}")

    def backward(step: int) -> dict[str, Any]:
        del step
        chosen = [pairs[row] for row in order.take()]
        mine = chosen[rank::world_size]
        batch = padded(
            [p.chosen for p in mine] + [p.rejected for p in mine],
            [p.chosen_mask for p in mine] + [p.rejected_mask for p in mine],
            device,
        )
        with torch.no_grad():
            held = log_probabilities(reference, batch).sum(dim=1)
        ratios = log_probabilities(replica, batch).sum(dim=1) - held
        margins = config.beta * (ratios[: len(mine)] - ratios[len(mine) :])
        losses = -F.logsigmoid(margins)
        (losses.sum() * (world_size / len(chosen))).backward()
        sums = [float(part.detach().sum()) for part in (losses, margins, margins > 0)]
        loss, margin, right = (value / len(chosen) for value in distributed.summed(sums, device))
        return {"loss": loss, "margin": margin, "accuracy": right}

    optimize(model, config.updates, backward, order, on_step=on_step)
    return model
