from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from curate import _native
from curate.errors import PlanError
from curate.stages import extract
from curate.stages.extract import ExtractText, extract_text, extract_texts

ENGINES = ("trafilatura", "resiliparse")
PROSE = "".join(
    f"<p>Paragraph {n} tells of the harbour, its boats and the people who mend the nets in winter.</p>"
    for n in range(8)
)
PAGE = f"<!doctype html><html><head><title>t</title></head><body><article>{PROSE}</article></body></html>"
HOSTILE = {
    "nested lists": b"<html><body>" + b"<ul><li>" * 64_000,
    "unclosed tags": b"<div><b><p>" * 95_000,
    "NULs": b"<html><body><p>" + b"\0" * 10_000 + b"text</p>",
    "empty": b"",
    "no markup": b"\xff\xfe\xfd" * 100,
    "attribute": b'<img src="' + b"a" * 1_000_000,
    "cut": PAGE.encode()[:200],
}


def raw(*pages: bytes | None, content_type: str | None = "text/html") -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array([str(n) for n in range(len(pages))]),
            "url": pa.array(["http://example.com/"] * len(pages)),
            "payload": pa.array(pages, pa.large_binary()),
            "content_type": pa.array([content_type] * len(pages), pa.string()),
            "http_headers": pa.array([None] * len(pages), pa.large_string()),
        }
    )


def reasons(outcome) -> list[str | None]:
    return outcome.reason.to_pylist()


# The stage, with the real engines.


@pytest.mark.parametrize("engine", ENGINES)
def test_pages_become_text(engine: str) -> None:
    batch = raw(PAGE.encode(), None, b"", b"<html><body></body></html>")
    outcome = ExtractText(engine)(batch)
    assert outcome.batch.schema.names == ["id", "url", "text"]
    assert reasons(outcome) == [None, "no_text", "no_text", "no_text"]
    text = outcome.batch["text"][0].as_py()
    assert all(f"Paragraph {n} tells of the harbour" in text for n in range(8))
    assert "<p>" not in text


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pages_end_in_text_or_a_reason(engine: str, kind: str) -> None:
    stage = ExtractText(engine, cpu_seconds=2.0)  # resiliparse is quadratic in unclosed tags
    outcome = stage(raw(PAGE.encode(), HOSTILE[kind], PAGE.encode()))
    first, hostile, last = reasons(outcome)
    assert first is None
    assert last is None
    assert hostile is None or hostile in stage.reasons
    assert outcome.batch["text"][0] == outcome.batch["text"][2]
    assert (outcome.batch["text"][1].as_py() is None) or hostile in (None, "no_text")


def test_the_library_and_the_stage_agree() -> None:
    trafilatura = pytest.importorskip("trafilatura")
    html2text = pytest.importorskip("resiliparse.extract.html2text")
    page = PAGE.replace("harbour", "Hafen-Öffnung")
    expected = trafilatura.extract(page, favor_precision=True, include_comments=False)
    assert ExtractText(profile="precision")(raw(page.encode())).batch["text"].to_pylist() == [expected]
    expected = html2text.extract_plain_text(page, main_content=True, alt_texts=False)
    assert ExtractText("resiliparse")(raw(page.encode())).batch["text"].to_pylist() == [expected]


def test_a_page_does_not_remember_earlier_pages() -> None:
    stage = ExtractText()
    alone = stage(raw(PAGE.encode())).batch["text"][0]
    after = stage(raw(*[PAGE.encode()] * 51)).batch["text"]
    assert set(after.to_pylist()) == {alone.as_py()}


def test_batches_may_be_cut_anywhere() -> None:
    batch = raw(*[PAGE.replace("boats", f"boats no. {n}").encode() for n in range(5)], b"", None)
    whole = ExtractText("resiliparse")(batch)
    for cut in range(1, batch.num_rows):
        parts = [ExtractText("resiliparse")(part) for part in (batch.slice(0, cut), batch.slice(cut))]
        texts = pa.concat_arrays([part.batch["text"] for part in parts])
        assert texts == whole.batch["text"]
        assert reasons(parts[0]) + reasons(parts[1]) == reasons(whole)


def test_plain_text_passes_through_decoded() -> None:
    outcome = ExtractText("resiliparse")(
        raw(b"plain <b> text", b" \n", content_type="Text/Plain; charset=utf-8")
    )
    assert outcome.batch["text"][0].as_py() == "plain <b> text"
    assert reasons(outcome) == [None, "no_text"]


def test_large_pages_are_not_looked_at() -> None:
    page = PAGE.encode()
    outcome = ExtractText("resiliparse", max_html_bytes=len(page))(raw(page, page + b" "))
    assert reasons(outcome) == [None, "html_too_large"]


def test_each_fault_of_an_engine_and_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    fake = replace(extract._ENGINES["resiliparse"], target="fake_engine:extract")
    monkeypatch.setitem(extract._ENGINES, "resiliparse", fake)
    pages = {
        b"<p>fine": None,
        b"<burn>": "extract_cpu_limit",
        b"<segfault>": "extract_crashed",
        b"<p>also fine": None,
        b"<raise>": "extract_failed",
        b"<nothing>": "no_text",
    }
    outcome = ExtractText("resiliparse", cpu_seconds=0.5)(raw(*pages))
    assert reasons(outcome) == list(pages.values())
    assert outcome.batch["text"].to_pylist() == ["<P>FINE", None, None, "<P>ALSO FINE", None, ""]


def test_no_rows() -> None:
    outcome = ExtractText("resiliparse")(raw())
    assert outcome.batch.num_rows == 0
    assert outcome.batch.schema.field("text").type == pa.large_string()


@pytest.mark.parametrize("engine", ENGINES)
def test_helpers(engine: str) -> None:
    assert extract_text(PAGE, engine=engine) == extract_text(PAGE.encode(), engine=engine) != ""
    assert extract_text("", engine=engine) == ""
    texts = extract_texts([PAGE, PAGE.encode(), None, b""], engine=engine).to_pylist()
    assert texts == [extract_text(PAGE, engine=engine)] * 2 + [None, None]
    assert extract_texts(pa.array([PAGE]), engine=engine).to_pylist() == texts[:1]


def test_bad_parameters_and_the_fingerprint() -> None:
    for bad in (
        {"engine": "lynx"},
        {"engine": "resiliparse", "profile": "recall"},
        {"cpu_seconds": 0},
        {"max_html_bytes": -1},
    ):
        with pytest.raises(PlanError) as raised:
            ExtractText(**bad)
        assert raised.value.hint
    identity = ExtractText().identity()
    assert identity["engine_version"]
    assert identity != ExtractText("resiliparse").identity()
    assert _native.build_profile()


def test_declared_reasons() -> None:
    assert set(ExtractText().reasons) == {
        "no_text",
        "html_too_large",
        "extract_cpu_limit",
        "extract_crashed",
        "extract_failed",
    }
