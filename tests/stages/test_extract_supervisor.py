"""The supervisor, with an engine that misbehaves on demand."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from curate.errors import CurateError
from curate.stages import extract_supervisor
from curate.stages.extract import ExtractText, extract_text
from curate.stages.extract_supervisor import Child, Settings, child_of_thread

PAGE = (
    "<html><body><article>" + "<p>The harbour mends its nets in winter.</p>" * 8 + "</article></body></html>"
)


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    made = []

    def make(cpu_seconds: float = 0.3, memory_bytes: int = 2 << 30) -> Child:
        made.append(Child(Settings("fake_engine:extract", (), cpu_seconds, memory_bytes)))
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
    monkeypatch.setattr(extract_supervisor, "_DOCUMENTS_PER_CHILD", 2)
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
    assert not extract_supervisor._take_answers(bytearray(extract_supervisor.ANSWER.pack(7, 0)), said)
    assert not extract_supervisor._take_answers(bytearray(extract_supervisor.ANSWER.pack(0, 1 << 40)), said)
    received = bytearray(extract_supervisor.ANSWER.pack(0, 3) + b"ab")
    assert extract_supervisor._take_answers(received, said)
    assert said == []
    received += b"c"
    assert extract_supervisor._take_answers(received, said)
    assert (said, received) == ([(0, "abc")], b"")


def test_an_engine_that_does_not_start_is_an_error_with_a_hint(child) -> None:
    one = Child(Settings("no_such_module:extract", (), 1.0, 2 << 30))
    with pytest.raises(CurateError, match="no_such_module") as raised:
        one.extract(views("a"))
    assert raised.value.hint


def _text_in_a_fork(queue) -> None:
    queue.put(extract_text(PAGE, engine="resiliparse"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_and_a_thread_get_their_own_children() -> None:
    expected = extract_text(PAGE, engine="resiliparse")
    pid = child_of_thread(ExtractText("resiliparse").settings()).process.pid
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    fork = context.Process(target=_text_in_a_fork, args=(queue,))
    fork.start()
    assert queue.get() == expected
    fork.join()
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(extract_text(PAGE, engine="resiliparse")))
    thread.start()
    thread.join()
    assert found == [expected]
    assert extract_text(PAGE, engine="resiliparse") == expected
    assert child_of_thread(ExtractText("resiliparse").settings()).process.pid == pid
