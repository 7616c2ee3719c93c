"""How much memory a run may take, and what its workers take of it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
#: Share of what is free that a run takes unless it is told: the rest is for the driver, the page cache and others.
_SHARE = 0.8
#: Share of a run's memory from which on no worker is given anything new, unless none is at work.
_CROWDED = 0.9


def default_memory_bytes() -> int | None:
    """Four fifths of the memory that is free on this machine, or in this container; None if that is not known."""
    free = [found for found in (_free_of_machine(), _free_of_container()) if found is not None]
    return int(_SHARE * min(free)) if free else None


def _free_of_machine() -> int | None:
    try:
        lines = (_PROC / "meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def _free_of_container() -> int | None:
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        return max(0, limit - int((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):  # there is no limit: it says "max"
        return None


def private_bytes(roots: Iterable[int]) -> dict[int, int]:
    """Memory of each process and of all below it, without files that it maps: those go when memory is scarce."""
    parents: dict[int, int] = {}
    own: dict[int, int] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            stat = (folder / "stat").read_text(errors="replace")
            resident, shared = (folder / "statm").read_text().split()[1:3]
            parents[int(folder.name)] = int(stat[stat.rindex(")") + 1 :].split()[1])
            own[int(folder.name)] = (int(resident) - int(shared)) * page
    found = {root: own[root] for root in roots if root in own}
    for process, size in own.items():
        above, steps = parents.get(process), 0
        while above is not None and steps < len(parents):
            if above in found:
                found[above] += size
            above, steps = parents.get(above), steps + 1
    return found


class MemoryWatch:
    """Holds the workers of a run to what it may take.

    Each worker has an equal share. One that takes more is let be while there is enough for all; when there is not,
    the one that takes most of those above their share has to go.
    """

    def __init__(self, total: int | None, workers: int) -> None:
        self._total = total
        self.share = (total or 0) // max(1, workers)
        self._used: dict[int, int] = {}

    def look(self, processes: Iterable[int]) -> None:
        """Looks at what these processes take."""
        if self._total is not None:
            self._used = private_bytes(processes)

    def used(self, process: int) -> int:
        """What a process took at the last look."""
        return self._used.get(process, 0)

    def is_above_share(self, process: int) -> bool:
        """Whether a process took more than its share at the last look."""
        return self._total is not None and self.used(process) > self.share

    @property
    def is_crowded(self) -> bool:
        """Whether new work had better wait."""
        return self._total is not None and sum(self._used.values()) > _CROWDED * self._total

    @property
    def too_large(self) -> int | None:
        """The process that has to go; None if there is enough for all."""
        if self._total is None or sum(self._used.values()) <= self._total:
            return None
        return max(self._used, key=lambda process: self._used[process])
