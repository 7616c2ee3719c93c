"""What every kind of training shares: schedule, clipping, checkpoints, log; the same bits after an interruption."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from curate.errors import CurateError
from curate.train import distributed
from curate.train.checkpoint import latest_checkpoint, read_facts, restore, save_checkpoint
from curate.train.model import Decoder
from curate.train.optimizer import OPTIMIZERS, SCHEDULES, lr_factor, optimizers
from curate.train.plot import write_plot

Record = dict[str, Any]


class State(Protocol):
    """What a checkpoint keeps beside the model, such as a dataset: where its order stands."""

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continues there."""


@dataclass(frozen=True)
class StepConfig:
    """How weights are updated and what is kept.

    Attributes:
        steps: optimizer steps, counted over all resumptions.
        lr: peak learning rate.
        optimizer: see `curate.train.optimizer.OPTIMIZERS`.
        schedule: see `curate.train.optimizer.SCHEDULES`.
        warmup_steps: steps of linear rise.
        weight_decay: of matrices between hidden states.
        grad_clip: largest norm of the gradient.
        checkpoint_dir: folder for checkpoints, `log.jsonl` and `loss.svg`; None = keep nothing.
        checkpoint_every: steps between checkpoints; there is always one at the end.
        resume: continue from the latest checkpoint in checkpoint_dir, if there is one.
        identity: what else a checkpoint must have been trained with.
    """

    steps: int
    lr: float
    optimizer: str = "adamw"
    schedule: str = "wsd"
    warmup_steps: int = 0
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    checkpoint_dir: Path | None = None
    checkpoint_every: int = 100
    resume: bool = True
    identity: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.steps < 0 or self.warmup_steps < 0 or self.checkpoint_every < 1:
            raise CurateError("a number of steps is out of range", hint="steps and warmup_steps count from 0")
        for kind, known in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS)):
            if getattr(self, kind) not in known:
                raise CurateError(
                    f"unknown {kind} {getattr(self, kind)!r}", hint=f"known: {', '.join(known)}"
                )
        if not (self.lr > 0 and self.grad_clip > 0 and self.weight_decay >= 0):
            raise CurateError("lr, grad_clip or weight_decay is out of range", hint="give positive numbers")


def optimize(
    model: Decoder,
    config: StepConfig,
    backward: Callable[[int], Record],
    state: State,
    finish: Callable[[int, Record], None] | None = None,
    on_step: Callable[[Record], None] | None = None,
) -> int:
    """Updates the weights step by step.

    Args:
        model: its weights are changed.
        config: see `StepConfig`.
        backward: adds the gradients of a step (from 1) to the weights; returns what to log, `loss` among it.
        state: kept in checkpoints.
        finish: may add to the record of a step after the update, e.g. an evaluation.
        on_step: called with each record.

    Returns:
        Steps done, over all resumptions.

    Raises:
        OutputError: a damaged checkpoint.
        CurateError: a checkpoint of another run, or a loss that is not finite.
    """
    rank, _ = distributed.join()
    updates = optimizers(model, config.optimizer, config.lr, config.weight_decay)
    step = _resume(config, model, updates, state, rank)
    while step < config.steps:
        started = time.perf_counter()
        step += 1
        record = backward(step)
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip))
        if not math.isfinite(norm) or not math.isfinite(record["loss"]):
            raise CurateError(
                f"the loss of step {step} is {record['loss']}", hint="lower lr or raise warmup_steps"
            )
        lr = config.lr * lr_factor(config.schedule, step, config.steps, config.warmup_steps)
        for optimizer in updates:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad()
        record = {"step": step, "steps": config.steps, **record, "lr": lr, "grad_norm": norm}
        record["seconds"] = time.perf_counter() - started
        if finish:
            finish(step, record)
        if rank == 0:
            _keep(config, step, model, updates, state, record)
        distributed.wait()
        if on_step and rank == 0:
            on_step(record)
    return step


def _keep(
    config: StepConfig, step: int, model: Decoder, updates: list[Any], state: State, record: Record
) -> None:
    folder = config.checkpoint_dir
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    if step % config.checkpoint_every == 0 or step == config.steps:
        facts = {"config": _identity(config), "data": state.state_dict()}
        save_checkpoint(folder, step, model, updates, facts)
        write_plot(folder / "log.jsonl", folder / "loss.svg")


def _resume(config: StepConfig, model: Decoder, updates: list[Any], state: State, rank: int) -> int:
    folder = config.checkpoint_dir
    if folder is None:
        return 0
    path = latest_checkpoint(folder)
    log = folder / "log.jsonl"
    if path is None or not config.resume:
        distributed.wait()
        if rank == 0:
            for old in [*folder.glob("step-*.npz"), folder / "loss.svg", log]:
                old.unlink(missing_ok=True)
        return 0
    facts = read_facts(path)
    mine = _identity(config)
    changed = sorted(name for name in mine if facts["config"].get(name) != mine[name])
    if changed:
        raise CurateError(
            f"checkpoint {path} was trained with another {', '.join(changed)}",
            hint="use the same configuration, another checkpoint_dir, or resume=False",
        )
    state.load_state_dict(facts["data"])
    restore(path, model, updates)
    step = int(facts["step"])
    if rank == 0 and log.is_file():  # steps after the checkpoint are done again
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(lines[:step]))
    return step


def _identity(config: StepConfig) -> dict[str, Any]:
    names = ("lr", "optimizer", "schedule", "warmup_steps", "weight_decay", "grad_clip")
    return {**{name: getattr(config, name) for name in names}, **(config.identity or {})}
