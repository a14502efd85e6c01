"""The query parameters of a request for figures: span, time zone, interval, rows, filters and comparison."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base import timexpr
from prisme.base.errors import InputError
from prisme.base.goals import Goal
from prisme.base.timexpr import INTERVALS, Interval
from prisme.stats import filters, goal_conditions
from prisme.stats.filters import Filters
from prisme.stats.selection import Page, Span
from prisme.stats.zones import open_zone

FROM: Final = "now-7d/d"
TO: Final = "now"
ZONE: Final = "UTC"
MOST_ROWS: Final = 10_000
# Enough for a year of hours or a day of minutes; no chart can show more.
MOST_BUCKETS: Final = 9_000
# Bounds the months, and the changes of clocks, that a query is made of; no site has more to show.
MOST_YEARS: Final = 100
# Leap years included, and a day for a zone that moved over the date line.
_LONGEST: Final = (MOST_YEARS * 1461 // 4 + 1) * 86_400 * timexpr.SECOND
_MOST_SKIPPED: Final = 1_000_000_000
_NAMES: Final = ("from", "to", "tz", "interval", "limit", "offset", "spreadsheet", *filters.NAMES)
# Parameters of single figures.
PROPERTY: Final = ("property",)
METRIC: Final = ("metric",)
COMPARE: Final = ("compare", "compare-from", "compare-to")
# Asks for CSV that is safe to open in a spreadsheet.
SPREADSHEET: Final = "spreadsheet"


class StatsQuery(msgspec.Struct, frozen=True):
    """The query parameters of a request.

    `property` is the one whose values `custom-properties` returns, empty for the list of properties; `metric` is that
    of a list's values, empty for its own unit. `compared` is the span to compare with, None for none. With
    `spreadsheet`, CSV contains no formulas.
    """

    span: Span
    zone: ZoneInfo
    interval: Interval
    page: Page
    property: str
    filters: Filters
    compared: Span | None
    spreadsheet: bool = False
    metric: str = ""


def read_query(
    parameters: Mapping[str, str], now: int, extra: Sequence[str] = (), goals: Sequence[Goal] = ()
) -> StatsQuery:
    """Read query parameters; an empty one counts as absent. `now` is in microseconds.

    `extra` are the parameters that the figure has in addition to the common ones; `goals` are those that the filter
    `goal` may name.

    Raises InputError, with the name of the wrong parameter and an example.
    """
    given = {name: text for name, text in parameters.items() if text}
    _check_names(given, (*_NAMES, *extra))
    start, end, zone = read_span(given, now)
    interval = _read_interval(given.get("interval"), start, end)
    span = _make_span("interval", start, end, interval, zone)
    page = Page(
        _read_number("limit", given.get("limit", "10"), 1, MOST_ROWS),
        _read_number("offset", given.get("offset", "0"), 0, _MOST_SKIPPED),
    )
    compared = _read_compared(given, span, interval, now, zone) if extra == COMPARE else None
    return StatsQuery(
        span,
        zone,
        interval,
        page,
        given.get("property", ""),
        goal_conditions.resolve(filters.read(given), goals),
        compared,
        _read_number(SPREADSHEET, given.get(SPREADSHEET, "0"), 0, 1) == 1,
        given.get("metric", ""),
    )


def read_span(given: Mapping[str, str], now: int) -> tuple[int, int, ZoneInfo]:
    """The start and the end of the span, in microseconds, and the time zone. Raises InputError as `read_query`."""
    zone = read_zone(given.get("tz", ZONE))
    start = _read_time("from", given.get("from", FROM), now, zone)
    end = _read_time("to", given.get("to", TO), now, zone)
    _check_order("from", start, "to", end)
    return start, end, zone


def read_zone(text: str) -> ZoneInfo:
    """Return a time zone by its name; Grafana's for UTC is `utc`. Raises InputError for an unknown one."""
    try:
        return open_zone(ZONE if text == "utc" else text)
    except KeyError:
        raise InputError("tz: {text!r} is no time zone, such as tz=Europe/Berlin", text=text[:64]) from None


def _check_names(given: Mapping[str, str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known and not filters.is_filter(name):
            near = difflib.get_close_matches(name, known, n=1)
            if near:
                raise InputError("{name}: no such parameter; did you mean {near}?", name=name[:64], near=near[0])
            raise InputError(
                "{name}: no such parameter, such as from=now-7d; there are {known}",
                name=name[:64],
                known=", ".join(known),
            )


def _make_span(name: str, start: int, end: int, interval: Interval, zone: ZoneInfo) -> Span:
    try:
        return Span(start, end, timexpr.edges(start, end, interval, zone, MOST_BUCKETS), zone)
    except InputError as error:
        longer = INTERVALS[min(INTERVALS.index(interval) + 1, len(INTERVALS) - 1)]
        raise InputError("{name}: {why}, such as interval={longer}", name=name, why=error, longer=longer) from None


def _read_compared(given: Mapping[str, str], span: Span, interval: Interval, now: int, zone: ZoneInfo) -> Span | None:
    how = given.get("compare", "previous")
    if {"compare-from", "compare-to"} & set(given):
        start, end = _read_compared_times(given, now, zone)
    elif how == "none":
        return None
    elif how == "previous":
        start, end = timexpr.precede(span.start, span.end, zone)
    elif how == "year":
        # 52 weeks earlier, so that each day is compared with one of the same weekday.
        start, end = (max(timexpr.step(edge, "w", -52, zone), 0) for edge in (span.start, span.end))
    elif shift := timexpr.read_shift(how):
        # Of a span that is not over yet, what has passed: the rest would be compared with nothing.
        passed = min(span.end, now) if span.start < now else span.end
        start, end = (timexpr.shift_back(edge, *shift, zone) for edge in (span.start, passed))
    else:
        raise InputError(
            "compare: {how!r} is none of previous, year, none and no step, such as compare=-1M", how=how[:64]
        )
    # Before 1970, there is nothing to compare with.
    return _make_span("compare-from", start, end, interval, zone) if start < end else None


def _read_compared_times(given: Mapping[str, str], now: int, zone: ZoneInfo) -> tuple[int, int]:
    if "compare" in given or not {"compare-from", "compare-to"} <= set(given):
        raise InputError("compare-from: comes with compare-to and without compare, such as compare-from=2025-11-01")
    start = _read_time("compare-from", given["compare-from"], now, zone)
    end = _read_time("compare-to", given["compare-to"], now, zone)
    _check_order("compare-from", start, "compare-to", end)
    return start, end


def _check_order(first: str, start: int, last: str, end: int) -> None:
    """Raise InputError unless `start` is before `end`, and by at most `MOST_YEARS`."""
    if start >= end:
        raise InputError(
            "{first}: has to be before `{last}`, such as {first}=now-7d&{last}=now", first=first, last=last
        )
    if end - start > _LONGEST:
        raise InputError(
            "{first}: over {most} years before `{last}`, such as {first}=now-1y&{last}=now",
            first=first,
            most=MOST_YEARS,
            last=last,
        )


def _read_time(name: str, text: str, now: int, zone: ZoneInfo) -> int:
    try:
        return timexpr.parse(text, now, zone, ends=name in ("to", "compare-to"))
    except InputError as error:
        raise InputError("{name}: {why}", name=name, why=error) from None


def _read_interval(text: str | None, start: int, end: int) -> Interval:
    if text is None:
        return timexpr.choose_interval(start, end)
    for interval in INTERVALS:
        if interval == text:
            return interval
    raise InputError(
        "interval: {text!r} is none of {known}, such as interval=day", text=text[:64], known=", ".join(INTERVALS)
    )


def _read_number(name: str, text: str, least: int, most: int) -> int:
    # `isdigit` alone also accepts the digits of other scripts.
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise InputError(
        "{name}: {text!r} is no number from {least} to {most}, such as {name}={example}",
        name=name,
        text=text[:64],
        least=least,
        most=most,
        example=max(least, 10),
    )
