"""The steps of a run: tasks that do not depend on each other, and that must all be done before the next step starts.

A run does its steps one after the other; a scheduler that has many machines and one file system can do the parts of
each step as jobs of their own (`do_part`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from curate.errors import CurateError
from curate.io.spill import has_spill
from curate.io.storage import Place, for_each, listing, place, size_of
from curate.report import Ledger
from curate.run.job import Job, Kind, Task
from curate.run.splits import Correction, has_ids, is_divided, unsettled

#: The step that makes the splits of input files agree; what is left to do in it is known when it comes.
SPLITS = "phase-1-splits"


@dataclass(frozen=True)
class Step:
    """A group of independent tasks.

    Attributes:
        name: unique in the run, for the command line.
        title: for people.
        tasks: in order.
    """

    name: str
    title: str
    tasks: tuple[Task, ...]


def steps(job: Job) -> list[Step]:
    """Every step of a run, in order: for each phase its shards, then the rounds of the barrier that ends it."""
    found = []
    shards = range(len(job.files))
    for phase in job.plan.phases:
        number, barrier = phase.number, phase.exit
        tasks = tuple(Task(Kind.SHARD, number, 0, shard) for shard in shards)
        found.append(Step(f"phase-{number}", f"phase {number}", tasks))
        if number == 1 and is_divided(job):
            found.append(Step(SPLITS, "splits", ()))
        for index, round_ in enumerate(barrier.rounds if barrier else ()):
            assert barrier is not None
            title, name = f"{barrier.name}: {round_.name}", f"phase-{number}-{round_.name}"
            if index:
                tasks = tuple(Task(Kind.MAP, number, index, shard) for shard in shards)
                found.append(Step(f"{name}-map", title, tasks))
            tasks = tuple(Task(Kind.REDUCE, number, index, part) for part in range(round_.partitions))
            found.append(Step(f"{name}-reduce", title, tasks))
    return found


def step_named(job: Job, name: str) -> Step:
    """The step of that name, when all before it are done.

    Raises:
        CurateError: there is none of that name, or an earlier one is not done.
    """
    every = steps(job)
    if name not in {step.name for step in every}:
        raise CurateError(f"there is no step `{name}`", hint="`--steps` lists them")
    for step in itertools.takewhile(lambda step: step.name != name, every):
        left = tasks_left(job, step)
        if left:
            raise CurateError(
                f"step `{name}` needs step `{step.name}`, "
                f"of which {len(left)} of {len(step.tasks) or len(left)} tasks are not done",
                hint="start the steps in the order of `--steps`, each when all parts of the one before have ended",
            )
    return next(step for step in every if step.name == name)


def tasks_left(job: Job, step: Step) -> list[Task]:
    """The tasks of a step that are not done; of `SPLITS`, those that are known already."""
    if step.name == SPLITS:
        return unsettled(job)
    return undone(job, step.tasks)


def part_of(tasks: Sequence[Task], index: int, count: int) -> list[Task]:
    """The `index`-th of `count` parts, from 0: every `count`-th task, so that neighbours are spread."""
    return list(tasks[index::count])


def valid_ledger(job: Job, number: int, shard: int) -> Ledger | None:
    """The ledger of a shard in a phase, if it is of this plan and these inputs."""
    ledger = Ledger.read(job.layout.ledger(number, shard))
    return ledger if ledger and ledger.fingerprint == job.fingerprint(number, shard) else None


def undone(job: Job, tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose result is not there; only of what is listed anything more is asked."""
    marks = {_mark(job, task): task for task in tasks}
    folders = sorted({str(path.parent) for path in marks})
    there = {path for folder in folders for path in listing(place(folder), "*")}
    done = for_each(lambda path: path in there and is_done(job, marks[path]), marks)
    return [task for task, is_there in zip(marks.values(), done, strict=True) if not is_there]


def is_done(job: Job, task: Task) -> bool:
    """Whether the result of a task is on disk and whole as far as sizes tell."""
    if task.kind is Kind.SHARD:
        return _is_shard_done(job, task.phase, task.number)
    return has_spill(_mark(job, task), job.barrier_fingerprint(task.phase))


def _mark(job: Job, task: Task) -> Place:
    """The file that is written last."""
    if task.kind is Kind.SHARD:
        return job.layout.ledger(task.phase, task.number)
    barrier, round_ = job.barrier(task.phase), job.round(task.phase, task.round)
    path = job.layout.mapped if task.kind is Kind.MAP else job.layout.reduced
    return path(task.phase, barrier.name, round_.name, task.number)


def _is_shard_done(job: Job, number: int, shard: int) -> bool:
    ledger = valid_ledger(job, number, shard)
    if ledger is None:
        return False
    if number == 1 and job.files[shard].is_split:
        obeyed = ledger.split.get("correction") == Correction.of(job, shard).digest
        if not (obeyed and has_ids(job, shard)):
            return False
    for name, receipt in ledger.outputs.items():
        path = job.layout.root / name
        if size_of(path) != receipt["bytes"]:
            return False
    if barrier := job.phase(number).exit:
        spill = job.layout.mapped(number, barrier.name, barrier.rounds[0].name, shard)
        return has_spill(spill, job.fingerprint(number, shard))
    return True
