import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from curate import _native
from curate.errors import CurateError, PlanError
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


# The supervisor, with an engine that misbehaves on demand.


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    made = []

    def make(cpu_seconds: float = 0.3, memory_bytes: int = 2 << 30) -> extract._Child:
        made.append(extract._Child(extract._Settings("fake_engine:extract", (), cpu_seconds, memory_bytes)))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one._stop()


def views(*pages: str) -> list[memoryview]:
    return [memoryview(page.encode()) for page in pages]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("<burn>", "extract_cpu_limit"),
        ("<segfault>", "extract_crashed"),
        ("<exit>", "extract_crashed"),
        ("<memory>", "extract_crashed"),
        ("<raise>", "extract_failed"),
    ],
)
def test_a_bad_page_costs_one_document(child, bad: str, reason: str) -> None:
    pages = ["a", bad, "b", "ü" * 300_000, bad, "c"]
    answers = child().extract(views(*pages))
    assert answers == [(None, reason) if page == bad else (page.upper(), None) for page in pages]


def test_a_page_is_tried_again_alone_before_it_is_blamed(child) -> None:
    # `<once>` only kills a child that has already answered something.
    assert child().extract(views("a", "<once>", "b")) == [("A", None), ("<ONCE>", None), ("B", None)]


def test_the_child_lives_on_between_batches_and_after_an_idle_death(child) -> None:
    one = child()
    assert one.extract(views("a")) == [("A", None)]
    process = one.process
    assert one.extract(views("b", "c")) == [("B", None), ("C", None)]
    assert one.process is process
    os.kill(process.pid, signal.SIGKILL)
    assert one.extract(views("d", "e")) == [("D", None), ("E", None)]
    assert one.process is not process


def test_a_child_is_replaced_after_its_share(child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "_DOCUMENTS_PER_CHILD", 2)
    one = child()
    assert one.extract(views("a", "b", "c")) == [("A", None), ("B", None), ("C", None)]
    assert one.process is None
    assert one.extract(views("d")) == [("D", None)]


def test_printing_engines_do_not_disturb_the_answers(child) -> None:
    assert child().extract(views("<print>", "a")) == [("<PRINT>", None), ("A", None)]


def test_waiting_costs_no_cpu_time(child) -> None:
    one = child(cpu_seconds=0.2)
    one.extract(views("a"))
    time.sleep(0.5)
    assert one.extract(views("b")) == [("B", None)]


def test_senseless_answers_are_a_death() -> None:
    said: list[tuple[int, str]] = []
    assert not extract._take_answers(bytearray(extract.ANSWER.pack(7, 0)), said)
    assert not extract._take_answers(bytearray(extract.ANSWER.pack(0, 1 << 40)), said)
    received = bytearray(extract.ANSWER.pack(0, 3) + b"ab")
    assert extract._take_answers(received, said)
    assert said == []
    received += b"c"
    assert extract._take_answers(received, said)
    assert (said, received) == ([(0, "abc")], b"")


def test_an_engine_that_does_not_start_is_an_error_with_a_hint(child) -> None:
    one = extract._Child(extract._Settings("no_such_module:extract", (), 1.0, 2 << 30))
    with pytest.raises(CurateError, match="no_such_module") as raised:
        one.extract(views("a"))
    assert raised.value.hint


def _text_in_a_fork(queue) -> None:
    queue.put(extract_text(PAGE, engine="resiliparse"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_and_a_thread_get_their_own_children() -> None:
    expected = extract_text(PAGE, engine="resiliparse")
    pid = extract._child(ExtractText("resiliparse")._settings()).process.pid
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    fork = context.Process(target=_text_in_a_fork, args=(queue,))
    fork.start()
    assert queue.get(timeout=60) == expected
    fork.join()
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(extract_text(PAGE, engine="resiliparse")))
    thread.start()
    thread.join()
    assert found == [expected]
    assert extract_text(PAGE, engine="resiliparse") == expected
    assert extract._child(ExtractText("resiliparse")._settings()).process.pid == pid


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
