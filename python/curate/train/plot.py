"""The loss over the steps as a picture that any browser shows."""

import json
from collections.abc import Sequence
from pathlib import Path

from curate.io.atomic import write_bytes

WIDTH, HEIGHT, MARGIN = 640, 360, 48
COLORS = {"loss": "#3366cc", "valid_loss": "#dc3912"}


def write_plot(log: Path, picture: Path) -> None:
    """Draws `loss`, and `valid_loss` where there is one, of a `log.jsonl` as SVG; nothing for fewer than two steps."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    series = {
        name: [(float(r["step"]), float(r[name])) for r in records if r.get(name) is not None]
        for name in COLORS
    }
    points = [point for found in series.values() for point in found]
    if len(points) < 2:
        return
    write_bytes(picture, _svg(series, points).encode())


def _svg(series: dict[str, list[tuple[float, float]]], points: Sequence[tuple[float, float]]) -> str:
    steps, losses = [p[0] for p in points], [p[1] for p in points]
    left, right, low, high = min(steps), max(steps), min(losses), max(losses)
    across, up = max(right - left, 1e-9), max(high - low, 1e-9)

    def place(step: float, loss: float) -> str:
        x = MARGIN + (step - left) / across * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - (loss - low) / up * (HEIGHT - 2 * MARGIN)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{MARGIN},{MARGIN} V{HEIGHT - MARGIN} H{WIDTH - MARGIN}" fill="none" stroke="black"/>',
        f'<text x="4" y="{MARGIN}">{high:.2f}</text><text x="4" y="{HEIGHT - MARGIN}">{low:.2f}</text>',
        f'<text x="{MARGIN}" y="{HEIGHT - 24}">{left:.0f}</text>',
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 24}" text-anchor="end">{right:.0f} steps</text>',
    ]
    for number, (name, found) in enumerate(series.items()):
        if found:
            line = " ".join(place(*point) for point in found)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[name]}"/>')
            parts.append(
                f'<text x="{WIDTH - MARGIN}" y="{MARGIN + 16 * number}" text-anchor="end" '
                f'fill="{COLORS[name]}">{name}, nats per token</text>'
            )
    return "\n".join([*parts, "</svg>", ""])
