"""The metrics of tiles and chart: the series of the stats that each is made of, and how its values are written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from prisme.dashboard.number_format import (
    Change,
    describe_change,
    describe_points,
    format_count,
    format_duration,
    format_exact,
    format_percent,
    format_ratio,
)
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.columns import RATED

Value = TypeVar("Value")
DEFAULT: Final = "visitors"
# Shown in the panel of events, and not among the tiles, which fill their rows without it.
EVENTS: Final = "events"


class Metric(msgspec.Struct, frozen=True):
    """A figure that `compute` makes of the values of one or two series.

    `is_whole`: the values are whole numbers, and so are those at the axis. `is_average`: the value is one of all
    sessions, and there is none without a session. `is_fraction`: it changes in percentage points.
    `is_duration`: the values are seconds.
    """

    title: str
    series: tuple[str, ...]
    compute: Callable[[Sequence[float]], float]
    format_short: Callable[[float], str]
    format_exact: Callable[[float], str]
    is_whole: bool = True
    less_is_better: bool = False
    is_average: bool = False
    is_fraction: bool = False
    is_duration: bool = False


def _take_first(values: Sequence[float]) -> float:
    return values[0]


def _divide(values: Sequence[float]) -> float:
    return values[0] / values[1] if values[1] else 0.0


METRICS: Final[dict[str, Metric]] = {
    "visitors": Metric(mark("Visitors"), ("visitors",), _take_first, format_count, format_exact),
    "sessions": Metric(mark("Sessions"), ("sessions",), _take_first, format_count, format_exact),
    "pageviews": Metric(mark("Pageviews"), ("pageviews",), _take_first, format_count, format_exact),
    "views-per-session": Metric(
        mark("Views per session"), ("pageviews", "sessions"), _divide, format_ratio, format_ratio, is_whole=False,
        is_average=True,
    ),
    "bounce-rate": Metric(
        mark("Bounce rate"), ("bounces", "sessions"), _divide, format_percent, format_percent, is_whole=False,
        less_is_better=True, is_average=True, is_fraction=True,
    ),
    "duration": Metric(
        mark("Session duration"), ("sessions-duration",), _take_first, format_duration, format_duration, is_whole=False,
        is_average=True,
        is_duration=True,
    ),
    EVENTS: Metric(mark("Events"), ("events",), _take_first, format_count, format_exact),
}  # fmt: skip


def compare_values(metric: Metric, value: float, before: float | None) -> Change:
    """The change of a metric's value: of a fraction in percentage points, of others in percent.

    `before` is None for a rate or an average of no session.
    """
    if before is None:
        return Change("", translate("new"), translate("no sessions before"), "same")
    describe = describe_points if metric.is_fraction else describe_change
    return describe(value, before, metric.format_short(before), less_is_better=metric.less_is_better)


def choose_values(metric: Metric, values: Mapping[str, Value]) -> list[Value]:
    """What a metric is made of, of the values of series: bounces are of sessions whose bounces are known."""
    names = (RATED if metric.is_fraction and name == "sessions" and RATED in values else name for name in metric.series)
    return [values[name] for name in names]


def choose_tile(state: UrlState) -> str:
    """The key in `METRICS` of the one that the chart and the lists show."""
    return state.get("metric") if state.get("metric") in METRICS else DEFAULT
