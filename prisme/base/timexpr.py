"""Time expressions as users write them (RFC 3339, dates, Unix seconds, `now-7d/d`), and calendar arithmetic.

A moment is an integer: microseconds since the Unix epoch, UTC. A span includes its start and excludes its end. Days
and longer units follow the calendar of a time zone, where a day may have 23 or 25 hours, or not exist at all.
"""

import calendar
import datetime
import re
from typing import Final, Literal, get_args

from prisme.base.errors import InputError
from prisme.base.offsets import find_changes, localise, utc_offset

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
# The longest span, in seconds, that each interval is the default for: a chart shows a few hundred points at most.
_LONGEST: Final[tuple[tuple[Interval, int], ...]] = (
    ("minute", 3 * 3600),
    ("hour", 4 * 86_400),
    ("day", 100 * 86_400),
    ("week", 400 * 86_400),
    ("month", 10 * 366 * 86_400),
)

_LONGEST_TEXT: Final = 64
# Four digits are read as a year: as seconds they would lie in the first hours of 1970.
_UNIX = re.compile(r"\d{1,11}(?:\.\d{1,9})?", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
# RFC 3339, section 5.6; without an offset, the time is local to the time zone.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_DURATION = re.compile(r"\d{1,6}[mhdwMy]", re.ASCII)
_SHIFT = re.compile(r"-([1-9]\d{0,5})([smhdwMQy])", re.ASCII)
_STEP = re.compile(r"(?:([+-])(\d{0,9})|/)([smhdwMQy])", re.ASCII)


def parse(text: str, now: int, zone: datetime.tzinfo, *, ends: bool = False) -> int:
    """Parse a moment. With `ends`, it is the end of a span, and rounds up so that the span includes the whole unit.

    As the start of a span, `2026-11-24` and `now/d` are the first moment of that day; as its end, the first moment of
    the next day. Expressions are Grafana's: `now`, then any of `+1d`, `-2h`, `/w` (rounding); the units are s, m, h,
    d, w (from Monday), M, Q, y. `now` is in microseconds, and so is the result.

    Raises InputError, with examples, for any other text, and for moments before 1970 or after 9998.
    """
    text = text.strip()
    try:
        moment = _read(text[: _LONGEST_TEXT + 1], now, zone, ends)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or len(text) > _LONGEST_TEXT or not 0 <= moment <= _moment(_LATEST, zone):
        shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
        raise InputError(
            "{text!r} is no time, such as 2026-11-24, 2026-11-24T08:00:00Z, 1795507200, now-7d/d", text=shown
        )
    return moment


def read_end(text: str | None, now: int) -> int | None:
    """Parse when something created at `now` expires: a moment as in `parse`, or a duration such as `30d`.

    Takes and returns Unix seconds. None means that it never expires. Raises InputError, with examples.
    """
    if text is None:
        return None
    is_duration = _DURATION.fullmatch(text.strip())
    try:
        return parse(f"now+{text.strip()}" if is_duration else text, now * SECOND, datetime.UTC, ends=True) // SECOND
    except InputError:
        raise InputError("{text!r} is no end, such as 30d, 12h, 2027-01-31", text=text[:64]) from None


def floor(moment: int, unit: Unit, zone: datetime.tzinfo) -> int:
    """Return the first moment of the unit that contains `moment`.

    An hour begins when the clock shows a full hour, and whenever it is set to another time. So does a minute.
    """
    if unit in _FIXED:
        first = moment - (moment + utc_offset(moment, zone)) % _FIXED[unit]
        return max((first, *find_changes(first, moment, zone)))
    return _start_of(_first(localise(moment, zone).date(), unit), zone)


def step(moment: int, unit: Unit, count: int, zone: datetime.tzinfo) -> int:
    """Return the moment `count` units later; days and longer units keep the time of day.

    Months and years that lack the day of the month end on their last day. Raises ValueError or OverflowError outside
    of the years 1 to 9999.
    """
    if unit in _FIXED:
        return moment + count * _FIXED[unit]
    local = localise(moment, zone)
    day = _step_day(local.date(), unit, count)
    return _moment(datetime.datetime.combine(day, local.time()), zone)


def shift_back(moment: int, unit: Unit, count: int, zone: datetime.tzinfo) -> int:
    """Return the moment `count` units earlier, never one before 1970.

    A day that the earlier month lacks is after its end: 30 March 15:00 becomes the first moment of 1 March, so that a
    span up to that day becomes one up to the end of February.
    """
    try:
        if unit not in _MONTHS:
            return max(step(moment, unit, -count, zone), 0)
        local = localise(moment, zone)
        day = _step_day(local.date(), unit, -count)
        if day.day < local.day:
            return max(_start_of(day + datetime.timedelta(days=1), zone), 0)
        return max(_moment(datetime.datetime.combine(day, local.time()), zone), 0)
    except (ValueError, OverflowError):  # before the year 1
        return 0


def read_shift(text: str) -> tuple[Unit, int] | None:
    """Parse how much earlier something is: `-1M` is one month. None for any other text."""
    found = _SHIFT.fullmatch(text)
    return (_UNITS[found[2]], int(found[1])) if found else None


def choose_interval(start: int, end: int) -> Interval:
    """Choose the interval at which a chart shows a span best."""
    seconds = (end - start) / SECOND
    return next((interval for interval, longest in _LONGEST if seconds <= longest), "year")


def precede(start: int, end: int, zone: datetime.tzinfo) -> tuple[int, int]:
    """Return the span to compare a span with: shifted back by as many months if it is whole months, else by whole days.

    So the first 15 hours of a day are compared with the first 15 hours of the day before. A span shorter than a day
    that does not start at midnight is compared with the one directly before it. Nothing starts or ends before 1970.
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
    return _step_back(start, unit, count, zone), _step_back(end, unit, count, zone)


def edges(start: int, end: int, interval: Interval, zone: datetime.tzinfo, at_most: int) -> list[int]:
    """Return where the buckets of a span start, followed by where the last one ends.

    The first and the last bucket are whole units, even if the span starts or ends within them. An empty span has no
    bucket, and a single edge. Raises InputError for more than `at_most` buckets.
    """
    unit = _UNIT_OF[interval]
    found = [floor(start, unit, zone)]
    while found[-1] < end > start:
        if len(found) > at_most:
            raise InputError("over {most} times {interval} between these times", most=at_most, interval=interval)
        found.append(_following(found[-1], unit, zone))
    return found


def _step_back(moment: int, unit: Unit, count: int, zone: datetime.tzinfo) -> int:
    try:
        return max(step(moment, unit, -count, zone), 0)
    except (ValueError, OverflowError):  # before the year 1
        return 0


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
        text = f"{day_text}T{minutes}{offset.upper().replace('Z', '+00:00')}"
        return _moment(local, datetime.datetime.fromisoformat(text).tzinfo or zone)
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
    """Return the first moment of the unit that follows the one starting at `first`."""
    if unit in _FIXED:
        following = first + _FIXED[unit] - (first + utc_offset(first, zone)) % _FIXED[unit]
        return next(find_changes(first, following, zone), following)
    day = localise(first, zone).date()
    count = 1
    # A day that a zone skipped starts at the same moment as the next one.
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
    """Convert a local time: the first moment if it is repeated; the offset before the gap if it is skipped."""
    return (local.replace(tzinfo=zone, fold=0) - _EPOCH) // datetime.timedelta(microseconds=1)


_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# By the zone's clock, a year before `datetime` ends, so that buckets and later spans can be computed.
_LATEST: Final = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)
