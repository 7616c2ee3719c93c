"""The Ray executor: the tasks of a step on the nodes of a cluster.

A Ray worker gives its tasks of a run to a worker process of its own, under the same supervision as on one machine
(`curate.run.local`), so that a document that kills or hangs is found and quarantined where it is. What remains to be
survived is the loss of a node: its tasks are done again on another. Through Ray travel the plan, the names of tasks
and their counts; documents go from storage to storage, which all nodes must share.
"""

import os
import socket
import sys
import types
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from curate.errors import CurateError
from curate.run.job import Job, Task
from curate.run.local import HANG_SECONDS, Execute, OnProgress, Start, workers

#: Loss of this many nodes, one after the other, under one task stops the run.
MAX_LOSSES = 10
#: Bytes of a started object store: what travels is small.
_STORE_BYTES = 100 << 20
#: Tasks handed to Ray for each processor, so that none waits for the driver and a cluster that can grow sees why.
_TASKS_PER_CPU = 2
#: Seconds after which the driver looks again how many processors there are.
_LOOK_SECONDS = 5.0
#: Seconds for a cluster to answer at all.
_KNOCK_SECONDS = 30.0

#: Rows that a task saw, their bytes, and rows that it kept.
_Counts = tuple[int, int, int]


@dataclass(frozen=True)
class Ray:
    """The nodes of a Ray cluster.

    Attributes:
        address: of the cluster, e.g. `ray://head:10001` or `auto`; None = what `RAY_ADDRESS` says, else a Ray of one
            node is started here, and ends with this process.
        workers: tasks at a time; None = as many as the cluster has processors for.
        recipe: path of the recipe file whose functions the plan uses, the same on every node.
        hang_seconds: see `Local`.
    """

    address: str | None = None
    workers: int | None = None
    recipe: str | None = None
    hang_seconds: float = HANG_SECONDS

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise CurateError(f"workers is {self.workers}", hint="give a number from 1 on")

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        """What does the tasks of a job on the cluster; the first tasks connect to it.

        It raises `CurateError` where Ray is not installed or not to be reached, a task failed, or its nodes were lost
        again and again.
        """
        return _on_cluster(self, job)

    def connected(self) -> Any:
        """The package, connected; a connection that is there is used.

        Raises:
            CurateError: Ray is not installed or not to be reached.
        """
        try:
            import ray
        except ImportError as error:
            raise CurateError("Ray is not installed", hint="pip install 'curate[ray]'") from error
        if ray.is_initialized():
            return ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            options |= {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
            options["num_cpus"] = self.workers or len(os.sched_getaffinity(0))
        try:
            _knock(address)
            ray.init(address=address, **options)
        except (OSError, RuntimeError, ValueError) as error:
            raise CurateError(
                f"cannot reach the Ray cluster `{address}`: {error}", hint="check it with `ray status`"
            ) from error
        return ray


def _knock(address: str) -> None:
    """Connects to the port of an address, where it names one: Ray itself tries for many minutes.

    Raises:
        OSError: nobody answers.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()


@contextmanager
def _on_cluster(executor: Ray, job: Job) -> Iterator[Execute]:
    cluster = _Cluster(executor, job)
    try:
        yield cluster.run
    finally:
        cluster.stop()


class _Cluster:
    """Tasks on their way."""

    def __init__(self, executor: Ray, job: Job) -> None:
        self._executor, self._job = executor, job
        self._running: dict[Any, Task] = {}

    @cached_property
    def _ray(self) -> Any:
        return self._executor.connected()

    @cached_property
    def _start(self) -> Any:
        """What all tasks begin with, once in the object store."""
        job = self._ray.cloudpickle.dumps(self._job)
        return self._ray.put(Start(job, self._executor.recipe, writer=f".{uuid.uuid4().hex[:12]}"))

    @cached_property
    def _do(self) -> Any:
        return self._ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(_do)

    def run(self, tasks: Sequence[Task], on_progress: OnProgress) -> None:
        waiting, self._losses = deque(tasks), Counter[Task]()
        while waiting or self._running:
            while waiting and len(self._running) < self._limit():
                task = waiting.popleft()
                place = os.getcwd()  # noqa: PTH109  as text, for another machine
                reference = self._do.remote(self._start, task, self._executor.hang_seconds, place)
                self._running[reference] = task
            done, _ = self._ray.wait(list(self._running), timeout=_LOOK_SECONDS)
            for reference in done:
                task = self._running.pop(reference)
                result = self._result(reference, task)
                if result is None:
                    waiting.appendleft(task)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    rows, size, kept = result
                    on_progress(task, rows, size, True, kept)

    def _limit(self) -> int:
        if self._executor.workers is not None:
            return self._executor.workers
        return max(1, _TASKS_PER_CPU * int(self._ray.cluster_resources().get("CPU", 0)))

    def _result(self, reference: Any, task: Task) -> _Counts | BaseException | None:
        """What a task counted, or why it failed; None if its node was lost.

        Raises:
            CurateError: nodes were lost again and again, or nodes cannot do tasks at all.
        """
        lost = self._ray.exceptions
        try:
            found: _Counts | BaseException = self._ray.get(reference)
            return found
        except lost.RayTaskError as error:
            raise CurateError(
                f"{task} failed on its node: {error}", hint="every node needs the same curate and Python"
            ) from error
        except (
            lost.WorkerCrashedError,
            lost.NodeDiedError,
            lost.ObjectLostError,
            lost.OutOfMemoryError,
            lost.LocalRayletDiedError,
        ) as error:
            self._losses[task] += 1
            if self._losses[task] >= MAX_LOSSES:
                raise CurateError(
                    f"{task} lost its node {MAX_LOSSES} times: {error}",
                    hint="check the nodes with `ray status`",
                ) from error
            return None

    def stop(self) -> None:
        for reference in self._running:
            with suppress(Exception):  # it may be done, or gone with its node
                self._ray.cancel(reference, force=True)


#: What a Ray worker keeps from task to task of a job, by the job's writer: what ends its worker process, and what gives
#: it tasks. Ray itself ends its workers with the job.
_kept: dict[str, tuple[ExitStack, Execute]] = {}


def _do(start: Start, task: Task, hang_seconds: float, place: str) -> _Counts | BaseException:
    """Runs on a node: one task, in a process that the Ray worker supervises."""
    # Relative paths are those of the driver, where storage is shared like that.
    with suppress(FileNotFoundError):
        os.chdir(place)
    done = (0, 0, 0)

    def count(_: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        nonlocal done
        del finished
        done = (done[0] + rows, done[1] + size, done[2] + kept)

    try:
        with _no_main():
            _worker(start, hang_seconds)([task], count)
    except BaseException as error:
        _forget_workers()
        return error
    return done


def _worker(start: Start, hang_seconds: float) -> Execute:
    if start.writer not in _kept:
        _forget_workers()
        stack = ExitStack()
        # What two Ray workers have begun must have two names, even if they do the same task one after the other.
        mine = replace(start, writer=f".{uuid.uuid4().hex[:12]}")
        _kept[start.writer] = stack, stack.enter_context(workers(mine, 1, hang_seconds))
    return _kept[start.writer][1]


def _forget_workers() -> None:
    while _kept:
        _, (stack, _) = _kept.popitem()
        stack.close()


@contextmanager
def _no_main() -> Iterator[None]:
    """Hides the main program of a Ray worker: a process would import it, and Ray with it, for nothing."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
