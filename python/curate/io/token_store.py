"""A finished split of a token dataset, mapped: any range of its token stream without a copy of the rest."""

import json
import mmap
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import OutputError
from curate.io.tokens import FORMAT_VERSION, token_schema

#: mapped shards kept open; the least recently used one is closed first
MAX_OPEN_SHARDS = 32
#: record batches whose views are kept; a view is a few hundred bytes
MAX_OPEN_BATCHES = 1024


@dataclass(frozen=True)
class OpenBatch:
    """Views of one record batch.

    Attributes:
        tokens: uint16 or uint32 [tokens], read-only, in the mapped file.
        offsets: int32 [rows + 1], where each row starts in `tokens`; the last one is its length.
        batch: the Arrow batch, for `id`, `url` and `source`.
    """

    tokens: npt.NDArray[np.unsignedinteger[Any]]
    offsets: npt.NDArray[np.int32]
    batch: pa.RecordBatch


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished split.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: the split is unfinished, no token split, or of another major format version.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no token dataset at {folder}")
    if not (folder / "state.json").is_file():
        splits = sorted(p.parent.name for p in folder.glob("*/state.json"))
        raise OutputError(
            f"{folder} is not a finished split of a token dataset",
            hint=f"open one of its splits: {', '.join(splits)}"
            if splits
            else "finish the run that writes it",
        )
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        version = str(manifest["format_version"])
        named = manifest["format"] == "curate-tokens"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"the manifest of {folder} is not readable: {error}", hint="write it again"
        ) from error
    if not named or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise OutputError(
            f"{folder} has format {manifest['format']} {version}, this reads curate-tokens {FORMAT_VERSION}",
            hint="install the curate that wrote it, or write it again",
        )
    return dict(manifest)


class TokenStore:
    """Reads a split by position in its token stream: the rows' tokens one after the other, in order.

    Opening reads the manifest and maps the index; shards are mapped when first touched.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: see `read_manifest`; also when index and manifest disagree.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        try:
            self._schema = token_schema(pa.type_for_alias(self.manifest["dtype"]))
            self.dtype = np.dtype(str(self.manifest["dtype"]))
            self.rows = int(self.manifest["rows"])
            self.tokens = int(self.manifest["tokens"])
            self.content_digest = str(self.manifest["content_digest"])
            self.vocab_size = int(self.manifest["tokenizer"]["vocab_size"])
            self._shards = [(str(s["file"]), int(s["bytes"])) for s in self.manifest["shards"]]
            index = np.load(folder / "index.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{folder} is damaged: {error}", hint="write it again") from error
        if index.dtype != np.dtype("<i8") or index.ndim != 2 or index.shape[1] != 4 or not len(index):
            raise OutputError(f"the index of {folder} has shape {index.shape}", hint="write it again")
        if index[-1].tolist() != [len(self._shards), 0, self.rows, self.tokens]:
            raise OutputError(f"index and manifest of {folder} disagree", hint="write it again")
        self._index = index
        # Contiguous copies: a binary search over a mapped column would touch every page of it.
        self._first_row = np.ascontiguousarray(index[:, 2])
        self._first_token = np.ascontiguousarray(index[:, 3])
        self._maps: OrderedDict[int, pa.Buffer] = OrderedDict()
        self._batches: OrderedDict[int, OpenBatch] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]  # mapped files are opened anew in the other process

    def read(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Tokens `start` to `stop` of the stream.

        Returns:
            tokens: int64 [stop - start].
            starts: positions within `tokens`, above 0, at which another row starts; ascending.
        """
        if not 0 <= start <= stop <= self.tokens:
            raise IndexError(f"tokens {start} to {stop} of {self.tokens}")
        tokens = np.empty(stop - start, np.int64)
        starts = []
        number = self._batch_of_token(start)
        position = start
        while position < stop:
            opened = self.open_batch(number)
            first = int(self._first_token[number])
            low = position - first
            high = min(stop - first, len(opened.tokens))
            tokens[position - start : first + high - start] = opened.tokens[low:high]
            # int32 keys, or the search would widen the whole array
            left, right = np.searchsorted(opened.offsets[:-1], np.array([low, high], np.int32))
            starts.append(opened.offsets[left:right].astype(np.int64) + (first - start))
            position = first + high
            number += 1
        joined = np.concatenate(starts) if starts else np.empty(0, np.int64)
        return tokens, np.unique(joined[joined > 0])

    def rows_between(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Provenance of tokens `start` to `stop`: id, url, source, token count of each row with any."""
        if not 0 <= start <= stop <= self.tokens:
            raise IndexError(f"tokens {start} to {stop} of {self.tokens}")
        found = []
        number = self._batch_of_token(start)
        while number < len(self._first_token) - 1 and self._first_token[number] < stop:
            opened = self.open_batch(number)
            first = int(self._first_token[number])
            begins = np.clip(opened.offsets[:-1].astype(np.int64) + first, start, stop)
            ends = np.clip(opened.offsets[1:].astype(np.int64) + first, start, stop)
            for row in np.flatnonzero(ends > begins).tolist():
                names = opened.batch.slice(row, 1).select(["id", "url", "source"]).to_pylist()[0]
                found.append({**names, "tokens": int(ends[row] - begins[row])})
            number += 1
        return found

    def open_batch(self, number: int) -> OpenBatch:
        """Views of record batch `number`, counted over all shards.

        Raises:
            OutputError: the shard is missing or its batch is not what the index says.
        """
        opened = self._batches.get(number)
        if opened is not None:
            self._batches.move_to_end(number)
            return opened
        shard, offset = int(self._index[number, 0]), int(self._index[number, 1])
        n_rows = int(self._first_row[number + 1] - self._first_row[number])
        n_tokens = int(self._first_token[number + 1] - self._first_token[number])
        try:
            mapped = self._map(shard)
            batch = pa.ipc.read_record_batch(pa.ipc.read_message(mapped.slice(offset)), self._schema)
            lists = batch.column(0)
            _, offset_bytes, _, id_bytes = lists.buffers()
            offsets = np.frombuffer(offset_bytes, np.int32)[: n_rows + 1]
            tokens = np.frombuffer(id_bytes, self.dtype)[:n_tokens] if n_tokens else np.empty(0, self.dtype)
            # Arrow trusts the offsets of a file; a wrong one would read beyond the mapping.
            whole = batch.num_rows == n_rows and len(tokens) == n_tokens and len(offsets) == n_rows + 1
            if not whole or offsets[0] != 0 or offsets[-1] != n_tokens or (np.diff(offsets) < 0).any():
                raise ValueError("it is not the batch that the index names")
        except (OSError, ValueError, IndexError, pa.ArrowException) as error:
            raise OutputError(
                f"batch {number} of {self.folder} cannot be read: {error}",
                hint="`python -m curate verify` says what is damaged",
            ) from error
        opened = OpenBatch(tokens, offsets, batch)
        self._batches[number] = opened
        if len(self._batches) > MAX_OPEN_BATCHES:
            self._batches.popitem(last=False)
        return opened

    def index_of_shard(self, shard: int) -> list[tuple[int, int, int]]:
        """Byte offset, rows and tokens of each record batch of a shard, as the index counts them."""
        numbers = np.flatnonzero(self._index[:-1, 0] == shard).tolist()
        return [
            (
                int(self._index[n, 1]),
                int(self._first_row[n + 1] - self._first_row[n]),
                int(self._first_token[n + 1] - self._first_token[n]),
            )
            for n in numbers
        ]

    def token_bytes(self) -> npt.NDArray[np.int32]:
        """Bytes of text that each token id stands for, 0 for special tokens; int32 [vocab_size]."""
        try:
            table = np.load(self.folder / "token_bytes.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise OutputError(f"no token_bytes in {self.folder}: {error}", hint="write it again") from error
        if table.shape != (self.vocab_size,) or table.dtype != np.dtype("<i4"):
            raise OutputError(f"token_bytes of {self.folder} has shape {table.shape}", hint="write it again")
        return np.asarray(table)

    def _batch_of_token(self, position: int) -> int:
        return int(np.searchsorted(self._first_token, position, side="right")) - 1

    def _map(self, shard: int) -> pa.Buffer:
        mapped = self._maps.get(shard)
        if mapped is not None:
            self._maps.move_to_end(shard)
            return mapped
        name, size = self._shards[shard]
        path = self.folder / name
        if path.parent != self.folder:
            raise ValueError(f"shard name {name!r} leaves the folder")
        with path.open("rb") as file:
            mapped = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if mapped.size != size:
            raise ValueError(f"{name} has {mapped.size} bytes, the manifest says {size}")
        if pa.ipc.read_schema(mapped) != self._schema:
            raise ValueError(f"{name} does not have the columns and types of the manifest")
        self._maps[shard] = mapped
        if len(self._maps) > MAX_OPEN_SHARDS:
            # Its batches hold the mapping, too; they go with it.
            closed, _ = self._maps.popitem(last=False)
            for number in [n for n in self._batches if self._index[n, 0] == closed]:
                del self._batches[number]
        return mapped
