"""Distributions of numbers, counted batch by batch into bins that are the same for every run."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

#: Shares and rates: fiftieths of the unit interval, and what lies above.
UNIT_EDGES = tuple(step / 50 for step in range(51))
#: Everything else: four bins to an octave, so that 50 words and 50,000 both have a place.
OCTAVE_EDGES = (0.0, *(2.0**octave * (1 + quarter / 4) for octave in range(40) for quarter in range(4)))


class Histogram:
    """Counts of kept and of rejected rows by the value of a number.

    A bin holds what is at least its edge and below the next one; the last has no upper end, and what is below the
    first edge counts in the first bin. NaN and null count nowhere.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = np.array(edges)
        self._counts: npt.NDArray[np.int64] = np.zeros((2, len(edges)), dtype=np.int64)

    def add(self, values: pa.Array, *, kept: bool) -> None:
        """Counts the values of a batch."""
        numbers = values.drop_null().to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        numbers = numbers[~np.isnan(numbers)]
        bins = np.maximum(np.searchsorted(self._edges, numbers, side="right") - 1, 0)
        self._counts[int(kept)] += np.bincount(bins, minlength=len(self._edges))

    def add_bin(self, number: int, kept: int, rejected: int) -> None:
        """Counts rows whose values lie in a bin."""
        self._counts[:, number] += (rejected, kept)

    def bins(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """Number of each bin that holds anything, and how many kept and rejected rows."""
        for number in np.nonzero(self._counts.sum(axis=0))[0].tolist():
            rejected, kept = self._counts[:, number].tolist()
            yield number, (kept, rejected)

    def to_json(self, limits: Sequence[float] = ()) -> dict[str, Any]:
        """Edges and counts from the first to the last bin that holds anything or a limit; edges: one more."""
        used = np.nonzero(self._counts.sum(axis=0))[0]
        at = np.maximum(np.searchsorted(self._edges, np.array(limits), side="right") - 1, 0)
        marks = np.concatenate([used, at]) if len(at) else used
        if not len(marks):
            return {"edges": [], "kept": [], "rejected": []}
        first, last = int(marks.min()), int(marks.max())
        edges = self._edges[first : last + 2].tolist()
        if last + 1 == len(self._edges):
            edges.append(None)  # no upper end
        rejected, kept = self._counts[:, first : last + 1].tolist()
        return {"edges": edges, "kept": kept, "rejected": rejected}
