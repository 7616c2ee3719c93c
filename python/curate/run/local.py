"""The local executor: worker processes that take tasks from one queue, supervised by the driver.

A worker that dies (crash, kill, out of memory) costs its task one attempt; the task goes to a fresh worker.
An exception in a worker stops the run with that exception. Neither can leave the run waiting.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from curate.errors import CurateError
from curate.recipe import load_recipe
from curate.run.job import Job, Task
from curate.run.phase import run_task

#: A task that killed this many workers stops the run.
MAX_ATTEMPTS = 3

#: Told by the driver: task, rows, payload bytes, and whether the task is finished.
OnProgress = Callable[[Task, int, int, bool], None]


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine.

    Attributes:
        workers: number of processes; None = one per available processor.
        recipe: path of the recipe file whose functions the plan uses, loaded by each worker.
    """

    workers: int | None = None
    recipe: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise CurateError(f"workers is {self.workers}", hint="give a number from 1 on")

    @property
    def processes(self) -> int:
        """Number of worker processes."""
        return self.workers or len(os.sched_getaffinity(0))

    def execute(self, job: Job, tasks: Sequence[Task], on_progress: OnProgress) -> None:
        """Does the tasks, in any order; returns when all are done.

        Raises:
            CurateError: a task failed, or killed its worker `MAX_ATTEMPTS` times.
        """
        if tasks:
            _Pool(pickle.dumps(job), self.recipe, on_progress).run(tasks, min(self.processes, len(tasks)))


class _Pool:
    def __init__(self, job: bytes, recipe: str | None, on_progress: OnProgress) -> None:
        self._job, self._recipe, self._on_progress = job, recipe, on_progress
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["curate.run.local"])
        self._workers: dict[Connection, Any] = {}
        self._doing: dict[Connection, Task] = {}

    def run(self, tasks: Sequence[Task], processes: int) -> None:
        waiting, attempts = deque(tasks), dict.fromkeys(tasks, 0)
        left = len(tasks)
        try:
            for _ in range(processes):
                self._start()
            while left:
                for connection in list(self._workers):
                    if waiting and connection not in self._doing:
                        self._doing[connection] = task = waiting.popleft()
                        with suppress(OSError):  # it is dead: found below
                            connection.send(task)
                for connection in self._ready():
                    try:
                        if not connection.poll():  # dead, though a process of its own keeps the pipe open
                            raise EOFError
                        message = connection.recv()
                    except (EOFError, OSError):
                        if lost := self._bury(connection, attempts):
                            waiting.appendleft(lost)
                            self._start()
                        continue
                    left -= self._handle(connection, message)
        finally:
            self._stop()

    def _ready(self) -> list[Connection]:
        """Waits for workers that have something to say or are dead."""
        ready = wait([*self._workers, *(process.sentinel for process in self._workers.values())])
        return [
            connection
            for connection, process in self._workers.items()
            if connection in ready or process.sentinel in ready
        ]

    def _handle(self, connection: Connection, message: tuple[Any, ...]) -> int:
        kind, *content = message
        task = self._doing[connection]
        if kind == "failed":
            error, trace = content
            # A broken pipe would be taken for the end of the reader of our own output.
            ours = not isinstance(error, BrokenPipeError)
            if ours and isinstance(error, CurateError | OSError | KeyboardInterrupt):
                raise error
            raise CurateError(f"{task} failed: {error!r}", hint=f"this is a bug in a stage:\n{trace}")
        rows, size = content
        done = kind == "done"
        if done:
            del self._doing[connection]
        self._on_progress(task, rows, size, done)
        return int(done)

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._job, self._recipe), daemon=False)
        process.start()
        theirs.close()
        self._workers[ours] = process

    def _bury(self, connection: Connection, attempts: dict[Task, int]) -> Task | None:
        """The task that a dead worker had; None if it was idle."""
        process = self._workers.pop(connection)
        connection.close()
        with suppress(ProcessLookupError):  # never two workers on one task, whoever said that it is dead
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        task = self._doing.pop(connection, None)
        if task is None:
            return None
        attempts[task] += 1
        if attempts[task] >= MAX_ATTEMPTS:
            raise CurateError(
                f"{task} killed its worker {MAX_ATTEMPTS} times (exit code {process.exitcode})",
                hint="exit code -9 usually means out of memory: use fewer workers",
            )
        return task

    def _stop(self) -> None:
        for connection, process in self._workers.items():
            if connection in self._doing:
                process.kill()
            connection.close()
        for process in self._workers.values():
            process.join()


def _work(connection: Connection, job_bytes: bytes, recipe: str | None) -> None:
    """The loop of a worker process."""
    _die_with_parent()
    try:
        if recipe is not None:
            load_recipe(recipe)
        job: Job = pickle.loads(job_bytes)
    except BaseException as error:
        _wait_and_fail(connection, error)
        return
    while True:
        try:
            task = connection.recv()
        except (EOFError, ConnectionResetError, KeyboardInterrupt):
            return
        try:
            run_task(job, task, lambda rows, size: connection.send(("progress", rows, size)))
        except BaseException as error:
            _fail(connection, error)
            return
        connection.send(("done", 0, 0))


def _wait_and_fail(connection: Connection, error: BaseException) -> None:
    try:
        connection.recv()
    except (EOFError, ConnectionResetError):
        return
    _fail(connection, error)


def _fail(connection: Connection, error: BaseException) -> None:
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception that cannot travel is told by its text
        error = RuntimeError(repr(error))
    connection.send(("failed", error, trace))


def _die_with_parent() -> None:
    """Ends this process when the driver is gone, however it went: no orphan goes on writing."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
