"""Running stages over one batch: the only place where rows are dropped."""

import traceback
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError, PlanError
from curate.pipeline import Columns, check_step
from curate.report import StepCount
from curate.schema import FAILED, ID, REASON, REJECTS, STAGE
from curate.stage import Barrier, Outcome, Stage, kept_mask, set_column

#: The reason of a row that kills the worker, whatever the stage: a crash in foreign code, or more memory than there is.
KILLED_WORKER = "killed_worker"

#: Where rows stood in the shard when they arrived at the phase.
Positions = npt.NDArray[np.int64]
#: Rejected rows and their positions.
Reject = tuple[Positions, pa.RecordBatch]


def divide(
    name: str, outcome: Outcome, positions: Positions, count: StepCount
) -> tuple[pa.RecordBatch, Positions, Reject | None]:
    """Parts a batch: the rows kept with their positions, and the rejected ones.

    Rejected rows have the columns `stage`, `reason`, `failed` and the evidence beside their own.
    """
    batch = outcome.batch
    count.rows_in += batch.num_rows
    kept = kept_mask(outcome)
    if kept is None or outcome.reason is None:
        count.rows_out += batch.num_rows
        return batch, positions, None
    dropped = pc.invert(kept)
    reason = outcome.reason.filter(dropped)
    for entry in pc.value_counts(reason).to_pylist():
        count.rejected[entry["values"]] = count.rejected.get(entry["values"], 0) + entry["counts"]
    rejected = batch.filter(dropped)
    if outcome.failed is None:
        offsets = pa.array(range(len(reason) + 1), pa.int32())
        failed: pa.Array = pa.ListArray.from_arrays(offsets, reason)
    else:
        failed = outcome.failed.filter(dropped)
    rejected = set_column(rejected, STAGE, pa.array([name] * len(reason), pa.string()))
    rejected = set_column(rejected, REASON, reason)
    rejected = set_column(rejected, FAILED, failed)
    for column, values in outcome.evidence.items():
        rejected = set_column(rejected, column, values.filter(dropped))
    remaining = batch.filter(kept)
    count.rows_out += remaining.num_rows
    mask = kept.to_numpy(zero_copy_only=False)
    return remaining, positions[mask], (positions[~mask], rejected)


def check_outcome(step: Stage, batch: pa.RecordBatch, outcome: Outcome) -> None:
    """Holds a stage to its contract: same rows, and only reasons that it declared.

    Raises:
        CurateError: the stage broke it; naming the stage.
    """
    if outcome.batch.num_rows != batch.num_rows:
        raise CurateError(
            f"stage `{step.name}` was given {batch.num_rows} rows and returned {outcome.batch.num_rows}",
            hint="a stage returns the same rows in the same order and gives a reason for those that should go",
        )
    if outcome.reason is not None:
        check_reasons(step.name, step.reasons, outcome.reason)


def check_reasons(name: str, declared: Iterable[str], reason: pa.Array) -> None:
    """Refuses reasons outside the closed catalogue of a stage.

    Raises:
        CurateError: an undeclared reason was given.
    """
    unknown = set(pc.unique(reason.drop_null()).to_pylist()) - set(declared)
    if unknown:
        raise CurateError(
            f"stage `{name}` gave the undeclared reason `{min(unknown)}`",
            hint="every reason a stage can give must be in its `reasons`",
        )


def run_stages(
    stages: Sequence[Stage],
    batch: pa.RecordBatch,
    positions: Positions,
    counts: Sequence[StepCount],
    *,
    given_up: Callable[[str], Sequence[int]] = lambda stage: (),
    on_stage: Callable[[str], None] | None = None,
    source: str | None = None,
) -> tuple[pa.RecordBatch, list[Reject]]:
    """Runs `stages` over one batch: what is left, and the rejected rows of each stage with their positions.

    Args:
        stages: in order.
        batch: the rows.
        positions: of the rows in the shard.
        counts: one per stage, added to.
        given_up: positions of rows that killed their workers in a stage: it does not see them again.
        on_stage: called with the name of a stage before it starts.
        source: the file that the rows are from, for errors.

    Raises:
        CurateError: a stage broke its contract, or failed.
    """
    rejects: list[Reject] = []
    for stage, count in zip(stages, counts, strict=True):
        if doomed := given_up(stage.name):
            batch, positions, rejected = divide(
                stage.name, _killed(batch, positions, doomed), positions, count
            )
            count.rows_in, count.rows_out = count.rows_in - batch.num_rows, count.rows_out - batch.num_rows
            rejects += [rejected] if rejected is not None else []
        if not batch.num_rows:
            batch = _with_columns(batch, stage)
            continue
        if on_stage is not None:
            on_stage(stage.name)
        started = perf_counter()
        try:
            outcome = stage(batch)
        except (CurateError, OSError, MemoryError):
            raise
        except Exception as error:
            raise _failure(stage, batch, error, source) from error
        check_outcome(stage, batch, outcome)
        batch, positions, rejected = divide(stage.name, outcome, positions, count)
        count.seconds += perf_counter() - started
        if rejected is not None:
            rejects.append(rejected)
    return batch, rejects


def _failure(stage: Stage, batch: pa.RecordBatch, error: Exception, source: str | None) -> CurateError:
    """What says at which document a stage failed: the first that fails alone, too."""
    places = [f" of `{source}`"] if source else []
    for row in range(batch.num_rows):
        try:
            stage(batch.slice(row, 1))
        except Exception as alone:
            error = alone
            known = ID in batch.schema.names
            places.insert(0, f" at document `{batch[ID][row]}`" if known else f" at row {row} of a batch")
            break
    trace = "".join(traceback.format_exception(error))
    return CurateError(
        f"stage `{stage.name}` failed{''.join(places)}: {error!r}",
        hint=f"this is a bug in the stage:\n{trace}",
    )


def _killed(batch: pa.RecordBatch, positions: Positions, doomed: Sequence[int]) -> Outcome:
    gone = pa.array(np.isin(positions, np.array(doomed)))
    return Outcome(batch, pc.if_else(gone, pa.scalar(KILLED_WORKER), pa.scalar(None, pa.string())))


def _with_columns(empty: pa.RecordBatch, stage: Stage) -> pa.RecordBatch:
    fields = {f.name: f for f in empty.schema if f.name not in stage.removes}
    fields.update({f.name: f for f in stage.adds})
    return pa.RecordBatch.from_pylist([], pa.schema(fields.values()))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """`batch` with exactly the columns of `schema`: missing ones null, others dropped."""
    columns = []
    for target in schema:
        index = batch.schema.get_field_index(target.name)
        if index < 0:
            columns.append(pa.nulls(batch.num_rows, target.type))
        else:
            column = batch.column(index)
            columns.append(column if column.type == target.type else column.cast(target.type))
    return pa.record_batch(columns, schema=schema)


def apply(stages: Sequence[Stage], rows: Any) -> tuple[pa.RecordBatch | pa.Table, pa.Table]:
    """Runs stages over rows without files: the library's short way.

    Args:
        stages: in order; a barrier needs a run.
        rows: a record batch, a table, or a data frame that speaks Arrow, such as those of pandas and Polars.

    Returns:
        The kept rows, a record batch of a record batch and else a table; and a table of the rejected ones with
        `stage`, `reason`, `failed` and every column that they had when they were rejected.

    Raises:
        PlanError: a column that a stage reads is missing or stale, or one of `stages` is no stage.
        CurateError: a stage broke its contract, or failed.
    """
    batches = _batches(rows)
    _check(stages, batches[0].schema)
    counts = [StepCount() for _ in stages]
    found = [run_stages(stages, batch, np.arange(batch.num_rows), counts) for batch in batches]
    tables = [pa.Table.from_batches([part]) for _, rejects in found for _, part in rejects]
    fields = [*batches[0].schema, *(REJECTS.field(name) for name in (STAGE, REASON, FAILED))]
    rejected = (
        pa.concat_tables(tables, promote_options="default") if tables else pa.schema(fields).empty_table()
    )
    if isinstance(rows, pa.RecordBatch):
        return found[0][0], rejected
    kept = [pa.Table.from_batches([batch]) for batch, _ in found]
    return pa.concat_tables(kept, promote_options="default"), rejected


def _batches(rows: Any) -> list[pa.RecordBatch]:
    if isinstance(rows, pa.RecordBatch):
        return [rows]
    if not isinstance(rows, pa.Table):
        if not hasattr(rows, "__arrow_c_stream__"):
            raise CurateError(
                f"rows of type {type(rows).__qualname__} cannot be read",
                hint="pass a pyarrow record batch or table, or a data frame of pandas or Polars",
            )
        rows = pa.table(rows)
    table = _without_views(rows)
    empty = pa.RecordBatch.from_pylist([], table.schema)
    return table.combine_chunks().to_batches() or [empty]


def _without_views(table: pa.Table) -> pa.Table:
    """Polars gives views of strings, which stages do not take."""
    fields = [f.with_type(pa.large_string()) if pa.types.is_string_view(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _check(stages: Sequence[Stage], schema: pa.Schema) -> None:
    columns = Columns(schema)
    for stage in stages:
        check_step(stage)
        if isinstance(stage, Barrier):
            raise PlanError(
                f"`{stage.name}` is a barrier: it must see every file before it decides",
                hint="put it into a `cu.Pipeline`, and `cu.run` that",
            )
        columns.check(stage)
        columns.change(stage)
