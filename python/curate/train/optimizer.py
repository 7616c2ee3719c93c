"""AdamW with the usual groups, and learning-rate schedules."""

import math
from typing import Any

import torch

from curate.train.model import Decoder

#: schedule -> what it does after the warm-up
SCHEDULES = {
    "wsd": "stays, then falls linearly to zero over the last fifth (warm-up, stable, decay: Hu et al. 2024)",
    "cosine": "falls along half a cosine to a tenth (Hoffmann et al. 2022)",
}
DECAY_SHARE = 0.2
COSINE_FLOOR = 0.1


def adamw(model: Decoder, lr: float, weight_decay: float) -> Any:
    """AdamW with betas 0.9 and 0.95 (Llama); only matrices between hidden states decay."""
    # With tied embeddings the output layer is the embedding.
    fixed = {id(model.embedding.weight)}
    decayed = [w for w in model.parameters() if w.ndim >= 2 and id(w) not in fixed]
    others = [w for w in model.parameters() if w.ndim < 2 or id(w) in fixed]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8)


def lr_factor(schedule: str, step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate at `step`, counted from 1 to `steps`."""
    if step <= warmup_steps:
        return step / warmup_steps
    if schedule == "cosine":
        done = (step - warmup_steps) / max(steps - warmup_steps, 1)
        return COSINE_FLOOR + (1 - COSINE_FLOOR) * (1 + math.cos(math.pi * done)) / 2
    decay_steps = max(int(DECAY_SHARE * steps), 1)
    return min(1.0, (steps - step + 1) / decay_steps)
