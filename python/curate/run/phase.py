"""Running one phase over one shard: what every executor ships.

A shard's outputs are written under temporary names and renamed; the ledger, which names them with their digests,
is written last. Whatever happens in between, starting again gives the same bytes.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError
from curate.io.documents import ParquetSink, read_parquet_batches
from curate.io.spill import gather, has_spill, write_spill
from curate.io.tokens import split_of, write_token_shard
from curate.report import Ledger, StepCount
from curate.run.decide import KILLED_WORKER, Positions, check_reasons, conform, divide, run_stages
from curate.run.job import Job, Kind, Task
from curate.run.rejects import RejectSink, reject_schema
from curate.run.splits import Observed
from curate.run.suspects import Attempt, Place
from curate.schema import (
    EVERY_SHARD,
    ID,
    INPUT_IDS,
    LANGUAGE,
    LOSS_MASK,
    MAX_ROWS,
    PARTITION,
    ROW,
    SHARD,
    SOURCE,
    URL,
)
from curate.stage import set_column
from curate.summary import SummarizedTable

SPLITS = ("train", "valid")
#: Dataset of the rows without a language: ISO 639 for "undetermined".
UNDETERMINED = "und"


def run_task(job: Job, task: Task, attempt: Attempt) -> None:
    """Does one task; a task whose result is already there is not done again."""
    if task.kind is Kind.SHARD:
        run_shard(job, task.phase, task.number, attempt)
    elif task.kind is Kind.MAP:
        run_map(job, task.phase, task.round, task.number)
    else:
        run_reduce(job, task.phase, task.round, task.number)


def run_shard(job: Job, number: int, shard: int, attempt: Attempt) -> Ledger:
    """Runs a phase over a shard, writes its outputs and then its ledger."""
    started = perf_counter()
    plan, layout, phase = job.plan, job.layout, job.phase(number)
    fingerprint = job.fingerprint(number, shard)
    names = ([plan.read.name] if number == 1 else []) + [step.name for step in phase.steps]
    counts = {name: StepCount() for name in names}
    ledger = Ledger(fingerprint, number, shard, job.files[shard].path, counts)

    columns = reject_schema(phase.reject_schema, keep_text=plan.write.reject_text)
    with ExitStack() as stack:
        path = layout.rejects(number, shard)
        table: ParquetSink = SummarizedTable(path, layout.counts(path), columns, kept=False)
        sinks = [stack.enter_context(table)]
        rejects = RejectSink(table)
        kept = _kept(job, number, shard, ledger, rejects, attempt)
        if number <= plan.documents_phase:
            final = number == plan.documents_phase
            schema = _document_schema(phase.schema, phase.stale if final else frozenset())
            path = layout.documents(number, shard, final=final)
            if final:
                table = SummarizedTable(path, layout.counts(path), schema, kept=True)
            else:
                table = ParquetSink(path, schema, durable=False)
            sinks.append(stack.enter_context(table))
            kept = _writing(kept, table)
        if number == len(plan.phases) and plan.write.tokens:
            _write_tokens(job, shard, kept, ledger)
        elif phase.exit is not None:
            first = phase.exit.rounds[0]
            spill = layout.mapped(number, phase.exit.name, first.name, shard)
            tables = list(first.map(_numbered(kept), shard, pa.table({})))
            write_spill(spill, tables, PARTITION, first.partitions, fingerprint)
        for _ in kept:
            pass
    for sink in sinks:
        ledger.outputs |= {layout.relative(path): told for path, told in sink.receipts().items()}
    if killed := sum(count.rejected.get(KILLED_WORKER, 0) for count in counts.values()):
        ledger.quarantined[KILLED_WORKER] = killed
    ledger.rows_in = counts[names[0]].rows_in
    ledger.seconds = perf_counter() - started
    ledger.write(layout.ledger(number, shard))
    return ledger


def _kept(
    job: Job, number: int, shard: int, ledger: Ledger, rejects: RejectSink, attempt: Attempt
) -> Iterator[pa.RecordBatch]:
    """The rows that leave the phase, batch by batch; rejected ones go to `rejects` as they are found."""
    phase = job.phase(number)
    if number == 1:
        arriving = _read_input(job, shard, ledger, rejects)
    else:
        arriving = _apply_verdicts(job, number, shard, ledger, rejects)
    counts = [ledger.steps[stage.name] for stage in phase.stages]
    given_up = attempt.suspicion.rows_given_up
    for batch, positions, alone in attempt.suspicion.cut(arriving):
        size, first = batch.nbytes, int(positions[0]) if len(positions) else 0
        attempt.on_place(Place(first))
        on_stage = attempt.at_stage(first) if alone else None
        remaining, rejected = run_stages(
            phase.stages,
            batch,
            positions,
            counts,
            given_up=given_up,
            on_stage=on_stage,
            source=job.files[shard].path,
        )
        attempt.on_place(None)
        for part in rejected:
            rejects.add(part)
        rejects.flush(int(positions[-1]) + 1 if len(positions) else None)
        attempt.on_progress(batch.num_rows, size, remaining.num_rows)
        ledger.rows_out += remaining.num_rows
        if remaining.num_rows:
            yield conform(remaining, phase.schema)
    rejects.flush()


def _read_input(
    job: Job, shard: int, ledger: Ledger, rejects: RejectSink
) -> Iterator[tuple[pa.RecordBatch, Positions]]:
    reader, split = job.plan.read, Observed(job, shard)
    count = ledger.steps[reader.name]
    started = perf_counter()
    for outcome in split.outcomes(ledger):
        if outcome.reason is not None:
            check_reasons(reader.name, reader.reasons, outcome.reason)
        positions = np.arange(count.rows_in, count.rows_in + outcome.batch.num_rows)
        batch, positions, rejected = divide(reader.name, outcome, positions, count)
        count.seconds += perf_counter() - started
        rejects.add(rejected)
        if batch.num_rows:
            yield batch, positions
        started = perf_counter()
    ledger.input_bytes = job.files[shard].length or 0
    told = sorted(count.rejected.items())
    ledger.quarantined = {reason: found for reason, found in told if reason in reader.damage}
    ledger.unparsed = {reason: found for reason, found in told if reason in reader.unparsed}


def _apply_verdicts(
    job: Job, number: int, shard: int, ledger: Ledger, rejects: RejectSink
) -> Iterator[tuple[pa.RecordBatch, Positions]]:
    barrier = job.barrier(number - 1)
    verdicts = read_verdicts(job, number - 1, shard)
    count = ledger.steps[barrier.name]
    for batch in _numbered(_stored_documents(job, number - 1, shard)):
        started = perf_counter()
        outcome = barrier.apply(batch, verdicts)
        if outcome.reason is not None:
            check_reasons(barrier.name, barrier.reasons, outcome.reason)
        kept, positions, rejected = divide(barrier.name, outcome, batch[ROW].to_numpy(), count)
        count.seconds += perf_counter() - started
        rejects.add(rejected)
        yield kept.drop_columns([ROW]), positions


def _stored_documents(
    job: Job, number: int, shard: int, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The documents of a shard that left the last phase up to `number` that writes any."""
    last = job.plan.documents_phase
    path = job.layout.documents(min(number, last), shard, final=number >= last)
    ledger = Ledger.read(job.layout.ledger(min(number, last), shard))
    receipt = ledger.outputs.get(job.layout.relative(path)) if ledger else None
    return read_parquet_batches(path, columns, sha256=receipt["sha256"] if receipt else None)


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        if row + batch.num_rows > MAX_ROWS:
            raise CurateError(
                f"a file gave more than {MAX_ROWS:,} documents", hint="cut it into several files"
            )
        yield batch.append_column(ROW, pa.array(np.arange(row, row + batch.num_rows)))
        row += batch.num_rows


def _writing(batches: Iterator[pa.RecordBatch], sink: ParquetSink) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sink.append(conform(batch, sink.schema))
        yield batch


def _document_schema(schema: pa.Schema, without: frozenset[str]) -> pa.Schema:
    return pa.schema([f for f in schema if f.name not in {INPUT_IDS, LOSS_MASK, *without}])


def _write_tokens(job: Job, shard: int, kept: Iterator[pa.RecordBatch], ledger: Ledger) -> None:
    layout, write = job.layout, job.plan.write
    schema = job.phase(len(job.plan.phases)).schema
    dtype, masked = schema.field(INPUT_IDS).type.value_type, LOSS_MASK in schema.names
    parts: dict[tuple[str | None, str], list[pa.RecordBatch]] = {}
    if not write.by_language:
        parts = {(None, split): [] for split in SPLITS}
    for batch in kept:
        valid = split_of(batch[ID], write.valid_share)
        rows = _token_rows(batch)
        folders = _language_folders(batch[LANGUAGE]) if write.by_language else None
        for language in [None] if folders is None else pc.unique(folders).to_pylist():
            chosen = None if folders is None else pc.equal(folders, language)
            for split, mask in zip(SPLITS, (pc.invert(valid), valid), strict=True):
                wanted = mask if chosen is None else pc.and_(mask, chosen)
                parts.setdefault((language, split), []).append(rows.filter(wanted))
    for (language, split), batches in sorted(parts.items(), key=str):
        path = layout.token_shard(language, split, shard, len(job.files))
        ledger.outputs[layout.relative(path)] = write_token_shard(path, batches, dtype, loss_mask=masked)


def _language_folders(languages: pa.Array) -> pa.Array:
    """The dataset of each row. A label comes from the input: none can name a place outside `tokens/`."""
    names = [quote(label or UNDETERMINED, safe="").replace(".", "%2E") for label in languages.to_pylist()]
    return pa.array(names, pa.string())


def _token_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
    for name in (URL, SOURCE):
        if batch.schema.get_field_index(name) < 0:
            batch = set_column(batch, name, pa.nulls(batch.num_rows, pa.string()))
    mask = [LOSS_MASK] if LOSS_MASK in batch.schema.names else []
    return batch.select([INPUT_IDS, *mask, ID, URL, SOURCE])


# --- rounds of a barrier ---------------------------------------------------------------------------------


def run_map(job: Job, number: int, index: int, shard: int) -> None:
    """Maps a later round over the stored documents of a shard."""
    barrier, round_ = job.barrier(number), job.round(number, index)
    path = job.layout.mapped(number, barrier.name, round_.name, shard)
    fingerprint = job.barrier_fingerprint(number)
    if has_spill(path, fingerprint):
        return
    documents: Iterator[pa.RecordBatch] = iter(())
    if round_.reads:
        columns = round_.reads & set(job.phase(number).schema.names)
        documents = _numbered(_stored_documents(job, number, shard, sorted(columns)))
    inbox = _inbox(job, number, index - 1, shard)
    tables = list(round_.map(documents, shard, inbox))
    write_spill(path, tables, PARTITION, round_.partitions, fingerprint)


def run_reduce(job: Job, number: int, index: int, partition: int) -> None:
    """Reduces one partition of a round over the spills of all shards."""
    barrier, round_ = job.barrier(number), job.round(number, index)
    path = job.layout.reduced(number, barrier.name, round_.name, partition)
    fingerprint = job.barrier_fingerprint(number)
    if has_spill(path, fingerprint):
        return
    shards = len(job.files)
    spills = (job.layout.mapped(number, barrier.name, round_.name, shard) for shard in range(shards))
    shard_column = SHARD if round_.names_shard else None
    rows = round_.reduce(partition, gather(spills, partition, number=shard_column))
    if rows.num_rows:
        # The last group holds what goes to every shard.
        address = rows[SHARD].combine_chunks()
        everywhere = pc.equal(address, pa.scalar(EVERY_SHARD, address.type))
        address = pc.if_else(everywhere, pa.scalar(shards, address.type), address)
        rows = rows.set_column(rows.schema.get_field_index(SHARD), SHARD, address)
    write_spill(path, [rows], SHARD, shards + 1, fingerprint)


def _inbox(job: Job, number: int, index: int, shard: int) -> pa.Table:
    barrier, round_ = job.barrier(number), job.round(number, index)
    paths = [
        job.layout.reduced(number, barrier.name, round_.name, partition)
        for partition in range(round_.partitions)
    ]
    return gather(paths, shard, len(job.files))


def read_verdicts(job: Job, number: int, shard: int) -> pa.Table:
    """What the last round of the barrier that ends a phase addressed to a shard.

    Raises:
        CurateError: the verdicts are not there; absence is never taken for "nothing to remove".
    """
    last = len(job.barrier(number).rounds) - 1
    try:
        return _inbox(job, number, last, shard)
    except FileNotFoundError as error:
        raise CurateError(
            f"the verdicts of `{job.barrier(number).name}` are missing: {error.filename}",
            hint="start the run again: it resolves the barrier anew",
        ) from error
