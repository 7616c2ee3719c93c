"""What the kernel says of this process and all below it: memory and processor time; how freed memory is kept."""

import ctypes
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Of this process and all processes below it.

    Attributes:
        memory_bytes: resident; pages that processes share count in each.
        seconds: processor time so far, that of processes that have ended and were waited for included.
        seconds_below: of it, that of the others.
    """

    memory_bytes: int
    seconds: float
    seconds_below: float


def usage() -> Usage | None:
    """What is in use now; None where there is no `/proc`."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    ticks: dict[int, int] = {}
    own = 0
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            stat, process = path.read_text(errors="replace"), int(path.parent.name)
            fields = stat[stat.rindex(")") + 1 :].split()
            parents[process], pages[process] = int(fields[1]), int(fields[21])
            ticks[process] = sum(map(int, fields[11:15]))
            if process == os.getpid():
                own = sum(map(int, fields[11:13]))
    if os.getpid() not in pages:
        return None
    ours = [process for process in pages if _is_below(process, os.getpid(), parents)]
    memory = sum(pages[process] for process in ours) * os.sysconf("SC_PAGE_SIZE")
    whole, second = sum(ticks[process] for process in ours), os.sysconf("SC_CLK_TCK")
    return Usage(memory, whole / second, (whole - own) / second)


def _is_below(process: int, root: int, parents: dict[int, int]) -> bool:
    for _ in range(len(parents)):
        if process == root:
            return True
        if process not in parents:
            return False
        process = parents[process]
    return False


def forget_peak() -> None:
    """Lets `peak_bytes` begin anew from the memory in use now, where the kernel can do that."""
    with suppress(OSError):
        (_PROC / "self" / "clear_refs").write_text("5")


def peak_bytes() -> int | None:
    """The most memory that this process had resident since `forget_peak`; None where nobody knows."""
    with suppress(OSError):
        for line in (_PROC / "self" / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


#: Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEPT_BYTES = 256 << 20


def keep_freed_memory() -> None:
    """Lets this process keep up to 256 MiB that it has freed, where malloc is glibc's.

    That maps a large block on its own and gives it back as soon as it is freed: each page of the next one is a fault
    again, and workers take and free blocks of some megabytes all the time.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
