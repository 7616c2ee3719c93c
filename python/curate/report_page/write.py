"""Writing the report of a finished run beside its results."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curate.io.atomic import write_bytes, write_json
from curate.io.storage import Place
from curate.report import Ledger, Report
from curate.report_page.facts import facts
from curate.report_page.page import Times, render

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def write_report(folder: Place, ledgers: Sequence[Ledger], manifest: Mapping[str, Any]) -> None:
    """Writes `report.json` and `report.html`; only the section on time differs between equal runs.

    Args:
        folder: the output folder; documents, rejects and token datasets are whole.
        ledgers: of every shard and phase.
        manifest: of the run.
    """
    report = Report.of(str(folder), ledgers)
    first = [ledger for ledger in ledgers if ledger.phase == 1]
    value = {
        **report.to_json(),
        "versions": manifest["plan"]["versions"],
        "inputs": {
            "files": len({ledger.source for ledger in first}),
            "bytes": sum(ledger.input_bytes for ledger in first),
        },
        "reasons": manifest.get("reasons", {}),
        **facts(folder, manifest["plan"]["steps"]),
    }
    written = sum(dataset["tokens"] for dataset in value["datasets"].values())
    same = value["text"]["documents"] == sum(dataset["rows"] for dataset in value["datasets"].values())
    value["text"]["bytes_per_token"] = value["text"]["bytes"] / written if written and same else None
    for name, identity in manifest["plan"]["steps"].items():
        if value["contamination"] and identity["stage"] == "Decontaminate":
            value["contamination"]["scanned"] = report.steps[name].rows_in
    write_json(folder / REPORT_JSON, value)
    # What is drawn is what was written: numbers that JSON cannot keep would show here.
    page = render(json.loads((folder / REPORT_JSON).read_bytes()), Times.of(folder, report, ledgers))
    write_bytes(folder / REPORT_HTML, page.encode())
