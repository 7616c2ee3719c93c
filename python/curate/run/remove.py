"""Take-downs: documents leave a finished run, from every table that holds their text or tokens.

The counts of the run stay what they were; each ledger says how many of its documents were removed afterwards.
`removal.json` keeps their ids: a kill in the middle is mended by the next start, and a run that writes documents
anew (`--restart`) takes them out again.
"""

import json
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.io.atomic import write_json
from curate.io.storage import Place, listing, local_copy, place, remove_tree
from curate.io.tokens import finish_split, write_token_shard
from curate.report import Ledger
from curate.run.finish import conclude, finished_manifest, tokenizer_facts, write_dataset_card
from curate.run.layout import Layout
from curate.schema import ID, INPUT_IDS, LOSS_MASK, TEXT
from curate.summary import SummarizedTable


@dataclass
class Removed:
    """How much a removal took out: documents, tokens, and rejected rows whose text was blanked."""

    documents: int = 0
    tokens: int = 0
    rejects: int = 0


def remove(folder: str | Path, ids: Set[str]) -> Removed:
    """Takes the documents with these ids out of a finished run.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished.
    """
    layout = Layout(place(folder))
    manifest = finished_manifest(layout)
    journal = _journal(layout)
    earlier = json.loads(journal.read_bytes()) if journal.exists() else {"ids": []}
    wanted = pa.array(sorted(ids | set(earlier["ids"])), pa.string())
    write_json(journal, {"ids": wanted.to_pylist(), "done": False})

    removed = Removed()
    ledgers = [ledger for path in listing(layout.ledgers, "phase-*.json") if (ledger := Ledger.read(path))]
    changed_splits: set[Place] = set()
    for ledger in ledgers:
        for name in list(ledger.outputs):
            path = layout.root / name
            if name.startswith("documents/"):
                removed.documents += _without(layout, path, wanted, ledger)
            elif name.startswith("rejects/"):
                removed.rejects += _blanked(layout, path, wanted, ledger)
            elif name.startswith("tokens/"):
                before = ledger.outputs[name]["tokens"]
                ledger.outputs[name] = _tokens_without(path, wanted, ledger.outputs[name])
                removed.tokens += before - ledger.outputs[name]["tokens"]
                changed_splits.add(path.parent)
        ledger.write(layout.ledger(ledger.phase, ledger.shard))
    _reindex(layout, ledgers, changed_splits, manifest["plan"])
    conclude(layout, ledgers, manifest)
    remove_tree(layout.work)  # a run that keeps it has the documents there too
    write_json(journal, {"ids": wanted.to_pylist(), "done": True})
    return removed


def finish_removal(layout: Layout) -> None:
    """Ends the removal that a kill left half done or a new run reopened, if there is one."""
    journal = _journal(layout)
    if journal.exists() and not json.loads(journal.read_bytes())["done"]:
        remove(str(layout.root), frozenset())


def reopen_removal(layout: Layout) -> None:
    """Documents may be written anew: what was taken down before has to go again."""
    journal = _journal(layout)
    if journal.exists():
        write_json(journal, {**json.loads(journal.read_bytes()), "done": False})


def _journal(layout: Layout) -> Place:
    return layout.root / "removal.json"


def _matching(path: Place, wanted: pa.Array) -> tuple[pa.Table, pa.Array]:
    with local_copy(path) as local:
        table = pq.read_table(local)
    return table, pc.is_in(table[ID], wanted).combine_chunks()


def _rewrite(layout: Layout, path: Place, table: pa.Table, ledger: Ledger, *, kept: bool) -> None:
    with SummarizedTable(path, layout.counts(path), table.schema, kept=kept) as sink:
        for batch in table.to_batches():
            sink.append(batch)
    ledger.outputs |= {layout.relative(path): told for path, told in sink.receipts().items()}


def _without(layout: Layout, path: Place, wanted: pa.Array, ledger: Ledger) -> int:
    table, hit = _matching(path, wanted)
    kept = table.filter(pc.invert(hit))
    if hit.true_count or kept.num_rows != ledger.outputs[layout.relative(path)]["rows"]:
        _rewrite(layout, path, kept, ledger, kept=True)
        ledger.removed = ledger.rows_out - kept.num_rows
    return int(hit.true_count)


def _blanked(layout: Layout, path: Place, wanted: pa.Array, ledger: Ledger) -> int:
    table, hit = _matching(path, wanted)
    column = table.schema.get_field_index(TEXT)
    if column < 0 or not hit.true_count:
        return 0
    texts = table[TEXT].combine_chunks()
    blank = pc.if_else(hit, pa.scalar(None, texts.type), texts)
    blanked = table.set_column(column, table.schema.field(column), blank)
    _rewrite(layout, path, blanked, ledger, kept=False)
    return int(hit.true_count)


def _tokens_without(path: Place, wanted: pa.Array, receipt: dict[str, Any]) -> dict[str, Any]:
    with local_copy(path) as local, pa.memory_map(str(local)) as file:
        table = pa.ipc.open_stream(file).read_all()
    hit = pc.is_in(table[ID], wanted)
    kept = table.filter(pc.invert(hit))
    if kept.num_rows == receipt["rows"]:
        return receipt
    return write_token_shard(
        path,
        kept.to_batches(),
        table.schema.field(INPUT_IDS).type.value_type,
        loss_mask=LOSS_MASK in table.schema.names,
    )


def _reindex(layout: Layout, ledgers: list[Ledger], splits: set[Place], plan: dict[str, Any]) -> None:
    for folder in sorted(splits):
        receipts = [
            receipt
            for ledger in ledgers
            for name, receipt in ledger.outputs.items()
            if (layout.root / name).parent == folder
        ]
        provenance = json.loads((folder / "manifest.json").read_bytes())["provenance"]
        finish_split(folder, receipts, tokenizer_facts(folder / "tokenizer.json"), provenance)
    for dataset in sorted({folder.parent for folder in splits}):
        write_dataset_card(layout, dataset, plan)
