"""One process of several: ranks, sums over them, and the device of each. One process alone is rank 0 of 1."""

import os
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist


def join() -> tuple[int, int]:
    """Rank and world size; joins the group that `torchrun` announces, if this process has not."""
    if not dist.is_available():
        return 0, 1
    if not dist.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return 0, 1
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank(), dist.get_world_size()


def device_of(name: str) -> torch.device:
    """The device to use: "auto" is this process's GPU, or the CPU."""
    if name != "auto":
        return torch.device(name)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def summed(values: list[float], device: Any) -> list[float]:
    """The sums over all ranks."""
    if not (dist.is_available() and dist.is_initialized()):
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(tensor)
    return [float(value) for value in tensor]


def replicate(model: Any) -> Any:
    """The model as `DistributedDataParallel` if there are several ranks: gradients become their means."""
    if not (dist.is_available() and dist.is_initialized()):
        return model
    return torch.nn.parallel.DistributedDataParallel(model)


def without_sync(model: Any, last: bool) -> Any:
    """A context in which gradients stay with their rank unless this is the last backward pass of a step."""
    if last or not isinstance(model, torch.nn.parallel.DistributedDataParallel):
        return nullcontext()
    return model.no_sync()


def wait() -> None:
    """Until every rank is here."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
