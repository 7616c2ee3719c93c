"""Every number on the page is the ledgers'; hostile texts stay texts; only the times differ between equal runs."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import curate as cu
from curate.report_page.page import breakable, pointer, visible
from tests.laws.test_engine import pipeline
from tests.laws.toy import write_lines

_VOID = {"meta", "link", "wbr", "rect", "path", "line", "br"}
#: All that a report is made of.
_TAGS = """html head meta link title style body header main section footer nav h1 h2 h3 p a ul li dl div dt dd
    table thead tbody tr th td data details summary figure figcaption blockquote bdi span b wbr code svg rect path line
    text"""


class Page(HTMLParser):
    """Elements in order with their attributes, their own text and their ancestors."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[dict[str, Any]] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        self.elements.append({"tag": tag, **dict(attrs), "text": "", "parents": [*self._open]})
        if tag not in _VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.elements[self._open.pop()]["tag"] == tag

    def handle_data(self, data: str) -> None:
        for at in self._open:
            self.elements[at]["text"] += data

    def within(self, element: dict[str, Any], id_: str) -> bool:
        return any(self.elements[at].get("id") == id_ for at in element["parents"])


def load(folder: Path) -> tuple[dict[str, Any], Page, str]:
    html = (folder / "report.html").read_text("utf-8")
    return json.loads((folder / "report.json").read_bytes()), Page(html), html


def resolve(report: Any, path: str) -> Any:
    for part in unquote(path.removeprefix("#")).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        report = report[int(key)] if isinstance(report, list) else report[key]
    return report


@pytest.fixture(params=["sample_run", "hostile_run"])
def run(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_every_number_on_the_page_is_that_of_the_report(run: Path) -> None:
    report, page, _ = load(run)
    found = [element for element in page.elements if "data-path" in element]
    assert len(found) > 20
    for element in found:
        value = resolve(report, element["data-path"])
        if element["tag"] == "svg":
            for side in ("kept", "rejected"):
                assert [int(n) for n in element[f"data-{side}"].split()] == value[side]
        elif "data-of" in element:
            whole = resolve(report, element["data-of"])
            assert float(element["value"]) == value / whole
            assert element["text"] == f"{value / whole:.1%}"
        else:
            assert json.loads(element["value"]) == value
            assert element["text"] == (f"{value:,}" if isinstance(value, int) else f"{value:,.3g}")


def test_no_number_stands_outside_a_marked_element(run: Path) -> None:
    _, page, _ = load(run)
    cells = [e for e in page.elements if e["tag"] == "dd" or (e["tag"] == "td" and e.get("class") == "num")]
    assert cells
    for cell in cells:
        if not page.within(cell, "time"):  # rates are worked out from what stands beside them
            at = page.elements.index(cell)
            marked = "".join(e["text"] for e in page.elements if e["tag"] == "data" and at in e["parents"])
            assert re.sub(r"\D", "", cell["text"]) == re.sub(r"\D", "", marked)


def test_the_report_is_the_sum_of_the_ledgers(run: Path) -> None:
    report, _, _ = load(run)
    stages: dict[str, dict[str, Any]] = {}
    records = size = 0
    paths = sorted((run / "ledger").glob("phase-*.json"))
    for path in paths:
        ledger = json.loads(path.read_bytes())
        if ledger["phase"] == 1:
            records, size = records + ledger["rows_in"], size + ledger["input_bytes"]
        for step in ledger["steps"]:
            total = stages.setdefault(step["stage"], {"rows_in": 0, "rows_out": 0, "rejected": {}})
            for name in ("rows_in", "rows_out"):
                total[name] += step[name]
            for reason, rows in step["rejected"].items():
                total["rejected"][reason] = total["rejected"].get(reason, 0) + rows
    assert report["stages"] == stages
    assert (report["totals"]["records"], report["inputs"]["bytes"]) == (records, size)
    assert report["totals"]["rejected"] == {
        name: t["rejected"] for name, t in stages.items() if t["rejected"]
    }
    last = list(stages.values())[-1]
    assert report["totals"]["kept"] == last["rows_out"]
    listed = sum(row["kept"] for row in report["domains"]["rows"]) if report["domains"] else 0
    assert (
        listed + report["domains"]["others"]["kept"] + report["domains"]["none"]["kept"] == last["rows_out"]
    )


def test_times_are_those_of_the_ledgers(run: Path) -> None:
    _, page, _ = load(run)
    seconds: dict[str, float] = {}
    for path in sorted((run / "ledger").glob("phase-*.json")):
        ledger = json.loads(path.read_bytes())
        names = {f"phase/{ledger['phase']}": ledger["seconds"]}
        names |= {f"stage/{step['stage']}": step["seconds"] for step in ledger["steps"]}
        for name, value in names.items():
            seconds[name] = seconds.get(name, 0.0) + value
    steps = json.loads((run / "ledger" / "steps.json").read_bytes())["step_seconds"]
    seconds |= {f"step/{name}": value for name, value in steps.items()}
    shown = {e["data-time"]: float(e["value"]) for e in page.elements if "data-time" in e}
    assert shown == pytest.approx(seconds)


def test_hostile_texts_are_shown_and_not_obeyed(hostile_run: Path) -> None:
    report, page, html = load(hostile_run)
    assert {element["tag"] for element in page.elements} <= set(_TAGS.split())
    assert not [e for e in page.elements if any(name.startswith("on") for name in e)]
    assert {e["href"] for e in page.elements if "href" in e} <= {
        "data:,",
        *("#" + e["id"] for e in page.elements if "id" in e),
    }
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    quotes = [e["text"].strip() for e in page.elements if e["tag"] == "blockquote"]
    samples = [t["text"] for own in report["samples"].values() for texts in own.values() for t in texts]
    assert len(quotes) >= 4
    for text in filter(None, samples):
        assert any(visible(text).strip() in quote for quote in quotes)


def test_page_stands_alone(run: Path) -> None:
    _, page, html = load(run)
    assert not {"script", "img", "iframe", "object"} & {e["tag"] for e in page.elements}
    assert not [e for e in page.elements if "src" in e]
    assert not re.search(r"url\(|@import", html)
    identifiers = [e["id"] for e in page.elements if "id" in e]
    assert len(identifiers) == len(set(identifiers))
    assert len(html) < 2_000_000


def test_only_the_times_differ_between_equal_runs(tmp_path: Path) -> None:
    write_lines(tmp_path)
    pages = []
    for workers in (1, 2):
        folder = tmp_path / f"out-{workers}"
        cu.run(pipeline(tmp_path, folder, batch_rows=workers * 5), cu.Local(workers))
        html = (folder / "report.html").read_text("utf-8")
        pages.append(re.sub(r'<section id="time".*?</section>', "", html, flags=re.DOTALL))
        assert pages[-1] != html
    assert pages[0] == pages[1]


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("")
    recipe = cu.Pipeline(
        cu.read_jsonl(str(tmp_path / "in.jsonl")), [], cu.write_documents(str(tmp_path / "out"))
    )
    cu.run(recipe, cu.Local(1))
    report, page, _ = load(tmp_path / "out")
    assert report["totals"]["records"] == 0
    assert any("Nothing was rejected" in element["text"] for element in page.elements)


def test_names_can_be_broken_and_pointers_resolve() -> None:
    assert breakable("too_few<b>/x") == "too_<wbr>few&lt;b&gt;/<wbr>x"
    assert resolve({"a/b~": [5]}, pointer("a/b~", 0)) == 5
    assert visible("a\x00\u202eb\u2028") == "a␀⟨U+202E⟩b\n"
