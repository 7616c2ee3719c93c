"""Training samples from a token dataset: fixed length, shuffled without memory, resumed exactly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.io.permutation import Permutation
from curate.io.token_store import TokenStore

#: packing policies and what each one loses
PACKING = {
    "concat": "rows follow each other and are cut every seq_len tokens; of the whole split, the last "
    "(tokens - 1) mod seq_len are never predicted"
}

Sample = dict[str, npt.NDArray[Any]]


class TokenDataset:
    """Samples of `seq_len` tokens and their successors, in an order shared by all ranks.

    Concat-then-split: sample `i` holds tokens `i * seq_len` to `(i + 1) * seq_len` (inclusive: one more than
    `seq_len`) of the split's token stream, so that every token but the first is predicted exactly once.
    Documents are cut at sample borders; what is lost is the tail, fewer than `seq_len` tokens per split.

    The global order is a function of (content digest, seed, epoch, position) alone: rank `r` of `w` takes the
    positions `consumed + r`, `consumed + r + w`, ... Ranks advance together, so the state of any one of them
    resumes all of them, under another `world_size` as well: nothing is lost or repeated.

    `dataset[i]` is sample `i` in stored order, whatever the seed, for samplers with an order of their own.

    Args:
        path: a finished split, e.g. `out/tokens/train`.
        seq_len: tokens per sample.
        seed: of the order; another one per epoch is derived from it.
        packing: see `PACKING`.
        rank: this process, 0 to world_size - 1.
        world_size: processes that share the samples.
        epochs: passes over the samples before iteration ends; None = endless. At the end of the last pass
            ranks may differ by one sample.
        shuffle: False = stored order in every epoch.

    Raises:
        FileNotFoundError: there is no such folder.
        OutputError: an unfinished or damaged split, or one of another major format version.
        CurateError: a parameter out of range, an unknown packing policy.
    """

    def __init__(
        self,
        path: str | Path,
        seq_len: int,
        *,
        seed: int = 0,
        packing: str = "concat",
        rank: int = 0,
        world_size: int = 1,
        epochs: int | None = None,
        shuffle: bool = True,
    ) -> None:
        if packing not in PACKING:
            raise CurateError(f"unknown packing policy {packing!r}", hint=f"known: {', '.join(PACKING)}")
        if seq_len < 1:
            raise CurateError(f"seq_len is {seq_len}", hint="a sample has at least one token")
        if not 0 <= rank < world_size:
            raise CurateError(f"rank {rank} of world_size {world_size}", hint="ranks count from 0")
        if epochs is not None and epochs < 0:
            raise CurateError(f"epochs is {epochs}", hint="give a count, or None for endless")
        self.store = TokenStore(Path(path))
        self.seq_len, self.seed, self.packing, self.shuffle = seq_len, seed, packing, shuffle
        self.rank, self.world_size, self.epochs = rank, world_size, epochs
        self._consumed = 0
        self._order: tuple[int, Permutation] | None = None

    def __len__(self) -> int:
        """Samples of one epoch, over all ranks."""
        return max(self.store.tokens - 1, 0) // self.seq_len

    def __getitem__(self, index: int) -> Sample:
        """Sample `index` in stored order.

        Returns:
            input_ids: int64 [seq_len].
            labels: int64 [seq_len], the token after each; a document's end predicts the next one's start.
            segment_ids: int64 [seq_len], which document of the sample each input belongs to, from 0.
        """
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        first = index * self.seq_len
        tokens, starts = self.store.read(first, first + self.seq_len + 1)
        segments = np.zeros(self.seq_len, np.int64)
        segments[starts[starts < self.seq_len]] = 1
        return {"input_ids": tokens[:-1], "labels": tokens[1:], "segment_ids": np.cumsum(segments)}

    def __iter__(self) -> Iterator[Sample]:
        """Samples of this rank from where the state stands; a sample handed out counts as consumed."""
        if len(self) == 0:
            return
        end = None if self.epochs is None else self.epochs * len(self)
        while end is None or self._consumed + self.rank < end:
            position = self._consumed + self.rank
            self._consumed += self.world_size
            yield self[self.index_at(position)]

    def index_at(self, position: int) -> int:
        """Stored index of the sample at `position` of the global order, which runs on through the epochs."""
        if len(self) == 0:
            raise CurateError(
                f"{self.store.folder} has {self.store.tokens} tokens, no sample of {self.seq_len}",
                hint="a smaller seq_len, or more documents",
            )
        epoch, offset = divmod(position, len(self))
        if not self.shuffle:
            return offset
        if self._order is None or self._order[0] != epoch:
            key = f"{self.store.content_digest} {self.seed} {epoch}"
            self._order = epoch, Permutation(len(self), key)
        return self._order[1](offset)

    def documents(self, index: int) -> list[dict[str, Any]]:
        """Provenance of sample `index` (stored order): id, url, source, token count of each document."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.store.rows_between(index * self.seq_len, (index + 1) * self.seq_len)

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
