"""The times that servers write, as microseconds since the Unix epoch. None is for a text that is no time."""

import datetime
import re
from typing import Final

from prisme.base.memo import Memo

SECOND: Final = 1_000_000
# Servers write these names in every locale.
_NAMES: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTHS: Final = {name: number for number, month in enumerate(_NAMES, start=1) for name in (month, b"%02d" % number)}
_DAY: Final = re.compile(rb"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}) ([+-][0-9]{2}-?[0-9]{2})")
_LOCAL: Final = re.compile(rb"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4})[: ]([0-9]{2}):([0-9]{2}):([0-9]{2})")
_ISO: Final = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})")
_EPOCH: Final = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - only differences to other times without a zone are used
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
# Lines with the start of requests are late by the time that a page takes; a clock is set back by half an hour or more.
_LATE: Final = 5 * 60 * SECOND


def read_clf(text: bytes) -> int | None:
    """The moment of `28/Nov/2026:23:06:25 +0530`."""
    # A time of a new second is read as quickly as one that is known: each part is looked up.
    day, minutes, seconds = _days[text[:11] + text[20:]], _MINUTES.get(text[11:18]), _SECONDS.get(text[18:20])
    return None if day is None or minutes is None or seconds is None else day + minutes + seconds


def read_local(text: bytes) -> int | None:
    """The clock's reading `28/Nov/2026:23:06:25`, or with a blank in the middle, as if it were UTC."""
    found = _LOCAL.fullmatch(text)
    return _count(*found.groups()) if found else None


def read_moment(text: bytes, offset: bytes) -> int | None:
    """The moment of `2026-11-28T22:46:45` or `2026-11-28 22:46:45` with its offset."""
    found = _ISO.fullmatch(text)
    if not found:
        return None
    year, month, *rest = found.groups()
    local = _count(rest[0], month, year, *rest[1:])
    return None if local is None else local - read_offset(offset)


def read_offset(text: bytes) -> int:
    """How far `+0530` or `+05:30` is ahead of UTC; `Z` is 0. Squid writes `-03-30`."""
    if text == b"Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return (-minutes if text.startswith(b"-") else minutes) * 60 * SECOND


def _read_day(text: bytes) -> int | None:
    """The first moment of `28/Nov/2026 +0530`."""
    found = _DAY.fullmatch(text)
    if not found:
        return None
    day, month, year, offset = found.groups()
    local = _count(day, month, year, b"0", b"0", b"0")
    return None if local is None else local - read_offset(offset)


def _count(day: bytes, month: bytes, year: bytes, hour: bytes, minute: bytes, second: bytes) -> int | None:
    """A leap second is the first one of the next minute."""
    try:
        midnight = datetime.date(int(year), _MONTHS[month], int(day)).toordinal() - _EPOCH.toordinal()
    except (KeyError, ValueError):
        return None
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return (midnight * 86_400 + hours * 3600 + minutes * 60 + seconds) * SECOND


_days: Final = Memo(_read_day, 4096, 32)
_MINUTES: Final = {b":%02d:%02d:" % divmod(minute, 60): minute * 60 * SECOND for minute in range(24 * 60)}
_SECONDS: Final = {b"%02d" % second: second * SECOND for second in range(61)}


class LocalClock:
    """Converts the readings of a log without a zone, in the order of its lines, to moments.

    The hour that is repeated in autumn is the first one, until the clock is seen to go back.
    """

    def __init__(self, zone: datetime.tzinfo) -> None:
        self._zone = zone
        self._latest = 0
        self._offsets = Memo(self._find_offsets, 4096)

    def convert(self, reading: int) -> int:
        """The moment of a clock's reading, which is given as if it were UTC."""
        first, second = self._offsets[str(reading // SECOND)]
        moment = reading - first
        if first != second and moment < self._latest - _LATE:
            moment = reading - second
        self._latest = max(self._latest, moment)
        return moment

    def _find_offsets(self, second: str) -> tuple[int, int]:
        local = _EPOCH + datetime.timedelta(seconds=int(second))
        offsets = (local.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
        first, later = ((offset or datetime.timedelta()) // _MICROSECOND for offset in offsets)
        # Where a clock was set forward, the readings between never were, and both offsets are as good.
        return (first, later) if first > later else (first, first)
