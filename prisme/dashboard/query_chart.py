"""A chart of the result of a query, where its first columns are a time and a number."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from prisme.dashboard import chart_scale
from prisme.store.sql_formats import Column, Value

_MOST_LABELS: Final = 5


class QueryChart(NamedTuple):
    """As `chart.Chart`: x of `dots` and `labels` in per mille of the width, y of `dots` and `ticks` in percent."""

    line: str
    area: str
    dots: list[tuple[float, float]]
    ticks: list[tuple[float, str]]
    labels: list[tuple[int, str]]
    width: int = chart_scale.WIDTH
    height: int = chart_scale.HEIGHT


class _Point(NamedTuple):
    """A row: its time, as a number and as the engine's text, and its value."""

    at: float
    text: str
    value: float


def draw_query_chart(columns: Sequence[Column], rows: Sequence[Sequence[Value]]) -> QueryChart | None:
    """The chart of the first two columns in the order of time; None if they have none, or less than two points."""
    if len(columns) < 2 or not columns[0].is_time or not columns[1].is_number:
        return None
    points = sorted(point for row in rows if (point := _read(row[0], row[1])) is not None)
    if len(points) < 2 or points[0].at == points[-1].at or any(point.value < 0 for point in points):
        return None
    whole = all(point.value.is_integer() for point in points)
    top, step = chart_scale.choose_scale(max(point.value for point in points), whole)
    places = [(_to_x(point, points), chart_scale.to_y(point.value, top)) for point in points]
    return QueryChart(
        chart_scale.draw_line(places),
        chart_scale.draw_area(places),
        [(x, chart_scale.to_percent(y)) for x, y in places] if len(places) == 2 else [],
        [
            (chart_scale.to_percent(chart_scale.to_y(step * number, top)), f"{step * number:,g}")
            for number in range(round(top / step) + 1)
        ],
        _labels(points),
    )


def _read(time: Value, value: Value) -> _Point | None:
    try:
        point = _Point(datetime.fromisoformat(str(time)).timestamp(), str(time), float(value or 0))
    except (ValueError, OverflowError):  # infinity, or a year before 1
        return None
    return point if value is not None and math.isfinite(point.value) else None


def _to_x(point: _Point, points: Sequence[_Point]) -> float:
    return round(chart_scale.WIDTH * (point.at - points[0].at) / (points[-1].at - points[0].at), 1)


def _labels(points: Sequence[_Point]) -> list[tuple[int, str]]:
    """Times below the axis, without what all have in common at their end, such as 00:00:00."""
    count = min(_MOST_LABELS, len(points))
    chosen = [points[number * (len(points) - 1) // (count - 1)] for number in range(count)]
    are_days = all(point.text.endswith(" 00:00:00") or len(point.text) == len("2026-01-01") for point in points)
    return [(round(_to_x(point, points)), point.text[: 10 if are_days else 16]) for point in chosen]
