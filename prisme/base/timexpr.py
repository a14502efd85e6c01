"""Moments and spans as people write them: RFC 3339, dates, Unix seconds, and expressions such as `now-7d/d`.

Moments are integers, microseconds since the Unix epoch, UTC. A span begins with its first moment and ends before its
last one. Days and what is made of them are those of a time zone: some have 23 hours, some 25, and some do not exist.
"""

import calendar
import datetime
import re
from typing import Final, Literal, get_args

Unit = Literal["s", "m", "h", "d", "w", "M", "Q", "y"]
Interval = Literal["minute", "hour", "day", "week", "month", "year"]
INTERVALS: Final[tuple[Interval, ...]] = ("minute", "hour", "day", "week", "month", "year")

SECOND: Final = 1_000_000
_FIXED: Final[dict[str, int]] = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_DAYS: Final[dict[str, int]] = {"d": 1, "w": 7}
_MONTHS: Final[dict[str, int]] = {"M": 1, "Q": 3, "y": 12}
_UNITS: Final[dict[str, Unit]] = {unit: unit for unit in get_args(Unit)}
_UNIT_OF: Final[dict[Interval, Unit]] = {
    "minute": "m",
    "hour": "h",
    "day": "d",
    "week": "w",
    "month": "M",
    "year": "y",
}
# The longest span, in seconds, that each is the default for: some hundred points at most, as many as a chart can show.
_LONGEST: Final[tuple[tuple[Interval, int], ...]] = (
    ("minute", 3 * 3600),
    ("hour", 4 * 86_400),
    ("day", 100 * 86_400),
    ("week", 400 * 86_400),
    ("month", 10 * 366 * 86_400),
)

_EXAMPLES: Final = "such as 2026-11-24, 2026-11-24T08:00:00Z, 1795507200, now-7d/d"
_LONGEST_TEXT: Final = 64
# Four digits are a year: as seconds they would be in the first hours of 1970.
_UNIX = re.compile(r"\d{1,11}(?:\.\d{1,9})?", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
# RFC 3339, section 5.6, and the same without an offset: a time of the time zone.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_STEP = re.compile(r"(?:([+-])(\d{0,9})|/)([smhdwMQy])", re.ASCII)


def parse(text: str, now: int, zone: datetime.tzinfo, *, ends: bool = False) -> int:
    """The moment that `text` means; with `ends`, it is the end of a span, which whole units belong to.

    So `2026-11-24` and `now/d` are a day's first moment where a span begins, and the next day's where it ends.
    Expressions are Grafana's: `now`, then any of `+1d`, `-2h`, `/w` (rounding); units s, m, h, d, w (from Monday),
    M, Q, y. Raises ValueError that names an example, also for moments before 1970 or after 9998.
    """
    text = text.strip()
    try:
        moment = _read(text[: _LONGEST_TEXT + 1], now, zone, ends)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or len(text) > _LONGEST_TEXT or not 0 <= moment <= _LATEST:
        shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
        raise ValueError(f"{shown!r} is no time, {_EXAMPLES}")
    return moment


def read_end(text: str | None, now: int) -> int | None:
    """When something that is made at `now` ends, both in Unix seconds: as `parse` reads it, or after a time as `30d`.

    None never ends. Raises ValueError that names an example.
    """
    if text is None:
        return None
    after = re.fullmatch(r"\d{1,6}[mhdwMy]", text.strip(), re.ASCII)
    try:
        return parse(f"now+{text.strip()}" if after else text, now * SECOND, datetime.UTC, ends=True) // SECOND
    except ValueError:
        raise ValueError(f"{text[:64]!r} is no end, such as 30d, 12h, 2027-01-31") from None


def floor(moment: int, unit: Unit, zone: datetime.tzinfo) -> int:
    """The first moment of the unit that `moment` is in."""
    local = localise(moment, zone)
    if unit in _FIXED:
        # Of the wall clock, as some zones are half an hour off, but without asking which of two such hours it is.
        past = local.microsecond
        past += local.second * SECOND if unit in ("m", "h") else 0
        past += local.minute * _FIXED["m"] if unit == "h" else 0
        return moment - past
    return _start_of(_first(local.date(), unit), zone)


def step(moment: int, unit: Unit, count: int, zone: datetime.tzinfo) -> int:
    """The moment `count` units later, at the same time of day; the last day of a month where it has no such day."""
    if unit in _FIXED:
        return moment + count * _FIXED[unit]
    local = localise(moment, zone)
    day = _step_day(local.date(), unit, count)
    return _moment(datetime.datetime.combine(day, local.time()), zone)


def localise(moment: int, zone: datetime.tzinfo) -> datetime.datetime:
    """The moment by the zone's clock."""
    return (_EPOCH + datetime.timedelta(microseconds=moment)).astimezone(zone)


def choose_interval(start: int, end: int) -> Interval:
    """The interval that a span is best shown by."""
    seconds = (end - start) / SECOND
    return next((interval for interval, longest in _LONGEST if seconds <= longest), "year")


def precede(start: int, end: int, zone: datetime.tzinfo) -> tuple[int, int]:
    """The span of the same kind before a span: whole months before whole months, else whole days earlier.

    So a day of which 15 hours have passed is compared with the first 15 hours of one before. A span of less than a day
    that is no part of one calendar day comes directly after the one before.
    """
    if all(floor(edge, "M", zone) == edge for edge in (start, end)):
        first, last = (localise(edge, zone) for edge in (start, end))
        unit, count = _UNITS["M"], (last.year - first.year) * 12 + last.month - first.month
    else:
        unit, count = _UNITS["d"], max(1, (end - start) // (24 * _FIXED["h"]))
        while step(start, unit, count, zone) < end:
            count += 1
        if count == 1 and floor(start, "d", zone) != start and end - start < 23 * _FIXED["h"]:
            return max(2 * start - end, 0), start
    return max(step(start, unit, -count, zone), 0), max(step(end, unit, -count, zone), 0)


def edges(start: int, end: int, interval: Interval, zone: datetime.tzinfo, at_most: int) -> list[int]:
    """Where the buckets of a span begin, and where the last one ends: one more than there are buckets.

    The first and the last bucket are whole, though the span may begin and end inside of them. A span without any
    moment has no bucket, and one edge. Raises ValueError for more than `at_most` buckets.
    """
    unit = _UNIT_OF[interval]
    found = [floor(start, unit, zone)]
    while found[-1] < end > start:
        if len(found) > at_most:
            raise ValueError(f"over {at_most} times {interval} between these times")
        found.append(_following(found[-1], unit, zone))
    return found


def _read(text: str, now: int, zone: datetime.tzinfo, ends: bool) -> int | None:
    if text.startswith("now"):
        return _evaluate(text[3:], now, zone, ends)
    if date := _DATE.fullmatch(text):
        day = datetime.date(*(int(part or 1) for part in date.groups()))
        unit: Unit = "d" if date[3] else "M" if date[2] else "y"
        return _start_of(_step_day(day, unit, 1) if ends else day, zone)
    if _UNIX.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        return int(seconds) * SECOND + int(fraction[:6].ljust(6, "0"))
    if time := _TIME.fullmatch(text):
        day_text, minutes, seconds, fraction, offset = time.groups()
        local = datetime.datetime.fromisoformat(f"{day_text}T{minutes}:{seconds or '00'}")
        local = local.replace(microsecond=int((fraction or "")[:6].ljust(6, "0")))
        if offset is None:
            return _moment(local, zone)
        told = datetime.datetime.fromisoformat(f"{day_text}T{minutes}{offset.upper().replace('Z', '+00:00')}").tzinfo
        return _moment(local, told or zone)
    return None


def _evaluate(text: str, moment: int, zone: datetime.tzinfo, ends: bool) -> int | None:
    at = 0
    while at < len(text):
        part = _STEP.match(text, at)
        if part is None:
            return None
        sign, count, letter = part.groups()
        unit = _UNITS[letter]
        if sign is None:
            first = floor(moment, unit, zone)
            moment = _following(first, unit, zone) if ends else first
        else:
            moment = step(moment, unit, int(sign + (count or "1")), zone)
        at = part.end()
    return moment


def _following(first: int, unit: Unit, zone: datetime.tzinfo) -> int:
    """The first moment of the unit after the one that begins at `first`."""
    if unit in _FIXED:
        # An hour later is the same hour again where clocks are set back by less than an hour.
        following = floor(first + _FIXED[unit], unit, zone)
        return following if following > first else first + _FIXED[unit]
    day = localise(first, zone).date()
    count = 1
    # A day that a zone has left out begins where the next one does.
    while (following := _start_of(_first(_step_day(day, unit, count), unit), zone)) <= first:
        count += 1
    return following


def _first(day: datetime.date, unit: Unit) -> datetime.date:
    match unit:
        case "w":
            return day - datetime.timedelta(days=day.weekday())
        case "M":
            return day.replace(day=1)
        case "Q":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "y":
            return day.replace(month=1, day=1)
    return day


def _step_day(day: datetime.date, unit: Unit, count: int) -> datetime.date:
    if unit in _DAYS:
        return day + datetime.timedelta(days=count * _DAYS[unit])
    year, month = divmod(day.year * 12 + day.month - 1 + count * _MONTHS[unit], 12)
    _, last = calendar.monthrange(year, month + 1)
    return datetime.date(year, month + 1, min(day.day, last))


def _start_of(day: datetime.date, zone: datetime.tzinfo) -> int:
    return _moment(datetime.datetime.combine(day, datetime.time()), zone)


def _moment(local: datetime.datetime, zone: datetime.tzinfo) -> int:
    """Of two moments with the same time of day, the first; a time that is left out counts from before the gap."""
    return (local.replace(tzinfo=zone, fold=0) - _EPOCH) // datetime.timedelta(microseconds=1)


_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# A year of room for what is computed from it.
_LATEST: Final = _moment(datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC), datetime.UTC)
