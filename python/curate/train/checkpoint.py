"""Checkpoints: one `.npz` of float arrays and one JSON text; nothing in it can run code when it is read."""

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from curate.errors import OutputError
from curate.io.atomic import replacing
from curate.train.model import Decoder, ModelConfig

VERSION = 2
_NAME = re.compile(r"step-(\d{8})\.npz")


def save_checkpoint(
    folder: Path, step: int, model: Decoder, optimizers: Sequence[Any], facts: dict[str, Any]
) -> Path:
    """Writes `step-XXXXXXXX.npz` whole or not at all, then removes the older ones.

    Args:
        folder: made if it is not there.
        step: steps done.
        model: its shape and weights.
        optimizers: their state per weight.
        facts: JSON values, e.g. configuration and the state of the dataset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"version": VERSION, "step": step, "model": vars(model.config), **facts}
    text = json.dumps(whole, sort_keys=True).encode()
    arrays: dict[str, np.ndarray[Any, Any]] = {"facts": np.frombuffer(text, np.uint8)}
    for name, weight in model.named_parameters():
        arrays[f"weight {name}"] = weight.detach().cpu().numpy()
        for optimizer in optimizers:
            for key, value in optimizer.state.get(weight, {}).items():
                arrays[f"state {name} {key}"] = value.detach().cpu().numpy()
    path = folder / f"step-{step:08d}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
    for older in folder.iterdir():
        match = _NAME.fullmatch(older.name)
        if match and int(match[1]) < step:
            older.unlink()
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step, None if there is none."""
    if not folder.is_dir():
        return None
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return max(found, key=lambda path: path.name, default=None)


def read_facts(path: Path) -> dict[str, Any]:
    """The JSON values of a checkpoint, with `step`.

    Raises:
        OutputError: it cannot be read, or is of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
        version = facts["version"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise OutputError(f"checkpoint {path} cannot be read: {error}", hint="remove it") from error
    if version != VERSION:
        raise OutputError(f"checkpoint {path} has version {version}", hint=f"this reads version {VERSION}")
    return dict(facts)


def load_model(path: str | Path) -> Decoder:
    """The model of a checkpoint, or of the latest one in a folder.

    Raises:
        FileNotFoundError: there is none.
        OutputError: it is damaged or of another version.
    """
    found = latest_checkpoint(Path(path)) if Path(path).is_dir() else Path(path)
    if found is None or not found.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        config = ModelConfig(**read_facts(found)["model"])
    except (KeyError, TypeError) as error:
        raise OutputError(f"checkpoint {found} names no model: {error}", hint="train it again") from error
    model = Decoder(config)
    restore(found, model, [])
    return model


def restore(path: Path, model: Decoder, optimizers: Sequence[Any]) -> None:
    """Puts weights and optimizer state back.

    Raises:
        OutputError: an array is missing, damaged or of another shape.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays, torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(_like(weight, arrays[f"weight {name}"]))
                prefix = f"state {name} "
                found = {key.removeprefix(prefix): key for key in arrays.files if key.startswith(prefix)}
                owner = _owner(optimizers, weight)
                if owner is None:
                    continue
                if not found:
                    raise KeyError(f"{prefix}*")
                for key, full in found.items():
                    array = arrays[full]
                    value = torch.from_numpy(array) if array.ndim == 0 else _like(weight, array)
                    owner.state[weight][key] = value
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"checkpoint {path} does not fit: {error}", hint="remove it, or resume=False"
        ) from error


def _owner(optimizers: Sequence[Any], weight: Any) -> Any | None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if any(parameter is weight for parameter in group["params"]):
                return optimizer
    return None


def _like(weight: Any, array: np.ndarray[Any, Any]) -> Any:
    if tuple(array.shape) != tuple(weight.shape):
        raise ValueError(f"shape {array.shape} where {tuple(weight.shape)} is expected")
    return torch.from_numpy(array).to(device=weight.device, dtype=weight.dtype)
