"""What other limits would change in a finished run, told from stored signals: no text is read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import PlanError
from curate.io.storage import listing, local_copy, place
from curate.run.finish import finished_manifest
from curate.run.layout import Layout
from curate.schema import ID, LANGUAGE, REASON, SIGNALS, STAGE
from curate.stages.quality import Rules
from curate.stages.rule_tables import Rule, RuleTable


@dataclass
class Change:
    """What other limits would do at one stage.

    Attributes:
        stage: name of the stage, which is its rule table's.
        limits: rule to the limit of the run and the one that was tried.
        passed: rows that the stage dropped and would let pass, by the reason they had. Later stages may drop them.
        dropped: rows that passed the stage and would be dropped, by the new reason.
        unchanged: rows judged as before; rows dropped for another reason of the stage than before are among them.
        not_judged: rows that passed and were measured again later, or without signals: nobody can tell.
    """

    stage: str
    limits: dict[str, tuple[float, float]]
    passed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    not_judged: int = 0

    def sentences(self) -> list[str]:
        """One line each."""
        lines = [f"{self.stage}: {rule} {old:g} -> {new:g}" for rule, (old, new) in self.limits.items()]
        for told, rows in (("would pass, dropped as", self.passed), ("would drop as", self.dropped)):
            lines += [f"  {count} {told} {reason}" for reason, count in sorted(rows.items())]
        lines.append(f"  {self.unchanged} as before")
        if self.not_judged:
            lines.append(
                f"  {self.not_judged} not judged: measured again after the stage, or without signals"
            )
        return lines


def sweep_run(folder: str | Path, settings: Iterable[str]) -> list[Change]:
    """Decides again with other limits, each given as `stage.rule=limit`.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
        PlanError: a setting that does not fit the run's rules.
    """
    layout = Layout(place(folder))
    steps: dict[str, dict[str, Any]] = finished_manifest(layout)["plan"]["steps"]
    names = list(steps)
    changes = []
    for stage, limits in _parse(settings, steps).items():
        rules = _rules(steps[stage])
        old = {rule.reason: rule.limit for rule in rules.table}
        tried = rules.with_limits(**limits)
        change = Change(stage, {rule: (old[rule], limit) for rule, limit in limits.items()})
        at = names.index(stage)
        later = names[at + 1 :]
        measures = [name for name in later if steps[name]["stage"] == "TextStats"]
        # Rows keep the last signals, so those of rows that went further than the next measurement are not the stage's.
        comparable = set(later[: later.index(measures[0])] if measures else later) | {stage}
        for batch in _rows(layout, tried.reads):
            _judge(batch, tried, change, comparable, set(names[at:]), kept_are_comparable=not measures)
        changes.append(change)
    return changes


def _judge(
    batch: pa.RecordBatch,
    rules: Rules,
    change: Change,
    comparable: set[str],
    from_here: set[str],
    *,
    kept_are_comparable: bool,
) -> None:
    stage, kept = batch[STAGE], pc.is_null(batch[STAGE])
    reached = pc.or_(kept, pc.is_in(stage, pa.array(sorted(from_here))))
    fits = pc.if_else(kept, kept_are_comparable, pc.is_in(stage, pa.array(sorted(comparable))))
    judged = pc.and_(pc.and_(reached, fits), pc.is_valid(batch[SIGNALS]))
    change.not_judged += reached.true_count - judged.true_count
    batch = batch.filter(judged)
    if not batch.num_rows:
        return
    new = rules(batch).reason
    assert new is not None
    here = pc.fill_null(pc.equal(batch[STAGE], change.stage), False)
    passes = pc.and_(here, pc.is_null(new))
    drops = pc.and_(pc.invert(here), pc.is_valid(new))
    change.passed.update(_counts(batch[REASON].filter(passes)))
    change.dropped.update(_counts(new.filter(drops)))
    change.unchanged += batch.num_rows - passes.true_count - drops.true_count


def _counts(reasons: pa.Array) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(reasons).to_pylist()}


def _rows(layout: Layout, reads: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Rejected and kept rows, with null stage and reason where they were kept."""
    for kind in ("rejects", "documents"):
        for path in listing(layout.root / kind, "*.parquet"):
            with local_copy(path) as local, pq.ParquetFile(local) as file:
                here = set(file.schema_arrow.names)
                if SIGNALS not in here:
                    continue
                columns = sorted({ID, SIGNALS, STAGE, REASON, *reads} & here)
                for rows in file.iter_batches(columns=columns):
                    absent = {STAGE, REASON, LANGUAGE} - set(rows.schema.names)
                    nulls = {name: pa.nulls(rows.num_rows, pa.string()) for name in sorted(absent)}
                    known = {name: rows[name] for name in rows.schema.names}
                    yield pa.record_batch({**known, **nulls})


def _rules(identity: Mapping[str, Any]) -> Rules:
    """The stage as the manifest describes it."""
    return Rules(_table(identity["table"]), tuple((name, _table(t)) for name, t in identity["per_language"]))


def _table(described: Mapping[str, Any]) -> RuleTable:
    names = [each.name for each in fields(Rule)]
    return RuleTable(
        described["name"], tuple(Rule(**{name: rule[name] for name in names}) for rule in described["rules"])
    )


def _parse(settings: Iterable[str], steps: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    tables = {name: identity for name, identity in steps.items() if identity["stage"] == "Rules"}
    limits: dict[str, dict[str, float]] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        stage, _, rule = name.rpartition(".")
        if stage not in tables:
            raise PlanError(
                f"`{setting}`: the run has no rules `{stage}`",
                hint=f"write stage.rule=limit; rules of the run: {', '.join(tables) or 'none'}",
            )
        known = [each["reason"] for each in tables[stage]["table"]["rules"]]
        if rule not in known:
            raise PlanError(f"`{stage}` has no rule `{rule}`", hint=f"it has {', '.join(known)}")
        try:
            limits.setdefault(stage, {})[rule] = float(value)
        except ValueError as error:
            raise PlanError(f"`{setting}`: `{value}` is no number", hint="write stage.rule=limit") from error
    return limits
