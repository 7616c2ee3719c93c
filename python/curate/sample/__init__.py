"""The embedded sample crawl: pages written for this project, with planted faults and a manifest of them.

Everything is generated, the same bytes on every machine: WARC files, `evals.jsonl` and `planted.json`.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from curate.sample import archive
from curate.sample.evaluation import EvalItem, eval_items
from curate.sample.planted import (
    BLOCKED_DOMAIN,
    PLAIN_PAGES,
    damaged_records,
    pii_values,
    plain_articles,
    plain_records,
    planted_records,
)
from curate.sample.prose import LANGUAGES, Article, Chooser
from curate.sample.records import Record, jaccard

FORMAT_VERSION = 1
WHOLE_FILES = (
    "crawl-00000.warc.gz",
    "crawl-00001.warc.gz",
    "crawl-00002.warc.gz",
    "crawl-00003.warc",
    "crawl-00004.warc.zst",
)
DAMAGED_FILE = "crawl-00005.warc.gz"


@dataclass(frozen=True)
class Planted:
    """What `write_sample` wrote.

    Attributes:
        folder: where the files are.
        files: names of the WARC files, in order; the last one is damaged.
        records: every record in file order.
        evals: the mini evaluation set in `evals.jsonl`.
        blocked_domains: to be given to a URL filter.

    """

    folder: Path
    files: tuple[str, ...]
    records: tuple[Record, ...]
    evals: tuple[EvalItem, ...]
    blocked_domains: tuple[str, ...] = (BLOCKED_DOMAIN,)

    def of_kind(self, kind: str) -> list[Record]:
        """The records of one kind, in file order."""
        return [record for record in self.records if record.kind == kind]


def write_sample(folder: Path) -> Planted:
    """Writes the sample crawl, its evaluation set and the manifest `planted.json` into a folder.

    Args:
        folder: made if it is missing; files of the same names are replaced unless they are the same.

    Returns:
        What was planted, in memory with the prose itself.

    Raises:
        OSError: the folder cannot be written.

    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    for name, content in zip(WHOLE_FILES, _dealt(), strict=True):
        placed = [dataclasses.replace(record, file=name) for record in content]
        _write(folder / name, b"".join(_framed(record) for record in placed))
        records += placed
    damaged = [dataclasses.replace(record, file=DAMAGED_FILE) for record in damaged_records()]
    _write(folder / DAMAGED_FILE, b"".join(_framed(record) for record in damaged))
    records += damaged
    planted = Planted(folder, (*WHOLE_FILES, DAMAGED_FILE), tuple(records), eval_items())
    _write_lines(folder / "evals.jsonl", [dataclasses.asdict(item) for item in planted.evals])
    manifest = {
        "format_version": FORMAT_VERSION,
        "files": planted.files,
        "blocked_domains": planted.blocked_domains,
        "similarity": "Jaccard of sets of 5 consecutive words, words are \\w+ of the lower-cased prose",
        "records": [record.to_json() for record in records],
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    _write(folder / "planted.json", text.encode() + b"\n")
    return planted


def sample_texts(language: str) -> list[str]:
    """The prose of the unplanted pages of a language: paragraphs one per line, without titles.

    Raises:
        ValueError: the sample has no pages in that language.

    """
    if language not in LANGUAGES:
        raise ValueError(f"no sample prose in {language!r}; there is {', '.join(LANGUAGES)}")
    return [article.text for article in plain_articles(language)]


def _dealt() -> list[list[Record]]:
    """All undamaged records, shuffled and dealt out to the files."""
    records = [*plain_records(), *planted_records()]
    chooser = Chooser(2024)
    order = list(range(len(records)))
    for last in range(len(order) - 1, 0, -1):
        other = chooser.below(last + 1)
        order[last], order[other] = order[other], order[last]
    shuffled = [records[number] for number in order]
    for first in [record for record in records if record.kind == "repeated_id_original"]:
        # A repeated id is a fault within one file, so the second record follows the first.
        again = next(
            place for place, record in enumerate(shuffled) if record.id == first.id and record != first
        )
        record = shuffled.pop(again)
        shuffled.insert(shuffled.index(first) + 1, record)
    size = -(-len(shuffled) // len(WHOLE_FILES))
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]


def _framed(record: Record) -> bytes:
    if record.file.endswith(".warc"):
        return record.warc
    if record.file.endswith(".zst"):
        return archive.zstd_frame(record.warc)
    member = archive.gzip_member(record.warc, huffman=record.file == DAMAGED_FILE)
    middle = len(member) // 2
    if record.damage == "flip":  # 64 bytes of ones are no valid fixed-Huffman symbols
        return member[:middle] + b"\xff" * 64 + member[middle + 64 :]
    if record.damage == "cut":
        return member[:middle]
    return member


def _write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    _write(path, "".join(f"{line}\n" for line in lines).encode())


def _write(path: Path, content: bytes) -> None:
    """Writes a file, unless it is there already: a run over the sample can then be resumed."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


__all__ = [
    "DAMAGED_FILE",
    "LANGUAGES",
    "PLAIN_PAGES",
    "WHOLE_FILES",
    "Article",
    "EvalItem",
    "Planted",
    "Record",
    "jaccard",
    "pii_values",
    "sample_texts",
    "write_sample",
]
