"""From what a sample cost to what the whole will: linear in the input, bounded by what runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from curate.io.reader import InputFile
from curate.pipeline import Plan
from curate.run.job import Kind
from curate.sizing.measure import Measured, StepCost

#: Processor time of starting the workers of a run, most of it imports of what they are forked from; measured.
START_SECONDS = 0.7
#: Memory of a worker that has been at it for long, by what the sample took: it keeps what it frees, in ever smaller
#: pieces. Measured on 0.1 to 0.4 GB of HTML, see docs/sizing.md.
WORKER_GROWTH = 1.35
#: Memory of a reduce per byte of spilled rows with different keys: keys of variable length go into a table, others are
#: sorted. Measured, see docs/sizing.md. The spilled rows themselves are mapped, and need none of their own.
MEMORY_PER_VARYING_KEY_BYTE = 10.0
MEMORY_PER_KEY_BYTE = 4.5


@dataclass(frozen=True)
class StepEstimate:
    """What a step will cost.

    Attributes:
        name: of the step.
        core_seconds: processor time of all its tasks.
        tasks: how many there are; more cores than tasks do not help.
        wall_seconds: with the cores at hand.
        memory_bytes: of a worker in it; None if not known.
        mapped_bytes: of files that it maps, which the kernel may drop and read again.
        stages: a phase: processor time by stage.
    """

    name: str
    core_seconds: float
    tasks: int
    wall_seconds: float
    memory_bytes: float | None
    mapped_bytes: float
    stages: dict[str, float]


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        measured: what it is scaled from.
        files: of the whole input.
        bytes: of the whole input.
        cores: that work on it.
        price: of a core for an hour; None = money is not told.
        steps: in order; the last is what one process does in the end.
        disk_bytes: most at any time.
        output_bytes: that stay.
        records, kept, tokens: of the whole.
    """

    measured: Measured
    files: int
    bytes: int
    cores: int
    price: float | None
    steps: tuple[StepEstimate, ...]
    disk_bytes: float
    output_bytes: float
    records: float
    kept: float
    tokens: float

    @property
    def core_seconds(self) -> float:
        """Processor time."""
        return sum(step.core_seconds for step in self.steps)

    @property
    def wall_seconds(self) -> float:
        """By the clock, if every core is ours and the input arrives as fast as it is read."""
        return sum(step.wall_seconds for step in self.steps)

    @property
    def money(self) -> float | None:
        """All cores, as long as it takes."""
        return None if self.price is None else self.price * self.cores * self.wall_seconds / 3600

    @property
    def largest(self) -> StepEstimate | None:
        """The step whose workers need most memory."""
        known = [step for step in self.steps if step.memory_bytes is not None]
        return max(known, key=lambda step: step.memory_bytes or 0.0, default=None)

    def lines(self) -> list[str]:
        """For people."""
        sampled = self.measured
        told = [
            f"estimate for {self.files:,} files, {quantity(self.bytes, 'B')}, on {self.cores} cores; from "
            f"{quantity(sampled.bytes, 'B')} of {sampled.files:,} files, {sampled.seconds:.1f} s of processor time",
            f"  {'step':44} {'core time':>10} {'time':>10} {'tasks':>9} {'memory':>9}",
        ]
        for step in self.steps:
            memory = "-" if step.memory_bytes is None else quantity(step.memory_bytes, "B")
            told.append(
                f"  {step.name:44} {span(step.core_seconds):>10} {span(step.wall_seconds):>10} "
                f"{step.tasks:>9,} {memory:>9}"
            )
            told += [f"    {name:42} {span(seconds):>10}" for name, seconds in step.stages.items()]
        told.append(f"  {'all':44} {span(self.core_seconds):>10} {span(self.wall_seconds):>10}")
        if self.money is not None:
            told.append(f"  money   {self.money:,.2f} at {self.price:g} for a core and hour")
        if (largest := self.largest) is not None and largest.memory_bytes is not None:
            told.append(f"  memory  {quantity(largest.memory_bytes, 'B')} a worker, set by {largest.name}")
            if largest.mapped_bytes:
                told[-1] += f", which maps {quantity(largest.mapped_bytes, 'B')} beside"
        told.append(
            f"  disk    {quantity(self.disk_bytes, 'B')} at most, {quantity(self.output_bytes, 'B')} of it stay"
        )
        result = f"{quantity(self.records)} records, {quantity(self.kept)} documents kept"
        told.append(
            f"  result  {result}, {quantity(self.tokens)} tokens" if self.tokens else f"  result  {result}"
        )
        return told

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        largest = self.largest
        return {
            "files": self.files,
            "bytes": self.bytes,
            "cores": self.cores,
            "core_seconds": self.core_seconds,
            "wall_seconds": self.wall_seconds,
            "money": self.money,
            "memory_bytes": largest.memory_bytes if largest else None,
            "memory_step": largest.name if largest else None,
            "disk_bytes": self.disk_bytes,
            "output_bytes": self.output_bytes,
            "records": self.records,
            "kept": self.kept,
            "tokens": self.tokens,
            "steps": {step.name: step.core_seconds for step in self.steps},
        }


def estimate(
    plan: Plan,
    files: Sequence[InputFile],
    measured: Measured,
    *,
    cores: int,
    count: int | None = None,
    price: float | None = None,
) -> Estimate:
    """Scales what a sample cost to the input, or to `count` files like those of the input.

    Args:
        plan: of the recipe.
        files: the input.
        measured: of a sample of it.
        cores: that work on it.
        count: files; None = as many as there are.
        price: of a core for an hour, in any currency.
    """
    sizes = [file.size for file in files if file.size is not None]
    mean = sum(sizes) / len(sizes) if sizes else measured.bytes / max(measured.files, 1)
    number = len(files) if count is None else count
    whole = round(mean * number)
    factor = whole / measured.bytes if measured.bytes else 0.0
    size = plan.read.split_size
    each = max(1, -(-round(mean) // size)) if size else 1
    shards = number * each
    steps = [_scaled(step, factor, shards, cores) for step in measured.steps]
    # In the end the counts of every table are added up, however long the tables are.
    end = _scaled(measured.finish, shards / measured.steps[0].tasks, 1, 1)
    core_seconds, wall_seconds = end.core_seconds + START_SECONDS, end.wall_seconds + START_SECONDS
    steps.append(replace(end, core_seconds=core_seconds, wall_seconds=wall_seconds))
    return Estimate(
        measured=measured,
        files=number,
        bytes=whole,
        cores=cores,
        price=price,
        steps=tuple(steps),
        disk_bytes=measured.disk_bytes + measured.disk_grows * (factor - 1),
        output_bytes=measured.output_bytes + measured.output_grows * (factor - 1),
        records=measured.records * factor,
        kept=measured.kept * factor,
        tokens=measured.tokens * factor,
    )


def _scaled(step: StepCost, factor: float, shards: int, cores: int) -> StepEstimate:
    """A phase and a map have a task per shard, a reduce has as many as before: each of these grows."""
    tasks = max(step.tasks if step.kind is Kind.REDUCE else shards, 1)
    workers = min(cores, tasks)
    seconds = step.seconds + step.grows * (factor - 1)
    memory: float | None = None
    if step.peak_bytes is not None:
        memory = WORKER_GROWTH * step.peak_bytes
        if step.kind is Kind.REDUCE and factor > 1:
            each = MEMORY_PER_VARYING_KEY_BYTE if step.keys_vary else MEMORY_PER_KEY_BYTE
            memory += each * step.keys_bytes / tasks * (factor**step.keys_growth - 1)
    stages = {name: share * step.grows * factor for name, share in step.stages.items()}
    mapped = step.rows_bytes / tasks * factor
    return StepEstimate(step.name, seconds, tasks, seconds / workers, memory, mapped, stages)


def quantity(value: float, unit: str = "") -> str:
    """A number with its thousands: `1.23 TB`, `45.6 M`."""
    for size, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}".rstrip()


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for size, unit in ((86400 * 365.25, "years"), (86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit != "years" else 1):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
