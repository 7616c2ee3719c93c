"""The last step of a run: artifacts written, token datasets indexed, then the report and the manifest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from curate.errors import OutputError
from curate.io.atomic import write_bytes, write_json
from curate.io.storage import Place
from curate.io.tokens import TokenizerFacts, finish_split, finish_tokens, write_token_shard
from curate.pipeline import FORMAT_VERSION
from curate.report import Ledger, totals
from curate.report_page import REPORT_JSON, write_report
from curate.run.card import write_card
from curate.run.job import Job
from curate.run.layout import Layout
from curate.run.phase import SPLITS, read_verdicts
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


def write_artifacts(job: Job) -> None:
    """Writes what stages and barriers leave beside the tables; the manifest names it before it is there."""
    layout, found = job.layout, dict[str, bytes]()
    for phase in job.plan.phases:
        for step in phase.steps:
            verdicts = read_verdicts(job, phase.number - 1, 0) if step is phase.entry else pa.table({})
            found |= step.artifacts(verdicts)
    manifest = read_manifest(layout)
    assert manifest is not None
    write_json(layout.manifest, {**manifest, "artifacts": {name: receipt(found[name]) for name in found}})
    for name, data in found.items():
        write_bytes(layout.root / name, data)


def write_results(job: Job, ledgers: Sequence[Ledger]) -> None:
    """Indexes the token datasets, then writes the report and, as the very last thing, the complete manifest."""
    if job.plan.write.tokens:
        _finish_datasets(job, ledgers)
    manifest = read_manifest(job.layout)
    assert manifest is not None
    conclude(job.layout, ledgers, manifest)


def conclude(layout: Layout, ledgers: Sequence[Ledger], manifest: Mapping[str, Any]) -> None:
    """Writes the report, then the manifest, which names it and says that all is there."""
    write_report(layout.root, ledgers, manifest)
    named = receipt((layout.root / REPORT_JSON).read_bytes())
    artifacts = {**manifest.get("artifacts", {}), REPORT_JSON: named}
    ended = {"complete": True, "artifacts": artifacts, "totals": totals(ledgers)}
    write_json(layout.manifest, {**manifest, **ended})


def receipt(content: bytes) -> dict[str, Any]:
    """How the manifest names a file beside the tables."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


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
