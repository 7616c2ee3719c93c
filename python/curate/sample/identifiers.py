"""Made-up personal data and secrets with valid checksums, put together at run time.

Nothing here belongs to anybody: names and numbers are invented, keys are hashes of their own names. The
prefixes of secrets are joined from pieces, so that no scanner takes this file for a leak.
"""

import base64
import hashlib
import json

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def payment_card(prefix: str, length: int = 16) -> str:
    """`prefix`, zeros and the Luhn check digit."""
    body = prefix.ljust(length - 1, "0")
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def iban(country: str, account: str) -> str:
    """An IBAN with the ISO 7064 mod 97-10 check digits."""
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def bitcoin_address(name: str) -> str:
    """A base58check pay-to-public-key-hash address of a hash nobody has a key for."""
    payload = b"\x00" + _hash(name)[:20]
    payload += hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(payload, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(payload) - len(payload.lstrip(b"\x00"))) + text


def bech32_address(name: str) -> str:
    """A version 0 segregated-witness address (BIP 173)."""
    bits = "".join(f"{byte:08b}" for byte in _hash(name)[:20])
    values = [0, *(int(bits[start : start + 5], 2) for start in range(0, len(bits), 5))]
    expanded = [ord(char) >> 5 for char in "bc"] + [0] + [ord(char) & 31 for char in "bc"]
    check = _bech32_polymod([*expanded, *values, *[0] * 6]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return "bc1" + "".join(_BECH32[value] for value in values)


def ethereum_address(name: str) -> str:
    """An address in lower case, the form without the EIP-55 checksum."""
    return "0x" + _hash(name)[:20].hex()


def jwt(name: str) -> str:
    """A JSON web token whose signature is a hash."""
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": name, "iat": 1715934600})]
    encoded = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, base64.urlsafe_b64encode(_hash(name)).rstrip(b"=").decode()])


def private_key(name: str) -> str:
    """A block that looks like a PEM private key, on one line, and is none."""
    body = base64.b64encode(_hash(name) + _hash(name + "+") + _hash(name + "++")).decode()
    label = " ".join(("RSA", "PRIVATE", "KEY"))
    return f"-----BEGIN {label}----- {body} -----END {label}-----"


def api_keys(name: str) -> tuple[str, ...]:
    """Keys in the forms of AWS, GitHub and Slack."""
    letters = _letters(name, 36)
    digits = str(int.from_bytes(_hash(name)[:8], "big")).rjust(20, "7")
    return (
        "AK" + "IA" + letters.upper().translate(str.maketrans("0189", "2345"))[:16],
        "gh" + "p_" + letters,
        "-".join(("xo" + "xb", digits[:12], digits[4:16], letters[:24])),
    )


def _letters(name: str, length: int) -> str:
    stream = hashlib.sha512(name.encode()).digest()
    return "".join(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)] for byte in stream[:length])


def _hash(name: str) -> bytes:
    return hashlib.sha256(f"curate sample {name}".encode()).digest()


def _bech32_polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_BECH32_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check
