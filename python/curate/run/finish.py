"""The last step of a run: token datasets are indexed, the report and the manifest written."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from curate.errors import OutputError
from curate.io.atomic import write_json
from curate.io.storage import Place
from curate.io.tokens import TokenizerFacts, finish_split, finish_tokens, write_token_shard
from curate.pipeline import FORMAT_VERSION
from curate.report import Ledger, totals
from curate.report_page import write_report
from curate.run.card import write_card
from curate.run.job import Job
from curate.run.layout import Layout
from curate.run.phase import SPLITS
from curate.schema import INPUT_IDS, LOSS_MASK
from curate.tokenizer import Tokenizer


def read_manifest(layout: Layout) -> dict[str, Any] | None:
    """The manifest of an output folder; None if there is none.

    Raises:
        OutputError: it is damaged or of another major version.
    """
    try:
        manifest: dict[str, Any] = json.loads(layout.manifest.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputError(
            f"`{layout.manifest}` is damaged: {error}", hint="choose another output folder"
        ) from error
    if manifest.get("version") != FORMAT_VERSION:
        raise OutputError(
            f"`{layout.root}` has format version {manifest.get('version')}, this is {FORMAT_VERSION}",
            hint="read it with the version of curate that wrote it",
        )
    return manifest


def finished_manifest(layout: Layout) -> dict[str, Any]:
    """The manifest of a finished run.

    Raises:
        FileNotFoundError: the folder holds no run.
        OutputError: the run is not finished, or its manifest is damaged.
    """
    manifest = read_manifest(layout)
    if manifest is None:
        raise FileNotFoundError(f"`{layout.root}` is not the output folder of a run: it has no manifest.json")
    if not manifest["complete"]:
        raise OutputError(f"the run in `{layout.root}` is not finished", hint="start it again to finish it")
    return manifest


def write_results(job: Job, ledgers: Sequence[Ledger]) -> None:
    """Indexes the token datasets, then writes the report and, as the very last thing, the complete manifest."""
    layout = job.layout
    if job.plan.write.tokens:
        _finish_datasets(job, ledgers)
    manifest = read_manifest(layout)
    assert manifest is not None
    write_report(layout.root, ledgers, manifest)
    write_json(layout.manifest, {**manifest, "complete": True, "totals": totals(ledgers)})


def _finish_datasets(job: Job, ledgers: Sequence[Ledger]) -> None:
    layout = job.layout
    facts = tokenizer_facts(layout.root / "tokenizer" / "tokenizer.json")
    splits: dict[Place, list[dict[str, Any]]] = {}
    for ledger in ledgers:
        for name, receipt in ledger.outputs.items():
            if name.startswith("tokens/"):
                splits.setdefault((layout.root / name).parent, []).append(receipt)
    if not splits:  # one dataset per language, and no document in any
        schema = job.phase(len(job.plan.phases)).schema
        dtype, masked = schema.field(INPUT_IDS).type.value_type, LOSS_MASK in schema.names
        for split in SPLITS:
            path = layout.token_shard(None, split, 0, 1)
            splits[path.parent] = [write_token_shard(path, [], dtype, loss_mask=masked)]
    manifest = read_manifest(layout)
    assert manifest is not None
    provenance = {"plan": job.plan.fingerprints[-1], "inputs": job.barrier_fingerprint(1)}
    for folder, receipts in sorted(splits.items()):
        finish_split(folder, receipts, facts, provenance)
    for dataset in sorted({folder.parent for folder in splits}):
        finish_tokens(dataset, SPLITS)
        write_dataset_card(layout, dataset, manifest["plan"])


def write_dataset_card(layout: Layout, dataset: Place, plan: Mapping[str, Any]) -> None:
    """The card beside a joined token dataset; one below `tokens/` holds the language that names it."""
    language = None if dataset == layout.tokens else unquote(dataset.name)
    write_card(dataset, SPLITS, layout.root / "documents", plan, language)


def tokenizer_facts(path: Place) -> TokenizerFacts:
    """What a token dataset keeps of the tokenizer in a `tokenizer.json`."""
    content = path.read_bytes()
    tokenizer = Tokenizer.from_bytes(content)
    return TokenizerFacts(
        json=content,
        vocab_size=tokenizer.vocab_size,
        eos_id=tokenizer.eos_id,
        token_bytes=tokenizer.token_bytes(),
    )
