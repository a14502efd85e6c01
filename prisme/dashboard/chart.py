"""The chart: SVG paths of a series and of the one it is compared with, axis labels, and a table of the same values."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base.offsets import localise
from prisme.base.timexpr import SECOND, Interval
from prisme.dashboard import chart_scale, dates
from prisme.dashboard.chart_scale import HEIGHT, WIDTH
from prisme.dashboard.number_format import describe_change, describe_points, format_round_duration

_MOST_LABELS: Final = 7
_FORMATS: Final[dict[Interval, Callable[[datetime], str]]] = {
    "minute": dates.format_clock,
    "hour": dates.format_clock,
    "day": dates.format_weekday,
    "week": dates.format_day,
    "month": dates.format_month,
    "year": lambda moment: f"{moment:%Y}",
}
_TIME_OF_DAY: Final = ("minute", "hour")
# More than the longest day has: a time alone would not say which day is meant.
_LONGEST_DAY: Final = 26 * 3600 * SECOND


class Series(msgspec.Struct, frozen=True):
    """A value for each bucket; bucket n is from `edges[n]` to before `edges[n + 1]` (microseconds)."""

    edges: Sequence[int]
    values: Sequence[float]


class Options(msgspec.Struct, frozen=True):
    """How a chart is labelled. `zoom_link` gives the link for a bucket from its edges, empty for none."""

    interval: Interval
    zone: ZoneInfo
    format_value: Callable[[float], str]
    zoom_link: Callable[[int, int], str]
    whole_numbers: bool
    is_duration: bool = False
    is_fraction: bool = False


class Point(msgspec.Struct, frozen=True):
    """A row of the table: a bucket from `at` to `until` (Unix seconds), and the one that it is compared with.

    `change` is that of the value, such as `+12%`; `note` has the texts of its annotations. Both may be empty.
    """

    at: int
    until: int
    label: str
    value: str
    compared_value: str
    compared_label: str
    change: str
    link: str
    note: str = ""


class Chart(msgspec.Struct, frozen=True):
    """SVG paths, in a box of `width` by `height` units.

    x of `dots` and `labels` is in per mille of the width, y of `dots` and `ticks` in percent of the height.
    `unfinished` is the path to the last point, if its bucket is not over yet.
    """

    line: str
    area: str
    unfinished: str
    compared: str
    dots: list[tuple[float, float]]
    ticks: list[tuple[float, str]]
    labels: list[tuple[int, str]]
    points: list[Point]
    is_unfinished: bool
    width: int = WIDTH
    height: int = HEIGHT


def draw_chart(
    series: Series, compared: Series | None, options: Options, now: int, notes: Mapping[int, str] = MappingProxyType({})
) -> Chart:
    """The chart of `series`, at the time `now` (microseconds); `compared` is cut to as many buckets.

    `notes` are those of some buckets, by number.
    """
    buckets = len(series.values)
    compared = _cut(compared, buckets)
    top, step = _choose_scale(max([*series.values, *compared.values], default=0), options)
    line = chart_scale.place(series.values, buckets, top)
    is_unfinished = buckets > 0 and series.edges[-1] > now
    finished = line[:-1] if is_unfinished else line
    has_dots = buckets < 3 or len(finished) == 1
    return Chart(
        chart_scale.draw_line(finished),
        chart_scale.draw_area(finished),
        chart_scale.draw_line(line[-2:]) if is_unfinished and buckets > 1 else "",
        chart_scale.draw_line(chart_scale.place(compared.values, buckets, top)),
        [(x, chart_scale.to_percent(y)) for x, y in line] if has_dots else [],
        _build_ticks(top, step, options),
        _build_labels(series, options),
        _build_points(series, compared, options, notes),
        is_unfinished,
    )


def _choose_scale(highest: float, options: Options) -> tuple[float, float]:
    if options.is_duration:
        return chart_scale.choose_duration_scale(highest)
    return chart_scale.choose_scale(highest, options.whole_numbers)


def format_label(moment: int, interval: Interval, zone: ZoneInfo) -> str:
    """The name of the bucket that begins at `moment` (microseconds), by the zone's clock."""
    return _format_labels([moment], interval, zone)[0]


def _format_labels(moments: Sequence[int], interval: Interval, zone: ZoneInfo, others: Sequence[int] = ()) -> list[str]:
    """The names of buckets: times of several days, or beside `others` of another day, have the day, too."""
    every = [*moments, *others]
    has_days = interval in _TIME_OF_DAY and every and max(every) - min(every) > _LONGEST_DAY
    write = dates.format_day_and_clock if has_days else _FORMATS[interval]
    return [write(localise(moment, zone)) for moment in moments]


def _cut(compared: Series | None, buckets: int) -> Series:
    if compared is None:
        return Series((), ())
    return Series(compared.edges[: buckets + 1], compared.values[:buckets])


def _build_ticks(top: float, step: float, options: Options) -> list[tuple[float, str]]:
    values = [step * number for number in range(round(top / step) + 1)]
    write = format_round_duration if options.is_duration else options.format_value
    return [(chart_scale.to_percent(chart_scale.to_y(value, top)), write(value)) for value in values]


def _build_labels(series: Series, options: Options) -> list[tuple[int, str]]:
    buckets = len(series.values)
    # The weekday is left out: the labels of days would overlap.
    interval: Interval = "week" if options.interval == "day" else options.interval
    labels = _format_labels(series.edges[:-1], interval, options.zone)
    return [
        (round(chart_scale.to_x(number, buckets)), labels[number])
        for number in range(0, buckets, max(1, math.ceil(buckets / _MOST_LABELS)))
    ]


def _build_points(series: Series, compared: Series, options: Options, notes: Mapping[int, str]) -> list[Point]:
    own, other = series.edges[:-1], compared.edges[:-1]
    labels = _format_labels(own, options.interval, options.zone, other)
    compared_labels = _format_labels(other, options.interval, options.zone, own)
    return [
        Point(
            series.edges[number] // SECOND,
            series.edges[number + 1] // SECOND,
            labels[number],
            options.format_value(value),
            options.format_value(compared.values[number]) if number < len(compared.values) else "",
            compared_labels[number] if number < len(compared_labels) else "",
            _describe_change(value, compared.values[number], options) if number < len(compared.values) else "",
            options.zoom_link(series.edges[number], series.edges[number + 1]),
            notes.get(number, ""),
        )
        for number, value in enumerate(series.values)
    ]


def _describe_change(value: float, before: float, options: Options) -> str:
    change = describe_points(value, before, "") if options.is_fraction else describe_change(value, before, "")
    return change.sign.strip("=") + change.text
