"""The local executor: worker processes that take tasks from one queue, supervised by the driver.

A worker that dies (crash, kill, out of memory) or says nothing for too long costs its task one attempt; the task goes
to a fresh worker, and a document that kills every worker is quarantined (`curate.run.suspects`). An exception in a
worker stops the run with that exception. Nothing of this can leave the run waiting.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import pyarrow as pa

from curate.errors import CurateError, PlanError
from curate.io.atomic import set_writer
from curate.recipe import load_recipe
from curate.run.job import Job, Task
from curate.run.memory import MemoryWatch, default_memory_bytes
from curate.run.phase import run_task
from curate.run.suspects import Attempt, Deaths, Place, Suspicion


class OnProgress(Protocol):
    """Told by the driver."""

    def __call__(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """A task did `rows` rows of `size` payload bytes, of which `kept` rows are left, or is finished."""


class Execute(Protocol):
    """What an executor gives for a job."""

    def __call__(self, tasks: Sequence[Task], on_progress: OnProgress, /) -> None:
        """Does the tasks, in any order; returns when all are done."""


#: How often the driver looks at the memory of its workers.
_LOOK_SECONDS = 0.5
#: How often a process is tried to be started, and the pause after each failure.
_START_ATTEMPTS, _START_PAUSE_SECONDS = 100, 0.05


#: See `Local.hang_seconds`.
HANG_SECONDS = 3600.0


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine.

    Attributes:
        workers: number of processes; None = one per available processor.
        recipe: path of the recipe file whose functions the plan uses, loaded by each worker.
        hang_seconds: a worker that spends longer than this in one batch, or in one stage of a single suspicious
            row, hangs in foreign code and is killed. No stage needs a fraction of it; a verdict by the clock is for
            what would otherwise never end.
        memory_gib: what all workers may take together, each an equal share; None = four fifths of what is free. A
            worker that takes too much is ended, and its shard begun again with smaller batches; where that does not
            help, the run stops and says so.
    """

    workers: int | None = None
    recipe: str | None = None
    hang_seconds: float = HANG_SECONDS
    memory_gib: float | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise CurateError(f"workers is {self.workers}", hint="give a number from 1 on")
        if self.memory_gib is not None and self.memory_gib <= 0:
            raise CurateError(f"memory_gib is {self.memory_gib}", hint="give a number above 0, in GiB")
        if not self.hang_seconds > 0:
            raise CurateError(
                f"hang_seconds is {self.hang_seconds}", hint="give a number above 0, in seconds"
            )

    @property
    def processes(self) -> int:
        """Number of worker processes."""
        return self.workers or len(os.sched_getaffinity(0))

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        """Workers for the tasks of a job, which stay from step to step; the first tasks start them."""
        memory = default_memory_bytes() if self.memory_gib is None else int(self.memory_gib * 2**30)
        return workers(Start(pickle.dumps(job), self.recipe), self.processes, self.hang_seconds, memory)


@dataclass(frozen=True)
class Start:
    """What a worker process begins with.

    Attributes:
        job: pickled.
        recipe: path of the recipe file; None if there is none.
        writer: see `curate.io.atomic.set_writer`.
    """

    job: bytes
    recipe: str | None = None
    writer: str = ""


@contextmanager
def workers(
    start: Start, processes: int, hang_seconds: float, memory_bytes: int | None = None
) -> Iterator[Execute]:
    """Worker processes of this machine, which may take `memory_bytes`; None = who knows.

    What is given does tasks, and raises `CurateError` where one failed, killed its worker again and again without one
    row being at fault, or needs more memory than its share.
    """
    pool = _Pool(start, processes, hang_seconds, memory_bytes)
    try:
        yield pool.run
    finally:
        pool.stop()


@dataclass
class _Worker:
    """A process as the driver knows it.

    Attributes:
        process: the process.
        task: what it does; None if it waits.
        place: where it said it is.
        since: when it said so, monotonic seconds.
        started: whether it said anything yet.
        starved: what it took when it was ended for that; 0 if it was not.
    """

    process: BaseProcess
    task: Task | None = None
    place: Place | None = None
    since: float = 0.0
    started: bool = False
    starved: int = 0

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self.process.pid is not None
        return self.process.pid


class _Pool:
    def __init__(self, start: Start, processes: int, hang_seconds: float, memory_bytes: int | None) -> None:
        self._first, self._processes, self._hang_seconds = start, processes, hang_seconds
        self._memory_bytes, self._looked = memory_bytes, time.monotonic()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["curate.run.preload"])
        self._workers: dict[Connection, _Worker] = {}

    def run(self, tasks: Sequence[Task], on_progress: OnProgress) -> None:
        waiting, left = deque(tasks), len(tasks)
        processes = min(self._processes, left)
        self._deaths, self._on_progress = Deaths(tasks), on_progress
        self._memory = MemoryWatch(self._memory_bytes, processes)
        if left and not self._workers:
            _start_server()
        while left:
            while waiting and len(self._workers) < processes:
                self._start()
            self._hand_out(waiting)
            for connection in self._ready():
                try:
                    if not connection.poll():  # dead, though a process of its own keeps the pipe open
                        raise EOFError
                    message = connection.recv()
                except (EOFError, OSError):
                    if lost := self._bury(connection):
                        waiting.appendleft(lost)
                    continue
                left -= self._handle(self._workers[connection], message)
            self._kill_hanging()
            self._watch_memory()

    def _hand_out(self, waiting: deque[Task]) -> None:
        """Gives tasks to those who wait, unless memory is scarce."""
        for connection, worker in list(self._workers.items()):
            busy = any(other.task is not None for other in self._workers.values())
            if not waiting or worker.task is not None or (busy and self._memory.is_crowded):
                continue
            # A new process takes less than one that has done a lot.
            if self._memory.is_above_share(worker.pid):
                self._bury(connection)
                self._start()
                continue
            worker.task = task = waiting.popleft()
            with suppress(OSError):  # it is dead: found later
                connection.send((task, self._deaths.suspicion(task)))

    def _ready(self) -> list[Connection]:
        """Waits for workers that have something to say or are dead, not much longer than one may hang."""
        watched: list[Any] = [*self._workers, *(worker.process.sentinel for worker in self._workers.values())]
        ready = wait(watched, timeout=min(self._hang_seconds / 4, _LOOK_SECONDS))
        return [
            connection
            for connection, worker in self._workers.items()
            if connection in ready or worker.process.sentinel in ready
        ]

    def _kill_hanging(self) -> None:
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.place is not None and now - worker.since > self._hang_seconds:
                worker.process.kill()

    def _watch_memory(self) -> None:
        """Ends the worker that takes too much."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._memory.look(worker.pid for worker in self._workers.values())
        for worker in self._workers.values():
            if worker.pid == self._memory.too_large and worker.task is not None:
                worker.starved = self._memory.used(worker.pid)
                worker.process.kill()

    def _handle(self, worker: _Worker, message: tuple[Any, ...]) -> int:
        kind, *content = message
        worker.started = True
        if kind == "ready":
            return 0
        task = worker.task
        assert task is not None
        if kind == "at":
            worker.place, worker.since = content[0], time.monotonic()
            return 0
        if kind == "failed":
            error, trace, source = content
            # A broken pipe would be taken for the end of the reader of our own output.
            ours = not isinstance(error, BrokenPipeError)
            if ours and isinstance(error, CurateError | OSError | KeyboardInterrupt):
                raise error
            place = f"{task} (`{source}`)" if source else str(task)
            raise CurateError(f"{place} failed: {error!r}", hint=f"this is a bug in a stage:\n{trace}")
        rows, size, kept = content
        done = kind == "done"
        if done:
            worker.task = None
        self._on_progress(task, rows, size, done, kept)
        return int(done)

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        try:
            self._workers[ours] = _Worker(self._process(theirs))
        finally:
            theirs.close()

    def _process(self, connection: Connection) -> BaseProcess:
        """A new process; where what forks them was killed, a new one of that will be there in a moment."""
        for _ in range(_START_ATTEMPTS):
            # What forks it may be older than a change of our environment, such as credentials.
            told = (connection, self._first, dict(os.environ))
            process = self._context.Process(target=_work, args=told, daemon=False)
            try:
                process.start()
            except (EOFError, ConnectionError) as error:
                failure = error
                time.sleep(_START_PAUSE_SECONDS)
            else:
                return process
        raise CurateError(
            f"cannot start a worker process: {failure!r}",
            hint="something kills what starts them, as the system does when memory runs out",
        ) from failure

    def _bury(self, connection: Connection) -> Task | None:
        """The task that a dead worker had; None if it was idle."""
        worker = self._workers.pop(connection)
        connection.close()
        with suppress(ProcessLookupError):  # never two workers on one task, whoever said that it is dead
            os.kill(worker.pid, signal.SIGKILL)
        worker.process.join()
        if worker.task is not None and worker.starved:
            self._deaths.starve(worker.task, worker.place, worker.starved, self._memory.share)
        elif worker.task is not None:
            self._deaths.add(worker.task, worker.place, worker.process.exitcode, started=worker.started)
        return worker.task

    def stop(self) -> None:
        """Ends all workers, those at work at once."""
        for connection, worker in self._workers.items():
            if worker.task is not None:
                worker.process.kill()
            connection.close()
        for worker in self._workers.values():
            worker.process.join()


def _start_server() -> None:
    """Starts what workers are forked from, and lets it import while this process does what it would do in the end."""
    forkserver.ensure_running()
    pa.array([0])  # see curate.run.preload


def _work(connection: Connection, start: Start, environment: dict[str, str]) -> None:
    """The loop of a worker process."""
    _die_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    set_writer(start.writer)
    try:
        if start.recipe is not None:
            load_recipe(start.recipe)
        job: Job = pickle.loads(start.job)
        job.plan.check_same_code()
    except (AttributeError, ModuleNotFoundError) as error:
        _wait_and_fail(connection, _not_found(error))
        return
    except BaseException as error:
        _wait_and_fail(connection, error)
        return
    with suppress(OSError):  # the driver may be gone already: found below
        connection.send(("ready",))
    while True:
        try:
            task, suspicion = connection.recv()
        except (EOFError, ConnectionResetError, KeyboardInterrupt):
            return
        try:
            run_task(job, task, _attempt(connection, suspicion))
        except BaseException as error:
            _fail(connection, error, job.source(task))
            return
        connection.send(("done", 0, 0, 0))


def _not_found(error: Exception) -> PlanError:
    return PlanError(
        f"a worker process cannot find what the plan names: {error}",
        hint="define stages at the top level of a file: processes do not see what was typed at a prompt",
    )


def _attempt(connection: Connection, suspicion: Suspicion) -> Attempt:
    return Attempt(
        suspicion,
        on_progress=lambda rows, size, kept: connection.send(("progress", rows, size, kept)),
        on_place=lambda place: connection.send(("at", place)),
    )


def _wait_and_fail(connection: Connection, error: BaseException) -> None:
    try:
        connection.recv()
    except (EOFError, ConnectionResetError):
        return
    _fail(connection, error)


def _fail(connection: Connection, error: BaseException, source: str | None = None) -> None:
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception that cannot travel is told by its text
        error = RuntimeError(repr(error))
    connection.send(("failed", error, trace, source))


def _die_with_parent() -> None:
    """Ends this process when the driver is gone, however it went: no orphan goes on writing."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
