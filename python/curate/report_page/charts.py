"""Distributions as inline SVG: no script, colours from the page's style sheet."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 340, 116
_TOP, _BOTTOM = 14, 98  # of the plot


def histogram(name: str, told: Mapping[str, Any], pointer: str) -> Markup:
    """Kept rows as an area, rejected ones as a line, each as shares of its own sum; limits as dashed lines.

    Heights are square roots of shares, so that the few beside the many can be seen.
    """
    edges, kept, rejected = told["edges"], told["kept"], told["rejected"]
    if not edges:
        return Markup("")
    columns = len(kept)
    step = WIDTH / columns
    highest = max((value for counts in (kept, rejected) for value in _heights(counts)), default=0.0) or 1.0
    parts = [_tint(rule, edges, step) for rule in told["limits"]]
    for side, counts in (("kept", kept), ("rejected", rejected)):
        if any(counts):
            parts.append(f'<path class="{side}" d="{_outline(_heights(counts), highest, step)}"/>')
    parts.append(f'<line class="axis" x1="0" y1="{_BOTTOM}" x2="{WIDTH}" y2="{_BOTTOM}"/>')
    parts += _limits(told["limits"], edges, step)
    parts += _axis(edges, step)
    label = f"{name}: {sum(kept):,} kept and {sum(rejected):,} rejected documents"
    counts = " ".join(map(str, kept)), " ".join(map(str, rejected))
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}" '
        f'data-path="{escape(pointer)}" data-kept="{counts[0]}" data-rejected="{counts[1]}">'
        f"{''.join(parts)}</svg>"
    )


def _heights(counts: Sequence[int]) -> list[float]:
    whole = sum(counts) or 1
    return [sqrt(count / whole) for count in counts]


def _outline(heights: Sequence[float], highest: float, step: float) -> str:
    """Steps from the lower left to the lower right corner."""
    tops = [_BOTTOM - (_BOTTOM - _TOP) * height / highest for height in heights]
    drawn = "".join(f"V{top:.1f}H{(at + 1) * step:.1f}" for at, top in enumerate(tops))
    return f"M0 {_BOTTOM}{drawn}V{_BOTTOM}"


def _place(value: float, edges: Sequence[float | None], step: float) -> float:
    """Where a value lies: linear within its bin."""
    for at, (low, high) in enumerate(pairwise(edges)):
        assert low is not None
        if high is None or value < high:
            inside = 0.0 if high is None else max(value - low, 0.0) / (high - low)
            return (at + inside) * step
    return WIDTH


def _tint(rule: Mapping[str, Any], edges: Sequence[float | None], step: float) -> str:
    """The side that the rule rejects."""
    at = _place(rule["limit"], edges, step)
    if rule["keep_if"] == "==":
        at = (int(at / step) + 1) * step
    spans = {">": (0.0, at), ">=": (0.0, at)}
    start, end = spans.get(rule["keep_if"], (at, float(WIDTH)))
    if end - start < 0.05:
        return ""
    return (
        f'<rect class="tint" x="{start:.1f}" y="{_TOP}" width="{end - start:.1f}" height="{_BOTTOM - _TOP}"/>'
    )


def _limits(rules: Sequence[Mapping[str, Any]], edges: Sequence[float | None], step: float) -> list[str]:
    parts = []
    for rule in rules:
        at = _place(rule["limit"], edges, step)
        if rule["keep_if"] == "==":
            at = (int(at / step) + 1) * step
        parts.append(f'<line class="limit" x1="{at:.1f}" y1="{_TOP - 3}" x2="{at:.1f}" y2="{_BOTTOM}"/>')
        anchor = "start" if at < WIDTH / 3 else "end" if at > 2 * WIDTH / 3 else "middle"
        sign = {">=": "≥", "<=": "≤", "==": "="}.get(rule["keep_if"], rule["keep_if"])
        told = escape(f"{sign} {compact(rule['limit'])}")
        parts.append(f'<text class="limit" x="{at:.1f}" y="{_TOP - 5}" text-anchor="{anchor}">{told}</text>')
    return parts


def _axis(edges: Sequence[float | None], step: float) -> list[str]:
    """Five edges, named."""
    last = len(edges) - 1
    every = sorted({round(last * quarter / 4) for quarter in range(5)})
    parts = []
    for at in every:
        anchor = "start" if at == 0 else "end" if at == last else "middle"
        edge = edges[at]
        told = f"{compact(edges[at - 1] or 0)}+" if edge is None else compact(edge)
        parts.append(f'<text x="{at * step:.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{told}</text>')
    return parts


def compact(value: float) -> str:
    """A number in few characters: 0.12, 50, 1.5k, 100k, 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
