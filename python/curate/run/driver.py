"""Running a plan to its end: what is left to do, in which order, and what is written when all is done."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter, time
from typing import Any, Protocol

from curate.errors import CurateError, OutputError, PlanError
from curate.io.atomic import remove_leftovers, temporary_name, write_json
from curate.io.spill import DamagedSpillError
from curate.io.storage import Place, holds, listing, place, remove_tree, size_of
from curate.pipeline import Pipeline, differences
from curate.report import Ledger, Report, add_step_time
from curate.report_page import REPORT_HTML, REPORT_JSON
from curate.run.finish import read_manifest, write_artifacts, write_results
from curate.run.job import Job, Task
from curate.run.layout import Layout
from curate.run.local import Execute, Local
from curate.run.lock import LOCK, locked
from curate.run.part_times import add_parts, note_part
from curate.run.remove import finish_removal, refuse_renamed, reopen_removal
from curate.run.steps import SPLITS, Step, part_of, step_named, steps, tasks_left, undone, valid_ledger
from curate.schema import MAX_SHARDS
from curate.stage import PerDocument

_log = logging.getLogger("curate")

#: The name of the step that makes the output folder and its manifest.
OPEN = "open"


class Executor(Protocol):
    """Runs independent tasks of a job; each task is done when its result is on disk."""

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        """Gives what does the tasks of the job's steps, one step after the other."""


class Watcher(Protocol):
    """Is told how a run goes on; progress displays implement it."""

    def begin(self, title: str, done: int, total: int) -> None:
        """A group of tasks starts; `done` of `total` are valid from an earlier start."""

    def advance(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """A task did some rows and bytes, of which `kept` rows are left, or finished."""

    def end(self) -> None:
        """The group is done, or was stopped by an error."""


class Silent:
    """A watcher that shows nothing."""

    def begin(self, title: str, done: int, total: int) -> None:
        """Shows nothing."""

    def advance(self, task: Task, rows: int, size: int, finished: bool, kept: int = 0, /) -> None:
        """Shows nothing."""

    def end(self) -> None:
        """Shows nothing."""


def run(
    pipeline: Pipeline,
    executor: Executor | None = None,
    *,
    restart: bool = False,
    watcher: Watcher | None = None,
) -> Report:
    """Runs a pipeline; what valid ledgers say is done is not done again.

    Args:
        pipeline: what to read, decide and write.
        executor: default `Local()`.
        restart: replace the output of another plan; phases whose fingerprints still hold are re-used.
        watcher: is told how it goes on.

    Returns:
        The report; its `exit_code` is 1 if something was quarantined.

    Raises:
        PlanError: the pipeline cannot run.
        OutputError: the folder belongs to another plan and `restart` is not set, or another process writes there.
        FileNotFoundError: an input is missing.
        CurateError: a stage failed.
    """
    job = _job(pipeline)
    with locked(job.layout.root):
        return _run(job, executor or Local(), watcher or Silent(), restart=restart)


def _run(job: Job, executor: Executor, watcher: Watcher, *, restart: bool) -> Report:
    if (report := _finished(job, restart=restart)) is not None:
        return report
    for note in job.plan.notes:
        _log.warning("%s", note)
    _open_output(job)
    rebuilt: set[Place] = set()
    while True:
        try:
            with executor.start(job) as execute:
                for step in steps(job):
                    _run_whole_step(job, step, execute, watcher)
            return _finish(job)
        except DamagedSpillError as damaged:
            _discard_damaged(damaged.path, rebuilt, watcher)
        except CurateError:
            remove_leftovers(job.layout.root)  # other workers were stopped in the middle of a file
            raise


def run_part(
    pipeline: Pipeline,
    step: str,
    part: int,
    parts: int,
    executor: Executor | None = None,
    *,
    watcher: Watcher | None = None,
) -> None:
    """Does one part of one step of a run: what each job of a scheduler's array does, on storage that all share.

    When every part of every step has ended, `run` writes the report; it also does what may still be missing.

    Args:
        pipeline: the same in every job.
        step: one of `step_names`.
        part: from 0 to `parts` - 1.
        parts: into how many the tasks of the step are divided.
        executor: default `Local()`.
        watcher: is told how it goes on.

    Raises:
        CurateError: there is no such step or part, or an earlier step is not done.
        OutputError: the output folder belongs to another plan, or a whole run writes to it.
    """
    if not 0 <= part < parts:
        raise CurateError(f"there is no part {part} of {parts}", hint="parts are numbered from 0")
    job = _job(pipeline)
    with locked(job.layout.root, shared=True):
        _run_part(job, step, part, parts, executor or Local(), watcher or Silent())


def _run_part(job: Job, step: str, part: int, parts: int, executor: Executor, watcher: Watcher) -> None:
    if _finished(job, restart=False) is not None:
        return
    if step == OPEN:
        if part == 0:  # one process alone: they would write the same file at once
            _open_output(job)
        return
    if read_manifest(job.layout) is None:
        raise CurateError(
            f"step `{step}` needs step `{OPEN}`", hint="start the steps in the order of `--steps`"
        )
    chosen = step_named(job, step)
    if step == SPLITS and part:  # later splits wait for the earlier ones of their file
        return
    with executor.start(job) as execute:
        if parts == 1:
            _run_whole_step(job, chosen, execute, watcher)
            return
        began = time()
        if _run_step(job, chosen, execute, watcher, part_of(chosen.tasks, part, parts)):
            note_part(job.layout, step, part, began, time())


def step_names(pipeline: Pipeline) -> list[str]:
    """The names of a run's steps, in order."""
    return [OPEN, *(step.name for step in steps(_job(pipeline)))]


def _job(pipeline: Pipeline) -> Job:
    plan = pipeline.plan()
    for step in plan.steps:
        if isinstance(step, PerDocument):
            step.address()  # before anything is written
    job = Job(plan, plan.read.shards(), Layout(place(plan.write.folder)))
    if not job.files:
        raise PlanError(f"`{plan.read.name}` names no input file", hint="give at least one path or pattern")
    if len(job.files) > MAX_SHARDS:
        raise PlanError(
            f"the input is {len(job.files):,} files and splits of files, of which a run takes {MAX_SHARDS:,}",
            hint="make it several runs, or read longer splits (`split_bytes`)",
        )
    _refuse_own_memory(job)
    _refuse_own_input(job)
    return job


def _discard_damaged(path: Place, rebuilt: set[Place], watcher: Watcher) -> None:
    """Removes a spill, so that the next pass, which finds all else done, makes it again.

    Raises:
        CurateError: it was damaged again.
    """
    if path in rebuilt:
        raise CurateError(f"the spill `{path}` is damaged again", hint="check the disk")
    rebuilt.add(path)
    path.unlink(missing_ok=True)
    with _told(watcher, f"damaged, made again: {path}", 0, 0):
        pass


def _refuse_own_memory(job: Job) -> None:
    for address in (str(job.layout.root), *(file.path for file in job.files)):
        if address.startswith("memory://"):
            raise PlanError(
                f"`{address}` is in the memory of this process, where no worker sees it",
                hint="name a local path, or the address of a store that every worker reaches",
            )


def _refuse_own_input(job: Job) -> None:
    for file in job.files:
        if holds(job.layout.root, file.path):
            raise OutputError(
                f"the input `{file.path}` lies in the output folder `{job.layout.root}`, where files are replaced",
                hint="choose another output folder",
            )


def _finished(job: Job, *, restart: bool) -> Report | None:
    """The report of a run that is already done; None if there is something to do.

    Raises:
        OutputError: another plan wrote here, and `restart` is not set.
    """
    layout = job.layout
    manifest = read_manifest(layout)
    if manifest is None:
        # All there is when a kill came at the very beginning.
        first = {temporary_name(layout.manifest.name), LOCK}
        strange = layout.root.is_dir() and any(path.name not in first for path in layout.root.iterdir())
        if strange and not layout.ledgers.is_dir():
            raise OutputError(
                f"output folder `{layout.root}` is not empty and holds no run",
                hint="choose an empty or a new folder",
            )
        return None
    if manifest["fingerprint"] == _fingerprint(job):
        if manifest["complete"]:
            finish_removal(layout)
        if not (manifest["complete"] and _all_done(job) and _has_artifacts(layout, manifest)):
            return None
        _close_work(job)  # a kill may have come between the manifest and this
        return Report.of(str(layout.root), _ledgers(job))
    if not restart:
        changed = differences({**manifest["plan"], "inputs": manifest["inputs"]}, _description(job))
        raise OutputError(
            f"output folder `{layout.root}` was written by a different plan\n"
            + "\n".join(f"  {line}" for line in changed[:12]),
            hint="choose another output folder, or pass `--restart` to replace what no longer holds",
        )
    refuse_renamed(layout, manifest["inputs"], job.files)
    _discard_stale(job, manifest.get("artifacts", {}))
    return None


def _close_work(job: Job) -> None:
    if not job.plan.write.keep_work:
        remove_tree(job.layout.work)


def _fingerprint(job: Job) -> str:
    return job.barrier_fingerprint(len(job.plan.phases))


def _description(job: Job) -> dict[str, Any]:
    inputs = {file.path: {"bytes": file.size, "stamp": file.stamp} for file in job.files}
    return {**job.plan.describe(), "inputs": inputs}


def _open_output(job: Job) -> None:
    layout = job.layout
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to `{layout.root}`: {error.strerror}") from error
    reopen_removal(layout)
    earlier = read_manifest(layout) or {}
    description = _description(job)
    write_json(
        layout.manifest,
        {
            "version": description["versions"]["format"],
            "complete": False,
            "fingerprint": _fingerprint(job),
            "inputs": description.pop("inputs"),
            "plan": description,
            "reasons": job.plan.reasons(),
            # A run that was stopped at its very end has written some of them.
            "artifacts": earlier.get("artifacts", {}),
        },
    )


def _discard_stale(job: Job, artifacts: Iterable[str]) -> None:
    """Removes ledgers whose fingerprint no longer holds, with their outputs, and every derived result.

    `artifacts` are what the manifest of the earlier plan names beside the tables.
    """
    layout = job.layout
    keep: set[Place] = set()
    for path in listing(layout.ledgers, "*.json"):
        ledger = Ledger.read(path)
        current = (
            ledger is not None
            and ledger.phase <= len(job.plan.phases)
            and ledger.shard < len(job.files)
            and ledger.fingerprint == job.fingerprint(ledger.phase, ledger.shard)
        )
        if ledger is not None and current:
            keep.update(layout.root / name for name in ledger.outputs)
        else:
            path.unlink()
    for folder in ("documents", "rejects", "counts", "tokens"):
        for path in listing(layout.root / folder, "**/*"):
            if path.is_file() and path not in keep:
                path.unlink()
    for name in (REPORT_HTML, *artifacts):
        (layout.root / name).unlink(missing_ok=True)
    remove_tree(layout.root / "tokenizer")


def _run_whole_step(job: Job, step: Step, execute: Execute, watcher: Watcher) -> None:
    started = perf_counter()
    if _run_step(job, step, execute, watcher, step.tasks):
        add_step_time(job.layout.step_times, step.name, perf_counter() - started)


def _run_step(job: Job, step: Step, execute: Execute, watcher: Watcher, part: Sequence[Task]) -> bool:
    """Whether there was anything to do."""
    if step.name == SPLITS:
        found = False
        while todo := tasks_left(job, step):
            found = True
            with _told(watcher, step.title, 0, len(todo)):
                execute(todo, watcher.advance)
        return found
    todo = undone(job, part)
    with _told(watcher, step.title, len(part) - len(todo), len(part)):
        execute(todo, watcher.advance)
    return bool(todo)


@contextmanager
def _told(watcher: Watcher, title: str, done: int, total: int) -> Iterator[None]:
    """Tells that a group starts and that it ends, however it ends."""
    watcher.begin(title, done, total)
    try:
        yield
    finally:
        watcher.end()


def _all_done(job: Job) -> bool:
    shards = range(len(job.files))
    ledgers = [valid_ledger(job, phase.number, shard) for phase in job.plan.phases for shard in shards]
    return all(
        ledger is not None and all(_is_whole(job, name, ledger) for name in ledger.outputs)
        for ledger in ledgers
    )


def _has_artifacts(layout: Layout, manifest: dict[str, Any]) -> bool:
    named = {**manifest.get("artifacts", {})}
    named.pop(REPORT_JSON, None)  # made from counts at any time, by `python -m curate report`
    return all(size_of(layout.root / name) == receipt["bytes"] for name, receipt in named.items())


def _is_whole(job: Job, name: str, ledger: Ledger) -> bool:
    path = job.layout.root / name
    if job.layout.work in path.parents:
        return True  # removed when the run was done
    return bool(size_of(path) == ledger.outputs[name]["bytes"])


def _ledgers(job: Job) -> list[Ledger]:
    found = []
    for phase in job.plan.phases:
        for shard in range(len(job.files)):
            ledger = valid_ledger(job, phase.number, shard)
            if ledger is None:
                path = job.layout.ledger(phase.number, shard)
                raise CurateError(f"the ledger `{path}` is missing or of another plan")
            found.append(ledger)
    return found


def _finish(job: Job) -> Report:
    """Artifacts, token indexes, the report and the manifest; what kills left and the work folder go."""
    layout = job.layout
    write_artifacts(job)
    remove_leftovers(layout.root)
    add_parts(layout, steps(job))
    ledgers = _ledgers(job)
    write_results(job, ledgers)
    finish_removal(layout)
    _close_work(job)
    return Report.of(str(layout.root), _ledgers(job))
