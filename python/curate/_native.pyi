"""The Rust extension. Every function takes any Arrow array (PyCapsule protocol) and returns Arrow arrays."""

from typing import Protocol

class ArrowArray(Protocol):
    """Any object that exports an Arrow array: pyarrow, polars, arro3, nanoarrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

def build_profile() -> str: ...

# --- bpe ---
# --- html ---
# --- langid ---
# --- minhash ---

def minhash_signatures(texts: ArrowArray, ngram: int, bands: int, rows: int, seed: int) -> ArrowArray:
    """fixed_size_list<uint64>[bands * rows] per text, null for a text without words."""

def band_keys(texts: ArrowArray, ngram: int, bands: int, rows: int, seed: int) -> ArrowArray:
    """fixed_size_list<uint64>[bands] per text, null for a text without words."""

def shingle_sets(texts: ArrowArray, ngram: int) -> ArrowArray:
    """large_list<uint64> per text: the hashes of its word n-grams, sorted and without repetition."""

def text_hashes(texts: ArrowArray, normalize: bool) -> ArrowArray:
    """fixed_size_binary(16) per text, null for an empty one; `normalize` ignores case and white space."""

def pair_jaccard(sets: ArrowArray, a: ArrowArray, b: ArrowArray) -> ArrowArray:
    """float32 per pair of positions in `sets`, which hold sorted uint64 without repetition."""

def bucket_pairs(keys: ArrowArray, max_bucket: int) -> tuple[ArrowArray, int, int]:
    """struct<better: int64, worse: int64> pairs of equal keys, the largest bucket, buckets over the limit.

    `keys` are in keeper order, the best first.
    """

def greedy_removals(documents: int, a: ArrowArray, b: ArrowArray, similarity: ArrowArray) -> ArrowArray:
    """struct<document: int64, keeper: int64, similarity: float32>; documents are numbered in keeper order."""

class ContaminationIndex:
    """Word n-grams of evaluation items."""

    def __new__(
        cls, items: ArrowArray, ngram: int, min_item_words: int, max_items_per_ngram: int
    ) -> ContaminationIndex: ...
    @property
    def uncheckable_items(self) -> int: ...
    @property
    def common_ngrams(self) -> int: ...
    def find(self, texts: ArrowArray) -> ArrowArray:
        """struct<matches: int32, longest_words: int32, item: int32> per text, null where nothing is found."""

# --- pii ---
# --- text ---
# --- warc ---
