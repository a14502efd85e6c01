"""Periods of time: the named ones, the one before or after, and their description in words."""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base import timexpr
from prisme.base.offsets import localise
from prisme.base.timexpr import SECOND, Unit
from prisme.dashboard import dates
from prisme.dashboard.dates import format_clock, format_date, format_moment
from prisme.dashboard.words import mark, translate
from prisme.stats.parameters import StatsQuery


class Period(msgspec.Struct, frozen=True):
    """A named period: its title, its keyboard shortcut, and `from` and `to` of the stats API.

    `start` is empty for all time. `step` is how much earlier the period before it is, by the calendar; empty where it
    does not begin with a day.
    """

    title: str
    key: str
    start: str
    end: str = "now"
    step: str = ""


# Two that belong together stand side by side in the menu.
PERIODS: Final[dict[str, Period]] = {
    "30m": Period(mark("Last 30 minutes"), "r", "now-30m"),
    "24h": Period(mark("Last 24 hours"), "h", "now-24h"),
    "today": Period(mark("Today"), "d", "now/d", step="-1d"),
    "yesterday": Period(mark("Yesterday"), "e", "now-1d/d", "now-1d/d", "-1d"),
    "7d": Period(mark("Last 7 days"), "w", "now-6d/d", step="-7d"),
    "28d": Period(mark("Last 28 days"), "f", "now-27d/d", step="-28d"),
    "90d": Period(mark("Last 90 days"), "n", "now-89d/d", step="-90d"),
    "12m": Period(mark("Last 12 months"), "t", "now-11M/M", step="-12M"),
    "month": Period(mark("This month"), "m", "now/M", step="-1M"),
    "last-month": Period(mark("Last month"), "M", "now-1M/M", "now-1M/M", "-1M"),
    "year": Period(mark("This year"), "y", "now/y", step="-1y"),
    "last-year": Period(mark("Last year"), "Y", "now-1y/y", "now-1y/y", "-1y"),
    "all": Period(mark("All time"), "a", ""),
}
DEFAULT: Final = "28d"
# A period with dates of its own, in place of a name.
CUSTOM: Final = "custom"


def shift(query: StatsQuery, now: int, direction: int, name: str = CUSTOM) -> dict[str, str | None] | None:
    """The URL parameters of the period before (-1) or after (1); None if it would begin in the future, or before 1970.

    `now` is in microseconds; `name` is the period's name, if it has one.
    """
    span, zone = query.span, query.zone
    named = timexpr.read_shift(PERIODS[name].step) if name in PERIODS else None
    unit, count = named or measure(span.start, span.end, zone, now)
    try:
        start, end = (timexpr.step(edge, unit, direction * count, zone) for edge in (span.start, span.end))
        following = timexpr.step(start, unit, count, zone)
    except (ValueError, OverflowError):  # outside of the years 1 to 9999
        return None
    if start >= now or start < 0:
        return None
    if unit in ("s", "m", "h"):
        return {"period": None, "from": str(start // SECOND), "to": str(min(end, now) // SECOND)}
    current = _find_current(start, following, unit, now, zone)
    if current:
        return {"period": current, "from": None, "to": None}
    # `to` is inclusive for days.
    return {"period": None, "from": format_day(start, zone), "to": format_day(following - 1, zone)}


def _find_current(start: int, following: int, unit: Unit, now: int, zone: ZoneInfo) -> str:
    """The named period up to now that is from `start` to before `following`, once it is over; empty for none."""
    # February may be the last 28 days, too: months and years are the last ones.
    names = list(PERIODS) if unit == "d" else reversed(PERIODS)
    for name in names:
        period = PERIODS[name]
        step = timexpr.read_shift(period.step)
        if step is None or period.end != "now" or timexpr.parse(period.start, now, zone) != start:
            continue
        if timexpr.step(start, *step, zone) == following:
            return name
    return ""


def measure(start: int, end: int, zone: ZoneInfo, now: int) -> tuple[Unit, int]:
    """The length of a period in the largest calendar unit that fits.

    A day that is not over yet counts as whole, and so does a month or year that the period shows up to now.
    """
    if timexpr.floor(start, "d", zone) != start:
        return "s", max((end - start) // SECOND, 1)
    last = localise(end - 1, zone).date()
    first = localise(start, zone).date()
    is_current = start < now <= end
    if first.day == 1 and (
        timexpr.floor(end, "M", zone) == end or (is_current and (last.year, last.month) == (first.year, first.month))
    ):
        return "M", (last.year - first.year) * 12 + last.month - first.month + 1
    if is_current and (first.month, first.day) == (1, 1) and first.year == last.year:
        return "y", 1
    return "d", (last - first).days + 1


def format_day(moment: int, zone: ZoneInfo) -> str:
    """The date of a moment (microseconds), as date inputs of HTML have it."""
    return localise(moment, zone).date().isoformat()


def describe(start: int, end: int, zone: ZoneInfo) -> str:
    """A period in words: `1 to 24 Nov 2026`, `24 Nov 2026, 13:05 to 13:35`. `start` and `end` are in microseconds."""
    first, last = localise(start, zone), localise(end - 1, zone)
    if timexpr.floor(start, "d", zone) != start:
        head = format_moment(first)
        same_day = first.date() == last.date()
        return _join(head, format_clock(last) if same_day else format_moment(last))
    if first.date() == last.date():
        return format_date(first)
    if first.year != last.year:
        return _join(format_date(first), format_date(last))
    if first.month != last.month:
        return _join(dates.format_day(first), format_date(last))
    return _join(str(first.day), format_date(last))


def _join(first: str, last: str) -> str:
    return translate("{first} to {last}", first=first, last=last)
