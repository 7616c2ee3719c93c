"""Seconds of a step whose parts are done side by side, by processes that know nothing of each other."""

import json
from collections.abc import Sequence

from curate.io.atomic import write_json
from curate.io.storage import listing
from curate.report import add_step_time
from curate.run.layout import Layout
from curate.run.steps import Step


def note_part(layout: Layout, step: str, part: int, began: float, ended: float) -> None:
    """Notes when a part began and ended, in seconds since 1970."""
    write_json(layout.part_times(step, part), {"began": began, "ended": ended})


def add_parts(layout: Layout, steps: Sequence[Step]) -> None:
    """A step took from the beginning of its first part to the end of its last; the notes are removed."""
    for step in steps:
        notes = listing(layout.ledgers, f"part-*-{step.name}.json")
        if notes:
            times = [json.loads(note.read_bytes()) for note in notes]
            seconds = max(time["ended"] for time in times) - min(time["began"] for time in times)
            add_step_time(layout.step_times, step.name, seconds)
        for note in notes:
            note.unlink(missing_ok=True)
