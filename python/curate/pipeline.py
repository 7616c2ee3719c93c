"""A pipeline is a plain list of stages; a plan is that list cut at barriers into phases.

The plan checks columns before anything runs and chains a fingerprint per phase: parameters, code of the recipe's own
with what it reads, versions and inputs. A ledger is valid for its fingerprint only, so nothing stale is ever re-used.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from curate.code_identity import NOT_COVERED
from curate.errors import PlanError
from curate.io.output import Output
from curate.io.reader import InputFile, Reader
from curate.schema import INPUT_IDS, LANGUAGE
from curate.stage import Barrier, Stage

#: Major version of everything below an output folder; readers refuse another one.
FORMAT_VERSION = 1

Step = Stage | Barrier


def package_version() -> str:
    """Version of the installed package, part of every fingerprint."""
    try:
        return version("curate")
    except PackageNotFoundError:
        return "0+uninstalled"


def digest(value: Any) -> str:
    """SHA-256, as 64 hex digits, of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_files(files: Sequence[InputFile]) -> str:
    """Names input files, or splits of them, with their content, and with their names in ids that are made up."""
    return digest(
        [(f.path, f.size, f.stamp, f.start, f.stop, *([f.below] if f.below else [])) for f in files]
    )


@dataclass(frozen=True)
class Phase:
    """A run of stages between two barriers; all of them see one batch before the next is read.

    Attributes:
        number: from 1.
        entry: the barrier whose verdicts are applied first; None in the first phase.
        stages: what follows, in order.
        exit: the barrier whose first round observes what is kept; None in the last phase.
        schema: columns of the rows that leave the phase.
        reject_schema: columns that a row rejected in this phase may have.
        stale: columns that no longer describe the rows that leave.
    """

    number: int
    entry: Barrier | None
    stages: tuple[Stage, ...]
    exit: Barrier | None
    schema: pa.Schema
    reject_schema: pa.Schema
    stale: frozenset[str]

    @property
    def steps(self) -> tuple[Step, ...]:
        """What decides in this phase, in order."""
        return (*([self.entry] if self.entry else []), *self.stages)


@dataclass(frozen=True)
class Pipeline:
    """What to read, what to decide, where to write.

    Attributes:
        read: a reader, e.g. `read_warc("crawl/*.warc.gz")`.
        stages: stages and barriers in order.
        write: `write_tokens(folder)` or `write_documents(folder)`.
    """

    read: Reader
    stages: Sequence[Step]
    write: Output

    def plan(self) -> "Plan":
        """The checked plan.

        Raises:
            PlanError: a column is missing or stale, or two stages have one name.
        """
        return Plan(self.read, tuple(self.stages), self.write)


def check_step(step: object) -> None:
    """Raises a `PlanError` for what is neither a stage nor a barrier."""
    if not isinstance(step, Stage | Barrier):
        made = isinstance(step, type) and issubclass(step, Stage | Barrier)
        hint = f"write `{step.__name__}()`" if made else "decorate a function with `@cu.per_document(...)`"  # type: ignore[attr-defined]
        raise PlanError(f"{step!r} is not a stage", hint=hint)


class Columns:
    """The columns of rows on their way through steps.

    Attributes:
        stale: columns that no longer describe the rows, and who edited these.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._fields = {f.name: f for f in schema}
        self.stale: dict[str, str] = {}

    @property
    def schema(self) -> pa.Schema:
        """The columns at this point."""
        return pa.schema(self._fields.values())

    def check(self, step: Step) -> None:
        """Whether a step can run at this point.

        Raises:
            PlanError: a column that it reads is missing, stale, or not what it takes.
        """
        for name in sorted(step.reads):
            if name not in self._fields:
                raise PlanError(
                    f"stage `{step.name}` needs the column `{name}`, which nothing before it provides",
                    hint=f"columns at this point: {', '.join(self._fields)}",
                )
            if name in self.stale:
                raise PlanError(
                    f"stage `{step.name}` reads `{name}`, which `{self.stale[name]}` made stale",
                    hint="compute it again between the two, e.g. with another `cu.TextStats(label=...)`",
                )
        step.check_columns(self.schema)

    def change(self, step: Step) -> None:
        """Goes on behind a step."""
        for name in step.invalidates:
            if name in self._fields:
                self.stale[name] = step.name
        for name in step.removes:
            self._fields.pop(name, None)
        for added in step.adds:
            self._fields[added.name] = added
            self.stale.pop(added.name, None)


@dataclass(frozen=True)
class Plan:
    """A pipeline cut into phases. Constructing one checks it."""

    read: Reader
    steps: tuple[Step, ...]
    write: Output
    phases: tuple[Phase, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.read, Reader):
            raise PlanError(f"{self.read!r} is not a reader", hint="pass e.g. `read=cu.read_jsonl(path)`")
        if not isinstance(self.write, Output):
            raise PlanError(
                f"{self.write!r} is not an output",
                hint="pass `write=cu.write_documents(folder)`, or `cu.write_tokens`",
            )
        for step in self.steps:
            check_step(step)
        names = [self.read.name, *(step.name for step in self.steps)]
        for name in names:
            if names.count(name) > 1:
                raise PlanError(
                    f"two stages are called `{name}`",
                    hint="names appear in ledgers and must be unique: give one of them another label",
                )
        object.__setattr__(self, "phases", tuple(self._cut()))
        if self.write.tokens and INPUT_IDS not in self.phases[-1].schema.names:
            raise PlanError(
                "the pipeline writes tokens, but no stage makes them",
                hint="end the stages with `cu.Tokenize(...)`, or use `cu.write_documents(...)`",
            )
        if self.write.by_language and LANGUAGE not in self.phases[-1].schema.names:
            raise PlanError(
                f"one dataset per language needs the column `{LANGUAGE}`, which nothing provides",
                hint="add `cu.Language(...)`, or leave `by_language` out",
            )

    def _cut(self) -> list[Phase]:
        columns = Columns(self.read.schema)
        phases: list[Phase] = []
        entry: Barrier | None = None
        stages: list[Stage] = []
        seen = {f.name: f for f in columns.schema}

        def close(exit_: Barrier | None) -> None:
            nonlocal seen
            phases.append(
                Phase(
                    number=len(phases) + 1,
                    entry=entry,
                    stages=tuple(stages),
                    exit=exit_,
                    schema=columns.schema,
                    reject_schema=pa.schema(seen.values()),
                    stale=frozenset(columns.stale),
                )
            )
            seen = {f.name: f for f in columns.schema}

        for step in self.steps:
            columns.check(step)
            if isinstance(step, Barrier):
                close(step)
                entry, stages = step, []
            else:
                stages.append(step)
            columns.change(step)
            seen.update({added.name: added for added in step.adds})
        close(None)
        return phases

    @cached_property
    def documents_phase(self) -> int:
        """Number of the phase whose output is the result: nothing after it rejects or edits documents."""
        number = len(self.phases)
        while number > 1 and all(_only_tokenizes(step) for step in self.phases[number - 1].steps):
            number -= 1
        return number

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """One per phase; each covers all that the phase's output depends on except the input files."""
        chain = [digest([FORMAT_VERSION, package_version(), self.read.identity(), self.write.identity()])]
        for phase in self.phases:
            steps = [step.identity() for step in phase.steps]
            exit_ = phase.exit.identity() if phase.exit else None
            # Where a phase leaves its documents, and which columns they keep, depends on later phases too.
            final = (phase.number > self.documents_phase) - (phase.number < self.documents_phase)
            chain.append(digest([chain[-1], steps, exit_, final]))
        return tuple(chain[1:])

    @cached_property
    def code(self) -> Mapping[str, Any]:
        """The code of the recipe's own, by the name of who uses it; it travels with the plan once it was asked for."""
        return self._code_here()

    def _code_here(self) -> dict[str, Any]:
        return {step.name: code for step in (self.read, *self.steps) if (code := step.code())}

    def check_same_code(self) -> None:
        """Holds what a worker process imported against what the plan was made of.

        Raises:
            PlanError: it is another code, or reads other values.
        """
        here = self._code_here()
        for name, code in self.code.items():
            if digest(code) != digest(here.get(name)):
                changed = differences(code, here.get(name, {}))
                raise PlanError(
                    f"the code of `{name}` is not the same in a worker process as where the run was started\n"
                    + "\n".join(f"  {line}" for line in changed),
                    hint="worker processes import its file anew: set what it reads there, once, or give it as a "
                    "parameter with `.with_values(...)`",
                )

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What the fingerprints cannot hold, one line each."""
        return tuple(
            f"`{step.name}` reads {what}, whose content the fingerprint cannot hold: "
            "a change of it is noticed only if a parameter or a constant changes with it"
            for step in (self.read, *self.steps)
            for what in step.code().get(NOT_COVERED, ())
        )

    def shard_fingerprint(self, phase: int, shard: int, file: InputFile, every: str, shards: int) -> str:
        """What a shard's ledger must carry to be valid.

        The first phase depends on one file, so that it holds when files are added behind it; later phases depend on
        all. Token shards say in their names how many there are.

        Args:
            phase: from 1.
            shard: from 0; spills name it.
            file: that of the shard.
            every: digest of all files, see `digest_of_files`.
            shards: how many there are.
        """
        if phase > 1:
            return digest([self.fingerprints[phase - 1], shard, every])
        counted = shards if self.write.tokens and len(self.phases) == 1 else None
        return digest([self.fingerprints[0], shard, counted, digest_of_files([file])])

    def reasons(self) -> Mapping[str, Mapping[str, str]]:
        """Every reason that can occur, by the stage that gives it."""
        return {self.read.name: self.read.reasons, **{step.name: step.reasons for step in self.steps}}

    def describe(self) -> dict[str, Any]:
        """The plan as JSON values: what the manifest keeps and what two plans are compared by."""
        return {
            "read": self.read.identity(),
            "steps": {step.name: step.identity() for step in self.steps},
            "write": self.write.identity(),
            "versions": {"curate": package_version(), "format": FORMAT_VERSION},
        }

    def explain(self) -> str:
        """Phases, columns read and added, and possible reasons, for people."""
        lines = [f"read     {self.read.name}", f"           gives   {', '.join(self.read.schema.names)}"]
        lines += _reason_lines(self.read.reasons)
        for phase in self.phases:
            lines.append(f"phase {phase.number}")
            for step in phase.steps:
                verb = "apply " if isinstance(step, Barrier) else ""
                lines.append(f"  {verb}{step.name}")
                lines.append(f"           reads   {', '.join(sorted(step.reads)) or '-'}")
                if step.adds.names:
                    lines.append(f"           adds    {', '.join(step.adds.names)}")
                lines += _reason_lines(step.reasons)
            if phase.exit:
                rounds = ", ".join(r.name for r in phase.exit.rounds)
                lines.append(f"  barrier {phase.exit.name} (rounds: {rounds})")
        lines.append(f"write    {self.write.describe()}")
        lines += [f"note     {note}" for note in self.notes]
        return "\n".join(lines)


def _only_tokenizes(step: Step) -> bool:
    return not step.reasons and not step.invalidates and set(step.adds.names) <= {INPUT_IDS}


def _reason_lines(reasons: Mapping[str, str]) -> list[str]:
    return [f"           reason  {reason}: {text}" for reason, text in reasons.items()]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two plan descriptions, one line each, e.g. ``rules.min_words was 50, now 40``."""
    lines: list[str] = []

    def walk(path: str, before: Any, after: Any) -> None:
        if before == after:
            return
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            for key in [*before, *(k for k in after if k not in before)]:
                walk(f"{path}.{key}" if path else key, before.get(key), after.get(key))
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for place, (one, other) in enumerate(zip(before, after, strict=True)):
                label = one.get("reason", place) if isinstance(one, Mapping) else place
                walk(f"{path}[{label}]", one, other)
        else:
            lines.append(f"{path} was {_short(before)}, now {_short(after)}")

    walk("", old, new)
    if not lines and list(old.get("steps", ())) != list(new.get("steps", ())):
        lines.append(f"order of stages was {list(old['steps'])}, now {list(new['steps'])}")
    return lines


def _short(value: Any, limit: int = 60) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
