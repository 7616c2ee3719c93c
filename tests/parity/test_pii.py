"""Recall and precision on presidio-research's synthetic texts, for the kinds that both name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.stages.pii import DEFAULT_KINDS, KINDS, audit_pii, find_pii

REPOSITORY = Path(__file__).resolve().parents[2]

# kind: (entity, lowest recall, lowest precision). Many national telephone numbers there stand without context, in
# shapes that other numbers have too.
BOUNDS = {
    "email": ("EMAIL_ADDRESS", 0.99, 0.99),
    "payment_card": ("CREDIT_CARD", 0.98, 0.99),
    "iban": ("IBAN_CODE", 0.99, 0.99),
    "us_ssn": ("US_SSN", 0.95, 0.99),
    "ipv4": ("IP_ADDRESS", 0.9, 0.99),
    "phone": ("PHONE_NUMBER", 0.78, 0.95),
}


def test_synthetic_texts(data_dir):
    cases = json.loads((data_dir / "pii" / "presidio-synth-v2.json").read_text())
    texts = [case["full_text"] for case in cases]
    results = find_pii(texts, tuple(KINDS)).to_pylist()
    failures = []
    for kind, (entity, recall_bound, precision_bound) in BOUNDS.items():
        truth = hits = claims = correct = 0
        for case, spans in zip(cases, results, strict=True):
            raw = case["full_text"].encode()
            labelled = [s["entity_value"] for s in case["spans"] if s["entity_type"] == entity]
            claimed = [raw[s["start"] : s["end"]].decode() for s in spans if s["kind"] == kind]
            truth += len(labelled)
            claims += len(claimed)
            hits += sum(value in claimed for value in labelled)
            correct += sum(value in labelled for value in claimed)
        recall, precision = hits / max(truth, 1), correct / max(claims, 1)
        print(f"{kind:13} recall {recall:.3f} of {truth:4}  precision {precision:.3f} of {claims:4}")
        if recall < recall_bound or precision < precision_bound:
            failures.append((kind, recall, precision))
    assert not failures


@pytest.mark.parametrize("word", ["Contact", "IP", "See"])
def test_plain_prose_has_none(word):
    prose = (
        f"{word} the chapter 3.2.1 of 2019-07-12, pages 112-118, for 9.00 dollars (ISBN 978-3-16-148410-0)."
    )
    assert find_pii([prose]).to_pylist() == [[]]


def scores(python, engine, data):
    script = REPOSITORY / "benchmarks" / "operations" / "pii.py"
    words = [str(python), str(script), str(data), "--engine", engine, "--megabytes", "0.01"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    return {name: value for name, value in figures.items() if name.endswith("F1")}


def test_f1_is_above_that_of_presidio(data_dir):
    python = Path(os.environ.get("CURATE_PRESIDIO_PYTHON", REPOSITORY / ".venvs/presidio/bin/python"))
    if not python.exists():
        pytest.skip(f"no interpreter with presidio-analyzer at {python}; set CURATE_PRESIDIO_PYTHON")
    ours, theirs = scores(sys.executable, "curate", data_dir), scores(python, "presidio", data_dir)
    assert len(ours) == len(theirs) == 6
    for name, score in theirs.items():
        assert ours[name] > score or ours[name] == score == 1.0, (name, ours[name], score)


CHECKSUMMED = ("payment_card", "iban", "crypto_address", "jwt")


def test_checksum_kinds_find_nothing_in_clean_text(data_dir):
    """Books, laws and manuals hold no card, account, address or token: whatever is found would be wrong."""
    import zstandard

    kinds = [kind for kind in KINDS if kind in CHECKSUMMED or kind not in DEFAULT_KINDS]
    for path in sorted((data_dir / "text").glob("*.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as lines:
            audit = audit_pii([json.loads(line)["text"] for line in lines], kinds)
        assert audit.is_clean, (path.name, audit.found)
