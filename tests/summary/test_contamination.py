"""The same summary as the full report of contamination gives."""

import json
from pathlib import Path

import pyarrow as pa

from curate.contamination_report import ContaminationReport
from curate.summary.contamination import Contamination, evaluation_of
from tests.test_contamination_report import PAGES, STAGE


def test_summary_equals_that_of_the_full_report() -> None:
    evaluation = json.loads(json.dumps(STAGE.evaluation()))
    table = pa.table({"id": list(PAGES), "text": pa.array(PAGES.values(), pa.large_string())})
    batches = [STAGE(rows).batch for rows in table.to_batches(max_chunksize=2)]
    full, ours = ContaminationReport.of(evaluation, batches), Contamination()
    for batch in batches:
        one = Contamination()
        one.add(batch["contamination"])
        for text, count in one.told():
            ours.merge(text, count)
    told = ours.to_json(evaluation)
    assert told["sets"] == {name: full.summary(name) for name in full.sets}
    assert told["definitions"] == list(full.definitions)
    assert told["sets"]["quiz"]["any"] == 2  # that something was found at all


def test_a_run_without_items_has_no_summary(tmp_path: Path) -> None:
    assert evaluation_of(tmp_path) is None
    (tmp_path / "contamination.json").write_text('{"version": 99}')
    assert evaluation_of(tmp_path) is None
