"""The intervals that a chart can have: links beside its caption."""

from typing import Final

import msgspec

from prisme.base.timexpr import SECOND, Interval
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.parameters import StatsQuery

# Seconds, at most.
_LONGEST: Final[dict[Interval, int]] = {
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 31 * 86_400,
    "year": 366 * 86_400,
}
_TITLES: Final[dict[Interval, str]] = {
    "minute": mark("Minute"), "hour": mark("Hour"), "day": mark("Day"), "week": mark("Week"), "month": mark("Month"),
    "year": mark("Year"),
}  # fmt: skip
# A period of one day, week or month may be longer by a change of clocks.
_CHANGE_OF_CLOCKS: Final = 2 * 3600
# A month of hours, or two years of days: each is a point of the chart and a row of its table.
MOST_POINTS: Final = 750


class IntervalLink(msgspec.Struct, frozen=True):
    """An interval, such as `Day`, and the page with it. `chosen` is that of the chart."""

    title: str
    link: str
    chosen: bool


def fits(interval: str, start: int, end: int) -> bool:
    """Whether a chart from `start` to `end` (microseconds) can be read with an interval: by more than one value."""
    longest = next((length for name, length in _LONGEST.items() if name == interval), 0)
    longer = _CHANGE_OF_CLOCKS if longest >= _LONGEST["day"] else 0
    return 0 < longest < (end - start) / SECOND - longer <= longest * MOST_POINTS


def name_interval(interval: Interval) -> str:
    """An interval within a sentence: `Visitors by day`."""
    return translate(_TITLES[interval]).lower()


def build_intervals(state: UrlState, query: StatsQuery) -> list[IntervalLink]:
    """The intervals that fit the page's period, if there is a choice."""
    links = [
        IntervalLink(translate(_TITLES[name]), state.link({"interval": name}), name == query.interval)
        for name in _LONGEST
        if name == query.interval or fits(name, query.span.start, query.span.end)
    ]
    return links if len(links) > 1 else []
