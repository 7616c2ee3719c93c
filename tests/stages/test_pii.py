"""PII: policies, the stage, the audit; scrubbing twice is scrubbing once."""

import json

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curate.errors import PlanError
from curate.sample.planted import planted_records
from curate.stages.pii import DEFAULT_KINDS, KINDS, POLICIES, ScrubPII, audit_pii, find_pii, scrub_pii
from tests.stages.pii_cases import POSITIVE, VISA

KEY = b"secret of enough bytes"

PIECES = st.sampled_from(
    [text for _, text, _ in POSITIVE]
    + ["@", ".", ":", " ", "-", "1", "é", "日", "\n", "call ", "<PHONE>", "+", "("]
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="0123456789.-+()@:abcdefx/ <>\né", max_size=80),
    st.lists(PIECES, max_size=12).map("".join),
)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@given(text=TEXTS)
@example(text="a@b.com@c.com@d.com.uk")
@example(text="call <PHONE> 5551234567 tel 1-212-555-0123 IP 8.8.8.8.8 8.8.8.8")
def test_scrubbing_twice_is_scrubbing_once(policy, text):
    key = KEY if policy == "pseudonym" else None
    once = scrub_pii([text], tuple(KINDS), policy, key)
    assert find_pii(once, tuple(KINDS)).to_pylist() == [[]]
    assert scrub_pii(once, tuple(KINDS), policy, key) == once


@given(TEXTS)
def test_spans_are_ordered_disjoint_and_on_characters(text):
    raw, end = text.encode(), 0
    for span in find_pii([text], tuple(KINDS)).to_pylist()[0]:
        assert end <= span["start"] < span["end"] <= len(raw)
        end = span["end"]
        raw[: span["start"]].decode()
        raw[span["start"] : span["end"]].decode()


def scrubbed(text, policy, key=None):
    return scrub_pii([text], policy=policy, key=key).to_pylist()[0]


def test_policies():
    text = "joe@gmail.com, ann@gmail.com, joe@gmail.com"
    assert scrubbed(text, "tag") == "<EMAIL>, <EMAIL>, <EMAIL>"
    assert scrubbed(text, "number") == "<EMAIL_1>, <EMAIL_2>, <EMAIL_1>"
    assert scrubbed(text, "mask") == ", ".join(["*" * 13] * 3)
    assert scrubbed(text, "drop_span") == ", , "
    examples = ["email@example.com", "firstname.lastname@example.org", "email@example.com"]
    assert scrubbed(text, "fineweb") == ", ".join(examples)
    assert (
        scrubbed("from 85.214.132.117 to 85.214.132.1", "fineweb") == "from 22.214.171.124 to 126.96.36.199"
    )
    first, second, third = scrubbed(text, "pseudonym", KEY).split(", ")
    assert first == third != second
    assert scrubbed(text, "pseudonym", b"another" * 4).split(", ")[0] != first


def test_the_same_value_written_otherwise_has_the_same_number_and_pseudonym():
    text = "+1 202 555 0123, Joe@gmail.com, +12025550123, joe@gmail.com"
    assert scrubbed(text, "number") == "<PHONE_1>, <EMAIL_1>, <PHONE_1>, <EMAIL_1>"
    phone, mail, same_phone, same_mail = scrubbed(text, "pseudonym", KEY).split(", ")
    assert (phone, mail) == (same_phone, same_mail)


def test_a_row_of_cards_takes_no_prose_along():
    prose = "A line of plain words. " * 600
    row = " ".join(" ".join(VISA[at : at + 4] for at in range(0, 16, 4)) for _ in range(17))
    for policy in ("tag", "drop_span"):
        text = scrubbed(f"{prose}{row} {prose}", policy)
        assert len(text) > 2 * len(prose) - 2 * len(row)
        assert not find_pii([text]).to_pylist()[0]


def test_a_replacement_depends_on_the_document_alone():
    texts = ["joe@gmail.com", "x", None, "ann@gmail.com joe@gmail.com"]
    for policy in ("fineweb", "number"):
        whole = scrub_pii(texts, policy=policy).to_pylist()
        assert whole == [scrub_pii([text], policy=policy).to_pylist()[0] for text in texts]


def test_stage_counts_and_drops():
    stage = ScrubPII(max_per_document=1)
    batch = pa.record_batch(
        {"text": pa.array(["no", "joe@gmail.com", "joe@gmail.com 85.214.132.117", None], pa.large_string())}
    )
    outcome = stage(batch)
    assert outcome.reason.to_pylist() == [None, None, "too_many_pii", None]
    assert set(stage.reasons) == {"too_many_pii"}
    assert outcome.batch["text"].to_pylist() == ["no", "<EMAIL>", "<EMAIL> <IPV4>", None]
    assert outcome.batch["pii"].to_pylist()[2]["email"] == 1
    for field in stage.adds:
        assert outcome.batch.schema.field(field.name).type == field.type
    assert ScrubPII()(batch).reason is None
    assert stage.invalidates == {"signals"}


def test_near_misses_are_counted_beside_the_findings():
    text = "joe@gmail.com ann@example.com bob@nowhere.invalidtld 10.0.0.1 card 4111 1111 1111 1112"
    pii = (
        ScrubPII()(pa.record_batch({"text": pa.array([text], pa.large_string())})).batch["pii"].to_pylist()[0]
    )
    near = pii.pop("near_misses")
    assert {kind: count for kind, count in pii.items() if count} == {"email": 1}
    assert {kind: count for kind, count in near.items() if count} == {
        "email": 2,
        "ipv4": 1,
        "payment_card": 1,
    }
    assert tuple(near) == tuple(pii) == DEFAULT_KINDS


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_spans_show_what_stands_where_and_not_what_stood_there(policy):
    texts = ["é joe@gmail.com and joe@gmail.com, 85.214.132.117", None, "nothing"]
    stage = ScrubPII(policy=policy, key=KEY if policy == "pseudonym" else None, keep_spans=True)
    batch = stage(pa.record_batch({"text": pa.array(texts, pa.large_string())})).batch
    assert [field.name for field in stage.adds] == ["text", "pii", "pii_spans"]
    assert batch.schema.field("pii_spans").type == stage.adds.field("pii_spans").type
    spans = batch["pii_spans"].to_pylist()
    assert [None if row is None else len(row) for row in spans] == [3, None, 0]
    assert "joe" not in str(spans) + str(batch["text"])
    raw = batch["text"].to_pylist()[0].encode()
    assert [span["kind"] for span in spans[0]] == ["email", "email", "ipv4"]
    assert [span["removed_bytes"] for span in spans[0]] == [13, 13, 14]
    if policy == "tag":
        assert [raw[s["start"] : s["end"]] for s in spans[0]] == [b"<EMAIL>", b"<EMAIL>", b"<IPV4>"]
    kept = len(raw) - sum(span["end"] - span["start"] for span in spans[0])
    assert kept == len(texts[0].encode()) - 40


def test_the_audit_finds_what_is_there_and_nothing_after_a_scrub():
    pages = [record.text for record in planted_records() if record.kind == "pii"]
    before = audit_pii(pages, KINDS)
    assert before.documents == len(pages)
    assert before.found["email"] > 0
    assert not before.is_clean
    for policy in POLICIES:
        scrubbed = scrub_pii(pages, KINDS, policy, KEY if policy == "pseudonym" else None)
        after = audit_pii(scrubbed, KINDS)
        assert after.is_clean, (policy, after.found)
    assert audit_pii(["DE00370400440532013000"]).near_misses == {"iban": 1}


def test_bad_parameters_and_the_key_stays_secret():
    for wrong in (
        {"kinds": ("mail",)},
        {"kinds": "email"},
        {"policy": "hide"},
        {"policy": "pseudonym"},
        {"key": KEY},
        {"policy": "pseudonym", "key": b""},
        {"policy": "pseudonym", "key": KEY[:15]},
    ):
        with pytest.raises(PlanError):
            ScrubPII(**wrong)
    stage = ScrubPII(policy="pseudonym", key=KEY)
    assert "secret" not in repr(stage) + json.dumps(stage.identity())
