"""Reading web archives: WARC in any of its containers natively, the older ARC through warcio.

After damage the parser goes on at the next readable member or record; see `rust/warc`.
"""

import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curate import _native, schema
from curate.errors import CurateError
from curate.io.reader import (
    BATCH_BYTES,
    BATCH_ROWS,
    REPEATED_ID,
    REPEATED_ID_TEXT,
    SPLIT_BYTES,
    Extent,
    FirstOfEachId,
    InputFile,
    Reader,
    as_urls,
    chunks,
    open_file,
)
from curate.schema import REASON, SOURCE
from curate.stage import Outcome

_DAMAGE = {
    "corrupt_record": "bytes where a record should start",
    "corrupt_member": "a compressed member that cannot be decoded or fails its checksum",
    "bad_length": "the record's declared length contradicts what follows it",
    "cut_short": "the file ends inside the record",
}
_REASONS = {
    "record_type": "a WARC record type that was not asked for",
    "mime_type": "a MIME type that was not asked for",
    "http_status": "an HTTP status that was not asked for",
    "bad_http": "the record should hold an HTTP message and does not",
    "empty_payload": "no body",
    "payload_too_large": "the record is longer than max_payload_bytes",
    "decoded_too_large": "the body is longer than max_document_bytes once its codings are undone",
    "unknown_content_coding": "a Content-Encoding that cannot be undone here",
    "broken_content_coding": "the body contradicts its Content-Encoding",
    REPEATED_ID: REPEATED_ID_TEXT,
    **_DAMAGE,
}


@dataclass(frozen=True)
class ReadWarc(Reader):
    """See `read_warc`."""

    urls: tuple[str, ...]
    record_types: tuple[str, ...] | None
    mime_types: tuple[str, ...] | None
    statuses: tuple[int, ...] | None
    max_payload_bytes: int
    max_document_bytes: int
    batch_bytes: int
    split_bytes: int

    @property
    def name(self) -> str:
        """`read_warc`."""
        return "read_warc"

    @property
    def schema(self) -> pa.Schema:
        """The raw table."""
        return schema.RAW

    @property
    def reasons(self) -> Mapping[str, str]:
        """Unwanted records and faults of payloads and files."""
        return _REASONS

    @property
    def damage(self) -> frozenset[str]:
        """Faults of the file."""
        return frozenset(_DAMAGE)

    @property
    def split_size(self) -> int:
        """`split_bytes`."""
        return self.split_bytes

    def read(self, file: InputFile) -> Generator[Outcome, None, Extent | None]:
        """The records of one file, or of one split; the format is told by its first bytes.

        Only plain records and gzip members can be divided: of other files the first split has all records.
        """
        with open_file(file) as stream:
            head = stream.read(4096)
        is_arc = _is_arc(head)
        parser = self.parser(file)
        if file.is_split and (is_arc or not _native.warc_is_divisible(head)):
            size = file.size or 0
            if file.start:
                return Extent(size, size, 0)
        elif file.is_split:
            parser.confine(head, file.start, file.stop, file.exact, file.rewound)
        first_of_each_id = FirstOfEachId()
        for batch in _from_arc(self, file) if is_arc else _from_warc(parser, file):
            columns = [batch[f.name] if f.name != SOURCE else _repeat(file.path, batch) for f in schema.RAW]
            yield first_of_each_id(pa.record_batch(columns, schema=schema.RAW), batch[REASON])
        if not file.is_split:
            return None
        if is_arc:
            return Extent(0, file.size or 0, 0)
        assert parser.begin is not None
        assert parser.end is not None
        return Extent(parser.begin, parser.end, parser.rewound - file.rewound)

    def parser(self, file: InputFile) -> _native.WarcParser:
        """A native parser with these parameters."""
        return _native.WarcParser(
            file.name,
            record_types=self.record_types,
            mime_types=self.mime_types,
            statuses=self.statuses,
            max_payload_bytes=self.max_payload_bytes,
            max_document_bytes=self.max_document_bytes,
            batch_bytes=self.batch_bytes,
        )


def read_warc(
    urls: str | Iterable[str],
    *,
    record_types: Iterable[str] | None = ("response", "conversion", "resource"),
    mime_types: Iterable[str] | None = ("text/html", "application/xhtml+xml", "text/plain"),
    statuses: Iterable[int] | None = (200,),
    max_payload_bytes: int = 64 << 20,
    max_document_bytes: int = 20 << 20,
    batch_bytes: int = BATCH_BYTES,
    split_bytes: int = SPLIT_BYTES,
) -> ReadWarc:
    """Reads WARC 0.17 to 1.1 (plain, gzip, zstd), WET and ARC files.

    Args:
        urls: paths, fsspec URLs and patterns.
        record_types: WARC-Type values wanted; None = all.
        mime_types: wanted values of WARC-Identified-Payload-Type, else of the HTTP Content-Type, else as
            sniffed from the body; None = all. WET records are text/plain.
        statuses: HTTP statuses wanted; None = all. Records without an HTTP header pass.
        max_payload_bytes: longest record kept; memory is bounded by it.
        max_document_bytes: longest body once its transfer and content codings are undone (trafilatura's own
            limit, 20 MB, is the default).
        batch_bytes: bytes of payload after which a batch is complete.
        split_bytes: a longer file is read in splits of this many bytes, each a shard of its own, if it is plain
            or gzip with a member per record; the rows are the same. Part of the plan.

    Raises:
        CurateError: a limit is not positive.
    """
    if min(max_payload_bytes, max_document_bytes, batch_bytes, split_bytes) <= 0:
        raise CurateError("the limits of read_warc must be positive", hint="they are numbers of bytes")
    return ReadWarc(
        as_urls(urls),
        None if record_types is None else tuple(record_types),
        None if mime_types is None else tuple(mime_types),
        None if statuses is None else tuple(statuses),
        max_payload_bytes,
        max_document_bytes,
        batch_bytes,
        split_bytes,
    )


def _repeat(value: str, batch: pa.RecordBatch) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), batch.num_rows)


def _from_warc(parser: _native.WarcParser, file: InputFile) -> Iterator[pa.RecordBatch]:
    for data in chunks(file, file.start):
        for batch in parser.feed(data):
            yield pa.record_batch(batch)
        if parser.end is not None:
            break
    for batch in parser.finish():
        yield pa.record_batch(batch)


def _is_arc(head: bytes) -> bool:
    """True where a file that starts so starts with `filedesc:`, perhaps inside gzip."""
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, 64)
        except zlib.error:
            return False
    return head.startswith(b"filedesc:")


def _from_arc(reader: ReadWarc, file: InputFile) -> Iterator[pa.RecordBatch]:
    """ARC records, rewritten as WARC records for the native parser, so that one code decides about both.

    warcio cannot resynchronise: what it raises on is one damaged region up to the end of the file.
    """
    from warcio.archiveiterator import ArchiveIterator

    parser = reader.parser(file)
    offsets: list[int] = []
    damage: str | None = None
    at = 0
    pending: list[pa.RecordBatch] = []
    with open_file(file) as stream:
        try:
            records = ArchiveIterator(stream, arc2warc=True)
            for record in records:
                block = record.raw_stream.read(reader.max_payload_bytes + 1)
                # The iterator reads the record to its end to tell where it began.
                left = getattr(record.raw_stream, "limit", 0)
                at = records.get_record_offset()
                if left > 0 and len(block) <= reader.max_payload_bytes:
                    damage = "cut_short"
                    break
                head = record.http_headers.to_str().rstrip("\r\n") + "\r\n\r\n" if record.http_headers else ""
                pending.extend(
                    pa.record_batch(b) for b in parser.feed(_as_warc(record, head, block, file, at))
                )
                offsets.append(at)
                at += 1
                if len(offsets) >= BATCH_ROWS:
                    yield from _with_offsets(pending, offsets)
                    pending = []
        except CurateError:
            raise
        except Exception as error:  # whatever a damaged file makes warcio raise
            damage = "corrupt_record"
            del error
    pending.extend(pa.record_batch(b) for b in parser.finish())
    yield from _with_offsets(pending, offsets)
    if damage is not None:
        yield _damage_row(reader, file, at, damage)


def _as_warc(record: Any, http: str, block: bytes, file: InputFile, offset: int) -> bytes:
    headers = record.rec_headers
    payload = http.encode("utf-8", "surrogateescape") + block
    record_id = pa.array(_native.offset_ids(file.name, pa.array([offset], pa.int64())))[0].as_py()
    lines = [
        "WARC/1.0",
        f"WARC-Type: {record.rec_type}",
        f"WARC-Record-ID: {record_id}",
        f"WARC-Target-URI: {headers.get_header('WARC-Target-URI') or ''}",
        f"WARC-Date: {headers.get_header('WARC-Date') or ''}",
        f"Content-Type: {_content_type(record, http)}",
        f"Content-Length: {len(payload)}",
    ]
    clean = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines)
    return clean.encode("utf-8", "replace") + b"\r\n\r\n" + payload + b"\r\n\r\n"


def _content_type(record: Any, http: str) -> str:
    """To warcio every ARC record is HTTP; without a header only the URL can say, which the parser asks."""
    if http:
        return "application/http"
    return "" if record.rec_type == "response" else record.rec_headers.get_header("Content-Type") or ""


def _with_offsets(batches: list[pa.RecordBatch], offsets: list[int]) -> Iterator[pa.RecordBatch]:
    """Batches with the offsets of the ARC file, which are taken from the list as they are used."""
    for batch in batches:
        used = offsets[: batch.num_rows]
        del offsets[: batch.num_rows]
        index = batch.schema.get_field_index(schema.OFFSET)
        yield batch.set_column(index, schema.OFFSET, pa.array(used, pa.int64()))


def _damage_row(reader: ReadWarc, file: InputFile, offset: int, reason: str) -> pa.RecordBatch:
    del reader
    names = [f for f in schema.RAW if f.name != SOURCE]
    row: dict[str, Any] = {f.name: None for f in names}
    row[schema.ID] = pa.array(_native.offset_ids(file.name, pa.array([offset], pa.int64())))[0].as_py()
    row[schema.OFFSET] = offset
    row[REASON] = reason
    return pa.RecordBatch.from_pylist([row], schema=pa.schema([*names, pa.field(REASON, pa.string())]))
