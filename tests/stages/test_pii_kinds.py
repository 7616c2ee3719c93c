"""PII: what is found and what is not, kind by kind."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import sample
from curate._native import pii_key_forms
from curate.sample.planted import planted_records
from curate.stages.pii import DEFAULT_KINDS, KINDS, find_pii
from tests.stages.pii_cases import NEAR_MISSES, POSITIVE, VISA, found, luhn_digit, only


@pytest.mark.parametrize(("kind", "text", "value"), POSITIVE)
def test_found(kind, text, value):
    assert only(kind, text) == [value], found(text)


@pytest.mark.parametrize(("kind", "text"), NEAR_MISSES)
def test_near_misses(kind, text):
    assert only(kind, text) == []


def test_every_kind_has_a_positive_and_a_near_miss():
    kinds = set(DEFAULT_KINDS) | {
        "us_ssn",
        "uk_nino",
        "sg_nric",
    }  # the others: tests/parity/test_pii_numbers.py
    assert {case[0] for case in NEAR_MISSES} == kinds <= {case[0] for case in POSITIVE} <= set(KINDS)


def test_the_forms_of_keys_have_providers_and_sources():
    forms = pii_key_forms()
    assert len({provider.split()[0] for provider, *_ in forms}) >= 60
    assert {source for *_, source in forms} == {
        "gitleaks",
        "trufflehog",
        "detect-secrets",
        "scanners",
        "provider",
    }


def test_overlaps_give_one_span():
    assert found("https://joe:hunter2@gmail.com") == [("url_credentials", "joe:hunter2")]
    grouped = " ".join(VISA[i : i + 4] for i in range(0, 16, 4))
    assert found(f"card phone {grouped}") == [("payment_card", grouped)]


@given(st.lists(st.integers(0, 299), min_size=4, max_size=4))
def test_ipv4_agrees_with_ipaddress(octets):
    text = ".".join(map(str, octets))
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        expected = False
    else:
        # the registry entries that Python 3.11 does not know yet are left out
        newer = any(address in ipaddress.ip_network(n) for n in ("192.0.0.0/24", "192.88.99.0/24"))
        expected = address.is_global and not address.is_multicast and not newer
    assert bool(only("ipv4", f"the address {text} on")) == expected


@given(st.integers(0, 10**15 - 1))
def test_cards_agree_with_luhn(number):
    text = "4" + f"{number:015d}"
    valid = luhn_digit(text[:-1]) == text[-1] and len(set(text)) > 1
    assert bool(only("payment_card", f"card {text}")) == valid


@given(st.text("ABCXYZ", min_size=4, max_size=4), st.integers(0, 10**14 - 1), st.integers(0, 99))
def test_ibans_agree_with_mod_97(bank, account, check):
    text = f"GB{check:02d}{bank}{account:014d}"
    valid = int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
    assert bool(only("iban", text)) == valid


HOSTILE = [
    "@",
    "a@",
    "1",
    ".",
    "1.",
    "1 ",
    "-",
    ":",
    "a:",
    "+1",
    "(1",
    "eyJ",
    "eyJ.",
    "-----BEGIN RSA PRIVATE KEY-----",
]
HOSTILE += [
    "a.a.a.",
    "::::",
    "12",
    "ghp_",
    "sk-sk_",
    "hooks.slack.com/services/",
    "1-",
    "aé",
    "eyJeyJ",
    "-",
    "AKIA",
    "sk-",
    "://a:b@",
    "::1:",
    "a@b.com@",
    "DE12 ",
    "8.8.8.8.",
    "0x",
    "tel 1234567 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_megabytes_are_linear(piece):
    # quadratic work would take minutes; the limit of the test run is the guard
    text = piece * (1_000_000 // len(piece))
    for span in find_pii([text], tuple(KINDS)).to_pylist()[0]:
        assert 0 <= span["start"] < span["end"] <= len(text)


# The sample names two currencies apart; of a URL with a password, the user and password go.
SAMPLE_KINDS = {"bitcoin_address": "crypto_address", "ethereum_address": "crypto_address"}


def test_everything_planted_in_the_sample_is_found():
    pages = [record for record in planted_records() if record.kind == "pii"]
    assert {fact["kind"] for page in pages for fact in page.details["pii"]} == set(sample.pii_values())
    for page in pages:
        expected = [
            (
                SAMPLE_KINDS.get(fact["kind"], fact["kind"]),
                re.sub("^https://(.*)@.*$", r"\1", fact["value"])
                if fact["kind"] == "url_credentials"
                else fact["value"],
            )
            for fact in page.details["pii"]
        ]
        assert found(page.text, DEFAULT_KINDS) == expected


def test_nothing_is_found_in_the_prose_of_the_sample():
    for language in sample.LANGUAGES:
        for text in sample.sample_texts(language):
            assert found(text) == []
