"""The Rust extension. Every function takes any Arrow array (PyCapsule protocol) and returns Arrow arrays."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Protocol, final

class ArrowArray(Protocol):
    """Any object that exports an Arrow array: pyarrow, polars, arro3, nanoarrow."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

def build_profile() -> str: ...

# --- bpe ---
UNICODE_VERSION: str
SUPERWORD_PATTERN: str

@final
class BpeTokenizer:
    @staticmethod
    def from_json(data: bytes) -> BpeTokenizer: ...
    @staticmethod
    def from_tiktoken(data: bytes, pattern: list[str], specials: list[tuple[str, int]]) -> BpeTokenizer: ...
    def to_json(self) -> bytes: ...
    def to_tiktoken(self) -> bytes: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def pattern(self) -> list[str]: ...
    @property
    def special_tokens(self) -> list[tuple[str, int]]: ...
    @property
    def added_tokens(self) -> list[tuple[int, str, list[bool]]]: ...
    def id_of(self, token: str) -> int | None: ...
    def token_bytes(self) -> ArrowArray: ...
    def tokens(self) -> ArrowArray: ...
    def unreachable(self) -> ArrowArray: ...
    def encode_batch(
        self,
        texts: ArrowArray,
        allowed_special: list[str] | None,
        last: int | None,
        wide: bool,
        limit: int | None,
    ) -> ArrowArray: ...
    def encode_with_ends(
        self, texts: ArrowArray, allowed_special: list[str] | None
    ) -> tuple[ArrowArray, ArrowArray]: ...
    def count_batch(self, texts: ArrowArray, allowed_special: list[str] | None) -> ArrowArray: ...
    def decode(self, ids: ArrowArray) -> bytes: ...

@final
class BpeCounts:
    def __new__(cls, pattern: list[str], digits: int | None = None) -> BpeCounts: ...
    @property
    def pattern(self) -> list[str]: ...
    def count(
        self, texts: ArrowArray, ids: ArrowArray | None = None, share: float = 1.0, threads: int = 1
    ) -> None: ...
    def add(self, pieces: ArrowArray, counts: ArrowArray) -> None: ...
    def add_scaled(self, other: BpeCounts, by: int, of: int) -> None: ...
    def to_arrays(self) -> tuple[ArrowArray, ArrowArray]: ...
    def bytes(self) -> int: ...
    def train(
        self,
        vocab_sizes: list[int],
        special_tokens: list[str],
        min_frequency: int,
        max_token_length: int | None,
        wider: BpeCounts | None = None,
        wider_from: int = 0,
        forget: bool = False,
    ) -> list[BpeTokenizer]: ...
    def __len__(self) -> int: ...

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

def extract_html(
    payloads: ArrowArray,
    content_types: ArrowArray,
    urls: ArrowArray,
    profiles: list[str],
    output: str,
    http_headers: ArrowArray | None = None,
) -> ArrowArray:
    """The main content of pages, from one analysis for all profiles.

    Args:
        payloads: bytes of the pages.
        content_types: HTTP Content-Type values, null = unknown.
        urls: their top-level domain helps to guess an encoding, null = unknown.
        profiles: of "precision", "balanced", "recall", "all_text".
        output: "text" or "markdown".
        http_headers: header lines of each page, null = unknown; asks for `metadata` too.

    Returns:
        struct of a large_string per profile and `truncated: bool`, which says that a limit on bytes, nodes or
        blocks cut the page, and with headers `metadata`, as `page_metadata` gives it; fields null where the
        payload is.

    Raises:
        CurateError: the arrays differ in length.
        ValueError: an unknown profile or output.
    """

def page_metadata(
    payloads: ArrowArray, content_types: ArrowArray, urls: ArrowArray, http_headers: ArrowArray
) -> ArrowArray:
    """What pages say about themselves, in the head, in JSON-LD, in the body and in HTTP headers.

    Returns:
        struct<title, author, date, canonical_url, site_name: string, languages: list<string>, licenses:
        list<struct<url, place: string>>, noai, noimageai, noindex, nofollow, noarchive, tdm_reservation: bool>;
        fields null where the payload is, or where a page says nothing.

    Raises:
        CurateError: the arrays differ in length.
    """

def extract_page(
    payload: bytes, content_type: str | None, url: str | None, profile_name: str, output: str
) -> str:
    """`extract_html` of one page, without the cost of arrays."""

def explain_html(
    payload: bytes, content_type: str | None, url: str | None, profile_name: str
) -> list[dict[str, Any]]:
    """What happened to each block of a page, and why.

    Returns:
        per block `text`, `kept`, `probability` of being content, `path` of elements, and `reasons`: the measurements
        that moved the judgement most, as (name, value, change of the logit).
    """

def page_declarations(payloads: ArrowArray, http_headers: ArrowArray) -> ArrowArray:
    """What pages declare about their use by machines, in HTTP headers and in the head of the HTML.

    Returns:
        struct of booleans: noai, noimageai, noindex, nofollow, noarchive, tdm_reservation.

    Raises:
        CurateError: the arrays differ in length.
    """

# --- langid ---
@final
class LanguageModel:
    """A supervised fastText model; `CurateError` if the file is none, `FileNotFoundError` if it is absent."""

    def __new__(cls, path: str | PathLike[str]) -> LanguageModel: ...
    @property
    def labels(self) -> list[str]: ...
    def detect(self, texts: ArrowArray) -> ArrowArray: ...  # struct<language: string, score: float32>
    def predict(self, texts: ArrowArray, k: int = 1, threshold: float = 0.0) -> ArrowArray: ...
    def line_shares(self, texts: ArrowArray, threshold: float = 0.0) -> ArrowArray: ...
    def score(self, texts: ArrowArray, label: str) -> ArrowArray: ...  # float32

def dominant_scripts(texts: ArrowArray) -> ArrowArray: ...  # struct<script, share>

# --- minhash ---

def minhash_signatures(
    texts: ArrowArray, ngram: int, bands: int, rows: int, seed: int, characters: bool
) -> ArrowArray:
    """fixed_size_list<uint32>[bands * rows] per text, null for a text without words."""

def band_keys(
    texts: ArrowArray, ngram: int, bands: int, rows: int, seed: int, characters: bool
) -> ArrowArray:
    """fixed_size_list<uint64>[bands] per text, null for a text without words."""

def shingle_sets(texts: ArrowArray, ngram: int, characters: bool) -> ArrowArray:
    """large_list<uint64> per text: the hashes of its n-grams of words or characters, sorted, each once."""

def text_hashes(texts: ArrowArray, normalize: bool) -> ArrowArray:
    """fixed_size_binary(16) per text, null for an empty one; `normalize` ignores case and white space."""

def pair_jaccard(sets: ArrowArray, a: ArrowArray, b: ArrowArray) -> ArrowArray:
    """float32 per pair of positions in `sets`, which hold sorted uint64 without repetition."""

# --- dedup ---

def foreign_signatures(
    texts: ArrowArray, scheme: str, ngram: int, multipliers: ArrowArray, offsets: ArrowArray
) -> ArrowArray:
    """fixed_size_list<uint64> per text as `datatrove` or `datasketch` computes it; null where it has none."""

def keys_of_signatures(signatures: ArrowArray, rows: int) -> ArrowArray:
    """fixed_size_list<uint64> of band keys per signature of uint64 slots."""

def bucket_links(keys: ArrowArray, at: ArrowArray) -> tuple[ArrowArray, int]:
    """struct<address: int64, leader: int64> for all but the smallest address of a key; the largest bucket."""

@final
class Components:
    """Documents that links connect, directly or through others."""

    def __new__(cls) -> Components: ...
    def link(self, a: ArrowArray, b: ArrowArray) -> None:
        """Connects addresses, int64, pair by pair."""

    def members(self) -> ArrowArray:
        """struct<address: int64, component: int64> by address; the links are forgotten."""

def resolve_duplicates(
    components: ArrowArray, sets: ArrowArray, fixed: int, threshold: float, containment: bool
) -> tuple[ArrowArray, int]:
    """struct<document: int64, keeper: int64, similarity: float32>, and the pairs compared.

    Documents come in keeper order; the first `fixed` stay.
    """

def anchor_keys(texts: ArrowArray, min_bytes: int) -> ArrowArray:
    """large_list<uint64> per text: the keys by which repeats of `min_bytes` meet, sorted, each once."""

def repeated_spans(components: ArrowArray, texts: ArrowArray, min_bytes: int) -> ArrowArray:
    """large_list<struct<start, end>> of bytes that an earlier text of the component has; in keeper order."""

def without_spans(texts: ArrowArray, given: ArrowArray) -> ArrowArray:
    """large_string: each text without its large_list<struct<start: int64, end: int64>>."""

def segment_spans(texts: ArrowArray, unit: str, count: int) -> ArrowArray:
    """large_list<struct<key: uint64, start: int64, end: int64>> of runs of lines, paragraphs or sentences."""

# --- contamination ---

@final
class ContaminationIndex:
    """Items of evaluation sets, to be looked for in documents."""

    def __new__(
        cls,
        items: ArrowArray,
        definitions: Sequence[tuple[str, int, float, int]],
        min_item_words: int,
        max_items_per_ngram: int,
    ) -> ContaminationIndex:
        """`definitions` are (rule, size, share, skips or samples)."""

    @property
    def common_ngrams(self) -> int: ...
    def checkable(self) -> ArrowArray:
        """For each item (bool): whether any definition can see it."""

    def item_words(self) -> ArrowArray:
        """int32 per item."""

    def count(self, texts: ArrowArray, counts: ArrowArray | None) -> ArrowArray:
        """uint32 per n-gram: `counts` (0 if None) and the number of these texts that hold it."""

    def without_frequent(self, counts: ArrowArray, limit: int) -> ContaminationIndex:
        """The same without n-grams that more than `limit` texts hold."""

    def find(self, texts: ArrowArray) -> ArrowArray:
        """list<struct> per text, one for each item found, null where nothing is.

        struct<item: int32, definitions: uint32, matches: int32, longest_words: int32, coverage: float32,
        passages, item_spans: list<struct<start: int64, end: int64>>>. `definitions` has a bit for each;
        `passages` are bytes of the text, `item_spans` words of the item.
        """

def cut_passages(
    texts: ArrowArray, starts: ArrowArray, ends: ArrowArray, margin: int, min_piece: int, max_pieces: int
) -> ArrowArray:
    """large_string per text without the stretches of bytes and `margin` characters on each side, or null."""

# --- pii ---
def pii_kinds() -> list[tuple[str, bool, str]]: ...  # name, looked for by default, one line
def pii_key_forms() -> list[tuple[str, str, int, int, str]]: ...  # provider, prefix, lengths, source
def find_pii(texts: ArrowArray, kinds: list[str]) -> ArrowArray: ...
def scrub_pii(texts: ArrowArray, kinds: list[str], policy: str, key: bytes | None = None) -> ArrowArray: ...

# --- text ---

C4_POLICY_PHRASES: list[str]

def text_stats(
    texts: ArrowArray,
    *,
    lines: bool = False,
    languages: ArrowArray | None = None,
    stop_words: dict[str, list[str]] | None = None,
) -> ArrowArray:
    """struct<signal: int64 | double> per text; with `lines`, those of lines too."""

def broken_rules(rows: int, rules: list[tuple[str, ArrowArray, str, float]]) -> tuple[ArrowArray, ArrowArray]:
    """The first rule that each row breaks (string), and all (list<string>). Rules: name, numbers, comparison, limit."""

@final
class ListedWords:
    """A list of words, compiled once and shared by threads."""

    def __new__(cls, words: list[str]) -> ListedWords: ...
    def count(self, texts: ArrowArray) -> ArrowArray:
        """int32 per text: places that hold an entry of the list, null where the text is null."""

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

# --- url ---
@final
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

@final
class WarcParser:
    """A push parser of one WARC file. Rows are those of `curate.schema.RAW` without `source`, and `reason`."""

    def __new__(
        cls,
        file: str,
        *,
        record_types: Sequence[str] | None,
        mime_types: Sequence[str] | None,
        statuses: Sequence[int] | None,
        max_payload_bytes: int,
        max_document_bytes: int,
        batch_bytes: int,
    ) -> WarcParser: ...
    @property
    def begin(self) -> int | None:
        """Where the first record or gzip member begins, or the file ends; None before it is found."""

    @property
    def end(self) -> int | None:
        """Where what follows the split begins; None as long as more of the file is needed."""

    @property
    def rewound(self) -> int:
        """Bytes read again after damage, with those that `confine` told of."""

    def confine(self, head: bytes, start: int, stop: int | None, exact: bool, rewound: int) -> None:
        """Makes this the parser of a split, before anything is fed: it is fed from `start` on.

        Args:
            head: the first bytes of the file.
            start: byte offset of the split.
            stop: records or members that begin here or later are not its own; None = all are.
            exact: a record or member begins at `start`; else the first one from there on is searched for.
            rewound: that of the split before.
        """

    def feed(self, data: bytes) -> list[ArrowBatch]: ...
    def finish(self) -> list[ArrowBatch]: ...

def warc_is_divisible(head: bytes) -> bool:
    """True if an archive that starts with these bytes can be divided among parsers."""

def warc_is_unaffected(rewound: int, before: int) -> bool:
    """True if it changes nothing in a split that the splits before it read `before` bytes again."""

def id_hashes(ids: ArrowArray) -> ArrowArray:
    """128-bit hashes, as 16 bytes each, of ids; null for null."""

@final
class SeenIds:
    """The ids met so far."""

    def __new__(cls) -> SeenIds: ...
    def repeated(self, ids: ArrowArray) -> ArrowArray:
        """Boolean: was this id met before? A null never was. Remembers all of them."""

def offset_ids(file: str, offsets: ArrowArray) -> ArrowArray:
    """The ids of rows that bring none: hashes of the file's name and the byte offset."""
