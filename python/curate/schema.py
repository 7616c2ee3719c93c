"""Column names and Arrow types of the tables that flow through a pipeline.

Text is `large_string` and bytes are `large_binary`: 32-bit offsets overflow at 2 GiB.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# raw: one row per record that a reader found
ID = "id"  # the input's own id, else the WARC-Record-ID, else a hash of file and offset
URL = "url"
PAYLOAD = "payload"  # body bytes, transfer and content codings undone
CONTENT_TYPE = "content_type"  # MIME type and parameters as declared, e.g. "text/html; charset=utf-8"
HTTP_HEADERS = "http_headers"  # header lines as received, CRLF between them, without the status line
DATE = "date"  # ISO 8601, as recorded
TRUNCATED = "truncated"  # WARC-Truncated reason, or "limit" where the reader cut the payload; null = whole
SOURCE = "source"  # path or URL of the input file
OFFSET = "offset"  # byte offset of the record (or of its gzip member) in the input file

RAW = pa.schema(
    [
        pa.field(ID, pa.string()),
        pa.field(URL, pa.string()),
        pa.field(PAYLOAD, pa.large_binary()),
        pa.field(CONTENT_TYPE, pa.string()),
        pa.field(HTTP_HEADERS, pa.large_string()),
        pa.field(DATE, pa.string()),
        pa.field(TRUNCATED, pa.string()),
        pa.field(SOURCE, pa.string()),
        pa.field(OFFSET, pa.int64()),
    ]
)

# documents: what stages add
TEXT = "text"
METADATA = "metadata"  # struct, what a page says about itself, see `PAGE_METADATA`
LANGUAGE = "language"  # label of the model, e.g. "en"
LANGUAGE_SCORE = "language_score"  # probability, 0 to 1
LANGUAGES = "languages"  # list<struct<language, score>>: the likeliest ones, best first
LINE_LANGUAGES = "line_languages"  # list<struct<language, share>>: of the text's characters, line by line
MIXED_LANGUAGES = "mixed_languages"  # bool: several languages have a fair share of the lines
SCRIPT = "script"  # ISO 15924, e.g. "Latn"
SCRIPT_SHARE = "script_share"  # of the characters that belong to a script, 0 to 1
SIGNALS = "signals"  # struct of numbers computed from the text, see `TextStats`
PII = "pii"  # struct<kind: int32 count>, see `ScrubPII`
DUPLICATES = "duplicates"  # documents removed in favour of this one
INPUT_IDS = "input_ids"  # list<uint16 | uint32>; fixed_size_list in packed rows
LOSS_MASK = "loss_mask"  # list<bool> as long as input_ids: true where a token is to be learned
DOC_LENS = "doc_lens"  # list<int32>: tokens of each document in a packed row, in order
DOC_IDS = "doc_ids"  # list<string>, like doc_urls and doc_sources: of each document in a packed row
DOC_URLS = "doc_urls"
DOC_SOURCES = "doc_sources"

_TEXTS = ("title", "author", "date", "canonical_url", "site_name")
_FLAGS = ("noai", "noimageai", "noindex", "nofollow", "noarchive", "tdm_reservation")

# Fields are null where a page says nothing. `date` is the one of publication, YYYY-MM-DD; `languages` are tags as
# declared, in lower case; `place` of a licence link is "head", "body" or "footer": one in the body may speak of a
# picture. The flags are what meta elements and HTTP headers ask of robots and of text and data mining.
PAGE_METADATA = pa.struct(
    [
        *(pa.field(name, pa.string()) for name in _TEXTS),
        pa.field("languages", pa.list_(pa.string())),
        pa.field("licenses", pa.list_(pa.struct([("url", pa.string()), ("place", pa.string())]))),
        *(pa.field(name, pa.bool_()) for name in _FLAGS),
    ]
)

# rejects: why a row is not among the documents
STAGE = "stage"
REASON = "reason"  # snake_case name of the fault; null = keep
FAILED = "failed"  # list<string>: every rule that failed, the reason first
DUPLICATE_OF = "duplicate_of"  # id of the document kept instead
SIMILARITY = "similarity"  # measured similarity with it, 0 to 1

REJECTS = pa.schema(
    [
        pa.field(ID, pa.string()),
        pa.field(URL, pa.string()),
        pa.field(STAGE, pa.string()),
        pa.field(REASON, pa.string()),
        pa.field(FAILED, pa.list_(pa.string())),
        pa.field(DUPLICATE_OF, pa.string()),
        pa.field(SIMILARITY, pa.float32()),
        pa.field(TEXT, pa.large_string()),
        pa.field(SOURCE, pa.string()),
        pa.field(OFFSET, pa.int64()),
    ]
)

# inside barriers a row is named by its shard and its position in an immutable spill
SHARD = "shard"  # int32; EVERY_SHARD addresses all of them
ROW = "row"  # int64
PARTITION = "partition"  # int32, the key partition a spilled row goes to
EVERY_SHARD = -1
#: What such a name has room for: barriers keep a shard and a row in 63 bits, and spill the row in 32.
MAX_SHARDS = 1 << 22
MAX_ROWS = 1 << 32


def as_large_strings(texts: pa.Array | pa.ChunkedArray | Iterable[str | None]) -> pa.LargeStringArray:
    """One `large_string` array from any Arrow string array or iterable of `str`.

    Raises:
        TypeError: the input holds something other than text.
    """
    if isinstance(texts, str | bytes):
        raise TypeError("expected several texts, got one; put it in a list")
    if isinstance(texts, pa.Array | pa.ChunkedArray):
        if not _holds_strings(texts.type):
            raise TypeError(f"expected texts, got an array of {texts.type}")
        # chunks of `string` may hold more together than its offsets reach
        texts = texts if texts.type == pa.large_string() else texts.cast(pa.large_string())
        return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if hasattr(texts, "__arrow_c_array__"):
        return as_large_strings(pa.array(texts))
    held = list(texts)
    for text in held:
        if text is not None and not isinstance(text, str):
            raise TypeError(f"expected texts, got {type(text).__name__}")
    return _from_strings(held)


def _holds_strings(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return _holds_strings(type_.value_type)
    if isinstance(type_, pa.BaseExtensionType):
        return _holds_strings(type_.storage_type)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_kind(type_) for is_kind in kinds)


def is_blank(texts: pa.Array) -> pa.BooleanArray:
    """Whether each text holds but white space, control characters and zero-width ones; null where it is null."""
    return pc.match_substring_regex(texts, r"^[\p{Z}\p{Cc}\p{Cf}]*$")


def _from_strings(texts: list[str | None]) -> pa.LargeStringArray:
    """What `pa.array` makes of strings.

    It imports pandas where that is installed, 35 MB, and leaves UTF-8 in every string that is not ASCII.
    """
    encoded = [(text or "").encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    nulls = texts.count(None)
    valid = np.packbits([text is not None for text in texts], bitorder="little") if nulls else None
    buffers = (offsets, b"".join(encoded))
    return pa.LargeStringArray.from_buffers(
        len(encoded), *map(pa.py_buffer, buffers), None if valid is None else pa.py_buffer(valid), nulls
    )
