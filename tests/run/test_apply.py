"""Stages over rows in memory: what a run refuses is refused, and every table that Arrow knows is taken."""

import pyarrow as pa
import pytest

import curate as cu
from curate.stage import Stage
from tests.run import factories

TEXTS = ["one", "one two", "one two three"]


def rows(*texts: str) -> pa.RecordBatch:
    return pa.record_batch(
        {"id": [f"d{place}" for place in range(len(texts))], "text": pa.array(texts, pa.large_string())}
    )


def test_a_table_and_a_data_frame_are_taken() -> None:
    batch = rows(*TEXTS)
    table = pa.Table.from_batches([batch])
    kept, rejected = cu.apply([cu.TextStats(), factories.short], batch)
    assert isinstance(kept, pa.RecordBatch)
    for given in (table, pa.concat_tables([table.slice(0, 1), table.slice(1)]), FrameOf(table)):
        found, gone = cu.apply([cu.TextStats(), factories.short], given)
        assert isinstance(found, pa.Table)
        assert found.to_pylist() == kept.to_pylist()
        assert gone.to_pylist() == rejected.to_pylist()


class FrameOf:
    """What data frames have in common; with strings as Polars keeps them."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table.cast(pa.schema([("id", pa.string_view()), ("text", pa.string_view())]))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_a_frame_of_pandas_is_taken() -> None:
    pandas = pytest.importorskip("pandas")
    kept, rejected = cu.apply([factories.short], pandas.DataFrame({"id": ["a", "b"], "text": TEXTS[:2]}))
    assert kept["id"].to_pylist() == ["b"]
    assert rejected["id"].to_pylist() == ["a"]


def test_a_table_without_rows_is_taken() -> None:
    kept, rejected = cu.apply([cu.TextStats(), factories.short], pa.Table.from_batches([rows()]))
    assert (kept.num_rows, rejected.num_rows) == (0, 0)
    assert "signals" in kept.schema.names


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(cu.CurateError, match="rows of type list"):
        cu.apply([factories.short], TEXTS)


def test_stale_signals_are_refused_as_in_a_run() -> None:
    with pytest.raises(cu.PlanError, match="reads `signals`, which `c4_lines` made stale"):
        cu.apply([cu.TextStats(), cu.C4Lines(), cu.Rules(cu.FINEWEB)], rows(*TEXTS))


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(cu.PlanError, match="needs the column `signals`"):
        cu.apply([cu.Rules(cu.FINEWEB)], rows(*TEXTS))


def test_barriers_and_what_is_no_stage_are_named() -> None:
    with pytest.raises(cu.PlanError, match="`exact_dedup` is a barrier"):
        cu.apply([cu.ExactDedup()], rows(*TEXTS))  # type: ignore[list-item]
    with pytest.raises(cu.PlanError, match="is not a stage") as refused:
        cu.apply([cu.TextStats], rows(*TEXTS))  # type: ignore[list-item]
    assert refused.value.hint == "write `TextStats()`"


@pytest.mark.parametrize("stage", [factories.breaks, factories.breaks_in_a_class])
def test_a_fault_of_a_stage_names_the_document(stage: Stage) -> None:
    with pytest.raises(cu.CurateError, match="at document `d1`: ZeroDivisionError") as failed:
        cu.apply([stage], rows("fine", "break here", "break"))
    assert "factories.py" in str(failed.value.hint)


def test_a_fault_of_a_whole_batch_names_what_is_known() -> None:
    with pytest.raises(cu.CurateError, match="stage `takes_one` failed: ") as failed:
        cu.apply([factories.TakesOne()], rows("a", "b"))
    assert "at document" not in str(failed.value)
