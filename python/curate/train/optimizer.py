"""AdamW and Muon with the usual groups, and learning-rate schedules."""

import math
from typing import Any

import torch

from curate.errors import CurateError
from curate.train.model import Decoder

#: schedule -> what it does after the warm-up
SCHEDULES = {
    "wsd": "stays, then falls linearly to zero over the last fifth (warm-up, stable, decay: Hu et al. 2024)",
    "cosine": "falls along half a cosine to a tenth (Hoffmann et al. 2022)",
}
#: optimizer -> what it updates
OPTIMIZERS = {
    "adamw": "all weights by AdamW, betas 0.9 and 0.95 (Llama); only matrices between hidden states decay",
    "muon": "matrices between hidden states by Muon (Jordan et al. 2024) with steps as large as AdamW's (Liu et al. "
    "2025), the others by AdamW",
}
DECAY_SHARE = 0.2
COSINE_FLOOR = 0.1
BETAS = (0.9, 0.95)


def optimizers(model: Decoder, name: str, lr: float, weight_decay: float) -> list[Any]:
    """The torch optimizers that together update every weight once.

    Raises:
        CurateError: an unknown name.
    """
    if name not in OPTIMIZERS:
        raise CurateError(f"unknown optimizer {name!r}", hint=f"known: {', '.join(OPTIMIZERS)}")
    # With tied embeddings the output layer is the embedding.
    ends = {id(model.embedding.weight)}
    if name == "muon":
        ends.add(id(model.head.weight))
    hidden = [w for w in model.parameters() if w.ndim >= 2 and id(w) not in ends]
    others = [w for w in model.parameters() if w.ndim < 2 or id(w) in ends]
    fixed = {"params": others, "weight_decay": 0.0}
    if name == "adamw":
        groups = [{"params": hidden, "weight_decay": weight_decay}, fixed]
        return [torch.optim.AdamW(groups, lr=lr, betas=BETAS, eps=1e-8)]
    muon = torch.optim.Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW([fixed], lr=lr, betas=BETAS, eps=1e-8)]


def lr_factor(schedule: str, step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate at `step`, counted from 1 to `steps`."""
    if step <= warmup_steps:
        return step / warmup_steps
    if schedule == "cosine":
        done = (step - warmup_steps) / max(steps - warmup_steps, 1)
        return COSINE_FLOOR + (1 - COSINE_FLOOR) * (1 + math.cos(math.pi * done)) / 2
    decay_steps = max(int(DECAY_SHARE * steps), 1)
    return min(1.0, (steps - step + 1) / decay_steps)
