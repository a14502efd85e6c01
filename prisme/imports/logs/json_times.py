"""Reads the times in JSON: numbers since the epoch in any unit, and texts in the forms that servers know."""

import datetime
import re
from typing import Final

from prisme.base.memo import Memo
from prisme.imports.logs.times import SECOND, LocalClock, read_clf, read_local

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?")
# `28/Nov/2026:23:06:25`, with a fraction, and with an offset.
_CLF: Final = re.compile(r"\[?([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}[: ][0-9:]{8})(?:[.,]([0-9]+))?(?: ?([+-][0-9]{4}))?\]?")
# Of the years to 5138 in seconds; a time in a finer unit is larger.
_UNITS: Final = ((10**11, SECOND), (10**14, 1_000), (10**17, 1))


def read_number(value: float) -> int | None:
    """The moment of seconds, milliseconds, microseconds or nanoseconds since the epoch."""
    for limit, factor in _UNITS:
        if 0 < value < limit:
            return round(value * factor)
    return round(value / 1000) if 0 < value < 10**20 else None


def has_zone(value: object) -> bool:
    """Whether a time says how it relates to UTC; also where it is no time."""
    found = _local_or_moment(value) if isinstance(value, str) else None
    return found is None or not found[1]


class JsonTimes:
    """Reads the times of one file; `clock` is for those without a zone, which cannot be read without it."""

    def __init__(self, clock: LocalClock | None) -> None:
        self._clock = clock
        # The lines of a second have the same text, where it has no fraction.
        self._texts = Memo(_local_or_moment, 4096, 48)

    def read(self, value: object) -> int | None:
        """The moment of a time, or None."""
        if isinstance(value, int | float):
            return read_number(value)
        found = self._texts[value] if isinstance(value, str) else None
        if found is None or not found[1]:
            return found and found[0]
        return None if self._clock is None else self._clock.convert(found[0])


def _local_or_moment(text: str) -> tuple[int, bool] | None:
    """A moment and False, or what a clock without a zone reads, as if it were UTC, and True."""
    if _NUMBER.fullmatch(text):
        moment = read_number(float(text))
        return None if moment is None else (moment, False)
    if found := _CLF.fullmatch(text):
        reading, fraction, offset = found.groups("")
        parts = reading.encode()
        clf = read_clf(parts[:11] + b":" + parts[12:] + b" " + offset.encode()) if offset else read_local(parts)
        return None if clf is None else (clf + int(fraction[:6].ljust(6, "0")), not offset)
    try:
        # Caddy's `wall` has slashes, and Python logging a comma.
        time = datetime.datetime.fromisoformat(text.replace("/", "-").replace(",", "."))
    except ValueError:
        return None
    local = time.tzinfo is None
    since = (time.replace(tzinfo=datetime.UTC) if local else time) - _EPOCH
    moment = since // _MICROSECOND
    return None if moment < 0 else (moment, local)
