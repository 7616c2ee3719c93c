"""The bundled trainer: the only room that imports torch."""

from curate.train.checkpoint import latest_checkpoint, read_facts, restore, save_checkpoint
from curate.train.loop import TrainConfig, TrainResult, train
from curate.train.model import Decoder, ModelConfig
from curate.train.sampling import sample

__all__ = [
    "Decoder",
    "ModelConfig",
    "TrainConfig",
    "TrainResult",
    "latest_checkpoint",
    "read_facts",
    "restore",
    "sample",
    "save_checkpoint",
    "train",
]
