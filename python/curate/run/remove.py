"""Take-downs: documents leave a finished run, from every table that holds their text or tokens.

The counts of the run stay what they were; each ledger says how many of its documents were removed afterwards.
`removal.json` keeps their ids, and the URLs that were asked for: a kill in the middle is mended by the next start, and
a run that writes documents anew (`--restart`) takes them out again.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import CurateError, OutputError
from curate.io.atomic import write_json
from curate.io.reader import InputFile, named_apart
from curate.io.storage import Place, listing, local_copy, place, remove_tree
from curate.io.tokens import finish_split, write_token_shard
from curate.report import Ledger
from curate.run.finish import conclude, finished_manifest, tokenizer_facts, write_dataset_card
from curate.run.layout import Layout
from curate.run.lock import locked
from curate.run.tables import narrow_batches
from curate.schema import DUPLICATE_OF, ID, INPUT_IDS, LOSS_MASK, SOURCE, TEXT, URL
from curate.summary import SummarizedTable

_MADE_UP = re.compile("[0-9a-f]{32}")  # see `offset_ids`


@dataclass
class Removed:
    """What a removal took out, and what it could not.

    Attributes:
        documents: rows of `documents/`.
        tokens: of these.
        rejects: rejected rows whose text was blanked.
        missing: ids and URLs that the run does not hold and of which no earlier removal knows, sorted.
        repeated: ids that were asked for and that rows of several input files have; all of them went. Sorted.
    """

    documents: int = 0
    tokens: int = 0
    rejects: int = 0
    missing: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def names_in(file: str | Path) -> set[str]:
    """The ids or URLs of a text file: one per line, white space around them and blank lines left out.

    Raises:
        FileNotFoundError: there is no such file.
        CurateError: it is not UTF-8.
    """
    try:
        text = Path(file).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CurateError(f"`{file}` is not UTF-8: {error}", hint="save it as UTF-8 text") from error
    return {line.strip() for line in text.splitlines()} - {""}


def remove(
    folder: str | Path,
    ids: Set[str] = frozenset(),
    *,
    urls: Set[str] = frozenset(),
    with_duplicates: bool = False,
) -> Removed:
    """Takes documents out of a finished run; the others go even where some are not found.

    Args:
        folder: the output folder.
        ids: of documents or rejects.
        urls: as the column `url` has them; every row with one of them goes.
        with_duplicates: take out, too, what went in favour of them or in favour of what they went, and so on: all
            that `duplicate_of` connects with them, near duplicates included.

    Raises:
        FileNotFoundError: `folder` holds no run.
        OutputError: the run is not finished, or another process writes to the folder.
    """
    layout = Layout(place(folder))
    finished_manifest(layout)
    with locked(layout.root):
        return _remove(layout, ids, urls, with_duplicates=with_duplicates)


def _remove(layout: Layout, ids: Set[str], urls: Set[str], *, with_duplicates: bool) -> Removed:
    manifest = finished_manifest(layout)
    earlier = _Asked.read(layout.removals)
    found = _find(layout, ids, urls | earlier.urls)
    named = found.ids | ids & earlier.ids | found.of_urls(urls)
    asked = _Asked(
        ids=earlier.ids | found.ids | found.of_urls(urls | earlier.urls),
        urls=earlier.urls | urls & found.urls.keys(),
        with_duplicates=earlier.with_duplicates | (named if with_duplicates else set()),
    )
    removed = Removed(
        missing=sorted(ids - found.ids - earlier.ids | urls - found.urls.keys() - earlier.urls),
        repeated=sorted(name for name in named if len(found.sources[name]) > 1),
    )
    if asked == _Asked():
        return removed
    asked.ids |= _connected(layout, asked.with_duplicates)
    asked.write(layout.removals, done=False)
    wanted = pa.array(sorted(asked.ids), pa.string())

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
    asked.write(layout.removals, done=True)
    return removed


@dataclass
class _Asked:
    """All that was ever asked to be removed from a folder, as its journal keeps it."""

    ids: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)
    with_duplicates: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, journal: Place) -> "_Asked":
        known = json.loads(journal.read_bytes()) if journal.exists() else {}
        return cls(*(set(known.get(name, ())) for name in vars(cls())))

    def write(self, journal: Place, *, done: bool) -> None:
        write_json(journal, {**{name: sorted(names) for name, names in vars(self).items()}, "done": done})


@dataclass
class _Found:
    ids: set[str] = field(default_factory=set)
    urls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # to the ids of its rows
    sources: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))  # of each id

    def of_urls(self, urls: Set[str]) -> set[str]:
        return {name for url in urls & self.urls.keys() for name in self.urls[url]}


def _find(layout: Layout, ids: Set[str], urls: Set[str]) -> _Found:
    found = _Found()
    by_id, by_url = (pa.array(sorted(names), pa.string()) for names in (ids, urls))
    for _, rows in narrow_batches(layout, (ID, URL, SOURCE)):
        is_id, is_url = pc.is_in(rows[ID], by_id), pc.is_in(rows[URL], by_url)
        for row in rows.filter(pc.or_(is_id, is_url)).to_pylist():
            found.sources[row[ID]].add(row[SOURCE])
            if row[ID] in ids:
                found.ids.add(row[ID])
            if row[URL] in urls:
                found.urls[row[URL]].add(row[ID])
    return found


def _connected(layout: Layout, ids: Set[str]) -> set[str]:
    """The ids, and all that `duplicate_of` connects with them; it may name documents of earlier runs."""
    reached, size = set(ids), 0
    while len(reached) > size:
        size = len(reached)
        for _, rows in narrow_batches(layout, (ID, DUPLICATE_OF)):
            pairs = rows.filter(pc.is_valid(rows[DUPLICATE_OF]))
            known = pa.array(sorted(reached), pa.string())
            touched = pairs.filter(pc.or_(pc.is_in(pairs[ID], known), pc.is_in(pairs[DUPLICATE_OF], known)))
            reached.update(touched[ID].to_pylist(), touched[DUPLICATE_OF].to_pylist())
    return reached


def finish_removal(layout: Layout) -> None:
    """Ends the removal that a kill left half done or a new run reopened, if there is one."""
    journal = layout.removals
    if journal.exists() and not json.loads(journal.read_bytes())["done"]:
        _remove(layout, frozenset(), frozenset(), with_duplicates=False)


def reopen_removal(layout: Layout) -> None:
    """Documents may be written anew: what was taken down before has to go again."""
    journal = layout.removals
    if journal.exists():
        write_json(journal, {**json.loads(journal.read_bytes()), "done": False})


def refuse_renamed(layout: Layout, earlier: Iterable[str], files: Iterable[InputFile]) -> None:
    """Refuses inputs that give other made-up ids to what was read before, if such ids were taken down.

    Args:
        layout: of the run.
        earlier: paths of the inputs that it had.
        files: the inputs that it is to have.

    Raises:
        OutputError: an input has another name than before, so that its documents would come back.
    """
    journal = layout.removals
    if not journal.exists() or not any(map(_MADE_UP.fullmatch, json.loads(journal.read_bytes())["ids"])):
        return
    names = {file.path: file.name for file in named_apart(InputFile(path, None, "") for path in earlier)}
    for file in files:
        if names.get(file.path, file.name) != file.name:
            raise OutputError(
                f"documents were taken down by ids that were made of the name `{names[file.path]}`; beside the "
                f"inputs of now `{file.path}` is named `{file.name}`, and they would come back under other ids",
                hint="give the new files other names, or choose another output folder and take them down there",
            )


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
    return int(texts.filter(hit).is_valid().true_count)


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
