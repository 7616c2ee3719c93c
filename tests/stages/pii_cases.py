"""Texts with personal data and near misses, by kind. Valid numbers are computed: no real secret stands here."""

import base64
import hashlib
import json

from curate.stages.pii import KINDS, find_pii


def found(text, kinds=tuple(KINDS)):
    raw = text.encode()
    return [(s["kind"], raw[s["start"] : s["end"]].decode()) for s in find_pii([text], kinds).to_pylist()[0]]


def only(kind, text):
    return [value for name, value in found(text) if name == kind]


def luhn_digit(digits):
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def card(prefix, length):
    body = (prefix + "98765432101234567")[: length - 1]
    return body + luhn_digit(body)


def iban(country, bban):
    number = "".join(str(int(c, 36)) for c in bban + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{bban}"


def base58check(version, payload):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    raw = bytes([version]) + payload
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def b64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


JWT = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64({'sub': '1'})}.{'c2ln' * 10}"
BODY = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4hJ6kL8n" * 8
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + BODY[:64] + "\n" + BODY[:64] + "\n-----END RSA PRIVATE KEY-----"
BITCOIN = base58check(0, bytes(range(20)))
# versions of Litecoin, Dogecoin, Dash and Tron
KIN = [base58check(version, bytes(range(60, 80))) for version in (0x30, 0x32, 0x1E, 0x16, 0x4C, 0x41)]
WIF = [base58check(0x80, bytes(range(32))), base58check(0x80, bytes(range(32)) + b"\1")]
# published: Ripple's genesis account, Tezos' and Stellar's documentation, Monero's donations, the specification of cash
# addresses, CIP 19, NIP 19
PUBLISHED = [
    "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
    "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb",
    "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
    "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
]
# BIP 32, test vector 1, and NIP 19
KEYS = [
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
]


def changed(number):
    """With another character in the last place but two: no checksum of these holds any more."""
    other = "3" if number[-3] != "3" else "4"
    return number[:-3] + other + number[-2:]


VISA = card("4", 16)
SHA1 = hashlib.sha1(b"an address").hexdigest()

_ACCOUNT = iban("DE", "370400440532013000")
IBANS = [
    between.join(_ACCOUNT[at : at + 4] for at in range(0, 22, 4)) for between in ("-", "\u00a0", "\u202f")
]
IBANS.append(" ".join(_ACCOUNT[at : at + 4] for at in range(0, 22, 4)).lower())
HEX = hashlib.sha256(b"a key").hexdigest()
UUID = f"{HEX[:8]}-{HEX[8:12]}-4{HEX[13:16]}-8{HEX[17:20]}-{HEX[20:32]}"
ENCRYPTED_PEM = PEM.replace(
    "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n", 1
)
INDENTED_PEM = PEM.replace("\n", "\n    ")
DISCORD = base64.b64encode(b"123456789012345678").decode() + ".G" + BODY[:5] + "." + BODY[:38]
PROVIDER_KEYS = [
    f"xoxp-123456789012-123456789012-123456789012-{HEX[:32]}",
    f"xoxc-123456789012-123456789012-123456789012-{HEX}",
    f"xoxd-{BODY[:40]}%2B{BODY[:40]}%3D",
    f"ghs_{BODY[:40]}.{BODY[:40]}_{BODY[:40]}",
    f"sk-ant-oat01-{BODY[:95]}",
    f"cfut_{BODY[:40]}{HEX[:8]}",
    f"sb_secret_{BODY[:22]}_{BODY[:8]}",
    f"pat-na1-{UUID}",
    f"{HEX[:32]}-us21",
    DISCORD,
]

# kind, text, what must be found in it
POSITIVE = [
    ("email", "write to Anna.Meyer+news@mail.beispiel-firma.de.", "Anna.Meyer+news@mail.beispiel-firma.de"),
    ("email", "mailto:joe@gmail.com?subject=x", "joe@gmail.com"),
    ("email", "连系joe@gmail.com吧", "joe@gmail.com"),
    ("email", "(joe@firm.co.uk)", "joe@firm.co.uk"),
    ("email", "joe@mail.example.org", "joe@mail.example.org"),
    ("email", "an jöhn.müller@gmail.com.", "jöhn.müller@gmail.com"),
    ("email", "Ask o'brien@gmail.com", "o'brien@gmail.com"),
    ("email", "to='joe@gmail.com'", "joe@gmail.com"),
    ("email", "send(b'joe@gmail.com')", "joe@gmail.com"),
    ("ipv4", "from 8.8.8.8:80", "8.8.8.8"),
    ("ipv4", "http://85.214.132.117/x", "85.214.132.117"),
    ("ipv4", "ends with 85.214.132.117.", "85.214.132.117"),
    ("ipv4", "The name server's IP is 9.9.9.9", "9.9.9.9"),
    ("ipv6", "host [2a00:1450:4001:81b::200e]:443", "2a00:1450:4001:81b::200e"),
    ("ipv6", "2a02:8108:8ac0:207c:1:2:3:4", "2a02:8108:8ac0:207c:1:2:3:4"),
    ("phone", "+49 89 1234567", "+49 89 1234567"),
    ("phone", "+44 (0)20 7946 0958 office", "+44 (0)20 7946 0958"),
    ("phone", "+12125550123", "+12125550123"),
    ("phone", "(212) 555-0123", "(212) 555-0123"),
    ("phone", "212-555-0123", "212-555-0123"),
    ("phone", "212.555.0123", "212.555.0123"),
    ("phone", "phone: 2125550123", "2125550123"),
    ("phone", "212-555-0123x4587 desk", "212-555-0123x4587"),
    ("phone", "+44 20 7946 0958 ext. 12", "+44 20 7946 0958 ext. 12"),
    ("phone", "01 42 68 53 00", "01 42 68 53 00"),
    ("phone", "03-3541-2200", "03-3541-2200"),
    ("phone", "Tel: 089/1234567", "089/1234567"),
    ("payment_card", f"my card {VISA}", VISA),
    (
        "payment_card",
        " ".join(VISA[i : i + 4] for i in range(0, 16, 4)),
        " ".join(VISA[i : i + 4] for i in range(0, 16, 4)),
    ),
    ("payment_card", f"amex {card('37', 15)}", card("37", 15)),
    ("iban", iban("DE", "370400440532013000"), iban("DE", "370400440532013000")),
    ("iban", "IBAN " + iban("GB", "NWBK60161331926819"), iban("GB", "NWBK60161331926819")),
    ("crypto_address", f"send to {BITCOIN}", BITCOIN),
    ("crypto_address", base58check(5, bytes(range(40, 60))), base58check(5, bytes(range(40, 60)))),
    # test vectors of BIP 173 (version 0), BIP 350 (version 1) and EIP-55
    (
        "crypto_address",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    ),
    (
        "crypto_address",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ),
    (
        "crypto_address",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ),
    ("crypto_address", "ether at 0x" + SHA1[:40] + ".", "0x" + SHA1[:40]),
    ("jwt", f"Bearer {JWT}", JWT),
    ("private_key", f"x\n{PEM}\ny", PEM),
    ("private_key", PEM[:120], PEM[:120]),
    ("api_key", "AKIA" + "Q3RT5XZ7BN2MK4PW", "AKIA" + "Q3RT5XZ7BN2MK4PW"),
    ("api_key", "token=ghp_" + BODY[:36] + ";", "ghp_" + BODY[:36]),
    ("api_key", "hf_" + BODY[:34], "hf_" + BODY[:34]),
    ("api_key", "sk_" + "live_" + BODY[:24], "sk_" + "live_" + BODY[:24]),
    ("mac_address", "mac 00:1A:2b:3C:4d:5E", "00:1A:2b:3C:4d:5E"),
    ("mac_address", "00-1A-2B-3C-4D-5E", "00-1A-2B-3C-4D-5E"),
    ("url_credentials", "https://joe:hunter2@host.com/x", "joe:hunter2"),
    ("us_ssn", "SSN: 456-78-9012", "456-78-9012"),
    ("uk_nino", "National Insurance number: AB 12 34 56 C", "AB 12 34 56 C"),
    ("uk_nino", "nino AB123456C", "AB123456C"),
    ("sg_nric", "NRIC S1234567D", "S1234567D"),
    ("fi_hetu", "henkilötunnus 131052-308T", "131052-308T"),
    ("br_cpf", "CPF: 529.982.247-25", "529.982.247-25"),
    ("email", "kontakt: info@müller-gmbh.de!", "info@müller-gmbh.de"),
    ("ipv6", "from 6e40:4041:c617:e898:c11:40d2:c669:2eb4", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
    ("phone", "044 668 18 00", "044 668 18 00"),
    ("phone", "(11) 91234-5678", "(11) 91234-5678"),
    ("phone", "8 (495) 123-45-67", "8 (495) 123-45-67"),
    ("phone", "0412 345 678", "0412 345 678"),
    ("phone", "(800) 995-5003 (866)", "(800) 995-5003"),
    ("payment_card", f"lost my card {card('25', 16)}", card("25", 16)),
    ("api_key", "telegram 123456789:AA" + BODY[:33], "123456789:AA" + BODY[:33]),
    (
        "api_key",
        "https://hooks.slack.com/services/T0" + BODY[:9] + "/B0" + BODY[9:18] + "/" + BODY[:20],
        "hooks.slack.com/services/T0" + BODY[:9] + "/B0" + BODY[9:18] + "/" + BODY[:20],
    ),
    ("mac_address", "interface 001a.2b3c.4d5e, up", "001a.2b3c.4d5e"),
    *[("iban", f"konto {written} bar", written) for written in IBANS],
    ("iban", "IBAN" + iban("DE", "370400440532013000"), iban("DE", "370400440532013000")),
    ("private_key", ENCRYPTED_PEM[:180], ENCRYPTED_PEM[:180]),
    ("private_key", INDENTED_PEM[:150], INDENTED_PEM[:150]),
    *[("api_key", f"key {key} now", key) for key in PROVIDER_KEYS],
    ("api_key", f"https://api.telegram.org/bot123456789:AA{BODY[:33]}/x", "123456789:AA" + BODY[:33]),
    ("us_ssn", "219-09-9998 is my SSN", "219-09-9998"),
    ("us_ssn", "SS#456-78-9012", "456-78-9012"),
    ("ca_sin", "SIN 130 692 544", "130 692 544"),
    ("ca_sin", '{"sin": "130 692 544"}', "130 692 544"),
    ("uk_nino", "NI: AB-12-34-56-C", "AB-12-34-56-C"),
    ("es_dni", "N.I.F. 12345678Z", "12345678Z"),
    ("it_codice_fiscale", "code RSS MRA 85T10 A562S here", "RSS MRA 85T10 A562S"),
    ("it_codice_fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("sg_nric", "bearer S1234567D", "S1234567D"),
    ("fi_hetu", "syntynyt 131052-308T", "131052-308T"),
    ("uk_nino", "mine is AB 12 34 56 C", "AB 12 34 56 C"),
    ("ipv4", "DNS 4.2.2.61", "4.2.2.61"),
    *[("crypto_address", f"to {address} now", address) for address in KIN + PUBLISHED],
    *[("private_key", f"key {key} now", key) for key in WIF + KEYS],
]

NEAR_MISSES = [
    (
        "email",
        "icon@2x.png a@b user@host.local joe@example.com @joe@mastodon.social git@github.com:me/repo.git",
    ),
    ("email", "x@.com someone@nowhere.invalidtld lodash@4.17.21 deco@rator"),
    ("email", "a" * 65 + "@gmail.com"),
    (
        "ipv4",
        "1.2.3.4.5 256.1.1.1 192.168.0.1 10.0.0.1 127.0.0.1 08.8.8.8 v8.8.8.8 203.0.113.9 87.88.89.90.91",
    ),
    ("ipv4", "version 4.132.211.142 a8.8.8.8 8.8.8.8b lib-8.8.8.8 22.214.171.124"),
    ("ipv4", "see 1.2.1.1 and 8.8.5.2 of the law, openresty/1.9.7.1, then 6.2.1.31"),
    ("ipv6", "std::abs 12:30:45 ::1 fe80::1 2001:db8::1 Face::Bad 2001:zz::1 a:b"),
    (
        "phone",
        "1234567890 2019-07-12 3.14159265358 10,000,000 +1 100 200 3000 12:30 978-3-16-148410-0 +100000000",
    ),
    ("phone", "212-555-0123x4587b 212-555-0123x1234567"),
    ("phone", "call 11/04/2016 phone 2016-04-11 cell 3.4.1999 mobile 1999-2016"),
    ("phone", '{"rValueText":"Detachable","rValueUID":"23942863011"}'),
    ("phone", '{"headphone":"Detachable","rValueUID":"23942863011"}'),
    ("phone", "111-555-0123 12125550123456789 price $212-555-0123 +999 123 456 789"),
    ("payment_card", f"id={VISA} card {VISA[:-1]}{(int(VISA[-1]) + 1) % 10}"),
    ("payment_card", "0000 0000 0000 0000 card 1234567890123456"),
    ("iban", "DE00370400440532013000 XX44 5001 0517 5407 3249"),
    ("crypto_address", BITCOIN[:-1] + ("2" if BITCOIN[-1] != "2" else "3")),
    (
        "crypto_address",
        "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    ),
    ("crypto_address", f"{SHA1} 0x{SHA1[:39]} 0x{SHA1}0 0x{'5a827999' * 5}"),
    ("jwt", "eyJhbGciOi.notjson.sig eyJ"),
    (
        "private_key",
        "-----BEGIN PUBLIC KEY-----\n"
        + BODY[:64]
        + "\n-----END PUBLIC KEY----- -----BEGIN RSA PRIVATE KEY-----",
    ),
    (
        "api_key",
        "ghp_" + "x" * 36 + " AKIA123 sk-learn-contrib task-" + BODY[:48] + " AKIAQ3RT5XZ7BN2MK4PWXX",
    ),
    ("mac_address", "00:00:00:00:00:00 01-02-03-04-05-06 00:1A:2B:3C:4D:5E:6F 12:34:56"),
    (
        "url_credentials",
        "https://host.com/a:b@c https://$USER:$PASS@host.com https://user@host.com http://u:***@h.com",
    ),
    (
        "us_ssn",
        "456-78-9012 and far away from any word about it, ................................................",
    ),
    ("crypto_address", " ".join(map(changed, KIN + PUBLISHED))),
    ("private_key", " ".join(map(changed, WIF + KEYS))),
    ("uk_nino", "nino DB123456C nino BG 12 34 56 A nino AB123456E"),
    ("sg_nric", "NRIC S1234567E"),
    ("mac_address", "01:32:54:67:89:AB 011a.2b3c.4d5e dead.beef.cafe 1200.3400.5600 001a.2b3c.4d5e.6f70"),
    ("ipv4", "Lucee 5.3.6.61 and Chrome-like 12.0.5.112"),
    (
        "api_key",
        f"{HEX[:32]}-usage {HEX[:31]}-us21 {DISCORD[:-20]} xoxb-a-channel-name-that-is-long-enough-to-look",
    ),
    ("us_ssn", "456-78-9012, SSN unknown"),
    ("sg_nric", "s1234567d S1234567E"),
    ("uk_nino", "part AB123456C and ab 12 34 56 c"),
    ("url_credentials", "http://user:password@proxy.net:8080 amqp://guest:guest@localhost"),
    (
        "phone",
        "1st call: 1 2 3 4 5 6 7 8, 2nd call: 10 11 12 13 14 15 16 17 18 and 294 of 294 (100.00%) call sites",
    ),
    ("api_key", "md-a-long-slug-with-dashes re_compile_the_pattern_of_everything_x"),
    ("us_ssn", "SSN 000-12-3456 SSN 666-12-3456 SSN 900-12-3456 ssn 456-00-1234 ssn 078-05-1120"),
]
