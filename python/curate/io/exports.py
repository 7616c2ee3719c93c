"""Token datasets in the layouts of other trainers, and back.

| format | files | ids | documents |
|---|---|---|---|
| megatron | `PREFIX.bin`, `PREFIX.idx` | uint16 or int32 | one sequence each |
| llmc | `PREFIX_000000.bin`, ...: 256 int32, then ids | uint16 (version 1), uint32 (version 7) | end in the delimiter |
| nanogpt | `PREFIX.bin`, nothing but ids | uint16 | end with the delimiter |
| ds | `PREFIX.ds`, `.ds.index`, `.ds.metadata`, `.ds.loss` (datatrove, nanotron) | uint16 or uint32 | ends in tokens |
| npy | `PREFIX.npy`, `PREFIX.index.npy` | uint16 or uint32 | ends in tokens |

All are little-endian. Only the ids and the borders of documents survive an export, in `ds` also a loss mask: ids, URLs
and digests do not, which is why a manifest names the dataset in `PREFIX.curate.json`.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import CurateError, OutputError
from curate.io.atomic import replacing, write_bytes
from curate.io.token_store import TokenStore
from curate.io.tokens import TokenizerFacts, finish_split, write_token_shard

FORMATS = ("megatron", "llmc", "nanogpt", "ds", "npy")

# Megatron-LM, megatron/core/datasets/indexed_dataset.py
MEGATRON_MAGIC = b"MMIDIDX\x00\x00"
MEGATRON_CODES: dict[int, str] = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
# llm.c, dev/data/data_common.py: magic and version per width of the ids
LLMC_HEADERS = {2: (20240520, 1), 4: (20240801, 7)}
LLMC_TOKENS = 100_000_000
_CHUNK = 1 << 22
_BATCH_ROWS = 1000


@dataclass(frozen=True)
class Documents:
    """Documents read back from an export.

    Attributes:
        ids: all tokens, one after the other; perhaps mapped.
        ends: int64, where each document ends in `ids`.
        loss_mask: bool per token, or None.
    """

    ids: npt.NDArray[Any]
    ends: npt.NDArray[np.int64]
    loss_mask: npt.NDArray[np.bool_] | None = None


def export_tokens(source: str | Path, prefix: str | Path, form: str) -> list[Path]:
    """Writes a split of documents in another trainer's layout; each file appears whole or not at all.

    Args:
        source: a finished split, such as `out/tokens/train`.
        prefix: path of the files without their endings.
        form: "megatron" (Megatron-LM: `PREFIX.bin`, `.idx`), "llmc" (llm.c: `PREFIX_000000.bin`, ...), "nanogpt"
            (`PREFIX.bin`, ids of 16 bits alone), "ds" (datatrove, nanotron: `PREFIX.ds`, `.ds.index`,
            `.ds.metadata`, `.ds.loss`) or "npy" (NumPy: `PREFIX.npy`, `.index.npy`).

    Returns:
        The files written.

    Raises:
        OutputError: the layout cannot hold these ids, or would lose where documents end.
        CurateError: an unknown format.
    """
    if form not in FORMATS:
        raise CurateError(f"unknown format {form!r}", hint=f"known: {', '.join(FORMATS)}")
    store = TokenStore(source)
    if store.row_tokens is not None:
        raise OutputError(f"{source} holds packed rows", hint="export the split of documents")
    if store.loss_mask and form != "ds":
        raise OutputError(f"{form} has no place for a loss mask", hint="export to ds")
    if form in {"llmc", "nanogpt"} and store.eos_id is None:
        raise OutputError(
            f"{form} knows documents by their delimiter, this split has none", hint="export to megatron or ds"
        )
    prefix = Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[TokenStore, Path], list[Path]]] = {
        "megatron": _to_megatron,
        "llmc": _to_llmc,
        "nanogpt": _to_nanogpt,
        "ds": _to_ds,
        "npy": _to_npy,
    }
    written = writers[form](store, prefix)
    facts = {
        "format": form,
        "content_digest": store.content_digest,
        "tokens": store.tokens,
        "documents": store.rows,
        "tokenizer": store.manifest["tokenizer"],
        "files": [path.name for path in written],
    }
    told = _with_ending(prefix, ".curate.json")
    write_bytes(told, (json.dumps(facts, indent=2) + "\n").encode())
    return [*written, told]


def import_tokens(
    prefix: str | Path,
    form: str,
    folder: str | Path,
    tokenizer: TokenizerFacts,
    token_bytes: int | None = None,
) -> dict[str, Any]:
    """Makes a split of documents from another trainer's files; documents are named `PREFIX:number`.

    Args:
        prefix: path of the files without their endings.
        form: one that `export_tokens` writes.
        folder: the new split.
        tokenizer: that made the ids; llmc and nanogpt find the ends of documents by its delimiter.
        token_bytes: 2 or 4, the width of ids in `ds`, which its files do not tell surely; None = from
            `.ds.metadata`.

    Returns:
        The manifest.

    Raises:
        FileNotFoundError: a file is missing.
        OutputError: a file is damaged or of another format.
        CurateError: an unknown format.
    """
    if form not in FORMATS:
        raise CurateError(f"unknown format {form!r}", hint=f"known: {', '.join(FORMATS)}")
    prefix, folder = Path(prefix), Path(folder)
    documents = read_export(prefix, form, eos_id=tokenizer.eos_id, token_bytes=token_bytes)
    dtype = pa.uint16() if tokenizer.vocab_size <= 1 << 16 else pa.uint32()
    folder.mkdir(parents=True, exist_ok=True)
    receipt = write_token_shard(
        folder / "data-00000-of-00001.arrow",
        _batches(documents, prefix.name),
        dtype,
        loss_mask=documents.loss_mask is not None,
    )
    return finish_split(folder, [receipt], tokenizer, {"imported": form})


def read_export(
    prefix: str | Path, form: str, *, eos_id: int | None = None, token_bytes: int | None = None
) -> Documents:
    """Ids and ends of documents from another trainer's files. Arguments and errors as of `import_tokens`."""
    prefix = Path(prefix)
    try:
        if form == "megatron":
            return _from_megatron(prefix)
        if form == "llmc":
            ids: npt.NDArray[Any] = np.concatenate([_from_llmc(path) for path in _llmc_files(prefix)])
            return Documents(ids, _ends_by_delimiter(ids, eos_id))
        if form == "nanogpt":
            ids = np.fromfile(_with_ending(prefix, ".bin"), "<u2")
            return Documents(ids, _ends_by_delimiter(ids, eos_id))
        if form == "ds":
            return _from_ds(prefix, token_bytes)
        ids = np.load(_with_ending(prefix, ".npy"), mmap_mode="r", allow_pickle=False)
        ends = np.load(_with_ending(prefix, ".index.npy"), allow_pickle=False).astype(np.int64)
        return _checked(Documents(ids, ends), prefix)
    except (ValueError, struct.error, EOFError) as error:
        raise OutputError(f"`{prefix}` is no sound {form} export: {error}", hint="export it again") from error


def _to_megatron(store: TokenStore, prefix: Path) -> list[Path]:
    # uint32 is not among Megatron's types; ids of vocabularies beyond 16 bits are int32 there.
    code, dtype = (8, "<u2") if store.dtype.itemsize == 2 else (4, "<i4")
    if code == 4 and store.vocab_size > 1 << 31:
        raise OutputError("ids beyond 2^31 do not fit int32", hint="export to ds or npy")
    lengths = store.row_lengths()
    if len(lengths) and lengths.max() >= 1 << 31:
        raise OutputError("a document is longer than 2^31 tokens", hint="split it")
    pointers = (np.cumsum(lengths) - lengths) * np.dtype(dtype).itemsize
    ids, index = _with_ending(prefix, ".bin"), _with_ending(prefix, ".idx")
    _write_ids(store, ids, dtype)
    with replacing(index) as temporary, temporary.open("wb") as file:
        file.write(MEGATRON_MAGIC + struct.pack("<QBQQ", 1, code, len(lengths), len(lengths) + 1))
        file.write(lengths.astype("<i4").tobytes())
        file.write(pointers.astype("<i8").tobytes())
        file.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())
    return [ids, index]


def _from_megatron(prefix: Path) -> Documents:
    data = _with_ending(prefix, ".idx").read_bytes()
    if data[:9] != MEGATRON_MAGIC:
        raise ValueError("the index has another magic")
    version, code, sequences, borders = struct.unpack_from("<QBQQ", data, 9)
    if version != 1 or code not in MEGATRON_CODES:
        raise ValueError(f"version {version}, type {code}")
    if len(data) < 34 + 12 * sequences + 8 * borders or borders < 1:
        raise ValueError("the index is cut off")
    lengths = np.frombuffer(data, "<i4", sequences, 34).astype(np.int64)
    pointers = np.frombuffer(data, "<i8", sequences, 34 + 4 * sequences)
    ends_in_sequences = np.frombuffer(data, "<i8", borders, 34 + 12 * sequences)[1:]
    ids = np.fromfile(_with_ending(prefix, ".bin"), MEGATRON_CODES[code])
    ends = np.cumsum(lengths)
    if (pointers != (ends - lengths) * ids.itemsize).any():
        raise ValueError("sequences do not follow each other")
    if (ends_in_sequences < 0).any() or (ends_in_sequences > sequences).any():
        raise ValueError("documents end outside the sequences")
    chosen = np.concatenate([[0], ends])[ends_in_sequences]
    return _checked(Documents(ids, chosen), prefix)


def _to_llmc(store: TokenStore, prefix: Path) -> list[Path]:
    magic, version = LLMC_HEADERS[store.dtype.itemsize]
    written = []
    for number, start in enumerate(range(0, max(store.tokens, 1), LLMC_TOKENS)):
        stop = min(start + LLMC_TOKENS, store.tokens)
        header = np.zeros(256, "<i4")
        header[:3] = magic, version, stop - start
        path = _with_ending(prefix, f"_{number:06d}.bin")
        _write_ids(store, path, str(store.dtype.newbyteorder("<")), start, stop, header.tobytes())
        written.append(path)
    return written


def _llmc_files(prefix: Path) -> list[Path]:
    found = sorted(prefix.parent.glob(f"{prefix.name}_[0-9][0-9][0-9][0-9][0-9][0-9].bin"))
    if not found:
        raise FileNotFoundError(f"no file {prefix}_000000.bin")
    return found


def _from_llmc(path: Path) -> npt.NDArray[Any]:
    header = np.fromfile(path, "<i4", 256)
    if len(header) < 256:
        raise ValueError("the header is cut off")
    widths = {magic: (width, version) for width, (magic, version) in LLMC_HEADERS.items()}
    width, version = widths.get(int(header[0]), (0, 0))
    if not width or header[1] != version:
        raise ValueError(f"magic {header[0]}, version {header[1]}")
    ids = np.fromfile(path, f"<u{width}", offset=1024)
    if len(ids) != header[2]:
        raise ValueError(f"{len(ids)} tokens, the header says {header[2]}")
    return ids


def _to_nanogpt(store: TokenStore, prefix: Path) -> list[Path]:
    if store.dtype.itemsize != 2:
        raise OutputError("nanoGPT reads 16-bit ids only", hint="a vocabulary of at most 65,536")
    path = _with_ending(prefix, ".bin")
    _write_ids(store, path, "<u2")
    return [path]


def _to_ds(store: TokenStore, prefix: Path) -> list[Path]:
    ids, index, facts, loss = (
        _with_ending(prefix, e) for e in (".ds", ".ds.index", ".ds.metadata", ".ds.loss")
    )
    _write_ids(store, ids, str(store.dtype.newbyteorder("<")))
    write_bytes(index, np.cumsum(store.row_lengths()).astype("<u8").tobytes())
    name = f"curate-{store.manifest['tokenizer']['sha256'][:16]}|{store.dtype.itemsize}"
    write_bytes(facts, f"{name}\n{store.tokens}\n{_human(store.tokens)}".encode())
    if not store.loss_mask:
        return [ids, index, facts]
    with replacing(loss) as temporary, temporary.open("wb") as file:
        for start in range(0, store.tokens, _CHUNK):
            file.write(store.read_mask(start, min(start + _CHUNK, store.tokens)).tobytes())
    return [ids, index, facts, loss]


def _from_ds(prefix: Path, token_bytes: int | None) -> Documents:
    if token_bytes is None:
        first = _with_ending(prefix, ".ds.metadata").read_text().split("\n")[0]
        token_bytes = int(first.rpartition("|")[2])
    if token_bytes not in {2, 4}:
        raise ValueError(f"ids of {token_bytes} bytes")
    ids = np.fromfile(_with_ending(prefix, ".ds"), f"<u{token_bytes}")
    ends = np.fromfile(_with_ending(prefix, ".ds.index"), "<u8").astype(np.int64)
    loss = _with_ending(prefix, ".ds.loss")
    mask = np.fromfile(loss, np.uint8).astype(np.bool_) if loss.is_file() else None
    return _checked(Documents(ids, ends, mask), prefix)


def _to_npy(store: TokenStore, prefix: Path) -> list[Path]:
    ids, index = _with_ending(prefix, ".npy"), _with_ending(prefix, ".index.npy")
    dtype = store.dtype.newbyteorder("<")
    with replacing(ids) as temporary:
        if not store.tokens:
            with temporary.open("wb") as file:
                np.save(file, np.empty(0, dtype))
            return _npy_index(store, ids, index)
        mapped = np.lib.format.open_memmap(temporary, "w+", dtype, (store.tokens,))
        for start in range(0, store.tokens, _CHUNK):
            stop = min(start + _CHUNK, store.tokens)
            mapped[start:stop] = store.read(start, stop)
        mapped.flush()
    return _npy_index(store, ids, index)


def _npy_index(store: TokenStore, ids: Path, index: Path) -> list[Path]:
    with replacing(index) as temporary, temporary.open("wb") as file:
        np.save(file, np.cumsum(store.row_lengths()).astype("<i8"))
    return [ids, index]


def _write_ids(
    store: TokenStore, path: Path, dtype: str, start: int = 0, stop: int | None = None, header: bytes = b""
) -> None:
    end = store.tokens if stop is None else stop
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        for at in range(start, end, _CHUNK):
            file.write(store.read(at, min(at + _CHUNK, end)).astype(dtype).tobytes())


def _ends_by_delimiter(ids: npt.NDArray[Any], eos_id: int | None) -> npt.NDArray[np.int64]:
    if eos_id is None:
        raise ValueError("without a delimiter nothing tells where documents end")
    ends = np.flatnonzero(ids == eos_id) + 1
    if len(ids) and (not len(ends) or ends[-1] != len(ids)):
        ends = np.append(ends, len(ids))
    return ends


def _checked(documents: Documents, prefix: Path) -> Documents:
    ends, total = documents.ends, len(documents.ids)
    if documents.ids.ndim != 1 or ends.ndim != 1 or (np.diff(ends, prepend=0) < 0).any():
        raise ValueError(f"the ends of documents of {prefix.name} fall")
    if (ends[-1] if len(ends) else 0) != total:
        raise ValueError(f"{total} tokens, documents end at {ends[-1] if len(ends) else 0}")
    if documents.loss_mask is not None and len(documents.loss_mask) != total:
        raise ValueError(f"{len(documents.loss_mask)} values of loss for {total} tokens")
    return documents


def _batches(documents: Documents, name: str) -> Iterator[pa.RecordBatch]:
    ends = documents.ends
    for low in range(0, len(ends), _BATCH_ROWS):
        high = min(low + _BATCH_ROWS, len(ends))
        first = int(ends[low - 1]) if low else 0
        starts = np.concatenate([[first], ends[low:high]]) - first
        offsets = pa.array(starts.astype(np.int64))
        ids = pa.array(np.asarray(documents.ids[first : int(ends[high - 1])]).astype(np.int64))
        columns: dict[str, Any] = {"input_ids": pa.LargeListArray.from_arrays(offsets, ids)}
        if documents.loss_mask is not None:
            mask = pa.array(documents.loss_mask[first : int(ends[high - 1])])
            columns["loss_mask"] = pa.LargeListArray.from_arrays(offsets, mask)
        rows = high - low
        columns["id"] = [f"{name}:{k}" for k in range(low, high)]
        columns |= {"url": pa.nulls(rows, pa.string()), "source": pa.array([name] * rows)}
        yield pa.record_batch(columns)


def _human(tokens: int) -> str:
    for limit, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if tokens >= limit:
            return f"{tokens / limit:.2f}{unit}"
    return str(tokens)


def _with_ending(prefix: Path, ending: str) -> Path:
    return prefix.with_name(prefix.name + ending)
