"""What an executor ships to its workers: a job, and the tasks cut from it."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from curate.io.reader import InputFile
from curate.pipeline import Phase, Plan, digest, digest_of_files
from curate.run.layout import Layout
from curate.stage import Barrier, Round


@dataclass(frozen=True)
class Job:
    """One run: a plan, its input files (one shard each, in order) and the output folder."""

    plan: Plan
    files: tuple[InputFile, ...]
    layout: Layout

    def __post_init__(self) -> None:
        _ = self.plan.code  # of the process that makes the job, for those that it is sent to

    def source(self, task: "Task") -> str | None:
        """The input file of a task; None where it is of all."""
        return None if task.kind is Kind.REDUCE else self.files[task.number].path

    def phase(self, number: int) -> Phase:
        """The phase of that number, from 1."""
        return self.plan.phases[number - 1]

    def barrier(self, number: int) -> Barrier:
        """The barrier that ends the phase of that number."""
        barrier = self.phase(number).exit
        assert barrier is not None
        return barrier

    def round(self, number: int, index: int) -> Round:
        """The index-th round, from 0, of the barrier that ends the phase."""
        return self.barrier(number).rounds[index]

    def fingerprint(self, number: int, shard: int) -> str:
        """What makes a shard's result in this phase valid."""
        return self.plan.shard_fingerprint(
            number, shard, self.files[shard], self._every_file, len(self.files)
        )

    @cached_property
    def _every_file(self) -> str:
        return digest_of_files(self.files)

    def barrier_fingerprint(self, number: int) -> str:
        """What makes the rounds of the barrier that ends this phase valid: they depend on every shard."""
        return self._barrier_fingerprints[number - 1]

    @cached_property
    def _barrier_fingerprints(self) -> list[str]:
        shards = range(len(self.files))
        numbers = range(1, len(self.plan.phases) + 1)
        return [digest([self.fingerprint(number, shard) for shard in shards]) for number in numbers]


class Kind(StrEnum):
    """What a task does."""

    SHARD = "shard"  # a phase over one shard, with the first round's map
    MAP = "map"  # a later round's map over one shard
    REDUCE = "reduce"  # a round's reduce over one partition


class Task(NamedTuple):
    """The unit that a worker does and that is retried: `number` is that of a shard or a partition."""

    kind: Kind
    phase: int
    round: int
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of phase {self.phase}"
