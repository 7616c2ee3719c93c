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
# --- warc ---
