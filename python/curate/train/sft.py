"""Supervised fine-tuning: the loop of pre-training on rows that hold whole conversations, apart from each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from curate.io.storage import place
from curate.io.token_dataset import TokenDataset
from curate.train import distributed
from curate.train.loop import TrainConfig, TrainResult, train
from curate.train.model import Decoder


def finetune(
    tokens: str | Path,
    init: Decoder,
    config: TrainConfig,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> TrainResult:
    """Trains a model further on conversations (`pipelines/sft.py`); only what the loss mask allows is learned.

    Args:
        tokens: a folder with splits `train` and perhaps `valid`. Documents are packed best-fit: a conversation is
            cut only if it is longer than a row.
        init: the model to begin with; it stays as it is.
        config: its shape of the model is not used.
        on_step: see `curate.train.loop.train`.

    Raises:
        FileNotFoundError, OutputError, CurateError: see `curate.train.loop.train`.
    """
    rank, world_size = distributed.join()
    folder = place(tokens)

    def opened(split: str) -> TokenDataset:
        return TokenDataset(
            str(folder / split),
            config.seq_len,
            packing="best_fit",
            seed=config.seed,
            rank=rank,
            world_size=world_size,
        )

    valid = opened("valid") if (folder / "valid").is_dir() else None
    return train(opened("train"), config, on_step, valid=valid, init=init)
