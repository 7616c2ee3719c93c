"""Rows in a keyed random order, a few per step: what tuning on pairs and prompts draws from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from curate.errors import CurateError
from curate.io.permutation import Permutation
from curate.train.model import Decoder


class RowOrder:
    """Which rows each step takes, epoch after epoch; its state is one number.

    Args:
        rows: their number, at least 1.
        per_step: rows per step.
        key: names the rows, e.g. their digest; another key gives another order.
    """

    def __init__(self, rows: int, per_step: int, key: str) -> None:
        if rows < 1 or per_step < 1:
            raise CurateError(f"{per_step} of {rows} rows per step", hint="give at least one row")
        self.rows, self.per_step, self.key = rows, per_step, key
        self._consumed = 0

    def take(self) -> list[int]:
        """The rows of the next step."""
        positions = range(self._consumed, self._consumed + self.per_step)
        self._consumed += self.per_step
        found = []
        for position in positions:
            epoch, place = divmod(position, self.rows)
            found.append(Permutation(self.rows, f"{self.key} {epoch}")(place))
        return found

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"key": self.key, "rows": self.rows, "per_step": self.per_step, "consumed": self._consumed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken.

        Raises:
            CurateError: it is that of other rows.
        """
        if {k: state.get(k) for k in ("key", "rows", "per_step")} != {
            "key": self.key,
            "rows": self.rows,
            "per_step": self.per_step,
        }:
            raise CurateError(
                "the saved state is that of other rows", hint="give the same data, or start anew"
            )
        self._consumed = int(state["consumed"])


def padded(sequences: Sequence[Any], masks: Sequence[Any], device: Any) -> dict[str, Tensor]:
    """Sequences as one batch, padded on the right.

    Returns:
        input_ids, labels: int64 [sequences, longest - 1].
        segment_ids: 0, in the padding 1, so that nothing is seen from there.
        loss_mask: bool, true on labels that count.
    """
    longest = max(len(ids) for ids in sequences)
    tokens = np.zeros((len(sequences), longest), np.int64)
    counts = np.zeros((len(sequences), longest), np.bool_)
    pads = np.ones((len(sequences), longest), np.int64)
    for row, (ids, mask) in enumerate(zip(sequences, masks, strict=True)):
        tokens[row, : len(ids)], counts[row, : len(ids)], pads[row, : len(ids)] = ids, mask, 0
    columns = {
        "input_ids": tokens[:, :-1],
        "labels": tokens[:, 1:],
        "segment_ids": pads[:, :-1],
        "loss_mask": counts[:, 1:],
    }
    return {name: torch.from_numpy(np.ascontiguousarray(c)).to(device) for name, c in columns.items()}


def log_probabilities(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Of each label, in nats, 0 where the loss mask is false; [sequences, length]."""
    logits = model(batch["input_ids"], batch["segment_ids"])
    chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch["labels"][..., None])[..., 0]
    return chosen * batch["loss_mask"]


def copy_of(model: Decoder, *, requires_grad: bool) -> Decoder:
    """The same weights on the same device, to be changed or to stay."""
    copy = Decoder(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(model.embedding.weight.device).requires_grad_(requires_grad)
    return copy
