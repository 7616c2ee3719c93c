"""Damaged WARC files, thousands to the reader and a hundred to the command: nothing crashes, nothing is lost."""

import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import curate as cu
from curate.run.verify import verify
from curate.sample import write_sample

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
READER_CASES, COMMAND_CASES = 10_000, 100
RECIPE = """
import curate as cu


def pipeline(source: str, output: str) -> cu.Pipeline:
    return cu.Pipeline(cu.read_warc(source), [cu.ExtractText()], cu.write_documents(output))
"""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of the sample crawl that hold no planted damage."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    return [
        path for path in sorted(folder.glob("*.warc*")) if Counter(reasons(path)).keys() <= {None, *FILTERED}
    ]


#: What the reader leaves out of a file that is whole.
FILTERED = ("record_type", "mime_type", "http_status", "empty_payload", "decoded_too_large", "repeated_id")


def rows(path: Path) -> list[tuple[str, int, str | None]]:
    """Id, offset and reason of every record."""
    reader = cu.read_warc(str(path))
    found: list[tuple[str, int, str | None]] = []
    for file in reader.files():
        for outcome in reader.read(file):
            assert outcome.reason is not None
            columns = (outcome.batch["id"], outcome.batch["offset"], outcome.reason)
            found += zip(*(column.to_pylist() for column in columns), strict=True)
    return found


def reasons(path: Path) -> list[str | None]:
    return [reason for _, _, reason in rows(path)]


def damaged(data: bytes, chance: random.Random) -> tuple[bytes, int]:
    """A file cut, with some bits flipped, with a piece lost, doubled or overwritten; and where the damage begins."""
    at, length = chance.randrange(len(data)), chance.choice([1, 2, 17, 512, 5000])
    kind = chance.randrange(5)
    if kind == 0:
        return data[:at], at
    if kind == 1:
        places = sorted(chance.sample(range(len(data)), chance.randrange(1, 6)))
        flipped = bytearray(data)
        for place in places:
            flipped[place] ^= 1 << chance.randrange(8)
        return bytes(flipped), places[0]
    if kind == 2:
        return data[:at] + data[at + length :], at
    if kind == 3:
        return data[: at + length] + data[at:], at
    return data[:at] + chance.randbytes(length) + data[at + length :], at


@pytest.mark.timeout(1800)
def test_ten_thousand_through_the_reader(good: list[Path], tmp_path: Path) -> None:
    chance = random.Random(8)
    assert len(good) >= 3
    whole = {path: (path.read_bytes(), rows(path)) for path in good}
    for case in range(READER_CASES):
        path = good[case % len(good)]
        data, before = whole[path]
        broken, at = damaged(data, chance)
        victim = tmp_path / path.name
        victim.write_bytes(broken)
        found = rows(victim)
        kept = [row for row in found if row[2] is None]
        ids = {row[0] for row in kept}
        assert len(ids) == len(kept), (case, path.name, at)
        if path.suffix == ".gz":  # what another checksum does not cover may be read changed
            assert ids <= {row[0] for row in before}, (case, path.name, at)
        # what ends before the damage is there as it was; a record ends where the next one begins
        untouched = [row for row, after in itertools.pairwise(before) if after[1] <= at]
        assert found[: len(untouched)] == untouched, (case, path.name, at)


@pytest.mark.timeout(1800)
def test_a_hundred_through_the_command(good: list[Path], tmp_path: Path) -> None:
    chance = random.Random(9)
    (tmp_path / "recipe.py").write_text(RECIPE)
    for case in range(COMMAND_CASES):
        path = good[case % len(good)]
        broken, _ = damaged(path.read_bytes(), chance)
        source, output = tmp_path / f"{case}-{path.name}", tmp_path / f"out-{case}"
        source.write_bytes(broken)
        words = [
            str(tmp_path / "recipe.py"),
            f"source={source}",
            f"output={output}",
            "--quiet",
            "--workers",
            "1",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "curate", *words], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr.decode()
        totals = json.loads((output / "manifest.json").read_bytes())["totals"]
        told = Counter(reasons(source))
        rejected = Counter(totals["rejected"].get("read_warc", {}))
        assert totals["records"] == sum(told.values())
        assert rejected == Counter({reason: rows for reason, rows in told.items() if reason is not None})
        gone = sum(rows for stage in totals["rejected"].values() for rows in stage.values())
        assert totals["records"] == totals["kept"] + gone
        assert done.returncode == (1 if totals["quarantined"] else 0)
        assert verify(output) == []
