"""Periods of time: the named ones, the one before or after, and their description in words."""

import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base import timexpr
from prisme.base.offsets import localise
from prisme.base.timexpr import SECOND, Unit
from prisme.stats.parameters import StatsQuery


class Period(msgspec.Struct, frozen=True):
    """A named period: its title, its keyboard shortcut, and `from` and `to` of the stats API.

    `start` is empty for all time.
    """

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
DEFAULT: Final = "28d"
# A period with dates of its own, in place of a name.
CUSTOM: Final = "custom"


def shift(query: StatsQuery, now: int, direction: int) -> dict[str, str | None] | None:
    """The URL parameters of the period before (-1) or after (1); None if it would begin in the future, or before 1970.

    `now` is in microseconds.
    """
    span, zone = query.span, query.zone
    unit, count = _measure(span.start, span.end, zone)
    try:
        start, end = (timexpr.step(edge, unit, direction * count, zone) for edge in (span.start, span.end))
        following = timexpr.step(start, unit, count, zone)
    except (ValueError, OverflowError):  # outside of the years 1 to 9999
        return None
    if start >= now or start < 0:
        return None
    if unit in ("s", "m", "h"):
        return {"period": None, "from": str(start // SECOND), "to": str(min(end, now) // SECOND)}
    # `to` is inclusive for days.
    return {"period": None, "from": format_day(start, zone), "to": format_day(following - 1, zone)}


def _measure(start: int, end: int, zone: ZoneInfo) -> tuple[Unit, int]:
    """The length of a period in the largest calendar unit that fits; a day that is not over yet counts as whole."""
    if timexpr.floor(start, "d", zone) != start:
        return "s", max((end - start) // SECOND, 1)
    last = localise(end - 1, zone).date()
    first = localise(start, zone).date()
    if first.day == 1 and (
        timexpr.floor(end, "M", zone) == end or (last.year, last.month) == (first.year, first.month)
    ):
        return "M", (last.year - first.year) * 12 + last.month - first.month + 1
    if (first.month, first.day) == (1, 1) and first.year == last.year:
        return "y", 1
    return "d", (last - first).days + 1


def format_day(moment: int, zone: ZoneInfo) -> str:
    """The date of a moment (microseconds), as date inputs of HTML have it."""
    return localise(moment, zone).date().isoformat()


def describe(start: int, end: int, zone: ZoneInfo) -> str:
    """A period in words: `1 to 24 Nov 2026`, `24 Nov 2026, 13:05 to 13:35`. `start` and `end` are in microseconds."""
    first, last = localise(start, zone), localise(end - 1, zone)
    if timexpr.floor(start, "d", zone) != start:
        head = f"{_format_date(first)}, {first:%H:%M}"
        same_day = first.date() == last.date()
        return f"{head} to {last:%H:%M}" if same_day else f"{head} to {_format_date(last)}, {last:%H:%M}"
    if first.date() == last.date():
        return _format_date(first)
    if first.year != last.year:
        return f"{_format_date(first)} to {_format_date(last)}"
    if first.month != last.month:
        return f"{first.day} {first:%b} to {_format_date(last)}"
    return f"{first.day} to {_format_date(last)}"


def _format_date(day: datetime.datetime) -> str:
    return f"{day.day} {day:%b} {day.year}"
