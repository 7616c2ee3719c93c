"""Telephone and card numbers as people write them: rows of them, with what stands before and behind."""

import pytest

from curate.stages.pii import find_pii
from tests.stages.pii_cases import card

NBSP, NARROW, HYPHEN, FIGURE_DASH = "\xa0", "\u202f", "\u2011", "\u2012"
VISA = card("4", 16)
GROUPED = " ".join(VISA[at : at + 4] for at in range(0, 16, 4))
AMEX = card("37", 15)

PHONES = [
    # abroad with 00, the country code apart, or a word
    ("0049 89 1234567", "0049 89 1234567"),
    ("from 0044 20 7946 0958 daily", "0044 20 7946 0958"),
    ("0049 (0)89 1234567", "0049 (0)89 1234567"),
    ("fax 004989 1234567", "004989 1234567"),
    # blanks and dashes beyond ASCII
    (f"+49{NBSP}30{NBSP}2888000", f"+49{NBSP}30{NBSP}2888000"),
    (
        f"+33{NARROW}1{NARROW}42{NARROW}68{NARROW}53{NARROW}00",
        f"+33{NARROW}1{NARROW}42{NARROW}68{NARROW}53{NARROW}00",
    ),
    (f"1{HYPHEN}855{HYPHEN}846{HYPHEN}2895", f"1{HYPHEN}855{HYPHEN}846{HYPHEN}2895"),
    (f"Tel 212{FIGURE_DASH}555{FIGURE_DASH}0123", f"212{FIGURE_DASH}555{FIGURE_DASH}0123"),
    ("(608) 276 - 5921", "(608) 276 - 5921"),
    # behind a word in parentheses, a ZIP code, a word without a space
    ("(Web) (512) 993-8230", "(512) 993-8230"),
    ("MI 48076 (248) 796-5000", "(248) 796-5000"),
    ("About(628) 400-5961", "(628) 400-5961"),
    ("India+91-8529003873", "+91-8529003873"),
    # parentheses around it
    ("(+44) 20 7946 0958", "(+44) 20 7946 0958"),
    ("call us (+1 877 555 0123) today", "+1 877 555 0123"),
    # other words, initials and signs before it
    ("Ph: 0812345", "0812345"),
    ("T: 89 55 44 33", "89 55 44 33"),
    ("(M) 0171 23456", "0171 23456"),
    ("☎ 5551234", "5551234"),
    ("phone_number: 2125550123", "2125550123"),
    ('"phoneNumber": "2125550123"', "2125550123"),
    # with an extension
    ("(212) 555-0123, ext. 55", "(212) 555-0123, ext. 55"),
    ("(212) 555-0123 extension 136", "(212) 555-0123 extension 136"),
    ("Tel.: 089 / 12 34 56-0", "089 / 12 34 56-0"),
    # and not with what follows it
    ("Phone: 020 7946 0123 24 hours", "020 7946 0123"),
    ("Tel: (212) 555-0123 10001 NY", "(212) 555-0123"),
    ("tel 01 42 68 53 00 75008 Paris", "01 42 68 53 00"),
    # national ways of writing
    ("030 123401", "030 123401"),
    ("01512 3456158", "01512 3456158"),
    ("081234 56775", "081234 56775"),
    ("06 12345678", "06 12345678"),
    ("844-411-2487", "844-411-2487"),
]

NO_PHONES = [
    "Call scheduled 2024-05-01 10:30",
    "call us 03.04.2021 14:00 Uhr",
    "GSM 850/900/1800/1900",
    "phone 3, build 62991846",
    "Reference 0868 4274 7465 3419",
    "good mobile support?\n2024-08-03 14:22:38",
    "OP_CALL 11101101 reserved",
    "088 00000000 SECT1A",
    "0030 0040 0050 0060",
    "<PHONE_NUMBER> 2125550",
]


def phones(text):
    raw = text.encode()
    return [raw[span["start"] : span["end"]].decode() for span in find_pii([text], ["phone"])[0].as_py()]


@pytest.mark.parametrize(("text", "number"), PHONES)
def test_telephone_numbers(text, number):
    assert phones(text) == [number]


@pytest.mark.parametrize("text", NO_PHONES)
def test_other_numbers(text):
    assert phones(text) == []


@pytest.mark.parametrize(
    "number",
    [
        "212-555-0123",
        "(212) 555-0123",
        "06 12 34 56 78",
        "030 123401",
        GROUPED,
        VISA,
        "-".join(GROUPED.split()),
    ],
)
def test_all_numbers_of_a_row_are_found_at_once(number):
    for count in (1, 2, 3, 20):
        text = "call or pay " + " ".join([number] * count) + " or write"
        spans = find_pii([text], ["phone", "payment_card"])[0].as_py()
        assert [text[span["start"] : span["end"]] for span in spans] == [number] * count


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"{GROUPED} 12/26", GROUPED),
        (f"Visa {VISA} 12/26", VISA),
        (f"Amex {AMEX[:4]} {AMEX[4:10]} {AMEX[10:]} 09/27", f"{AMEX[:4]} {AMEX[4:10]} {AMEX[10:]}"),
        (f"CC: {GROUPED} 2 items", GROUPED),
        (f"it is {VISA}.", VISA),
        (f"card_number={VISA}", VISA),
        (f'"creditCard": "{VISA}"', VISA),
        (f"Kartennummer: {VISA}", VISA),
    ],
)
def test_card_numbers(text, number):
    spans = find_pii([text], ["payment_card"])[0].as_py()
    assert [text[span["start"] : span["end"]] for span in spans] == [number]


@pytest.mark.parametrize(
    "text", [f"https://shop.com/item/{VISA}", f"id={VISA}", f"{GROUPED} 4001 4002 4003", f"#{VISA}"]
)
def test_no_card_numbers(text):
    assert find_pii([text], ["payment_card"])[0].as_py() == []
