"""The coordinates of a chart: an SVG of `WIDTH` by `HEIGHT` units, with 0 of the values at the bottom."""

import math
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 240
_MOST_LINES: Final = 4
# Distances of the lines of an axis of durations, in seconds; above 12 hours, whole days.
_DURATIONS: Final = (
    1, 2, 5, 10, 15, 30,
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
)  # fmt: skip
_DAY: Final = 86_400


def choose_scale(highest: float, whole_numbers: bool) -> tuple[float, float]:
    """The top of the axis and the distance of its lines: 1, 2 or 5 times a power of ten, at most four lines above 0."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / _MOST_LINES
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999999)
    if whole_numbers:
        step = max(step, 1.0)
    return step * math.ceil(highest / step * 0.999999), step


def choose_duration_scale(highest: float) -> tuple[float, float]:
    """The same for seconds, with distances that clocks have: 30 seconds, 1, 2, 5, 10 or 15 minutes."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / _MOST_LINES
    days = _DAY * math.ceil(rough / _DAY)
    step = float(next((step for step in _DURATIONS if step >= rough), days))
    return step * math.ceil(highest / step), step


def place(values: Sequence[float], buckets: int, top: float) -> list[tuple[float, float]]:
    """The points of `values`, one in the middle of each bucket."""
    return [(to_x(number, buckets), to_y(value, top)) for number, value in enumerate(values)]


def to_x(number: int, buckets: int) -> float:
    """The middle of a bucket, counted from 0."""
    return round(WIDTH * (number + 0.5) / buckets, 1)


def to_y(value: float, top: float) -> float:
    """The height of a value, where `top` is the value at the top of the chart."""
    return round(HEIGHT - HEIGHT * value / top, 1)


def to_percent(y: float) -> float:
    """A y coordinate in percent of the chart's height."""
    return round(100 * y / HEIGHT, 2)


def draw_line(points: Sequence[tuple[float, float]]) -> str:
    """The SVG path through these points; empty without any."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def draw_area(points: Sequence[tuple[float, float]]) -> str:
    """The SVG path around the area below a line; empty for less than two points."""
    return f"{draw_line(points)}V{HEIGHT}H{points[0][0]:g}Z" if len(points) > 1 else ""
