"""The native extraction beside the outside libraries, on real pages."""

import json
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

import curate as cu

EVERY = 12  # one page in so many; all of them are a case of the benchmarks


def f1(found: str, truth: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", text.lower())) for text in (found, truth))
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else float(not ours and not theirs)


def pages(folder: Path) -> list[tuple[bytes, str]]:
    zstandard = pytest.importorskip("zstandard")
    from warcio.archiveiterator import ArchiveIterator

    with (folder / "truth.jsonl.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file).read().decode()
    truth = {row["sha256"]: row["main_content"] or "" for row in map(json.loads, text.strip().split("\n"))}
    found = []
    for path in sorted(folder.glob("part-*.warc.gz")):
        with path.open("rb") as file:
            for number, record in enumerate(ArchiveIterator(file)):
                if record.rec_type == "response" and number % EVERY == 0:
                    html = record.content_stream().read()
                    found.append((html, truth[sha256(html).hexdigest()]))
    return found


def test_better_than_the_engines_it_replaces(data_dir: Path) -> None:
    trafilatura = pytest.importorskip("trafilatura")
    html2text = pytest.importorskip("resiliparse.extract.html2text")
    listed = pages(data_dir / "wcxb-dev")
    assert len(listed) > 100
    native = sum(f1(cu.extract_text(html), truth) for html, truth in listed) / len(listed)
    standard = sum(f1(trafilatura.extract(html) or "", truth) for html, truth in listed) / len(listed)
    resiliparse = sum(
        f1(html2text.extract_plain_text(html.decode("utf-8", "replace"), main_content=True), truth)
        for html, truth in listed
    ) / len(listed)
    print(f"F1: native {native:.3f}, trafilatura {standard:.3f}, resiliparse {resiliparse:.3f}")
    assert native > standard + 0.01
    assert native > resiliparse + 0.03
