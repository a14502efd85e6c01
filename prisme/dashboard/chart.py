"""The chart: a series of figures as lines of an SVG, its axes, and its twin, a table."""

import math
from collections.abc import Callable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base import timexpr
from prisme.base.timexpr import SECOND, Interval

WIDTH: Final = 1000
HEIGHT: Final = 240
_MOST_LABELS: Final = 7
_FORMATS: Final[dict[Interval, str]] = {
    "minute": "%H:%M",
    "hour": "%H:%M",
    "day": "%a {day} %b",
    "week": "{day} %b",
    "month": "%b %Y",
    "year": "%Y",
}


class Point(msgspec.Struct, frozen=True):
    """A bucket as the table has it: `at` in Unix seconds, and the parameters that zoom into it."""

    at: int
    until: int
    label: str
    value: str
    before: str
    before_label: str
    link: str


class Chart(msgspec.Struct, frozen=True):
    """Paths in a box of `WIDTH` by `HEIGHT`; x of `dots` and `labels` is in per mille, y of `dots` and `ticks` in %."""

    line: str
    area: str
    unfinished: str
    before: str
    dots: list[tuple[float, float]]
    ticks: list[tuple[float, str]]
    labels: list[tuple[int, str]]
    points: list[Point]
    is_unfinished: bool
    width: int = WIDTH
    height: int = HEIGHT


def draw(
    edges: Sequence[int],
    values: Sequence[float],
    before: Sequence[float] | None,
    before_edges: Sequence[int] | None,
    interval: Interval,
    zone: ZoneInfo,
    now: int,
    show: Callable[[float], str],
    link: Callable[[int, int], str],
    whole: bool,
) -> Chart:
    """Draw `values`, one for each bucket between `edges` (microseconds). `whole`: only whole numbers on the axis."""
    earlier = list(before or [])[: len(values)]
    top, step = _scale(max([*values, *earlier], default=0), whole)
    places = [_x(number, len(values)) for number in range(len(values))]
    heights = [_y(value, top) for value in values]
    past = [_y(value, top) for value in earlier]
    is_unfinished = bool(edges) and edges[-1] > now and len(values) > 0
    firm = len(values) - 1 if is_unfinished else len(values)
    solid = list(zip(places, heights, strict=True))[:firm]
    labels = [label(edge, interval, zone) for edge in edges[:-1]]
    before_labels = [label(edge, interval, zone) for edge in (before_edges or [])[:-1]]
    points = [
        Point(
            edges[number] // SECOND,
            edges[number + 1] // SECOND,
            labels[number],
            show(value),
            show(earlier[number]) if number < len(earlier) else "",
            before_labels[number] if number < len(before_labels) else "",
            link(edges[number], edges[number + 1]),
        )
        for number, value in enumerate(values)
    ]
    every = max(1, math.ceil(len(values) / _MOST_LABELS))
    return Chart(
        _path(solid),
        f"{_path(solid)}V{HEIGHT}H{solid[0][0]:g}Z" if len(solid) > 1 else "",
        _path(list(zip(places, heights, strict=True))[-2:]) if is_unfinished and len(values) > 1 else "",
        _path(list(zip(places, past, strict=False))),
        [(x, _percent(y)) for x, y in zip(places, heights, strict=True)] if len(values) < 3 or len(solid) == 1 else [],
        [(_percent(_y(step * number, top)), show(step * number)) for number in range(round(top / step) + 1)],
        [(round(places[number]), _short(edges[number], interval, zone)) for number in range(0, len(values), every)],
        points,
        is_unfinished,
    )


def label(moment: int, interval: Interval, zone: ZoneInfo) -> str:
    """A bucket's name by the zone's clock."""
    local = timexpr.localise(moment, zone)
    return local.strftime(_FORMATS[interval].format(day=local.day))


def _short(moment: int, interval: Interval, zone: ZoneInfo) -> str:
    """The same on the axis, where a day's weekday has no room."""
    return label(moment, "week" if interval == "day" else interval, zone)


def _scale(highest: float, whole: bool) -> tuple[float, float]:
    """The top of the axis and the distance of its lines: 1, 2 or 5 times a power of ten, four lines at most."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999999)
    if whole:
        step = max(step, 1.0)
    return step * math.ceil(highest / step * 0.999999), step


def _x(number: int, buckets: int) -> float:
    return round(WIDTH * (number + 0.5) / buckets, 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - HEIGHT * value / top, 1)


def _percent(y: float) -> float:
    """Of the chart's height."""
    return round(100 * y / HEIGHT, 2)


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""
