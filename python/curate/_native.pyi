"""The Rust extension. Every function takes any Arrow array (PyCapsule protocol) and returns Arrow arrays."""

from os import PathLike
from typing import Any, Protocol

class ArrowArray(Protocol):
    """Any object that exports an Arrow array: pyarrow, polars, arro3, nanoarrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

def build_profile() -> str: ...

# --- bpe ---
# --- html ---
# --- langid ---
class LanguageModel:
    """A supervised fastText model; `CurateError` if the file is none, `FileNotFoundError` if it is absent."""

    def __new__(cls, path: str | PathLike[str]) -> LanguageModel: ...
    @property
    def labels(self) -> list[str]: ...
    def detect(self, texts: ArrowArray) -> ArrowArray: ...  # struct<language: string, score: float32>
    def predict(self, texts: ArrowArray, k: int = 1, threshold: float = 0.0) -> ArrowArray: ...
    def score(self, texts: ArrowArray, label: str) -> ArrowArray: ...  # float32

# --- minhash ---
# --- pii ---
def pii_kinds() -> list[tuple[str, bool, str]]: ...  # name, looked for by default, one line
def find_pii(texts: ArrowArray, kinds: list[str]) -> ArrowArray: ...
def scrub_pii(texts: ArrowArray, kinds: list[str], policy: str, key: bytes | None = None) -> ArrowArray: ...

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
