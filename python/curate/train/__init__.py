"""The bundled trainer: the only room that imports torch."""

from curate.train.checkpoint import latest_checkpoint, load_model, read_facts, restore, save_checkpoint
from curate.train.compare import Comparison, compare
from curate.train.loop import TrainConfig, TrainResult, documents_of_step, train
from curate.train.model import Decoder, ModelConfig
from curate.train.sampling import generate, sample

__all__ = [
    "Comparison",
    "Decoder",
    "ModelConfig",
    "TrainConfig",
    "TrainResult",
    "compare",
    "documents_of_step",
    "generate",
    "latest_checkpoint",
    "load_model",
    "read_facts",
    "restore",
    "sample",
    "save_checkpoint",
    "train",
]
