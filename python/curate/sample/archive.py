"""WARC records and their compressed members, written byte by byte.

Compressors differ between zlib, zlib-ng and their versions, and the sample must be the same bytes everywhere.
So gzip members hold stored or fixed-Huffman blocks (RFC 1951) and zstd frames hold raw blocks (RFC 8878), made here.
"""

import base64
import hashlib
import struct
import uuid
import zlib
from functools import cache

CRLF = b"\r\n"
DATE = "2024-05-17T08:30:00Z"
_NAMESPACE = uuid.UUID("6f0c2f5e-9b51-4f2c-8c52-3d0c1a7f8e10")
_STORED_LIMIT = 65535
_RAW_BLOCK_LIMIT = 128 * 1024


def record_id(name: str) -> str:
    """The WARC-Record-ID that stands for a name within the sample."""
    return f"<urn:uuid:{uuid.uuid5(_NAMESPACE, name)}>"


def record(
    kind: str,
    identifier: str,
    content: bytes,
    *,
    url: str | None = None,
    content_type: str = "application/http; msgtype=response",
    headers: tuple[tuple[str, str], ...] = (),
    claimed_length: int | None = None,
    version: str = "1.0",
) -> bytes:
    """One WARC record, uncompressed, with the two empty lines that end it.

    Args:
        kind: WARC-Type.
        identifier: WARC-Record-ID with its angle brackets.
        content: the record's block.
        url: WARC-Target-URI, if any.
        content_type: of the block.
        headers: further WARC headers.
        claimed_length: a Content-Length that lies; None = the true one.
        version: of the WARC format.

    """
    digest = base64.b32encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    fields = [("WARC-Type", kind), ("WARC-Record-ID", identifier), ("WARC-Date", DATE)]
    if url is not None:
        fields.append(("WARC-Target-URI", url))
    fields += [("WARC-Block-Digest", f"sha1:{digest}"), ("Content-Type", content_type), *headers]
    fields.append(("Content-Length", str(len(content) if claimed_length is None else claimed_length)))
    head = f"WARC/{version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode() + CRLF + content + CRLF + CRLF


def http(
    body: bytes,
    *,
    status: str = "200 OK",
    content_type: str | None = "text/html; charset=utf-8",
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """An HTTP/1.1 response message; gives a Content-Length unless the headers set a transfer coding."""
    fields = [("Server", "sample"), *headers]
    if content_type is not None:
        fields.insert(0, ("Content-Type", content_type))
    if all(name != "Transfer-Encoding" for name, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode("ascii") + CRLF + CRLF + body


def chunked(body: bytes, size: int) -> bytes:
    """The body in the chunked transfer coding (RFC 9112 section 7.1)."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def gzip_member(data: bytes, *, huffman: bool = False) -> bytes:
    """One gzip member without name and time, in stored blocks or one fixed-Huffman block."""
    return _gzip_frame(
        deflate_huffman(data) if huffman else deflate_stored(data), zlib.crc32(data), len(data)
    )


def zlib_stream(data: bytes) -> bytes:
    """What HTTP calls `deflate`: the zlib format of RFC 1950."""
    return b"\x78\x01" + deflate_huffman(data) + struct.pack(">I", zlib.adler32(data))


def zstd_frame(data: bytes) -> bytes:
    """One single-segment zstd frame of raw blocks, with its content size."""
    head = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data))
    blocks = []
    for start in range(0, max(len(data), 1), _RAW_BLOCK_LIMIT):
        part = data[start : start + _RAW_BLOCK_LIMIT]
        last = start + _RAW_BLOCK_LIMIT >= len(data)
        blocks.append(struct.pack("<I", len(part) << 3 | last)[:3] + part)
    return head + b"".join(blocks)


def gzip_bomb(size: int) -> bytes:
    """A valid gzip stream of `size` (a multiple of 2064, plus 1) spaces, about 159 times smaller.

    One literal, then matches of length 258 at distance 1: code 11000101 and distance code 00000, 13 bits
    for 258 bytes. Eight matches fill 13 whole bytes, which repeat.
    """
    if size % 2064 != 1:
        raise ValueError(f"size must be 1 more than a multiple of 2064, not {size}")
    matches = size // 258
    bits = [1, 1, 0, *_huffman_bits(0x20)]
    bits += [int(bit) for bit in "1100010100000"] * 8
    lead = len(bits) - 8 * 13
    value = sum(bit << position for position, bit in enumerate(bits))
    match = value >> lead
    stream = 0
    # The periodic part starts at a bit offset: shift the repeated pattern once as one big integer.
    pattern = match.to_bytes(13, "little") * (matches // 8)
    stream = int.from_bytes(pattern, "little") << lead | value & ((1 << lead) - 1)
    length = lead + matches * 13 + 7  # the end-of-block code is seven zero bits
    crc = 0
    block = b" " * (1 << 20)
    for start in range(0, size, len(block)):
        crc = zlib.crc32(block[: size - start], crc)
    return _gzip_frame(stream.to_bytes((length + 7) // 8, "little"), crc, size)


def deflate_stored(data: bytes) -> bytes:
    """A deflate stream of stored blocks."""
    blocks = []
    for start in range(0, max(len(data), 1), _STORED_LIMIT):
        part = data[start : start + _STORED_LIMIT]
        last = start + _STORED_LIMIT >= len(data)
        blocks.append(struct.pack("<BHH", last, len(part), len(part) ^ 0xFFFF) + part)
    return b"".join(blocks)


def deflate_huffman(data: bytes) -> bytes:
    """A deflate stream of one block of literals in the fixed Huffman code."""
    out = bytearray()
    held, count = 0b011, 3  # last block, fixed code
    table = _huffman_table()
    for byte in data:
        code, length = table[byte]
        held |= code << count
        count += length
        while count >= 8:
            out.append(held & 0xFF)
            held >>= 8
            count -= 8
    count += 7  # the end-of-block code is seven zero bits
    out += held.to_bytes((count + 7) // 8, "little")
    return bytes(out)


@cache
def _huffman_table() -> tuple[tuple[int, int], ...]:
    codes = []
    for literal in range(256):
        bits = _huffman_bits(literal)
        codes.append((sum(bit << position for position, bit in enumerate(bits)), len(bits)))
    return tuple(codes)


def _huffman_bits(literal: int) -> list[int]:
    code = f"{0x30 + literal:08b}" if literal < 144 else f"{0x190 + literal - 144:09b}"
    return [int(bit) for bit in code]


def _gzip_frame(deflated: bytes, crc: int, size: int) -> bytes:
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + deflated + struct.pack("<II", crc, size & 0xFFFFFFFF)
