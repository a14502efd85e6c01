"""A question as a URL asks it: which span of time in which zone, in which steps, which rows, which filters."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from prisme.base import timexpr
from prisme.base.errors import InputError
from prisme.base.timexpr import INTERVALS, Interval
from prisme.stats import filters
from prisme.stats.filters import Filters
from prisme.stats.queries import Page, Span

FROM: Final = "now-7d/d"
TO: Final = "now"
ZONE: Final = "UTC"
MOST_ROWS: Final = 10_000
# A year of hours. More is no chart, and a day of minutes fits.
MOST_BUCKETS: Final = 9_000
_MOST_SKIPPED: Final = 1_000_000_000
_NAMES: Final = ("from", "to", "tz", "interval", "limit", "offset", *filters.NAMES)
# Of one question each.
PROPERTY: Final = ("property",)
COMPARE: Final = ("compare", "compare-from", "compare-to")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", re.ASCII)


class Asked(msgspec.Struct, frozen=True):
    """What was asked; `property` is that of `custom-properties`, empty for all; `compared` is another span."""

    span: Span
    zone: ZoneInfo
    interval: Interval
    page: Page
    property: str
    filters: Filters
    compared: Span | None


def read(parameters: Mapping[str, str], now: int, own: Sequence[str] = ()) -> Asked:
    """Read a query's parameters; an empty one is as good as absent. `now` is in microseconds.

    `own` are the parameters that this question has beside the usual ones.

    Raises InputError, whose text names the parameter that is wrong, and shows a right one.
    """
    given = {name: text for name, text in parameters.items() if text}
    for name in given:
        if name not in _NAMES and name not in own:
            raise InputError(f"{name[:64]}: no such parameter{_suggest(name, (*_NAMES, *own))}")
    zone = read_zone(given.get("tz", ZONE))
    start = _read_time("from", given.get("from", FROM), now, zone)
    end = _read_time("to", given.get("to", TO), now, zone)
    if start >= end:
        raise InputError("from: has to be before `to`, such as from=now-7d&to=now")
    interval = _read_interval(given.get("interval"), start, end)
    try:
        edges = timexpr.edges(start, end, interval, zone, MOST_BUCKETS)
    except InputError as error:
        raise InputError(f"interval: {error}, such as interval={_longer(interval)}") from None
    page = Page(
        _read_number("limit", given.get("limit", "10"), 1, MOST_ROWS),
        _read_number("offset", given.get("offset", "0"), 0, _MOST_SKIPPED),
    )
    span = Span(start, end, edges)
    compared = _read_compared(given, span, interval, now, zone) if own == COMPARE else None
    return Asked(span, zone, interval, page, given.get("property", ""), filters.read(given), compared)


def _read_compared(given: Mapping[str, str], span: Span, interval: Interval, now: int, zone: ZoneInfo) -> Span | None:
    how = given.get("compare", "previous")
    if {"compare-from", "compare-to"} & set(given):
        start, end = _read_chosen(given, now, zone)
    elif how == "none":
        return None
    elif how == "previous":
        start, end = timexpr.precede(span.start, span.end, zone)
    elif how == "year":
        # 52 weeks, so that each day is compared with one of the same weekday.
        start, end = (max(timexpr.step(edge, "w", -52, zone), 0) for edge in (span.start, span.end))
    else:
        raise InputError(f"compare: {how[:64]!r} is none of previous, year, none, such as compare=previous")
    if start >= end:  # before 1970, there is nothing to compare with
        return None
    try:
        return Span(start, end, timexpr.edges(start, end, interval, zone, MOST_BUCKETS))
    except InputError as error:
        raise InputError(f"compare-from: {error}, such as interval={_longer(interval)}") from None


def _read_chosen(given: Mapping[str, str], now: int, zone: ZoneInfo) -> tuple[int, int]:
    if "compare" in given or not {"compare-from", "compare-to"} <= set(given):
        raise InputError("compare-from: comes with compare-to and without compare, such as compare-from=2025-11-01")
    start = _read_time("compare-from", given["compare-from"], now, zone)
    end = _read_time("compare-to", given["compare-to"], now, zone)
    if start >= end:
        raise InputError("compare-from: has to be before compare-to, such as compare-from=2025-11-01")
    return start, end


def _read_time(name: str, text: str, now: int, zone: ZoneInfo) -> int:
    try:
        return timexpr.parse(text, now, zone, ends=name in ("to", "compare-to"))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def read_zone(text: str) -> ZoneInfo:
    """A time zone by its name. Raises InputError."""
    try:
        if _ZONE.fullmatch(text):
            return ZoneInfo(text)
    except (ValueError, OSError, LookupError):  # what is no zone may be a folder of them, or nothing
        pass
    raise InputError(f"tz: {text[:64]!r} is no time zone, such as tz=Europe/Berlin")


def _read_interval(text: str | None, start: int, end: int) -> Interval:
    if text is None:
        return timexpr.choose_interval(start, end)
    for interval in INTERVALS:
        if interval == text:
            return interval
    raise InputError(f"interval: {text[:64]!r} is none of {', '.join(INTERVALS)}, such as interval=day")


def _read_number(name: str, text: str, least: int, most: int) -> int:
    # `isdigit` alone is true of digits of other scripts.
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise InputError(f"{name}: {text[:64]!r} is no number from {least} to {most}, such as {name}={max(least, 10)}")


def _longer(interval: Interval) -> Interval:
    return INTERVALS[min(INTERVALS.index(interval) + 1, len(INTERVALS) - 1)]


def _suggest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f", such as from=now-7d; there are {', '.join(known)}"
