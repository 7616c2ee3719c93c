"""What the report tells of a run beyond its ledgers: sums of what was counted table by table."""

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.io.storage import Place, for_each, listing, local_copy, name_below
from curate.schema import LANGUAGE_SCORE
from curate.summary import Summary
from curate.summary.contamination import evaluation_of
from curate.summary.summary import is_share

#: Domains and languages listed; the rest is summed.
TOP = 30
#: Tables of counts held at a time.
_AT_ONCE = 256


def facts(folder: Place, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the report says beyond counts of the ledgers, as JSON values.

    Args:
        folder: the output folder of a finished run.
        steps: stage -> identity, of the manifest's plan.
    """
    summary = summary_of(folder)
    evaluation = evaluation_of(folder)
    return {
        "signals": _distributions(summary, _limits(steps)),
        "languages": summary.languages.to_json(TOP) if summary.has_languages else None,
        "domains": summary.domains.to_json(TOP) if summary.has_domains else None,
        "pii": summary.pii,
        "duplicates": {
            "kept_for": {str(n): rows for n, rows in sorted(summary.duplicates.items())},
            "similarity": _similarities(summary, steps),
            "clusters": _clusters(folder, steps),
        },
        "contamination": summary.contamination.to_json(evaluation) if evaluation else None,
        "text": {"documents": summary.documents, "bytes": summary.text_bytes},
        "datasets": _datasets(folder),
        "failed": {stage: dict(sorted(own.items())) for stage, own in sorted(summary.failed.items())},
        "samples": summary.samples.to_json(),
    }


def summary_of(folder: Place) -> Summary:
    """What all tables of a run hold, from what was counted when they were written."""
    total = Summary()
    for kind in ("documents", "rejects"):
        paths = listing(folder / "counts" / kind, "*.parquet")
        for start in range(0, len(paths), _AT_ONCE):
            for counts in for_each(_read, paths[start : start + _AT_ONCE]):
                total.merge(counts)
    return total


def _read(path: Place) -> pa.Table:
    with local_copy(path) as local:
        return pq.read_table(local)


def _distributions(summary: Summary, limits: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Signal -> bins, counts and limits; those that rules look at first, in the order of the rules."""
    names = [name for name in limits if name in summary.signals]
    names += [name for name in summary.signals if name not in limits]
    told = {}
    for name in names:
        own = limits.get(name, [])
        bins = summary.signals[name].to_json([rule["limit"] for rule in own])
        scale = "unit" if is_share(name) else "octaves"
        told[name] = {"scale": scale, **bins, "limits": own}
    return told


def _similarities(summary: Summary, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Stage -> distribution of how much the rows it rejected resemble the ones kept instead."""
    told = {}
    for stage, own in sorted(summary.similarity.items()):
        least = steps.get(stage, {}).get("min_jaccard")
        limits = [] if least is None else [{"stage": stage, "keep_if": "<", "limit": least}]
        told[stage] = {**own.to_json([rule["limit"] for rule in limits]), "limits": limits}
    return told


def _limits(steps: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Signal -> the limits that the run's rules set for it, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for stage, identity in steps.items():
        if identity.get("stage") == "Language" and identity.get("min_score"):
            limit = {"reason": "language_score", "keep_if": ">=", "limit": identity["min_score"]}
            found[LANGUAGE_SCORE].append({"stage": stage, **limit})
        if identity.get("stage") == "Rules":
            for rule in identity["table"]["rules"]:
                named = {name: rule[name] for name in ("reason", "keep_if", "limit")}
                found[rule["signal"]].append({"stage": stage, **named})
    return dict(found)


def _clusters(folder: Place, steps: Mapping[str, Any]) -> dict[str, Any]:
    """What each deduplication that leaves a summary beside the run says of its clusters."""
    found = {}
    for stage in steps:
        with suppress(FileNotFoundError, ValueError):
            summary = json.loads((folder / f"{stage}.json").read_bytes())
            if isinstance(summary, dict) and "clusters_by_size" in summary:
                found[stage] = summary
    return found


def _datasets(folder: Place) -> dict[str, Any]:
    """Dataset -> rows, tokens, bytes of text and the tokenizer, from the datasets' own manifests."""
    found = {}
    for path in listing(folder / "tokens", "**/manifest.json"):
        manifest = json.loads(path.read_bytes())
        told = {name: manifest[name] for name in ("rows", "tokens", "bytes", "dtype", "content_digest")}
        tokenizer = {
            "vocab_size": manifest["tokenizer"]["vocab_size"],
            "tokenizer": manifest["tokenizer"]["sha256"],
        }
        found[name_below(folder, path.parent)] = {**told, **tokenizer}
    return found
