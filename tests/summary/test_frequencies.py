"""Exact while there is room; bounded, and honest about it, when there is none."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.summary.frequencies import Frequencies


def test_counts_order_others_and_nulls() -> None:
    counted = Frequencies()
    counted.add(pa.array(["b", "a", "b", None, "c"]), kept=True)
    counted.add(pa.array(["a", "d", None, None]), kept=False)
    assert counted.to_json(2) == {
        "rows": [{"value": "a", "kept": 1, "rejected": 1}, {"value": "b", "kept": 2, "rejected": 0}],
        "others": {"kept": 1, "rejected": 1},
        "none": {"kept": 1, "rejected": 2},
        "error": 0,
    }


def test_values_are_cut() -> None:
    counted = Frequencies()
    counted.add(pa.array(["x" * 1000, "x" * 2000]), kept=True)
    assert counted.to_json(2)["rows"] == [{"value": "x" * 300, "kept": 2, "rejected": 0}]


@given(batches=st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 60), max_size=40)), max_size=12))
def test_with_little_room_nothing_is_lost_and_the_error_holds(batches: list[tuple[bool, list[int]]]) -> None:
    counted, exact = Frequencies(capacity=4), {True: Counter(), False: Counter()}
    for at, (kept, values) in enumerate(batches):
        part = Frequencies(capacity=4) if at % 2 else counted
        part.add(pa.array([str(value) for value in values], pa.large_string()), kept=kept)
        if part is not counted:
            counted.merge(part.to_table(), part.rows, part.error)
        exact[kept].update(map(str, values))
    told = counted.to_json(5)
    for side, key in ((True, "kept"), (False, "rejected")):
        assert sum(row[key] for row in told["rows"]) + told["others"][key] == exact[side].total()
        for row in told["rows"]:
            assert exact[side][row["value"]] - told["error"] <= row[key] <= exact[side][row["value"]]
    heaviest = (exact[True] + exact[False]).most_common(1)
    if heaviest and heaviest[0][1] > told["error"]:
        assert told["rows"][0]["kept"] + told["rows"][0]["rejected"] >= heaviest[0][1] - told["error"]
    if len(exact[True] | exact[False]) <= 16:
        assert told["error"] == 0
