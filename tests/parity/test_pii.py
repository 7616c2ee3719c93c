"""Recall and precision on presidio-research's synthetic texts, for the kinds that both name."""

import json

import pytest

from curate.stages.pii import KINDS, find_pii

# kind: (entity, lowest recall, lowest precision). Some synthetic cards begin with digits that no issuer has, and
# many national telephone numbers there stand without context, in shapes that other numbers have too.
BOUNDS = {
    "email": ("EMAIL_ADDRESS", 0.99, 0.99),
    "payment_card": ("CREDIT_CARD", 0.9, 0.99),
    "iban": ("IBAN_CODE", 0.99, 0.99),
    "us_ssn": ("US_SSN", 0.95, 0.99),
    "ipv4": ("IP_ADDRESS", 0.9, 0.99),
    "phone": ("PHONE_NUMBER", 0.65, 0.95),
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
