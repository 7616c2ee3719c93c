"""The card of a token dataset: what is in it, where it comes from, and what made it, in Markdown beside it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.budget import budget
from curate.io.atomic import write_bytes
from curate.io.storage import Place, listing, local_copy
from curate.pipeline import package_version
from curate.schema import DATE, LANGUAGE, SOURCE

CARD = "README.md"
#: the dataset of documents whose language is not known
UNDETERMINED = "und"
#: columns in which documents may say under what terms they are
LICENCES = ("licence", "license")
_SHOWN = 20


def write_card(
    folder: Place, splits: Sequence[str], documents: Place, plan: Mapping[str, Any], language: str | None
) -> None:
    """Writes the card of a dataset.

    Args:
        folder: the joined dataset; its splits are finished.
        splits: their names.
        documents: folder of the run's documents (Parquet).
        plan: description of the plan, JSON values.
        language: of the documents in this dataset; None = all.
    """
    manifests = {name: json.loads((folder / name / "manifest.json").read_bytes()) for name in splits}
    facts = _Facts(documents, language)
    total = sum(manifest["tokens"] for manifest in manifests.values())
    tokenizer = next(iter(manifests.values()))["tokenizer"]
    lines = [
        "---",
        *_front_matter(facts),
        "---",
        "# Token dataset",
        "",
        f"Made by curate {package_version()}. `datasets.load_from_disk` opens this folder.",
        "",
        "| split | documents | tokens | bytes | ids | content digest |",
        "|---|---|---|---|---|---|",
    ]
    for name, manifest in manifests.items():
        lines.append(
            f"| {name} | {manifest['rows']:,} | {manifest['tokens']:,} | {manifest['bytes']:,} | "
            f"{manifest['dtype']} | `{manifest['content_digest']}` |"
        )
    lines += [
        "",
        f"Tokenizer: {tokenizer['vocab_size']:,} ids, SHA-256 `{tokenizer['sha256']}`.",
        "",
        f"Compute-optimal for one epoch: {budget(total).sentences()[0]}.",
        "",
        "## Documents",
        "",
        f"Languages: {_counts(facts.languages) or 'not determined'}.",
        "",
        f"Dates: {' to '.join(facts.dates) if facts.dates else 'not recorded'}.",
        "",
        f"Licences seen: {_counts(facts.licences) or 'none recorded'}.",
        "",
        f"Sources: {len(facts.sources):,} files.",
        "",
        "## Recipe",
        "",
        "```json",
        json.dumps(plan, indent=1, ensure_ascii=False, sort_keys=True),
        "```",
        "",
    ]
    write_bytes(folder / CARD, "\n".join(lines).encode())


class _Facts:
    """What the documents say of themselves, column by column."""

    def __init__(self, documents: Place, language: str | None) -> None:
        self.languages: Counter[str] = Counter()
        self.licences: Counter[str] = Counter()
        self.sources: set[str] = set()
        dates: list[str] = []
        for path in listing(documents, "*.parquet"):
            with local_copy(path) as local:
                known = pq.read_schema(local).names
                wanted = [n for n in (LANGUAGE, DATE, SOURCE, *LICENCES) if n in known]
                table = pq.read_table(local, columns=wanted)
            if language is not None and LANGUAGE in wanted:
                table = table.filter(pc.equal(pc.fill_null(table[LANGUAGE], UNDETERMINED), language))
            for name, counter in ((LANGUAGE, self.languages), *((n, self.licences) for n in LICENCES)):
                if name in wanted:
                    counter.update(_value_counts(table[name]))
            if SOURCE in wanted:
                self.sources.update(value for value in pc.unique(table[SOURCE]).to_pylist() if value)
            if DATE in wanted and len(table):
                ends = pc.min_max(table[DATE]).as_py()
                dates += [value for value in ends.values() if value]
        self.dates = (min(dates)[:10], max(dates)[:10]) if dates else None


def _value_counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(column.combine_chunks()).to_pylist()
    return {str(row["values"]): row["counts"] for row in counted if row["values"] is not None}


def _front_matter(facts: _Facts) -> list[str]:
    """Only plain labels: a value of the input must not be able to write YAML."""
    plain = [n for n in sorted(facts.languages) if n.isascii() and n.replace("-", "").isalnum()]
    return ["language:", *(f"- {name}" for name in plain)] if plain else ["language: []"]


def _counts(counter: Counter[str]) -> str:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    told = [f"`{_plain(name)}` {count:,}" for name, count in ordered[:_SHOWN]]
    rest = sum(count for _, count in ordered[_SHOWN:])
    return ", ".join([*told, *([f"{len(ordered) - _SHOWN} others {rest:,}"] if rest else [])])


def _plain(name: str) -> str:
    """A value of the input on one line, without the sign that ends code."""
    return " ".join(name.replace("`", " ").split())[:60]
