"""Draws points as an SVG: axes with round numbers, named units, and a bar from least to most."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 560, 360, 66, 20, 44, 52
COLOURS = ("#1f5fa8", "#c2571a", "#2c7d4f", "#7a4aa0", "#8a6d1d", "#5b5b5b")


@dataclass(frozen=True)
class Point:
    """One place of a line.

    Attributes:
        x: Where it lies.
        y: How high.
        low: Where its bar begins.
        high: Where its bar ends.
    """

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Axis:
    """One of two.

    Attributes:
        name: What it shows, with the unit.
        log: Whether each step is a factor; it then shows no number that is not positive.
        ticks: Numbers that are written; empty for round ones.
    """

    name: str
    log: bool = False
    ticks: tuple[float, ...] = ()

    def place(self, value: float) -> float:
        """Return a number as lengths show it."""
        return math.log10(value) if self.log else value

    def bounds(self, values: Sequence[float]) -> tuple[float, float]:
        """Return the least and the largest number that it shows."""
        least, most = min(values), max(values)
        if self.log:
            return least / 1.25, most * 1.25
        return 0.0, most * 1.15

    def marks(self, low: float, high: float) -> list[float]:
        """Return the numbers that are written."""
        if self.ticks:
            return [tick for tick in self.ticks if low <= tick <= high]
        if self.log:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            near = [each * 10.0**power for power in powers for each in (1, 2, 5)]
            return [mark for mark in near if low <= mark <= high]
        step = 10.0 ** math.floor(math.log10(high / 2))
        step *= next(each for each in (1, 2, 5, 10) if high / (step * each) <= 6)
        return [number * step for number in range(math.floor(high / step) + 1)]


@dataclass(frozen=True)
class _Frame:
    """The field of a chart: where a number of each axis lies in it."""

    x: Axis
    y: Axis
    across: tuple[float, float]
    up: tuple[float, float]

    def right_of(self, value: float) -> float:
        return LEFT + _share(self.x, self.across, value) * (WIDE - LEFT - RIGHT)

    def above(self, value: float) -> float:
        return HIGH - BOTTOM - _share(self.y, self.up, value) * (HIGH - TOP - BOTTOM)


def drawn(
    path: Path,
    title: str,
    lines: dict[str, list[Point]],
    *,
    x: Axis,
    y: Axis,
    joined: bool = True,
    equal: bool = False,
) -> None:
    """Write a chart.

    Args:
        path: The SVG.
        title: What it says.
        lines: Points by the name of their line; a single line has no legend.
        x: To the right.
        y: Upwards.
        joined: Whether the points of a line are joined.
        equal: Whether a dashed line shows where both axes say the same number.
    """
    points = [point for line in lines.values() for point in line]
    across = x.bounds([point.x for point in points])
    up = y.bounds([value for point in points for value in (point.low, point.high)])
    if equal:
        across = up = (min(across[0], up[0]), max(across[1], up[1]))
    frame = _Frame(x, y, across, up)
    parts = [f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>']
    parts += _axes(frame)
    if equal:
        ends = (frame.right_of(across[0]), frame.above(up[0]))
        parts.append(_stroke(*ends, WIDE - RIGHT, TOP, "#888888", 'stroke-dasharray="5 4"'))
    for index, (name, line) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        parts += _line(frame, line, colour, joined=joined)
        if len(lines) > 1:
            parts.append(_dot(LEFT + 14, TOP + 12 + index * 17, colour))
            parts.append(_text(LEFT + 24, TOP + 16 + index * 17, name, "start"))
    body = "\n".join(parts)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}"'
        f' height="{HIGH}" font-family="sans-serif" font-size="12" fill="#222222">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _share(axis: Axis, bounds: tuple[float, float], value: float) -> float:
    low, high = map(axis.place, bounds)
    return (axis.place(value) - low) / (high - low)


def _axes(frame: _Frame) -> list[str]:
    floor, middle = HIGH - BOTTOM, (TOP + HIGH - BOTTOM) / 2
    parts = []
    for mark in frame.y.marks(*frame.up):
        at = frame.above(mark)
        parts.append(_stroke(LEFT, at, WIDE - RIGHT, at, "#dddddd"))
        parts.append(_text(LEFT - 8, at + 4, _number(mark), "end"))
    for mark in frame.x.marks(*frame.across):
        at = frame.right_of(mark)
        parts.append(_stroke(at, floor, at, floor + 5, "#444444"))
        parts.append(_text(at, floor + 18, _number(mark), "middle"))
    parts.append(_stroke(LEFT, floor, WIDE - RIGHT, floor, "#444444"))
    parts.append(_text((LEFT + WIDE - RIGHT) / 2, HIGH - 12, frame.x.name, "middle"))
    parts.append(
        f'<text x="16" y="{middle}" text-anchor="middle"'
        f' transform="rotate(-90 16 {middle})">{escape(frame.y.name)}</text>'
    )
    return parts


def _line(frame: _Frame, line: Sequence[Point], colour: str, *, joined: bool) -> list[str]:
    parts = []
    if joined:
        way = " ".join(f"{frame.right_of(p.x):.1f},{frame.above(p.y):.1f}" for p in line)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}"/>')
    for point in line:
        at = frame.right_of(point.x)
        parts.append(_stroke(at, frame.above(point.low), at, frame.above(point.high), colour))
        parts.append(_dot(at, frame.above(point.y), colour))
    return parts


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" {more}/>'


def _text(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
