"""Draws how one try's milliseconds are spent: `python -m tests.benchmarks.picture RESULTS.json > docs/one-try.svg`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, BAR, GAP, TOP = 760, 190, 26, 16, 44
COLOURS = ("#4c78a8", "#f2a541", "#59a14f", "#9d9da1")
SCALES = {
    "from the end of user code to the next user code, wall time (p50)": (
        "one_try",
        {"report_p50_ms": "report", "decide_p50_ms": "decide", "start_p50_ms": "start"},
    ),
    "CPU of one forked no-op task": (
        "fan_out",
        {
            "control_plane_cpu_per_task_ms": "control plane",
            "supervisor_cpu_per_task_ms": "supervisor",
            "user_code_cpu_per_task_ms": "fork, user code, exit",
            "database_cpu_per_task_ms": "PostgreSQL",
        },
    ),
}
TITLES = {
    ("sqlite", "standalone"): "SQLite",
    ("postgresql", "standalone"): "PostgreSQL",
    ("postgresql", "split"): "PostgreSQL, roles apart",
}


@dataclass(frozen=True)
class Bar:
    """One line of the picture: a title and its parts, in milliseconds by name."""

    title: str
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def draw(result: dict[str, Any]) -> str:
    """Return the picture as SVG.

    Raises:
        ValueError: there is nothing in the results that could be drawn.
    """
    blocks, at = [], 8
    for title, (figure, names) in SCALES.items():
        bars = _bars(result, figure, names)
        if bars:
            blocks.append(_block(title, bars, list(names.values()), at))
            at += TOP + len(bars) * (BAR + GAP) + GAP
    if not blocks:
        raise ValueError("the results hold neither `one_try` nor `fan_out` of Tradewind: measure these figures")
    style = "text{font:13px sans-serif;fill:#444}.t{font-weight:bold}.v{fill:#fff}@media(prefers-color-scheme:dark)"
    style += "{text{fill:#ccc}}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {at}" role="img"><style>{style}</style>'
    return head + "\n" + "\n".join(blocks) + "\n</svg>\n"


def _bars(result: dict[str, Any], figure: str, names: dict[str, str]) -> list[Bar]:
    bars = []
    for system in result["systems"]:
        found = system["figures"].get(figure)
        title = TITLES.get((system["database"], system["topology"]))
        if found and title and system["product"] == "tradewind":
            # Clocks of two processes may differ by microseconds.
            parts = {words: max(0.0, found[name]["median"]) for name, words in names.items()}
            bars.append(Bar(title, parts))
    return bars


def _block(title: str, bars: Sequence[Bar], legend: Sequence[str], top: int) -> str:
    scale = (WIDTH - LEFT - 80) / max(bar.total for bar in bars)
    lines = [f'<text class="t" x="8" y="{top + 12}">{escape(title)}</text>']
    x = float(LEFT)
    for words, colour in zip(legend, COLOURS, strict=False):
        lines.append(f'<rect x="{x:.0f}" y="{top + 22}" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="{x + 14:.0f}" y="{top + 32}">{escape(words)}</text>')
        x += 30 + 7.5 * len(words)
    for number, bar in enumerate(bars):
        lines += _bar(bar, top + TOP + number * (BAR + GAP), scale)
    return "\n".join(lines)


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    lines = [f'<text x="8" y="{top + 18}">{escape(bar.title)}</text>']
    x = float(LEFT)
    for (words, value), colour in zip(bar.parts.items(), COLOURS, strict=False):
        width = value * scale
        tip = f"<title>{escape(words)}: {value:.2f} ms</title>"
        lines.append(f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}">{tip}</rect>')
        if width > 40:
            lines.append(f'<text class="v" x="{x + 5:.1f}" y="{top + 18}">{value:.1f}</text>')
        x += width
    lines.append(f'<text x="{x + 8:.1f}" y="{top + 18}">{bar.total:.1f} ms</text>')
    return lines


def main() -> None:
    """Print the picture of one file of results."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.picture", description=__doc__)
    parser.add_argument("results", type=Path, help="what `python -m tests.benchmarks.run --out` has written")
    print(draw(json.loads(parser.parse_args().results.read_text())), end="")


if __name__ == "__main__":
    main()
