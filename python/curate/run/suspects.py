"""Which document killed the worker: batches under suspicion go through row by row, and the row is given up.

A worker says where it is before it goes on; when it dies, its last word names the batch. The next attempt takes the
rows of that batch one at a time, stage by stage, and the next death names the row. A kill from outside, however often
it comes, hits the same row in the same stage twice only by malice; a row that really kills does so every time.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pyarrow as pa

from curate.errors import CurateError
from curate.run.decide import Positions
from curate.run.job import Task

_log = logging.getLogger("curate")

#: A task that killed this many workers in the same place stops the run.
MAX_ATTEMPTS = 3
#: Rows of a batch after one, two and three deaths for want of memory; the next death stops the run.
SMALLER_BATCHES = (128, 16, 1)
#: A row that killed this many workers by itself is given up.
ROW_ATTEMPTS = 2


class Place(NamedTuple):
    """Where a worker is in a shard: a batch, by the position of its first row, or one row in a stage."""

    position: int
    stage: str | None = None


@dataclass(frozen=True)
class Suspicion:
    """What the deaths of earlier workers tell the next one.

    Attributes:
        batches: positions of the first rows of batches in which a worker died.
        given_up: stage and position of the rows that killed their workers.
        batch_rows: no batch has more rows than this; None = as they come.
    """

    batches: frozenset[int] = frozenset()
    given_up: frozenset[tuple[str, int]] = frozenset()
    batch_rows: int | None = None

    def rows_given_up(self, stage: str) -> list[int]:
        """Positions of the rows that a stage is not to see."""
        return [position for name, position in self.given_up if name == stage]

    def cut(
        self, arriving: Iterator[tuple[pa.RecordBatch, Positions]]
    ) -> Iterator[tuple[pa.RecordBatch, Positions, bool]]:
        """Batches as they come, those under suspicion row by row; the flag says which."""
        for batch, positions in arriving:
            if self.batches.isdisjoint(positions[:1].tolist()):
                step = self.batch_rows or max(1, batch.num_rows)
                for start in range(0, max(1, batch.num_rows), step):
                    yield batch.slice(start, step), positions[start : start + step], False
                continue
            for row in range(batch.num_rows):
                yield batch.slice(row, 1), positions[row : row + 1], True


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task: what earlier ones taught, and whom to tell how it goes.

    Attributes:
        suspicion: rows that killed earlier workers, and batches to go through with care.
        on_progress: told after every batch: rows and payload bytes done since the last call, and rows left of them.
        on_place: told before every batch, before every stage of a row that goes through alone, and (None) after it.
    """

    suspicion: Suspicion = Suspicion()
    on_progress: Callable[[int, int, int], None] = lambda rows, size, kept: None
    on_place: Callable[[Place | None], None] = lambda place: None

    def at_stage(self, position: int) -> Callable[[str], None]:
        """Tells which stage a row is about to enter."""
        return lambda stage: self.on_place(Place(position, stage))


class Deaths:
    """Counts where the workers of each task died, and tells when to give up a row or the run."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._suspicions = dict.fromkeys(tasks, Suspicion())
        self._counts: Counter[tuple[Task, Place | None]] = Counter()
        self._starved: Counter[Task] = Counter()

    def suspicion(self, task: Task) -> Suspicion:
        """What the next worker of a task has to know."""
        return self._suspicions[task]

    def add(self, task: Task, place: Place | None, exit_code: int | None, *, started: bool) -> None:
        """A worker died at this place.

        Raises:
            CurateError: it is not one row's fault, and it has happened `MAX_ATTEMPTS` times.
        """
        self._counts[task, place] += 1
        count, known = self._counts[task, place], self._suspicions[task]
        if place is not None and place.stage is not None:
            if count >= ROW_ATTEMPTS:
                given_up = known.given_up | {(place.stage, place.position)}
                self._suspicions[task] = replace(known, given_up=given_up)
            return
        if count >= MAX_ATTEMPTS:
            hint = "exit code -9 usually means out of memory: use fewer workers"
            if not started:
                hint = 'a script that runs a pipeline must do so under `if __name__ == "__main__":`'
            raise CurateError(f"{task} killed its worker {count} times (exit code {exit_code})", hint=hint)
        if place is not None:
            self._suspicions[task] = replace(known, batches=known.batches | {place.position})

    def starve(self, task: Task, place: Place | None, used: int, share: int) -> None:
        """A worker was ended at this place because it took too much memory: the next one takes smaller batches.

        Raises:
            CurateError: batches cannot be smaller.
        """
        told = f"{task} takes {used / 2**30:.2f} GiB, with {share / 2**30:.2f} GiB for each worker"
        if place is not None and place.stage is not None:
            self.add(task, place, None, started=True)
            _log.warning("%s, at row %d in `%s`: started again", told, *place)
            return
        if self._starved[task] == len(SMALLER_BATCHES):
            raise CurateError(told, hint="use fewer workers, or more memory if there is some: `--memory`")
        rows = SMALLER_BATCHES[self._starved[task]]
        self._starved[task] += 1
        known = self._suspicions[task]
        batches = known.batches if place is None else known.batches | {place.position}
        self._suspicions[task] = replace(known, batches=batches, batch_rows=rows)
        _log.warning("%s: started again with batches of at most %d rows", told, rows)
