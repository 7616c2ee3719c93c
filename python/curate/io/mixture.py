"""Several token datasets as one: weights in tokens, caps on repetition, weights that change on the way.

The order is planned as *stretches*: runs of positions with constant weights. Within a stretch positions go in blocks
of `BLOCK`; every block holds each dataset a fixed number of times, in an order shuffled by a keyed permutation. So
which dataset a position takes, and the how-manieth sample of it, follows from a few integers; a stretch ends where the
schedule changes the weights, where a dataset has reached its cap, and where a state was loaded into another mixture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError
from curate.io.permutation import Permutation
from curate.io.token_dataset import Sample, TokenDataset

#: positions per block: the finest share of a dataset is one in this many
BLOCK = 4096

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Component:
    """One dataset of a mixture.

    Attributes:
        dataset: its own rank and state are not used; its seed and epochs' orders are.
        weight: share of the tokens, relative to the other weights; padding is not counted.
        max_epochs: most passes over it, fractions allowed; None = no cap. At its cap the others share its weight.
        synthetic: share of its tokens that a model wrote, 0 to 1, for the record.
    """

    dataset: TokenDataset
    weight: float
    max_epochs: float | None = None
    synthetic: float = 0.0


@dataclass(frozen=True)
class _Stretch:
    start: int
    end: int | None
    base: Mapping[str, int]
    shares: Mapping[str, int]  # samples per block; they add up to BLOCK

    def state(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "base": dict(self.base), "shares": dict(self.shares)}


class TokenMixture:
    """Samples drawn from several datasets, in an order shared by all ranks; resumed exactly.

    Each dataset is read in its own global order, so that nothing of it is repeated before all of it was seen. A
    state also resumes in a mixture with other weights, another schedule, further or fewer datasets: what was
    consumed of each stays consumed.

    Args:
        components: name -> dataset and weight; all of one seq_len and one tokenizer.
        schedule: from token counts on, the weights that hold: `{0: {"web": 3, "code": 1}, 10**9: {...}}`, for
            mid-training and annealing (see `annealing`). A name left out has weight 0. None = the weights of the
            components throughout.
        seed: of the order of the datasets within a block.
        rank: this process, 0 to world_size - 1.
        world_size: processes that share the samples.

    Raises:
        CurateError: datasets that do not fit together, a weight or cap out of range, a share below half a
            sample in `BLOCK`.
    """

    def __init__(
        self,
        components: Mapping[str, Component],
        *,
        schedule: Mapping[int, Mapping[str, float]] | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if not components:
            raise CurateError("a mixture of nothing", hint="give at least one dataset")
        if not 0 <= rank < world_size:
            raise CurateError(f"rank {rank} of world_size {world_size}", hint="ranks count from 0")
        self.components = dict(components)
        first = next(iter(self.components.values())).dataset
        for name, component in self.components.items():
            _check(name, component, first)
        self.seq_len, self.store = first.seq_len, first.store
        self.masked = any(c.dataset.masked for c in self.components.values())
        self.seed, self.rank, self.world_size = seed, rank, world_size
        weights = {name: c.weight for name, c in self.components.items()}
        self.schedule = {int(k): dict(v) for k, v in sorted((schedule or {0: weights}).items())}
        if 0 not in self.schedule or min(self.schedule) < 0:
            raise CurateError("the schedule does not begin at token 0", hint="give the weights from 0 on")
        for table in self.schedule.values():
            if set(table) - set(self.components) or not all(0 <= w < float("inf") for w in table.values()):
                raise CurateError(
                    f"weights {table} do not fit the datasets", hint="name datasets, weigh from 0"
                )
        self._consumed = 0
        self._stretches = self._planned(0, dict.fromkeys(self.components, 0))

    @cached_property
    def content_digest(self) -> str:
        """The digests of all datasets in order of their names."""
        return " ".join(f"{k}:{c.dataset.content_digest}" for k, c in sorted(self.components.items()))

    def __iter__(self) -> Iterator[Sample]:
        """Samples of this rank from where the state stands, until every dataset is at its cap."""
        for batch in self.batches(1):
            yield {name: column[0] for name, column in batch.items()}

    def batches(self, samples: int) -> Iterator[Sample]:
        """The same, `samples` at a time, fewer at the end. Datasets without a loss mask get one if others have it."""
        while len(positions := self.take(samples)):
            yield self.batch_at(positions)

    def take(self, samples: int) -> Counts:
        """The next positions of this rank, which then count as consumed; fewer at the end."""
        positions = self._consumed + self.rank + self.world_size * np.arange(samples, dtype=np.int64)
        end = self._stretches[-1].end
        if end is not None:
            positions = positions[positions < end]
        self._consumed += self.world_size * len(positions)
        return positions

    def batch_at(self, positions: Counts) -> Sample:
        """The samples at some positions of the global order as one training batch."""
        found: dict[str, npt.NDArray[Any]] = {}
        places = [self.locate(int(position)) for position in positions]
        for name in {name for name, _ in places}:
            here = [k for k, place in enumerate(places) if place[0] == name]
            dataset = self.components[name].dataset
            batch = dataset.batch(dataset.indices_at(np.array([places[k][1] for k in here], np.int64)))
            if self.masked and "loss_mask" not in batch:
                batch["loss_mask"] = np.ones(batch["labels"].shape, np.bool_)
            for column, values in batch.items():
                if column not in found:
                    found[column] = np.empty((len(places), self.seq_len), values.dtype)
                found[column][here] = values
        return found

    def locate(self, position: int) -> tuple[str, int]:
        """The dataset that a position takes, and the position in that dataset's own global order."""
        stretch = next((s for s in reversed(self._stretches) if s.start <= position), self._stretches[0])
        if position < 0 or (stretch.end is not None and position >= stretch.end):
            raise IndexError(f"position {position} is outside the mixture")
        block, place = divmod(position - stretch.start, BLOCK)
        key = f"{self.seed} {stretch.start} {block}"
        names = tuple(stretch.shares.items())
        which, rank = _block_order(key, names)
        name, share = names[int(which[place])]
        return name, stretch.base[name] + block * share + int(rank[place])

    def documents_at(self, position: int) -> list[dict[str, Any]]:
        """Provenance of the sample at a position of the global order: also the name of its dataset."""
        name, place = self.locate(position)
        dataset = self.components[name].dataset
        return [{"dataset": name, **d} for d in dataset.documents(dataset.index_at(place))]

    def consumed(self, upto: int | None = None) -> dict[str, int]:
        """Samples taken of each dataset before a position of the global order; None = before the state."""
        position = self._consumed if upto is None else upto
        stretch = next((s for s in reversed(self._stretches) if s.start <= position), self._stretches[0])
        return self._consumed_in(stretch, position)

    def shares(self) -> dict[str, Any]:
        """What was consumed so far: tokens (padding not counted), share and epochs per dataset, synthetic share."""
        taken = self.consumed()
        tokens = {n: k * self.components[n].dataset.tokens_per_sample for n, k in taken.items()}
        total = sum(tokens.values())
        synthetic = sum(tokens[n] * self.components[n].synthetic for n in tokens)
        return {
            "datasets": {
                n: {
                    "tokens": round(tokens[n]),
                    "share": tokens[n] / total if total else 0.0,
                    "epochs": taken[n] / max(len(self.components[n].dataset), 1),
                }
                for n in tokens
            },
            "synthetic_share": synthetic / total if total else 0.0,
        }

    def state_dict(self) -> dict[str, Any]:
        """Where the order stands, as JSON values: the stretches so far, digests, and what was consumed of each."""
        return {
            "version": 1,
            "seed": self.seed,
            "consumed": self._consumed,
            "datasets": {n: _identity(c) for n, c in self.components.items()},
            "stretches": [s.state() for s in self._stretches],
            "taken": self.consumed(),
            "shares": self.shares(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken, perhaps with other ranks, weights, schedule or datasets.

        Raises:
            CurateError: a dataset of the same name is another one, or the state is not one of a mixture.
        """
        try:
            consumed, datasets, taken = int(state["consumed"]), state["datasets"], state["taken"]
            stretches = [_Stretch(s["start"], s["end"], s["base"], s["shares"]) for s in state["stretches"]]
            if state["version"] != 1 or consumed < 0 or not stretches:
                raise ValueError(state["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise CurateError("this is no state of a mixture", hint="give one of `state_dict`") from error
        for name in set(datasets) & set(self.components):
            if datasets[name] != _identity(self.components[name]):
                raise CurateError(
                    f"the saved state has another dataset {name!r}: {datasets[name]}",
                    hint="give the dataset it was saved with, or another name",
                )
        self._consumed = consumed
        mine = [s.state() for s in self._planned(0, dict.fromkeys(self.components, 0))]
        if (
            state["seed"] == self.seed
            and mine == state["stretches"]
            and set(datasets) == set(self.components)
        ):
            self._stretches = stretches
            return
        past = [s for s in stretches if s.start < consumed]
        if past:
            past[-1] = _Stretch(past[-1].start, consumed, past[-1].base, past[-1].shares)
        known = {name: int(taken.get(name, 0)) for name in self.components}
        usable = state["seed"] == self.seed and all(set(s.shares) <= set(self.components) for s in past)
        # The past stays known for provenance if its datasets are still here.
        self._stretches = [*(past if usable else []), *self._planned(consumed, known)]

    def _planned(self, start: int, base: dict[str, int]) -> list[_Stretch]:
        """Stretches from a position on, where `base` samples of each dataset are already consumed."""
        knots = sorted({max(-(-tokens // self.seq_len), start) for tokens in self.schedule})
        found: list[_Stretch] = []
        position = start
        for number, knot in enumerate(knots):
            limit = knots[number + 1] if number + 1 < len(knots) else None
            position = max(position, knot)
            while limit is None or position < limit:
                weights = self._weights_at(position, base)
                if not weights:
                    if not found:
                        found.append(_Stretch(position, position, dict(base), {}))
                    return found
                shares = _apportion(weights)
                ends = [e for n in shares if (e := self._exhausted(n, position, base, shares)) is not None]
                end = min([*ends, *([limit] if limit is not None else [])], default=None)
                stretch = _Stretch(position, end, dict(base), shares)
                if end is None or end > position:
                    found.append(stretch)
                if end is None:
                    return found
                base = {**base, **self._consumed_in(stretch, end)}
                position = end
        return found

    def _weights_at(self, position: int, base: Mapping[str, int]) -> dict[str, float]:
        """Samples per block, relative, of the datasets that have any left."""
        tokens = position * self.seq_len
        table = self.schedule[max(k for k in self.schedule if -(-k // self.seq_len) * self.seq_len <= tokens)]
        found = {}
        for name, weight in sorted(table.items()):
            cap = self._cap(name)
            if weight > 0 and (cap is None or base.get(name, 0) < cap):
                found[name] = weight / self.components[name].dataset.tokens_per_sample
        return found

    def _cap(self, name: str) -> int | None:
        component = self.components[name]
        limit = component.max_epochs
        return None if limit is None else int(limit * len(component.dataset))

    def _exhausted(
        self, name: str, start: int, base: Mapping[str, int], shares: Mapping[str, int]
    ) -> int | None:
        """First position of a stretch from `start` on that this dataset could not serve."""
        cap = self._cap(name)
        if cap is None:
            return None
        block, rest = divmod(cap - base.get(name, 0), shares[name])
        names = tuple(shares.items())
        which, _ = _block_order(f"{self.seed} {start} {block}", names)
        turns = np.flatnonzero(which == [n for n, _ in names].index(name))
        return start + block * BLOCK + int(turns[rest])

    def _consumed_in(self, stretch: _Stretch, position: int) -> dict[str, int]:
        if stretch.end is not None:
            position = min(position, stretch.end)
        block, place = divmod(position - stretch.start, BLOCK)
        names = tuple(stretch.shares.items())
        counts = dict(stretch.base)
        if names:
            which, _ = _block_order(f"{self.seed} {stretch.start} {block}", names)
            partial = np.bincount(which[:place], minlength=len(names)).tolist()
            for (name, share), extra in zip(names, partial, strict=True):
                counts[name] = stretch.base[name] + block * share + extra
        return counts


def annealing(
    before: Mapping[str, float], after: Mapping[str, float], start: int, end: int, steps: int = 16
) -> dict[int, dict[str, float]]:
    """A schedule that goes from one table of weights to another between two token counts, in equal steps.

    Args:
        before: weights up to `start` tokens.
        after: weights from `end` tokens on.
        start: tokens at which the change begins.
        end: tokens at which it is done.
        steps: tables between the two, linear in the shares.
    """
    if not 0 <= start < end or steps < 1:
        raise CurateError(f"annealing from {start} to {end} in {steps} steps", hint="start < end, steps >= 1")
    first, last = ({n: w / sum(t.values()) for n, w in t.items()} for t in (before, after))
    names = sorted({*first, *last})
    schedule = {0: dict(first)}
    for step in range(1, steps + 1):
        mixed = {
            n: first.get(n, 0.0) + (last.get(n, 0.0) - first.get(n, 0.0)) * step / (steps + 1) for n in names
        }
        schedule[start + (end - start) * (step - 1) // steps] = mixed
    return {**schedule, end: dict(last)}


@lru_cache(maxsize=64)
def _block_order(key: str, shares: tuple[tuple[str, int], ...]) -> tuple[Counts, Counts]:
    """For each place of a block: which dataset, and how many times that one came before in the block."""
    slots = Permutation(BLOCK, key).many(np.arange(BLOCK))
    ends = np.cumsum([share for _, share in shares])
    which = np.searchsorted(ends, slots, side="right")
    rank = np.empty(BLOCK, np.int64)
    for number in range(len(shares)):
        here = which == number
        rank[here] = np.arange(int(here.sum()))
    return which, rank


def _apportion(weights: Mapping[str, float]) -> dict[str, int]:
    """Samples of each dataset in a block, by largest remainder; ties go to the name that comes first."""
    total = sum(weights.values())
    exact = {name: BLOCK * weight / total for name, weight in weights.items()}
    shares = {name: int(value) for name, value in exact.items()}
    left = BLOCK - sum(shares.values())
    for name in sorted(exact, key=lambda n: (shares[n] - exact[n], n))[:left]:
        shares[name] += 1
    if least := [name for name, share in shares.items() if share == 0]:
        raise CurateError(
            f"the share of {least[0]!r} is below one sample in {BLOCK}",
            hint="raise its weight, or leave it out",
        )
    return shares


def _check(name: str, component: Component, first: TokenDataset) -> None:
    dataset = component.dataset
    if dataset.seq_len != first.seq_len or (
        dataset.store.manifest["tokenizer"] != first.store.manifest["tokenizer"]
    ):
        raise CurateError(f"dataset {name!r} has another seq_len or tokenizer", hint="mix what fits together")
    if not len(dataset):
        raise CurateError(f"dataset {name!r} has no sample", hint="leave it out")
    if not (component.weight >= 0 and 0 <= component.synthetic <= 1):
        raise CurateError(f"weight or synthetic share of {name!r} is out of range", hint="weigh from 0 on")
    if component.max_epochs is not None and component.max_epochs < 0:
        raise CurateError(f"max_epochs of {name!r} is {component.max_epochs}", hint="give 0 or more")


def _identity(component: Component) -> dict[str, Any]:
    state = component.dataset.state_dict()
    return {k: state[k] for k in ("content_digest", "seed", "seq_len", "packing", "shuffle")}
