"""How a run shows itself on stderr: a live table, plain lines, or JSON lines."""

import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from curate.processes import usage
from curate.run.driver import Silent, Watcher
from curate.run.job import Task

#: Without a terminal, a step that takes long says how far it is every so many seconds; JSON lines, at most so often.
LINE_SECONDS = 60.0
JSON_SECONDS = 1.0
#: How often memory is looked at: it means reading what the kernel says of every process.
_MEMORY_SECONDS = 1.0
_UNLIMITED = 1 << 20
_WIDE = 100  # columns from which on there is room for a bar


class PatientConsole(Console):
    """A console that falls silent when its reader has gone, where rich's own ends the program with code 1.

    Where it is no terminal, nothing is cut or wrapped: a file or a pipe has no width.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.is_terminal:
            self.width = _UNLIMITED

    def on_broken_pipe(self) -> None:
        """Says nothing more."""
        self.quiet = True


class Meter:
    """What there is to say of a step: how far it is, how fast, how much is kept, how long it will take.

    Attributes:
        title: of the step.
        done: tasks that are done, with those of an earlier start.
        total: tasks of the step.
        rows: documents that went through in this start.
        size: their bytes.
        kept: of these documents.
        seconds: since the step began.
        memory: the most that was seen by `curate.processes.usage`, which is looked at now and then; None if not known.
    """

    def __init__(
        self, title: str, done: int, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.title, self.done, self.total = title, done, total
        self.rows = self.size = self.kept = 0
        self.nothing_to_do = done == total
        self._at_first, self._clock, self._started = done, clock, clock()
        self._rows_of_done = 0
        self._running: dict[Task, int] = defaultdict(int)
        self.memory: int | None = None
        self._looked = -math.inf
        self.look()

    def add(self, task: Task, rows: int, size: int, finished: bool, kept: int) -> None:
        """Takes what a watcher is told."""
        self.rows, self.size, self.kept = self.rows + rows, self.size + size, self.kept + kept
        self._running[task] += rows
        if finished:
            self.done += 1
            self._rows_of_done += self._running.pop(task)
        self.look()

    def look(self) -> None:
        """Looks at memory, if that was not done just now."""
        if self._clock() - self._looked > _MEMORY_SECONDS and (now := usage()) is not None:
            self._looked, self.memory = self._clock(), max(now.memory_bytes, self.memory or 0)

    @property
    def seconds(self) -> float:
        """Since the step began."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float | None:
        """Until the step is done, at the speed so far; None until a task is done.

        A running task counts as the share of its documents that went through, if it has as many as the others.
        """
        finished = self.done - self._at_first
        if not finished:
            return None
        mean = self._rows_of_done / finished
        partly = sum(min(rows / mean, 0.95) for rows in self._running.values()) if mean else 0.0
        return self.seconds / (finished + partly) * max(self.total - self.done - partly, 0.0)

    def rates(self) -> tuple[float, float]:
        """Documents and bytes per second."""
        seconds = max(self.seconds, 1e-6)
        return self.rows / seconds, self.size / seconds

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        documents, size = self.rates()
        left = self.seconds_left
        return {
            "title": self.title,
            "done": self.done,
            "total": self.total,
            "documents": self.rows,
            "bytes": self.size,
            "kept": self.kept,
            "seconds": round(self.seconds, 3),
            "documents_per_s": round(documents, 1),
            "bytes_per_s": round(size),
            "seconds_left": None if left is None else round(left, 1),
            "memory_bytes": self.memory,
        }

    def sentence(self) -> str:
        """One plain line."""
        if self.nothing_to_do:
            return f"{self.title}: already done"
        told = [f"{self.title}: {self.done} of {self.total}"]
        if self.rows:
            documents, size = self.rates()
            told += [
                f"{documents:,.0f} documents/s",
                f"{size / 1e6:,.1f} MB/s",
                f"{self.kept / self.rows:.1%} kept",
            ]
        if self.memory is not None:
            told.append(f"{self.memory / 1e9:.2f} GB of memory")
        told.append(duration(self.seconds))
        if self.done < self.total and (left := self.seconds_left) is not None:
            told.append(f"{duration(left)} left")
        return ", ".join(told)


def duration(seconds: float) -> str:
    """`0:12`, `3:07:12`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


class LiveTable:
    """A row per step on a terminal, the last one alive; plain lines where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._headed = False

    def begin(self, title: str, done: int, total: int) -> None:
        """Starts a row."""
        self._meter, self._told = Meter(title, done, total), time.monotonic()
        if not self._is_live:
            return
        if not self._headed:
            self._console.print(self._table(header=True))
            self._headed = True
        self._live = Live(
            get_renderable=self._table,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            refresh_per_second=4,
        )
        self._live.start()

    def advance(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """Moves it."""
        self._meter.add(task, rows, size, finished, kept)
        if not self._is_live and time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            self._console.print(self._meter.sentence(), highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Leaves the row as it is."""
        if self._is_live:
            self._live.stop()
            self._console.print(self._table())
        else:
            self._console.print(self._meter.sentence(), highlight=False, soft_wrap=True)

    def _table(self, *, header: bool = False) -> Table:
        """One row, in columns as wide as those of any other."""
        wide = self._console.width >= _WIDE
        table = Table.grid(padding=(0, 1))
        titles = ("step", "", "tasks", "docs/s", "MB/s", "kept", "memory", "time", "left")
        widths = (30 if wide else 20, 14 if wide else 0, 9, 9, 7, 6, 8, 8, 8)
        cells = titles if header else self._cells()
        shown = [at for at, width in enumerate(widths) if width]
        for at in shown:
            side = "left" if at < 2 else "right"
            table.add_column(width=widths[at], no_wrap=True, overflow="ellipsis", justify=side)  # type: ignore[arg-type]
        table.add_row(*(cells[at] for at in shown), style="dim" if header else None)
        return table

    def _cells(self) -> tuple[Any, ...]:
        meter = self._meter
        documents, size = meter.rates()
        left = meter.seconds_left if meter.done < meter.total else None
        meter.look()
        return (
            meter.title,
            ProgressBar(total=max(meter.total, 1), completed=meter.done if meter.total else 1, width=14),
            f"{meter.done}/{meter.total}",
            f"{documents:,.0f}" if meter.rows else "",
            f"{size / 1e6:,.1f}" if meter.rows else "",
            f"{meter.kept / meter.rows:.1%}" if meter.rows else "",
            "" if meter.memory is None else f"{meter.memory / 1e9:.2f} GB",
            "" if meter.nothing_to_do else duration(meter.seconds),
            "" if left is None else duration(left),
        )


class JsonLines:
    """One JSON object per event on stderr, for log collectors: `begin`, `progress`, `done` (a task), `end`."""

    def begin(self, title: str, done: int, total: int) -> None:
        """Event `begin`."""
        self._meter, self._told = Meter(title, done, total), time.monotonic()
        self._emit("begin")

    def advance(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """Event `done` for every task; event `progress` now and then."""
        self._meter.add(task, rows, size, finished, kept)
        if finished:
            self._emit("done", task=str(task))
        elif time.monotonic() - self._told > JSON_SECONDS:
            self._told = time.monotonic()
            self._emit("progress")

    def end(self) -> None:
        """Event `end`; `done` below `total` means that an error stopped the step."""
        self._emit("end")

    def _emit(self, event: str, **fields: Any) -> None:
        line = {"time": round(time.time(), 3), "event": event, **fields, **self._meter.to_json()}
        with suppress(BrokenPipeError):  # nobody reads any more; the run goes on
            sys.stderr.write(json.dumps(line) + "\n")
            sys.stderr.flush()


def watcher(*, quiet: bool, log_json: bool) -> Watcher:
    """The watcher that the command line's flags ask for."""
    if log_json:
        return JsonLines()
    return Silent() if quiet else LiveTable(PatientConsole(stderr=True))
