"""What a part of the input costs, step by step: a real run of it, in this process, into a temporary folder."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.io.reader import InputFile, Reader, splits
from curate.io.spill import gather
from curate.pipeline import Pipeline
from curate.processes import forget_peak, keep_freed_memory, peak_bytes, usage
from curate.report import Ledger
from curate.report_page.facts import summary_of
from curate.run.driver import run
from curate.run.job import Job, Kind, Task
from curate.run.local import Execute, OnProgress
from curate.run.phase import run_task
from curate.run.suspects import Attempt
from curate.stage import Outcome

#: Input measured, and its pieces.
SAMPLE_BYTES = 32 << 20
PIECE_BYTES = 4 << 20


@dataclass
class StepCost:
    """What a step of the sample cost.

    Attributes:
        name: of the phase or of the barrier's round.
        kind: of its tasks.
        seconds: of processor time.
        grows: how many of these grow with the input; the others are there whatever its size.
        tasks: how many there were.
        peak_bytes: most memory of the process in any of them; None where nobody knows.
        rows_bytes: a reduce: spilled rows that its tasks were given.
        keys_bytes: a reduce: of these, those of rows with different keys, which is what a task has to hold.
        keys_growth: a reduce: with which power of the rows the keys grow; 1 where every row has its own.
        keys_vary: a reduce: whether keys are of variable length.
        stages: a phase: share of the seconds by stage, what is left being reading verdicts and writing tables.
    """

    name: str
    kind: Kind
    seconds: float = 0.0
    grows: float = 0.0
    tasks: int = 0
    peak_bytes: int | None = None
    rows_bytes: int = 0
    keys_bytes: int = 0
    keys_growth: float = 1.0
    keys_vary: bool = False
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What the sample cost.

    Attributes:
        files: input files it is from.
        bytes: of input, as they are on disk.
        records: found in it.
        kept: documents.
        tokens: of all datasets.
        steps: in order.
        finish: what is done once in the end: indexes, report.
        disk_bytes: most bytes in the output folder at any time.
        output_bytes: bytes in it when all was done.
        disk_grows, output_grows: how many of these grow with the input; a tokenizer, for one, does not.
    """

    files: int
    bytes: int
    records: int
    kept: int
    tokens: int
    steps: tuple[StepCost, ...]
    finish: StepCost
    disk_bytes: int
    output_bytes: int
    disk_grows: float
    output_grows: float

    @property
    def seconds(self) -> float:
        """Processor time altogether."""
        return sum(step.seconds for step in (*self.steps, self.finish))


def measure(pipeline: Pipeline, files: Sequence[InputFile]) -> Measured:
    """Runs the pipeline over these files or splits of files.

    Before that it runs twice over the first one alone: to load models and take memory, as a worker has that has been
    at it for a while; then to see what barriers cost that are given next to nothing. From then on this process keeps
    what it frees, as workers do.

    Raises:
        CurateError: a stage failed.
    """
    keep_freed_memory()
    _measure(pipeline, files[:1])
    least, whole = _measure(pipeline, files[:1]), _measure(pipeline, files)
    if whole.bytes > least.bytes:
        more = whole.bytes / (whole.bytes - least.bytes)

        def growing(all_of_it: float, of_the_first: float) -> float:
            return min(max((all_of_it - of_the_first) * more, 0.0), all_of_it)

        whole = replace(
            whole,
            disk_grows=growing(whole.disk_bytes, least.disk_bytes),
            output_grows=growing(whole.output_bytes, least.output_bytes),
        )
        for one, cost in zip(least.steps, whole.steps, strict=True):
            if cost.kind is Kind.REDUCE:
                if one.keys_bytes and cost.keys_bytes > one.keys_bytes:
                    power = log(cost.keys_bytes / one.keys_bytes) / log(cost.rows_bytes / one.rows_bytes)
                    cost.keys_growth = min(power, 1.0)
                cost.grows = growing(cost.seconds, one.seconds)
    return whole


def sample(files: Sequence[InputFile], sample_bytes: int = SAMPLE_BYTES) -> list[InputFile]:
    """The first pieces of files spread over the input, together about `sample_bytes`; all of it if it is small."""
    sizes = [file.size for file in files if file.size is not None]
    if len(sizes) == len(files) and sum(sizes) <= sample_bytes:
        return [piece for file in files for piece in splits(file, PIECE_BYTES)]
    wanted = max(1, sample_bytes // PIECE_BYTES)
    each = sum(min(size, PIECE_BYTES) for size in sizes) / len(sizes) if sizes else PIECE_BYTES
    count = min(len(files), max(1, round(sample_bytes / max(each, 1))))
    chosen = [files[place * len(files) // count] for place in range(count)]
    return [piece for file in chosen for piece in splits(file, PIECE_BYTES)[: max(1, wanted // count)]]


@dataclass(frozen=True)
class _Part(Reader):
    """Some shards of a reader's input."""

    urls: tuple[str, ...]
    whole: Reader
    parts: tuple[InputFile, ...]

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def schema(self) -> pa.Schema:
        return self.whole.schema

    @property
    def reasons(self) -> Mapping[str, str]:
        return self.whole.reasons

    @property
    def damage(self) -> frozenset[str]:
        return self.whole.damage

    @property
    def unparsed(self) -> frozenset[str]:
        return self.whole.unparsed

    def read(self, file: InputFile) -> Iterator[Outcome]:
        return self.whole.read(file)

    def files(self) -> tuple[InputFile, ...]:
        return self.parts

    def shards(self) -> tuple[InputFile, ...]:
        return self.parts

    def identity(self) -> dict[str, Any]:
        return self.whole.identity()

    def code(self) -> dict[str, Any]:
        return self.whole.code()


class _Here:
    """An executor that does every task in this process and writes down what it cost."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self.steps: dict[tuple[Kind, int, int], StepCost] = {}
        self.disk_bytes = 0

    def start(self, job: Job) -> AbstractContextManager[Execute]:
        """What does tasks of the job in order."""
        return nullcontext(partial(self._execute, job))

    def _execute(self, job: Job, tasks: Sequence[Task], on_progress: OnProgress, /) -> None:
        for task in tasks:
            cost = self.steps.setdefault(task[:3], StepCost(_name(job, task), task.kind))
            forget_peak()
            started = _seconds()
            run_task(job, task, Attempt())
            cost.seconds += _seconds() - started
            cost.tasks += 1
            cost.peak_bytes = max(filter(None, (cost.peak_bytes, peak_bytes())), default=None)
            if task.kind is Kind.REDUCE:
                _add_rows(cost, job, task)
            on_progress(task, 0, 0, True)
        self.disk_bytes = max(self.disk_bytes, _size(self._output))


def _measure(pipeline: Pipeline, files: Sequence[InputFile]) -> Measured:
    with tempfile.TemporaryDirectory(prefix="curate-sizing-") as folder:
        output = Path(folder) / "out"
        here = _Here(output)
        part = Pipeline(
            _Part(pipeline.read.urls, pipeline.read, tuple(files)),
            pipeline.stages,
            replace(pipeline.write, folder=str(output)),
        )
        started = _seconds()
        report = run(part, here)
        seconds = max(_seconds() - started - sum(cost.seconds for cost in here.steps.values()), 0.0)
        ledgers = [
            ledger
            for path in sorted((output / "ledger").glob("phase-*.json"))
            if (ledger := Ledger.read(path))
        ]
        for (kind, phase, _), cost in here.steps.items():
            if kind is Kind.SHARD:
                own = [ledger for ledger in ledgers if ledger.phase == phase]
                cost.stages = _stages(own)
            cost.grows = cost.seconds
        started = _seconds()
        summary_of(output)
        counting = min(_seconds() - started, seconds)
        return Measured(
            files=len({file.path for file in files}),
            bytes=sum(_bytes_read(ledger) for ledger in ledgers if ledger.phase == 1),
            records=report.totals["records"],
            kept=report.totals["kept"],
            tokens=sum(dataset["tokens"] for dataset in report.totals["tokens"].values()),
            steps=tuple(here.steps.values()),
            finish=StepCost("start, indexes and report", Kind.REDUCE, seconds, counting, tasks=1),
            disk_bytes=here.disk_bytes,
            output_bytes=(size := _size(output)),
            disk_grows=here.disk_bytes,
            output_grows=size,
        )


def _name(job: Job, task: Task) -> str:
    if task.kind is Kind.SHARD:
        return f"phase {task.phase}"
    return f"{job.barrier(task.phase).name}: {job.round(task.phase, task.round).name} ({task.kind})"


def _seconds() -> float:
    """Processor time: a machine that others use as well must not make a run look longer than it is."""
    used = usage()
    return time.process_time() + (used.seconds_below if used else 0.0)


def _stages(ledgers: Sequence[Ledger]) -> dict[str, float]:
    whole = sum(ledger.seconds for ledger in ledgers) or 1.0
    shares: dict[str, float] = {}
    for ledger in ledgers:
        for name, count in ledger.steps.items():
            shares[name] = shares.get(name, 0.0) + count.seconds / whole
    return shares


def _bytes_read(ledger: Ledger) -> int:
    """A file that cannot be divided is read whole by its first split."""
    if "end" in ledger.split:
        return int(ledger.split["end"] - ledger.split["begin"])
    return ledger.input_bytes


def _add_rows(cost: StepCost, job: Job, task: Task) -> None:
    """Notes what a reduce was given: the first column of its rows is the key."""
    barrier, round_ = job.barrier(task.phase), job.round(task.phase, task.round)
    shards = range(len(job.files))
    rows = gather(
        (job.layout.mapped(task.phase, barrier.name, round_.name, shard) for shard in shards), task.number
    )
    if not rows.num_rows:
        return
    cost.rows_bytes += rows.nbytes
    with suppress(pa.ArrowNotImplementedError):  # not bytes
        lengths = pc.min_max(pc.binary_length(rows.column(0))).as_py()
        cost.keys_vary |= lengths["min"] != lengths["max"]
    different = rows.num_rows
    with suppress(pa.ArrowNotImplementedError):  # keys of a kind that cannot be compared: each counts
        different = pc.count_distinct(rows.column(0)).as_py()
    cost.keys_bytes += round(rows.nbytes * different / rows.num_rows)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
