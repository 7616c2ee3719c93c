"""The report as one HTML file: styles inside, no script, nothing fetched."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2s
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from curate.io.storage import Place
from curate.report import STEP_TIMES, Ledger, Report, step_times
from curate.report_page.charts import compact, histogram
from curate.stages.quality import LINE_SIGNAL_UNITS, SIGNAL_UNITS

#: Quarantined files listed; the rest is in report.json.
FILES_SHOWN = 50

#: What must not reach a reader's eyes as it is: control characters, and marks that turn the direction of text.
_INVISIBLE = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),
    **{code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)},
    0x2028: "\n",
    0x2029: "\n",
}
_BREAKS = re.compile(r"([_/.:&?=-])")


@dataclass(frozen=True)
class Times:
    """How long a run took: what differs between equal runs, and is kept in ledgers alone.

    Attributes:
        stages: stage -> seconds of all workers.
        phases: one each: number, shards, rows in, bytes of input, seconds of all workers.
        steps: step of the run -> seconds by the clock, as far as known.
    """

    stages: Mapping[str, float]
    phases: Sequence[Mapping[str, Any]]
    steps: Mapping[str, float]

    @classmethod
    def of(cls, folder: Place, report: Report, ledgers: Sequence[Ledger]) -> "Times":
        """Of the ledgers of a run."""
        phases: dict[int, dict[str, Any]] = {}
        for ledger in sorted(ledgers, key=lambda each: (each.phase, each.shard)):
            nothing = {"phase": ledger.phase, "shards": 0, "rows": 0, "bytes": 0, "seconds": 0.0}
            phase = phases.setdefault(ledger.phase, nothing)
            phase["shards"] += 1
            phase["rows"] += ledger.rows_in
            phase["bytes"] += ledger.input_bytes
            phase["seconds"] += ledger.seconds
        stages = {name: count.seconds for name, count in report.steps.items()}
        return cls(stages, list(phases.values()), step_times(folder / STEP_TIMES))


def render(report: Mapping[str, Any], times: Times) -> str:
    """The page of a report.

    Every number of `report` stands in a `data` element with its value and, as a JSON pointer, where it comes from.
    """

    def at(*path: str | int) -> Any:
        value: Any = report
        for part in path:
            value = value[part]
        return value

    def number(*path: str | int) -> Markup:
        value = at(*path)
        told = f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"
        return Markup('<data value="{}" data-path="{}">{}</data>').format(value, pointer(*path), told)

    def share(path: Sequence[str | int], of: Sequence[str | int]) -> Markup:
        part, whole = at(*path), at(*of)
        if not whole:
            return Markup("–")
        told = f"{part / whole:.1%}"
        return Markup('<data value="{}" data-path="{}" data-of="{}">{}</data>').format(
            part / whole, pointer(*path), pointer(*of), told
        )

    template = _environment().get_template("page.html.jinja")
    units = {**LINE_SIGNAL_UNITS, **SIGNAL_UNITS, "language_score": "probability of the language, 0 to 1"}
    return template.render(
        report=report,
        times=times,
        n=number,
        share=share,
        units=units,
        files_shown=FILES_SHOWN,
        style=Markup(_style()),
    )


def pointer(*path: str | int) -> str:
    """A JSON pointer in its form for URLs (RFC 6901, 6): plain ASCII, whatever the names."""
    return "#" + "".join("/" + quote(str(part).replace("~", "~0").replace("/", "~1")) for part in path)


def anchor(stage: str, reason: str) -> str:
    """Where the samples of a reason are; names may hold what an id must not."""
    return "sample-" + blake2s(pointer(stage, reason).encode(), digest_size=8).hexdigest()


def visible(text: Any) -> str:
    """A text of the input with nothing in it that a reader could not see."""
    return str(text).translate(_INVISIBLE)


def breakable(name: Any) -> Markup:
    """A name or an address that may be broken at its joints."""
    parts = _BREAKS.split(visible(name))
    return Markup("").join(
        escape(part) + Markup("<wbr>") if at % 2 else escape(part) for at, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("curate", "report_page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(visible=visible, breakable=breakable, compact=compact)
    environment.globals.update(histogram=histogram, pointer=pointer, anchor=anchor)
    return environment


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text("utf-8")
