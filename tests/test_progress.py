"""What a run shows: on a real terminal, without one, as JSON lines, and nothing."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.progress import Meter, duration
from curate.run.job import Kind, Task

RECIPE = """
import time
import curate as cu


@cu.per_document("slow", reasons={"odd": "an odd number"})
def slow(text: str) -> str | None:
    time.sleep(60 if text == "wait" else 0.01)
    if "crash" in text:
        raise ValueError("no reason")
    return "odd" if int(text) % 2 else None


def pipeline(input: str, output: str) -> cu.Pipeline:
    return cu.Pipeline(cu.read_jsonl(input, batch_bytes=200), [slow, cu.ExactDedup()], cu.write_documents(output))
"""
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "recipe.py").write_text(RECIPE)
    for number in range(4):
        lines = "".join(json.dumps({"text": str(number * 100 + n)}) + "\n" for n in range(50))
        (tmp_path / f"{number}.jsonl").write_text(lines)
    inputs = [f"input={tmp_path}/*.jsonl", f"output={tmp_path / 'out'}", "--workers", "1"]
    return [sys.executable, "-m", "curate", str(tmp_path / "recipe.py"), *inputs]


def on_terminal(
    words: list[str], columns: int, *, act: Callable[[int, str], None] = lambda pid, seen: None, **extra: str
) -> tuple[str, int]:
    """Runs a command whose stdin, stdout and stderr are a terminal: what it wrote, and its exit code."""
    terminal, ours = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        words,
        stdin=ours,
        stdout=ours,
        stderr=ours,
        env={**os.environ, "TERM": "xterm-256color", **extra},
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509
    )
    os.close(ours)
    seen = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the terminal has no writer any more
            break
        if not part:
            break
        seen += part
        act(terminal, seen.decode(errors="replace"))
    os.close(terminal)
    return seen.decode(), process.wait()


def _take_terminal() -> None:
    """Makes stdin the terminal whose keys send signals, also where we were started in the background without them."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def screen(written: str) -> list[str]:
    """What a terminal shows in the end: carriage returns and erased lines obeyed, colours left out."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif token.startswith("\x1b["):
            if token.endswith("A"):
                row -= int(token[2:-1] or 1)
            elif token == "\x1b[2K":
                lines[row] = ""
        else:
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("columns", [80, 140])
def test_live_table_on_a_terminal(words: list[str], columns: int) -> None:
    written, code = on_terminal(words, columns)
    assert code == 0
    shown = screen(written)
    assert all(len(line) <= columns for line in shown)
    assert shown[0].split() == ["step", "tasks", "docs/s", "MB/s", "kept", "memory", "time", "left"]
    rows = shown[1 : shown.index("", 1)] if "" in shown[1:] else shown[1:]
    names = [row[:20].strip() for row in rows[:3]]
    assert names == ["phase 1", "exact_dedup: hashes", "phase 2"]
    assert re.search(r" 4/4 +\d[\d,]* +[\d.]+ +50\.0% +0\.\d\d GB +0:0\d$", rows[0])
    live = re.findall(r"\b([123])/4\b", written.partition("exact_dedup")[0])
    assert live == sorted(live)
    assert {"1", "2", "3"} & set(live)  # it was seen to move
    assert re.search(
        r"[123]/4[^\n]* 0:0\d +0:0\d", re.sub(r"\x1b\[[0-9;]*m", "", written)
    )  # and how long it will take
    assert written.rfind(SHOW_CURSOR) > written.rfind(HIDE_CURSOR)
    assert "records 200 · kept 100" in written


def test_no_colour_where_none_is_wanted(words: list[str]) -> None:
    written, _ = on_terminal(words, 100, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9](;|m)", written)
    assert "phase 1" in written


def test_a_dumb_terminal_gets_plain_lines(words: list[str]) -> None:
    written, code = on_terminal(words, 100, TERM="dumb")
    assert code == 0
    assert "\x1b" not in written
    assert re.search(r"^phase 1: 4 of 4, [\d,]+ documents/s, ", written, re.MULTILINE)


@pytest.mark.parametrize("how", ["interrupt", "error"])
def test_the_terminal_is_left_as_it_was(words: list[str], tmp_path: Path, how: str) -> None:
    pressed = []

    def interrupt(terminal: int, seen: str) -> None:
        if re.search("[1-4]/5", seen) and not pressed and how == "interrupt":
            pressed.append(True)
            os.write(terminal, b"\x03")  # what the key does: SIGINT to everybody in the foreground

    # However slow the machine is, the run does not end before the key is pressed.
    text = "crash" if how == "error" else "wait"
    (tmp_path / "9.jsonl").write_text(json.dumps({"text": text}) + "\n")
    written, code = on_terminal(words, 100, act=interrupt)
    assert code == 2
    assert HIDE_CURSOR in written
    assert written.rfind(SHOW_CURSOR) > written.rfind(HIDE_CURSOR)
    assert ("interrupted" if how == "interrupt" else "no reason") in written


def test_plain_lines_without_a_terminal(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["phase 1", "exact_dedup", "phase 2"]
    assert re.fullmatch(
        r"phase 1: 4 of 4, [\d,]+ documents/s, [\d.]+ MB/s, 50.0% kept, [\d.]+ GB of memory, 0:\d\d", lines[0]
    )
    assert "\x1b" not in done.stderr + done.stdout
    (folder,) = (word.partition("=")[2] for word in words if word.startswith("output="))
    manifest = json.loads((Path(folder) / "manifest.json").read_text())
    assert manifest["complete"]


def test_quiet_says_nothing(words: list[str]) -> None:
    done = subprocess.run([*words, "--quiet"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_json_lines(words: list[str]) -> None:
    done = subprocess.run([*words, "--log-json"], capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [e["title"] for e in events if e["event"] == "begin"] == [
        "phase 1",
        "exact_dedup: hashes",
        "phase 2",
    ]
    first = [event for event in events if event["title"] == "phase 1"]
    assert [event["event"] for event in first if event["event"] != "progress"] == [
        "begin",
        *["done"] * 4,
        "end",
    ]
    assert any(event["event"] == "progress" for event in first)
    assert {event["task"] for event in first if "task" in event} == {
        f"shard {n} of phase 1" for n in range(4)
    }
    last = first[-1]
    assert (last["done"], last["total"], last["documents"], last["kept"]) == (4, 4, 200, 100)
    assert last["bytes"] > 0
    assert last["documents_per_s"] == pytest.approx(200 / last["seconds"], rel=0.01)
    assert last["seconds_left"] == 0
    assert last["memory_bytes"] > 10_000_000
    times = [event["time"] for event in events]
    assert times == sorted(times)


def test_time_left_counts_what_running_tasks_have_done() -> None:
    now = [100.0]
    meter = Meter("phase", 2, 10, lambda: now[0])
    tasks = [Task(Kind.SHARD, 1, 0, number) for number in range(8)]
    meter.add(tasks[0], 100, 1000, False, 60)
    now[0] = 110.0
    assert meter.seconds_left is None  # nobody knows yet how long a task is
    meter.add(tasks[0], 0, 0, True, 0)
    assert meter.seconds_left == pytest.approx(70)  # seven more like it
    meter.add(tasks[1], 50, 500, False, 30)
    now[0] = 115.0
    assert meter.seconds_left == pytest.approx(65)  # half of the second: 1.5 in 15 s, 6.5 to go
    assert (meter.rows, meter.size, meter.kept, meter.done) == (150, 1500, 90, 3)
    assert meter.rates() == pytest.approx((10, 100))
    barrier = Meter("reduce", 0, 2, lambda: now[0])
    barrier.add(tasks[0], 0, 0, True, 0)
    now[0] = 118.0
    assert barrier.seconds_left == pytest.approx(3)


def test_durations() -> None:
    assert [duration(s) for s in (0, 59.6, 3599, 3600, 360_000)] == [
        "0:00",
        "1:00",
        "59:59",
        "1:00:00",
        "100:00:00",
    ]
