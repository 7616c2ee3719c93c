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

C4_POLICY_PHRASES: list[str]

def text_stats(texts: ArrowArray) -> ArrowArray: ...
def c4_lines(
    texts: ArrowArray,
    *,
    terminal_punctuation: bool = False,
    min_words: int = 3,
    max_word_chars: int = 1000,
    javascript: bool = True,
    policy: bool = True,
    citations: bool = True,
) -> ArrowArray: ...
def normalize_texts(texts: ArrowArray) -> ArrowArray: ...
def split_words(texts: ArrowArray) -> ArrowArray: ...

# --- warc ---
