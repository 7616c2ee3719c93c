"""The Rust extension. Every function takes any Arrow array (PyCapsule protocol) and returns Arrow arrays."""

from collections.abc import Sequence
from typing import Any, Protocol

class ArrowArray(Protocol):
    """Any object that exports an Arrow array: pyarrow, polars, arro3, nanoarrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

def build_profile() -> str: ...

# --- bpe ---
# --- html ---
def decode_html(payloads: ArrowArray, content_types: ArrowArray, urls: ArrowArray) -> ArrowArray:
    """Decodes pages in the order of the WHATWG encoding sniffing algorithm.

    Args:
        payloads: bytes of the pages.
        content_types: HTTP Content-Type values, null = unknown.
        urls: their top-level domain helps detection, null = unknown.

    Returns:
        struct<text: large_string, encoding: string, replacements: int32>, fields null where the payload is.

    Raises:
        CurateError: the arrays differ in length.
    """

def page_declarations(payloads: ArrowArray, http_headers: ArrowArray) -> ArrowArray:
    """What pages declare about their use by machines, in HTTP headers and in the head of the HTML.

    Returns:
        struct of booleans: noai, noimageai, noindex, nofollow, noarchive, tdm_reservation.

    Raises:
        CurateError: the arrays differ in length.
    """
# --- langid ---
# --- minhash ---
# --- pii ---
# --- text ---
# --- url ---
class UrlMatcher:
    """Block lists, compiled. Each file holds one entry per line; lines that begin with `#` are comments."""

    def __new__(
        cls,
        *,
        domains: list[bytes],
        urls: list[bytes],
        banned_words: list[bytes],
        soft_words: list[bytes],
        substrings: list[bytes],
        max_soft_words: int,
    ) -> UrlMatcher: ...
    def faults(self, urls: ArrowArray) -> ArrowArray:
        """Names of every fault, `list<string>`, in the order of the rules; null for a null URL."""

def registered_domains(urls: ArrowArray) -> ArrowArray:
    """`string`: one label below a public suffix; null where the host is an address or has no known suffix."""

def normalize_urls(urls: ArrowArray) -> ArrowArray:
    """`string`: one spelling for URLs that name the same page; null for what is not an absolute URL."""

# --- warc ---
class ArrowBatch(Protocol):
    """Any object that exports a record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class WarcParser:
    """A push parser of one WARC file. Rows are those of `curate.schema.RAW` without `source`, and `reason`."""

    def __init__(
        self,
        file: str,
        *,
        record_types: Sequence[str] | None,
        mime_types: Sequence[str] | None,
        statuses: Sequence[int] | None,
        max_payload_bytes: int,
        max_document_bytes: int,
        batch_bytes: int,
    ) -> None: ...
    def feed(self, data: bytes) -> list[ArrowBatch]: ...
    def finish(self) -> list[ArrowBatch]: ...

class SeenIds:
    """The ids met so far."""

    def __init__(self) -> None: ...
    def repeated(self, ids: ArrowArray) -> ArrowArray:
        """Boolean: was this id met before? A null never was. Remembers all of them."""

def offset_ids(file: str, offsets: ArrowArray) -> ArrowArray:
    """The ids of rows that bring none: hashes of the file's name and the byte offset."""
