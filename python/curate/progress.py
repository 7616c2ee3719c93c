"""How a run shows itself on stderr: a live table, plain lines, or JSON lines."""

import json
import sys
import time
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from curate.run.driver import Silent, Watcher
from curate.run.job import Task


class PatientConsole(Console):
    """A console that falls silent when its reader has gone, where rich's own ends the program with code 1."""

    def on_broken_pipe(self) -> None:
        """Says nothing more."""
        self.quiet = True


class LiveTable:
    """A bar per group of tasks with documents/s, MB/s and time left; a plain line each where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._rows = self._size = 0
        self._started = 0.0

    def begin(self, title: str, done: int, total: int) -> None:
        """Starts a bar."""
        self._title, self._rows, self._size, self._started = title, 0, 0, time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._bar = self._progress.add_task(title, total=total, completed=done, rate="")
        self._nothing_to_do = done == total
        self._progress.start()

    def advance(self, task: Task, rows: int, size: int, finished: bool) -> None:
        """Moves the bar."""
        del task
        self._rows += rows
        self._size += size
        self._progress.update(self._bar, advance=int(finished), rate=self._rate())

    def end(self) -> None:
        """Ends the bar."""
        self._progress.stop()
        if not self._live:
            told = "already done" if self._nothing_to_do else self._rate() or "done"
            self._console.print(f"{self._title}: {told}", highlight=False)

    def _rate(self) -> str:
        if not self._rows:
            return ""
        elapsed = max(time.monotonic() - self._started, 1e-6)
        return f"{self._rows / elapsed:,.0f} documents/s {self._size / elapsed / 1e6:,.1f} MB/s"


class JsonLines:
    """One JSON object per event on stderr, for log collectors."""

    def begin(self, title: str, done: int, total: int) -> None:
        """Event `begin`."""
        self._emit(event="begin", title=title, done=done, total=total)

    def advance(self, task: Task, rows: int, size: int, finished: bool) -> None:
        """Event `progress` or `done`."""
        self._emit(event="done" if finished else "progress", task=str(task), rows=rows, bytes=size)

    def end(self) -> None:
        """Event `end`."""
        self._emit(event="end")

    def _emit(self, **fields: Any) -> None:
        with suppress(BrokenPipeError):  # nobody reads any more; the run goes on
            sys.stderr.write(json.dumps({"time": round(time.time(), 3), **fields}) + "\n")
            sys.stderr.flush()


def watcher(*, quiet: bool, log_json: bool) -> Watcher:
    """The watcher that the command line's flags ask for."""
    if log_json:
        return JsonLines()
    return Silent() if quiet else LiveTable(PatientConsole(stderr=True))
