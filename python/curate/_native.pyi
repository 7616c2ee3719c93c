"""The Rust extension. Every function takes any Arrow array (PyCapsule protocol) and returns Arrow arrays."""

from typing import Any, Protocol

class ArrowArray(Protocol):
    """Any object that exports an Arrow array: pyarrow, polars, arro3, nanoarrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

def build_profile() -> str: ...

# --- bpe ---
# --- html ---
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
