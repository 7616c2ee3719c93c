"""Training samples from a token dataset: fixed length, shuffled without memory, resumed exactly."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.io.packing import PACKING, Even, Pieces, Plan, describe, plan_rows, position_ids
from curate.io.permutation import Permutation
from curate.io.token_store import TokenStore

Sample = dict[str, npt.NDArray[Any]]
Positions = npt.NDArray[np.int64]

#: positions whose places in the order are computed together
ORDER_BLOCK = 8192
#: columns that a sample may have
COLUMNS = ("input_ids", "labels", "segment_ids", "position_ids", "loss_mask")


class TokenDataset:
    """Samples of `seq_len` tokens and their successors, in an order shared by all ranks.

    A sample comes from a row of `seq_len + 1` tokens. Of a split in the form of documents rows are made here, as
    `packing` says (see `PACKING` for what each policy loses); the rows of a packed split are what they are.
    Concat-then-split and packed rows are arithmetic; best-fit and pad are planned on opening from the lengths of
    all documents: pack large datasets once, with `pack_tokens`.

    The global order is a function of (content digest, seed, epoch, position) alone: rank `r` of `w` takes the
    positions `consumed + r`, `consumed + r + w`, ... Ranks advance together, so the state of any one of them
    resumes all of them, under another `world_size` as well: nothing is lost or repeated.

    `dataset[i]` is sample `i` in stored order, whatever the seed, for samplers with an order of their own.

    Args:
        path: a finished split, e.g. `out/tokens/train`; or a URL that fsspec knows.
        seq_len: tokens predicted per sample; None = that of a packed split.
        seed: of the order; another one per epoch is derived from it.
        packing: see `PACKING`; None = that of a packed split, else "concat".
        rank: this process, 0 to world_size - 1.
        world_size: processes that share the samples.
        epochs: passes over the samples before iteration ends; None = endless. At the end of the last pass
            ranks may differ by one sample.
        shuffle: False = stored order in every epoch.
        columns: what samples have, see `batch`; None = input_ids, labels, segment_ids, and loss_mask where some
            token is not to be learned.
        cache_dir: where files of a URL are kept.
        verify: hash every shard before its first use, and refuse it if its bytes are not the manifest's.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: an unfinished or damaged split, or one of another major format version.
        CurateError: a parameter out of range, an unknown packing policy or column.
    """

    def __init__(
        self,
        path: str | Path,
        seq_len: int | None = None,
        *,
        seed: int = 0,
        packing: str | None = None,
        rank: int = 0,
        world_size: int = 1,
        epochs: int | None = None,
        shuffle: bool = True,
        columns: Sequence[str] | None = None,
        cache_dir: str | Path | None = None,
        verify: bool = False,
    ) -> None:
        if seq_len is not None and seq_len < 1:
            raise CurateError(f"seq_len is {seq_len}", hint="a sample has at least one token")
        if not 0 <= rank < world_size:
            raise CurateError(f"rank {rank} of world_size {world_size}", hint="ranks count from 0")
        if epochs is not None and epochs < 0:
            raise CurateError(f"epochs is {epochs}", hint="give a count, or None for endless")
        if packing is not None and packing not in PACKING:
            raise CurateError(f"unknown packing policy {packing!r}", hint=f"known: {', '.join(PACKING)}")
        self.store = TokenStore(path, cache_dir=cache_dir, verify=verify)
        self.seq_len, self.packing = self._form(seq_len, packing)
        self.seed, self.shuffle = seed, shuffle
        self.rank, self.world_size, self.epochs = rank, world_size, epochs
        self._plan = self._make_plan()
        self.masked = isinstance(self._plan, Pieces) or self.store.loss_mask
        default = COLUMNS[:3] + (COLUMNS[4:] if self.masked else ())
        self.columns = tuple(columns if columns is not None else default)
        if unknown := set(self.columns) - set(COLUMNS):
            raise CurateError(f"unknown columns {sorted(unknown)}", hint=f"known: {', '.join(COLUMNS)}")
        self._consumed = 0
        self._block: tuple[int, Positions] | None = None

    @property
    def content_digest(self) -> str:
        """Names the ids, their order and the tokenizer."""
        return self.store.content_digest

    def __len__(self) -> int:
        """Samples of one epoch, over all ranks."""
        return self._plan.rows

    @property
    def tokens_per_sample(self) -> float:
        """Mean number of tokens in a sample that are no padding."""
        if isinstance(self._plan, Pieces) and self._plan.rows:
            return self.seq_len * float(self._plan.lengths.sum()) / (self._plan.rows * self._plan.length)
        return float(self.seq_len)

    def __getitem__(self, index: int) -> Sample:
        """Sample `index` in stored order: the columns of `batch`, each [seq_len]."""
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return {name: column[0] for name, column in self.batch([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Several at once: what a torch `DataLoader` asks for."""
        columns = self.batch(indices)
        return [{name: column[k] for name, column in columns.items()} for k in range(len(indices))]

    def batch(self, indices: Sequence[int] | Positions) -> Sample:
        """Samples in stored order as one training batch.

        Returns:
            input_ids: int64 [samples, seq_len].
            labels: int64 [samples, seq_len], the token after each; a document's end predicts the next one's
                start, unless a loss mask forbids it. It shares its memory with input_ids.
            segment_ids: int64 [samples, seq_len], which document of the sample each input belongs to, from 0;
                padding is a document of its own.
            position_ids: int64 [samples, seq_len], position within the document, as far as it is in the row.
            loss_mask: bool [samples, seq_len], true where the label is to be learned: not masked in the split, no
                padding, and of best-fit and pad not the first token of a piece.
        """
        rows = np.asarray(indices, np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"samples {rows.min()} to {rows.max()} of {len(self)}")
        tokens = self.rows(rows)
        found: Sample = {"input_ids": tokens[:, :-1], "labels": tokens[:, 1:]}
        if {"segment_ids", "position_ids", "loss_mask"} & set(self.columns):
            found["segment_ids"] = self._segments(rows)[:, :-1]
            if "position_ids" in self.columns:
                found["position_ids"] = position_ids(found["segment_ids"])
            if "loss_mask" in self.columns:
                found["loss_mask"] = self.token_mask(rows)[:, 1:]
        return {name: found[name] for name in self.columns}

    def rows(self, indices: Sequence[int] | Positions) -> npt.NDArray[np.int64]:
        """The rows of samples in stored order; int64 [samples, seq_len + 1], padding is the delimiter, or id 0."""
        rows = np.asarray(indices, np.int64)
        out = np.empty((len(rows), self.seq_len + 1), np.int64)
        plan = self._plan
        if isinstance(plan, Even):
            self.store.gather(rows * plan.stride, plan.length, out)
            return out
        for row, line in zip(rows.tolist(), out, strict=True):
            at = 0
            for piece in range(int(plan.first[row]), int(plan.first[row + 1])):
                start, length = int(plan.starts[piece]), int(plan.lengths[piece])
                line[at : at + length] = self.store.read(start, start + length)
                at += length
            line[at:] = self.store.eos_id or 0
        return out

    def token_mask(self, indices: Sequence[int] | Positions) -> npt.NDArray[np.bool_]:
        """True where a token of a row is to be learned; bool [samples, seq_len + 1]. See `batch`."""
        rows, plan, store = np.asarray(indices, np.int64), self._plan, self.store
        mask = np.ones((len(rows), self.seq_len + 1), np.bool_)
        for row, line in zip(rows.tolist(), mask, strict=True):
            if isinstance(plan, Even):
                if store.loss_mask:
                    line[:] = store.read_mask(row * plan.stride, row * plan.stride + plan.length)
                continue
            at = 0
            for piece in range(int(plan.first[row]), int(plan.first[row + 1])):
                start, length = int(plan.starts[piece]), int(plan.lengths[piece])
                if store.loss_mask:
                    line[at : at + length] = store.read_mask(start, start + length)
                line[at] = False
                at += length
            line[at:] = False
        return mask

    def __iter__(self) -> Iterator[Sample]:
        """Samples of this rank from where the state stands; a sample handed out counts as consumed."""
        for batch in self.batches(1):
            yield {name: column[0] for name, column in batch.items()}

    def batches(self, samples: int) -> Iterator[Sample]:
        """The same, `samples` at a time (fewer at the end of the last epoch): one copy from the mapped file."""
        while len(positions := self.take(samples)):
            yield self.batch(self.indices_at(positions))

    def take(self, samples: int) -> Positions:
        """The next positions of this rank in the global order, which then count as consumed; fewer at the end."""
        if len(self) == 0:
            return np.empty(0, np.int64)
        positions = self._consumed + self.rank + self.world_size * np.arange(samples, dtype=np.int64)
        if self.epochs is not None:
            positions = positions[positions < self.epochs * len(self)]
        self._consumed += self.world_size * len(positions)
        return positions

    def index_at(self, position: int) -> int:
        """Stored index of the sample at `position` of the global order, which runs on through the epochs."""
        return int(self.indices_at(np.array([position], np.int64))[0])

    def indices_at(self, positions: Positions) -> Positions:
        """The same for many positions."""
        if len(self) == 0:
            raise CurateError(
                f"{self.store.folder} has {self.store.tokens} tokens, no sample of {self.seq_len}",
                hint="a smaller seq_len, or more documents",
            )
        if not self.shuffle:
            return np.asarray(positions % len(self))
        blocks, places = np.divmod(positions, ORDER_BLOCK)
        found = np.empty(len(positions), np.int64)
        for block in np.unique(blocks).tolist():
            here = blocks == block
            found[here] = self._order(block)[places[here]]
        return found

    def documents(self, index: int) -> list[dict[str, Any]]:
        """Provenance of sample `index` (stored order): id, url, source, token count of each document."""
        return [d for d in self.row_documents(index, self.seq_len) if d["id"] is not None]

    def row_documents(self, index: int, tokens: int | None = None) -> list[dict[str, Any]]:
        """The same for the first tokens of a row (None = all): pieces in order, padding last with no names."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        plan, left = self._plan, self.seq_len + 1 if tokens is None else tokens
        if isinstance(plan, Even):
            return self.store.rows_between(index * plan.stride, index * plan.stride + left)
        found = []
        for piece in range(int(plan.first[index]), int(plan.first[index + 1])):
            start, length = int(plan.starts[piece]), min(int(plan.lengths[piece]), left)
            found += self.store.rows_between(start, start + length)
            left -= length
        return [*found, {"id": None, "url": None, "source": None, "tokens": left}] if left else found

    def packing_losses(self) -> dict[str, Any]:
        """What the packing policy loses, in words and in tokens; see `curate.io.packing.losses`."""
        if self.store.row_tokens is not None:
            return dict(self.store.manifest["packing"] or {})
        return describe(self.packing, self._plan, self.store.row_lengths())

    def state_dict(self) -> dict[str, Any]:
        """Where the global order stands, as JSON values; the same on ranks that handed out equally many."""
        return {
            "version": 1,
            "content_digest": self.store.content_digest,
            "seed": self.seed,
            "seq_len": self.seq_len,
            "packing": self.packing,
            "shuffle": self.shuffle,
            "epoch": self._consumed // max(len(self), 1),
            "consumed": self._consumed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken, perhaps with other ranks.

        Raises:
            CurateError: the state is of another dataset, seed, length, packing, or state version.
        """
        mine = self.state_dict()
        for name in ("version", "content_digest", "seed", "seq_len", "packing", "shuffle"):
            if state.get(name) != mine[name]:
                raise CurateError(
                    f"the saved state has {name} {state.get(name)!r}, this dataset {mine[name]!r}",
                    hint="open the dataset that the state was saved with, with the same parameters",
                )
        consumed = state.get("consumed")
        if not isinstance(consumed, int) or consumed < 0:
            raise CurateError(
                f"the saved state has consumed {consumed!r}", hint="give a state of `state_dict`"
            )
        self._consumed = consumed

    def _form(self, seq_len: int | None, packing: str | None) -> tuple[int, str]:
        if self.store.row_tokens is None:
            if seq_len is None:
                raise CurateError("a split of documents has no row length", hint="give seq_len")
            return seq_len, packing or "concat"
        stored = self.store.row_tokens - 1
        policy = str((self.store.manifest["packing"] or {}).get("policy", "packed"))
        if seq_len not in {None, stored} or packing not in {None, policy}:
            raise CurateError(
                f"the rows of {self.store.folder} are packed for seq_len={stored}, packing={policy!r}",
                hint="leave both out, or pack the documents again",
            )
        return stored, policy

    def _make_plan(self) -> Plan:
        store = self.store
        if store.row_tokens is not None:
            return Even(store.rows, store.row_tokens, store.row_tokens)
        if self.packing == "concat":
            return plan_rows("concat", np.array([store.tokens]), self.seq_len)
        return plan_rows(self.packing, store.row_lengths(), self.seq_len)

    def _segments(self, rows: Positions) -> npt.NDArray[np.int64]:
        """Document of each token of the rows; int64 [rows, seq_len + 1]."""
        plan = self._plan
        marks = np.zeros((len(rows), self.seq_len + 1), np.int64)
        if isinstance(plan, Even):
            self.store.mark_documents(rows * plan.stride, plan.length, marks)
        else:
            for row, line in zip(rows.tolist(), marks, strict=True):
                ends = np.cumsum(plan.lengths[plan.first[row] : plan.first[row + 1]])
                line[ends[ends < plan.length]] = 1
        return np.cumsum(marks, axis=1)

    def _order(self, block: int) -> Positions:
        """Stored indices of the positions of one block of the global order."""
        if self._block is None or self._block[0] != block:
            epochs, places = np.divmod(np.arange(block * ORDER_BLOCK, (block + 1) * ORDER_BLOCK), len(self))
            order = np.empty(ORDER_BLOCK, np.int64)
            for epoch in np.unique(epochs).tolist():
                here = epochs == epoch
                key = f"{self.store.content_digest} {self.seed} {epoch}"
                order[here] = Permutation(len(self), key).many(places[here])
            self._block = block, order
        return self._block[1]
