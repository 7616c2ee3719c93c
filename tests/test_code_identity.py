"""What a function or class reads is part of what it is; how its file looks is not."""

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from curate.code_identity import NOT_COVERED, code_of

RICH = """
import collections, dataclasses, datetime, enum, re, math
from pathlib import Path
import numpy as np
import pyarrow as pa

class Kind(enum.Enum):
    GOOD = "good"

@dataclasses.dataclass(frozen=True)
class Limits:
    low: int = 1
    words: tuple[str, ...] = ("a", "b")
    more: list[int] = dataclasses.field(default_factory=list)

class Count:
    def __init__(self): self.seen = {"x": {1, 2}}

NAMES = {"one", "two", "three", "four", "five"}
TABLE = {name: len(name) for name in NAMES}
PATTERN = re.compile("a+", re.I)
FIND = PATTERN.search
PLACE = Path("/a/b")
DAY = datetime.date(2020, 1, 1)
NUMBERS = np.arange(3)
FIELDS = pa.schema([("a", pa.int64())])
NULL = pa.scalar(None, pa.string())
COUNTS = collections.Counter("abc")
LIMITS, COUNT, KIND = Limits(), Count(), Kind.GOOD
PAIR = {("a", 1), ("b", 2)}

def helper(text):
    return judge(text) if text else math.sqrt(len(text))

def judge(text):
    if text in {"x", "y", "z"} or any(word in NAMES for word in text.split()):
        return helper(text[1:])
    known = [TABLE, PATTERN, FIND, PLACE, DAY, NUMBERS, FIELDS, NULL, COUNTS, LIMITS, COUNT, KIND, PAIR]
    return str(known)
"""


def function(source: str, name: str = "judge", **more: Any) -> Any:
    space: dict[str, Any] = {"__name__": "recipe", **more}
    exec(compile(source, "recipe.py", "exec"), space)
    return space[name]


def changed(before: str, after: str) -> bool:
    return json.dumps(code_of(function(before))) != json.dumps(code_of(function(after)))


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("N = 1\ndef judge(text): return N", "N = 1", "N = 2"),
        ("N = 1\ndef judge(text): return N", "N = 1", "N = 1.0"),
        ("N = 1\ndef judge(text): return N", "N = 1", "N = True"),
        ("WORDS = ['a', 'b']\ndef judge(text): return WORDS", "'b'", "'c'"),
        ("WORDS = {'a': {'b'}}\ndef judge(text): return WORDS", "'b'", "'c'"),
        ("import re\nP = re.compile('a')\ndef judge(text): return P", "'a')", "'a', re.I)"),
        ("import re\nP = re.compile('a').search\ndef judge(text): return P", "'a'", "'b'"),
        ("from pathlib import Path\nP = Path('a')\ndef judge(text): return P", "'a'", "'b'"),
        ("import enum\nE = enum.Enum('E', 'A B')\nK = E.A\ndef judge(text): return K", "E.A", "E.B"),
        ("import numpy\nA = numpy.arange(3)\ndef judge(text): return A", "3", "4"),
        ("import functools\nF = functools.partial(int, base=2)\ndef judge(text): return F", "2", "3"),
        ("def judge(text, n=1): return n", "n=1", "n=2"),
        ("def judge(text, *, n=1): return n", "n=1", "n=2"),
        ("def judge(text): return [t for t in text if t > 1]", "> 1", "> 2"),
        ("def judge(text): return text in {'a', 'b'}", "'b'", "'c'"),
        ("def judge(text): return text.upper()", "upper", "lower"),
        ("def helper(t): return t + 1\ndef judge(text): return helper(text)", "+ 1", "+ 2"),
        ("N = 1\ndef helper(t): return N\ndef judge(text): return helper(text)", "N = 1", "N = 2"),
        ("def f(n):\n def g(t): return n\n return g\njudge = f(1)", "f(1)", "f(2)"),
        ("def f(h):\n def g(t): return h(t)\n return g\njudge = f(lambda t: 1)", "t: 1", "t: 2"),
        ("import functools\n@functools.cache\ndef h(t): return 1\ndef judge(text): return h(text)", "1", "2"),
        ("class C:\n def m(self): return 1\ndef judge(text): return C().m()", "return 1", "return 2"),
        ("class C:\n n = 1\nc = C()\ndef judge(text): return c", "n = 1", "n = 2"),
        ("class C:\n def __init__(s): s.n = 1\nc = C()\ndef judge(text): return c.n", "n = 1", "n = 2"),
        ("class B:\n n = 1\nclass C(B): pass\ndef judge(text): return C", "n = 1", "n = 2"),
        ("class C:\n @property\n def p(s): return 1\ndef judge(text): return C().p", "return 1", "return 2"),
        ("def judge(text):\n try: return text()\n except KeyError: return None", "KeyError", "TypeError"),
    ],
)
def test_whatever_is_read_counts(source: str, old: str, new: str) -> None:
    assert old in source
    assert not changed(source, source)
    assert changed(source, source.replace(old, new))


def test_comments_lines_and_what_is_not_read_do_not_count() -> None:
    source = "N = 1\ndef judge(text):\n    return text[:N]\n"
    assert not changed(source, "# a comment\n\n\n" + source)
    assert not changed(source, source.replace("    return", "    # why\n\n    return"))
    assert not changed(source, "OTHER = 5\n" + source)
    other_place = {"__name__": "recipe"}
    exec(compile(source, "/another/place.py", "exec"), other_place)
    assert code_of(other_place["judge"]) == code_of(function(source))


def test_a_function_that_has_run_a_lot_is_the_same() -> None:
    source = "N = 1\ndef judge(text):\n    return sum(len(c) + N for c in text if c.isalpha())"
    warm = function(source)
    for _ in range(5000):
        warm("a b c")
    assert code_of(warm) == code_of(function(source))


def test_plain_values_stand_there_to_be_told() -> None:
    judge = function("N, WORDS = 5, ['a']\ndef judge(text): return text[:N] in WORDS")
    reads = code_of(judge)["reads"]
    assert reads["N"] == 5
    assert re.fullmatch("[0-9a-f]{64}", reads["WORDS"])


def test_what_is_loaded_at_the_first_call_is_no_constant() -> None:
    source = "M = None\ndef judge(text):\n    global M\n    M = M or [1]\n    return M"
    judge = function(source)
    before = code_of(judge)
    judge("")
    assert code_of(judge) == before


def test_an_object_that_tells_nothing_is_named() -> None:
    class Model:
        def __reduce_ex__(self, protocol):
            raise TypeError("not to be pickled")

    Model.__module__ = "pyarrow.foreign"
    judge = function("def judge(text): return nlp(text)", nlp=Model())
    assert code_of(judge)[NOT_COVERED] == [f"nlp (pyarrow.foreign.{Model.__qualname__})"]


def test_installed_code_is_named_with_its_version() -> None:
    first = function("def judge(text): return pc.equal(text, text)", pc=__import__("pyarrow.compute").compute)
    assert NOT_COVERED not in code_of(first)
    assert code_of(pytest.fixture) == {}


def test_of_an_own_module_counts_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    helpers = types.ModuleType("my_helpers")
    exec("N = 1\nOTHER = 1\ndef cut(text): return text[:N]", helpers.__dict__)
    monkeypatch.setitem(sys.modules, "my_helpers", helpers)
    judge = function("import my_helpers\ndef judge(text): return my_helpers.cut(text)")
    before = code_of(judge)
    helpers.OTHER = 2  # type: ignore[attr-defined]
    assert code_of(judge) == before
    helpers.N = 2  # type: ignore[attr-defined]
    assert code_of(judge) != before


def test_of_a_module_imported_inside_the_text_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_helpers.py").write_text("N = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    judge = function("def judge(text):\n    from late_helpers import N\n    return N")
    before = code_of(judge)
    (tmp_path / "late_helpers.py").write_text("N = 2\n")
    assert code_of(judge) != before
    assert "late_helpers" not in sys.modules


def test_every_process_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "much_read.py").write_text(RICH)
    told = "import json, much_read as m, curate.code_identity as c; print(json.dumps(c.code_of(m.judge)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", told],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")  # the second finds compiled files
    }
    assert len(found) == 1
    assert NOT_COVERED not in found.pop()


def test_a_class_is_all_its_own_members() -> None:
    source = (
        "N = 1\nclass Base:\n def help(self): return N\nclass judge(Base):\n def __call__(self): return 1\n"
    )
    assert set(code_of(function(source))["members"]) == {"__call__", "Base.help"}
    assert changed(source, source.replace("N = 1", "N = 2"))
    assert changed(source, source.replace("return 1", "return 2"))
    assert not changed(source, source.replace("class judge", "# a comment\nclass judge"))


def test_data_without_end_is_refused_in_plain_words() -> None:
    from curate.errors import PlanError

    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(PlanError, match="nested too deeply"):
        code_of(function("def judge(text): return DEEP", DEEP=deep))
