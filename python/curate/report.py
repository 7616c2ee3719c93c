"""Where every record went: the ledger of a shard, the totals of a run, and the funnel that people read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from curate.budget import Budget, budget
from curate.io.atomic import write_json
from curate.io.storage import Place

LEDGER_VERSION = 1
#: Below the output folder, among the ledgers.
STEP_TIMES = "ledger/steps.json"


@dataclass
class StepCount:
    """What a stage did to the rows it saw."""

    rows_in: int = 0
    rows_out: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Ledger:
    """Counts of one shard in one phase. Its file is the completion marker and names every output with its digest.

    Attributes:
        fingerprint: of the plan up to this phase and of the inputs; a ledger with another one is not valid.
        phase: from 1.
        shard: from 0.
        source: path or URL of the input file.
        steps: the reader or the entry barrier first, then the stages, in order.
        outputs: path below the output folder -> rows, bytes, sha256 (token shards: tokens too).
        quarantined: damage found in the input file, by reason.
        unparsed: rows that are not of the reader's format, by reason; damage if the file has no other rows.
        removed: documents taken down after the run.
        split: of a split of an input file: what `curate.run.splits` needs to see whether it fits those before it.
        seconds: wall time; it differs from run to run and is therefore kept nowhere else.
    """

    fingerprint: str
    phase: int
    shard: int
    source: str
    steps: dict[str, StepCount]
    rows_in: int = 0
    rows_out: int = 0
    removed: int = 0
    input_bytes: int = 0
    seconds: float = 0.0
    quarantined: dict[str, int] = field(default_factory=dict)
    unparsed: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Place) -> None:
        """Writes the ledger, atomically."""
        steps = [
            {
                "stage": name,
                "rows_in": count.rows_in,
                "rows_out": count.rows_out,
                "rejected": dict(sorted(count.rejected.items())),
                "seconds": round(count.seconds, 6),
            }
            for name, count in self.steps.items()
        ]
        value = {"version": LEDGER_VERSION, **vars(self), "steps": steps, "seconds": round(self.seconds, 6)}
        write_json(path, value)

    @classmethod
    def read(cls, path: Place) -> "Ledger | None":
        """The ledger at `path`; None if there is none of this version."""
        try:
            value = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if value.pop("version", None) != LEDGER_VERSION:
            return None
        steps = {
            step.pop("stage"): StepCount(step["rows_in"], step["rows_out"], step["rejected"], step["seconds"])
            for step in value.pop("steps")
        }
        return cls(steps=steps, **value)

    def imbalances(self) -> list[str]:
        """Where the law of conservation is broken: rows in = rows out + rejected, stage by stage."""
        where = f"phase {self.phase}, shard {self.shard}"
        found = []
        expected = self.rows_in
        for name, count in self.steps.items():
            if count.rows_in != expected:
                found.append(f"{where}: `{name}` saw {count.rows_in} rows of {expected}")
            if count.rows_in != count.rows_out + sum(count.rejected.values()):
                found.append(f"{where}: `{name}` lost rows: {count.rows_in} in, {count.rows_out} out")
            expected = count.rows_out
        if expected != self.rows_out:
            found.append(f"{where}: {expected} rows left the last stage, {self.rows_out} are recorded")
        return found


def totals(ledgers: Iterable[Ledger]) -> dict[str, Any]:
    """Sums over shards: what depends on input and plan alone, so that any two runs agree on it.

    Returns:
        `records`, `kept`, `rejected` (stage -> reason -> rows), `quarantined` (file -> reason -> count) and
        `tokens` (dataset -> rows and tokens).
    """
    ordered = sorted(ledgers, key=lambda ledger: (ledger.phase, ledger.shard))
    foreign = _foreign(ordered)
    last = max((ledger.phase for ledger in ordered), default=1)
    removed = sum(ledger.removed for ledger in ordered)
    rejected: dict[str, dict[str, int]] = {}
    tokens: dict[str, dict[str, int]] = {}
    quarantined: dict[str, dict[str, int]] = {}
    for ledger in ordered:
        for name, count in ledger.steps.items():
            reasons = rejected.setdefault(name, {})
            for reason, rows in count.rejected.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        unparsed = ledger.unparsed if ledger.source in foreign else {}
        for reason, rows in (ledger.quarantined | unparsed).items():
            damage = quarantined.setdefault(ledger.source, {})
            damage[reason] = damage.get(reason, 0) + rows
        for path, receipt in ledger.outputs.items():
            if path.startswith("tokens/"):
                split = tokens.setdefault(str(PurePosixPath(path).parent), {"rows": 0, "tokens": 0})
                split["rows"] += receipt["rows"]
                split["tokens"] += receipt["tokens"]
    return {
        "records": sum(ledger.rows_in for ledger in ordered if ledger.phase == 1),
        "kept": sum(ledger.rows_out for ledger in ordered if ledger.phase == last) - removed,
        **({"removed": removed} if removed else {}),
        "rejected": {name: dict(sorted(reasons.items())) for name, reasons in rejected.items() if reasons},
        "quarantined": {source: dict(sorted(damage.items())) for source, damage in quarantined.items()},
        "tokens": dict(sorted(tokens.items())),
    }


def _foreign(ledgers: Iterable[Ledger]) -> set[str]:
    """The files that have rows, none of them of the reader's format."""
    rows: dict[str, int] = {}
    parsed: dict[str, int] = {}
    for ledger in ledgers:
        if ledger.phase == 1:
            rows[ledger.source] = rows.get(ledger.source, 0) + ledger.rows_in
            others = ledger.rows_in - sum(ledger.unparsed.values())
            parsed[ledger.source] = parsed.get(ledger.source, 0) + others
    return {source for source in rows if rows[source] and not parsed[source]}


def step_times(path: Place) -> dict[str, float]:
    """Step -> seconds by the clock, over all starts of a run."""
    try:
        return dict(json.loads(path.read_bytes())["step_seconds"])
    except (FileNotFoundError, ValueError, KeyError):
        return {}


def add_step_time(path: Place, name: str, seconds: float) -> None:
    """Adds to the seconds of a step."""
    steps = step_times(path)
    steps[name] = round(steps.get(name, 0.0) + seconds, 6)
    write_json(path, {"step_seconds": steps})


@dataclass(frozen=True)
class Report:
    """What a finished run says of itself.

    Attributes:
        folder: the output folder.
        totals: see `totals`.
        steps: stage -> counts over all shards, in plan order.
    """

    folder: str
    totals: Mapping[str, Any]
    steps: Mapping[str, StepCount]

    @classmethod
    def of(cls, folder: str, ledgers: Iterable[Ledger]) -> "Report":
        """Sums the ledgers of a run."""
        ordered = sorted(ledgers, key=lambda ledger: (ledger.phase, ledger.shard))
        steps: dict[str, StepCount] = {}
        for ledger in ordered:
            for name, count in ledger.steps.items():
                total = steps.setdefault(name, StepCount())
                total.rows_in += count.rows_in
                total.rows_out += count.rows_out
                total.seconds += count.seconds
                for reason, rows in count.rejected.items():
                    total.rejected[reason] = total.rejected.get(reason, 0) + rows
        return cls(folder, totals(ordered), steps)

    @property
    def exit_code(self) -> int:
        """0 done, 1 done but something was quarantined."""
        return 1 if self.totals["quarantined"] else 0

    def to_json(self) -> dict[str, Any]:
        """Totals and the counts of every stage; seconds stay in the ledgers, so that equal runs report alike."""
        steps = {
            name: {"rows_in": c.rows_in, "rows_out": c.rows_out, "rejected": c.rejected}
            for name, c in self.steps.items()
        }
        budgets = {name: told.to_json() for name, told in self.budgets().items()}
        return {"totals": self.totals, "stages": steps, "budgets": budgets}

    def budgets(self, parameters: int | None = None) -> dict[str, Budget]:
        """What the tokens of each training split are worth: for a given model, else for the optimal one."""
        return {
            name: budget(count["tokens"], parameters)
            for name, count in self.totals["tokens"].items()
            if name.endswith("/train")
        }

    def table(self) -> Table:
        """The funnel: rows in, rows out and reasons, stage by stage."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("stage")
        for title in ("in", "out", "kept"):
            table.add_column(title, justify="right")
        table.add_column("rejected for")
        table.add_column("seconds", justify="right")
        for name, count in self.steps.items():
            share = f"{count.rows_out / count.rows_in:.1%}" if count.rows_in else "-"
            reasons = sorted(count.rejected.items(), key=lambda item: (-item[1], item[0]))
            table.add_row(
                name,
                f"{count.rows_in:,}",
                f"{count.rows_out:,}",
                share,
                ", ".join(f"{reason} {rows:,}" for reason, rows in reasons) or "-",
                f"{count.seconds:.2f}",
            )
        return table

    def funnel(self, width: int = 110) -> str:
        """The funnel as plain text."""
        console = Console(width=width, color_system=None, file=None, record=True, quiet=False)
        with console.capture() as capture:
            self.print(console)
        return capture.get()

    def print(self, console: Console) -> None:
        """Prints the funnel and what came out of it."""
        console.print(self.table())
        console.print(f"records {self.totals['records']:,} · kept {self.totals['kept']:,}", highlight=False)
        for dataset, count in self.totals["tokens"].items():
            line = f"{dataset}: {count['rows']:,} documents, {count['tokens']:,} tokens"
            console.print(line, highlight=False)
        for sentence in (s for told in self.budgets().values() for s in told.sentences()):
            console.print(f"compute-optimal: {sentence}", highlight=False)
        for source, reasons in self.totals["quarantined"].items():
            damage = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
            console.print(f"quarantined {source}: {damage}", highlight=False)
