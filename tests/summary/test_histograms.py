"""Bins by hand, and against a count of each value."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.summary.histograms import OCTAVE_EDGES, UNIT_EDGES, Histogram


def test_a_bin_holds_its_edge_and_not_the_next() -> None:
    bins = Histogram((0, 1, 2))
    bins.add(pa.array([0.0, 0.5, 1.0, 1.5, 2.0, 99.0, None, math.nan, -3.0]), kept=True)
    bins.add(pa.array([1], pa.int64()), kept=False)
    assert bins.to_json() == {"edges": [0.0, 1.0, 2.0, None], "kept": [3, 2, 2], "rejected": [0, 1, 0]}


def test_only_used_bins_and_limits_are_told() -> None:
    bins = Histogram(UNIT_EDGES)
    bins.add(pa.array([0.1, 0.11]), kept=True)
    assert bins.to_json() == {"edges": [0.1, 0.12], "kept": [2], "rejected": [0]}
    told = bins.to_json([0.15])
    assert (told["edges"], told["kept"]) == ([0.1, 0.12, 0.14, 0.16], [2, 0, 0])
    assert Histogram(UNIT_EDGES).to_json() == {"edges": [], "kept": [], "rejected": []}


@pytest.mark.parametrize("edges", [UNIT_EDGES, OCTAVE_EDGES])
@given(values=st.lists(st.floats(0, 1e15) | st.floats(0, 2) | st.just(math.inf), max_size=30))
def test_every_value_is_in_the_bin_that_says_so(edges: tuple[float, ...], values: list[float]) -> None:
    bins = Histogram(edges)
    for value in values:
        bins.add(pa.array([value]), kept=False)
    told = bins.to_json()
    ends = [math.inf if edge is None else edge for edge in told["edges"]]
    for low, high, count in zip(ends, ends[1:], told["rejected"], strict=False):
        assert count == sum(low <= value < high or value == high == math.inf for value in values)
    assert sum(told["rejected"]) == len(values)
