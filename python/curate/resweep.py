"""What another rule table would decide about rows that are stored with their signals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import PlanError
from curate.schema import ID, REASON, SIGNALS
from curate.stages.quality import decide
from curate.stages.rule_tables import RuleTable


@dataclass(frozen=True)
class Sweep:
    """What another rule table would decide about stored rows.

    Attributes:
        kept: rows that break no rule.
        dropped: rows by reason, in the order of the table; rules that drop nothing included.
        without_signals: rows that were rejected before anything was measured; they stay as they are.
        of_others: rows with a reason that is none of the table's: another stage rejected them, and they stay so.
        changed: the rows whose reason would differ, with `id`, `reason` (as stored; null = kept) and
            `new_reason`.
    """

    kept: int
    dropped: Mapping[str, int]
    without_signals: int
    of_others: int
    changed: pa.Table

    def __str__(self) -> str:
        lines = [
            f"kept {self.kept}",
            *(f"dropped {count} {reason}" for reason, count in self.dropped.items()),
        ]
        return "\n".join(
            [
                *lines,
                f"without signals {self.without_signals}",
                f"rejected by others {self.of_others}",
                f"changed {self.changed.num_rows}",
            ]
        )


def sweep(rows: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch], table: RuleTable) -> Sweep:
    """Decides again about stored documents or rejects, from their signals, without reading a text.

    Args:
        rows: `id` and `signals`, and `reason` where they are rejects; other columns are ignored. Signals
            are those that the row had when it was stored: of the unedited text for rows that never reached
            `C4Lines`. Rows with a reason that the table does not know are left to the stage that gave it.
        table: the rules to try.

    Raises:
        PlanError: a column or a signal is missing.
    """
    changed_type = pa.schema([(ID, pa.string()), (REASON, pa.string()), ("new_reason", pa.string())])
    dropped = dict.fromkeys((rule.reason for rule in table), 0)
    kept = without_signals = of_others = 0
    changed: list[pa.RecordBatch] = []
    batches = [rows] if isinstance(rows, pa.RecordBatch) else rows
    for batch in rows.to_batches() if isinstance(rows, pa.Table) else batches:
        missing = {ID, SIGNALS} - set(batch.schema.names)
        if missing:
            raise PlanError(
                f"sweep needs the column `{min(missing)}`", hint="rejects keep signals by default"
            )
        measured = batch.filter(pc.is_valid(batch[SIGNALS]))
        without_signals += batch.num_rows - measured.num_rows
        has_reason = REASON in batch.schema.names
        if has_reason:
            own = pa.array([None, *dropped], pa.string())
            judged = measured.filter(pc.is_in(measured[REASON].cast(pa.string()), own))
            of_others += measured.num_rows - judged.num_rows
            measured = judged
        new, _ = decide(measured[SIGNALS], table)
        kept += new.null_count
        for entry in pc.value_counts(new.drop_null()).to_pylist():
            dropped[entry["values"]] += entry["counts"]
        old = measured[REASON].cast(pa.string()) if has_reason else pa.nulls(measured.num_rows, pa.string())
        differs = pc.not_equal(pc.fill_null(old, ""), pc.fill_null(new, ""))
        columns: list[Any] = [measured[ID].cast(pa.string()), old, new]
        changed.append(pa.record_batch(columns, schema=changed_type).filter(differs))
    return Sweep(
        kept,
        MappingProxyType(dropped),
        without_signals,
        of_others,
        pa.Table.from_batches(changed, changed_type),
    )
