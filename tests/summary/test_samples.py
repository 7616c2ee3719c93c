"""Which rejects are shown: the same in any order, cut, and at most so many per reason."""

import json

import pyarrow as pa

from curate.summary.samples import Samples

ROWS = [
    {
        "id": f"id-{n}",
        "stage": "s",
        "reason": "odd" if n % 2 else "even",
        "text": f"{n} " + "x" * n,
        "failed": [],
    }
    for n in range(40)
]


def chosen(rows: list[dict[str, object]], files: int, **settings: int) -> dict[str, object]:
    samples = Samples(**settings)
    for number in range(files):
        table = pa.Table.from_pylist(rows[number::files])
        table = table.set_column(
            table.column_names.index("text"), "text", table["text"].cast(pa.large_string())
        )
        own = Samples(**settings)
        for batch in table.to_batches(max_chunksize=7):
            own.add(batch)
        for told in own.told():
            samples.merge(*json.loads(json.dumps(told)))
    return samples.to_json()


def test_order_and_files_do_not_matter() -> None:
    one = chosen(ROWS, 1)
    assert one == chosen(ROWS[::-1], 3)
    assert {reason: len(texts) for reason, texts in one["s"].items()} == {"even": 3, "odd": 3}
    assert len({text["id"] for texts in one["s"].values() for text in texts}) == 6


def test_texts_are_cut_and_say_how_long_they_were() -> None:
    told = chosen([{**ROWS[30], "text": "é" * 50}], 1, characters=4)
    assert told == {"s": {"even": [{"id": "id-30", "failed": [], "text": "éééé", "characters": 50}]}}


def test_names_are_cut() -> None:
    told = chosen([{**ROWS[30], "id": "i" * 1000}], 1)
    assert told["s"]["even"][0]["id"] == "i" * 300


def test_ids_and_texts_may_be_missing() -> None:
    rows = [{"id": name, "stage": "s", "reason": "r", "text": None} for name in (None, "", "x")]
    told = chosen(rows, 1)
    assert {text["id"] for text in told["s"]["r"]} == {None, "", "x"}
