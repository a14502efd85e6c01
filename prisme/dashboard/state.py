"""What a page shows, as its URL says it: the period, the comparison, the filters, and which list of each panel.

The URL is the whole of it. A period is a name, or `from` and `to` as the stats API has them.
"""

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from prisme.access.shares import SHARE
from prisme.base import timexpr
from prisme.base.timexpr import SECOND, Unit
from prisme.dashboard import terms
from prisme.stats import filters
from prisme.stats.parameters import COMPARE, StatsQuery

DASHBOARD: Final = "/dashboard"
LIST: Final = "/dashboard/list"


class Period(msgspec.Struct, frozen=True):
    """A named span: what it is called, its key on the keyboard, and its ends as expressions."""

    title: str
    key: str
    start: str
    end: str = "now"


PERIODS: Final[dict[str, Period]] = {
    "30m": Period("Last 30 minutes", "r", "now-30m"),
    "24h": Period("Last 24 hours", "h", "now-24h"),
    "today": Period("Today", "d", "now/d"),
    "yesterday": Period("Yesterday", "e", "now-1d/d", "now-1d/d"),
    "7d": Period("Last 7 days", "w", "now-6d/d"),
    "28d": Period("Last 28 days", "f", "now-27d/d"),
    "90d": Period("Last 90 days", "n", "now-89d/d"),
    "month": Period("This month", "m", "now/M"),
    "year": Period("This year", "y", "now/y"),
    "all": Period("All time", "a", ""),
}
USUAL: Final = "28d"
CUSTOM: Final = "custom"
COMPARISONS: Final[dict[str, str]] = {
    "previous": "Previous period",
    "year": "Same period last year",
    "none": "No comparison",
}
_QUESTION: Final = ("tz", "interval", *COMPARE, *filters.NAMES)
# What is of the page alone, not of the question.
CHOICES: Final = ("period", "metric", "sources", "pages", "technology", "events", "links", "property")
_KNOWN: Final = (*CHOICES, "from", "to", *_QUESTION, SHARE)


class State(msgspec.Struct, frozen=True):
    """`given` are the URL's parameters without empty ones; `first` is the first moment that there is anything of.

    `zone` is the time zone where the URL has none, empty for UTC.
    """

    given: dict[str, str]
    first: int | None
    zone: str

    def get(self, name: str) -> str:
        """A parameter, empty where it is not there."""
        return self.given.get(name, "")

    @property
    def period(self) -> str:
        """A key of `PERIODS`, or `CUSTOM`."""
        if "from" in self.given or "to" in self.given:
            return CUSTOM
        return self.given.get("period", USUAL)

    def question(self) -> dict[str, str]:
        """The parameters of the stats API. Raises ValueError for a period that there is none of."""
        words = {"tz": self.zone} if self.zone else {}
        words |= {name: text for name, text in self.given.items() if name in _QUESTION}
        if self.period == CUSTOM:
            return words | {name: text for name, text in self.given.items() if name in ("from", "to")}
        period = PERIODS.get(self.period)
        if period is None:
            raise ValueError(f"period: {self.period[:64]!r} is none of {', '.join(PERIODS)}, such as period=7d")
        if period.start:
            return words | {"from": period.start, "to": period.end}
        day = 0 if self.first is None else self.first // SECOND
        bare = {} if set(words) & set(COMPARE) else {"compare": "none"}
        return words | bare | {"from": str(day) if day else "now/d", "to": "now"}

    def link(self, changes: Mapping[str, str | None] = MappingProxyType({}), path: str = DASHBOARD) -> str:
        """The page with other parameters; None and an empty text take one away."""
        given = {name: text for name, text in {**self.given, **changes}.items() if text}
        return f"{path}?{urlencode(given, quote_via=quote, safe='/:*,!')}" if given else path

    def fields(self, *without: str) -> list[tuple[str, str]]:
        """What a form keeps of it, hidden."""
        return [(name, text) for name, text in self.given.items() if name not in without]


def read(given: Mapping[str, str]) -> dict[str, str]:
    """A page's parameters, filters in one form. Raises ValueError for one that there is none of, or a wrong filter."""
    some = {name: text for name, text in given.items() if text}
    for name in some:
        if name not in _KNOWN:
            raise ValueError(f"{name[:64]}: no such parameter, such as period=7d")
    return {name: terms.canonical(name, text) if name in filters.NAMES else text for name, text in some.items()}


def shift(asked: StatsQuery, now: int, direction: int) -> dict[str, str | None] | None:
    """The span before (-1) or after (1), as parameters; None where all of it would be in the future."""
    span, zone = asked.span, asked.zone
    unit, count = _size(span.start, span.end, zone)
    start = timexpr.step(span.start, unit, direction * count, zone)
    if start >= now or start < 0:
        return None
    if unit in ("s", "m", "h"):
        end = timexpr.step(span.end, unit, direction * count, zone)
        return {"period": None, "from": str(start // SECOND), "to": str(min(end, now) // SECOND)}
    # A day belongs to a span that ends with it.
    last = timexpr.step(start, unit, count, zone) - 1
    return {"period": None, "from": day(start, zone), "to": day(last, zone)}


def _size(start: int, end: int, zone: ZoneInfo) -> tuple[Unit, int]:
    """A span's length in the largest unit that it begins with; days that are not over yet count."""
    if timexpr.floor(start, "d", zone) != start:
        return "s", max((end - start) // SECOND, 1)
    last = timexpr.localise(end - 1, zone).date()
    first = timexpr.localise(start, zone).date()
    if first.day == 1 and (
        timexpr.floor(end, "M", zone) == end or (last.year, last.month) == (first.year, first.month)
    ):
        return "M", (last.year - first.year) * 12 + last.month - first.month + 1
    if (first.month, first.day) == (1, 1) and first.year == last.year:
        return "y", 1
    return "d", (last - first).days + 1


def day(moment: int, zone: ZoneInfo) -> str:
    """The day of a moment (microseconds), as forms have it."""
    return timexpr.localise(moment, zone).date().isoformat()


def describe(asked: StatsQuery) -> str:
    """A span in words: `1 to 24 Nov 2026`, `24 Nov 2026, 13:05 to 13:35`."""
    return describe_span(asked.span.start, asked.span.end, asked.zone)


def describe_span(start: int, end: int, zone: ZoneInfo) -> str:
    """Likewise, of its ends in microseconds."""
    first, last = timexpr.localise(start, zone), timexpr.localise(end - 1, zone)
    if timexpr.floor(start, "d", zone) != start:
        head = f"{_date(first)}, {first:%H:%M}"
        return f"{head} to {last:%H:%M}" if first.date() == last.date() else f"{head} to {_date(last)}, {last:%H:%M}"
    if first.date() == last.date():
        return _date(first)
    if first.year != last.year:
        return f"{_date(first)} to {_date(last)}"
    if first.month != last.month:
        return f"{first.day} {first:%b} to {_date(last)}"
    return f"{first.day} to {_date(last)}"


def _date(day: datetime.datetime) -> str:
    return f"{day.day} {day:%b} {day.year}"
