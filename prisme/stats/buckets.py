"""SQL expressions for the bucket of a series, and for the hour of the week, that a row falls into."""

import datetime
import itertools
from typing import Final

from prisme.base.timexpr import SECOND, localise
from prisme.stats.columns import time_column

_HOUR: Final = 3600 * SECOND
# No zone changes its clocks twice within this time.
_STEADY: Final = 6 * _HOUR
# Weekday (1 is Monday) and hour.
WEEK: Final = [f"{weekday}-{hour:02d}" for weekday in range(1, 8) for hour in range(24)]


def bucket_number(table: str, edges: list[int]) -> str:
    """Return an expression: the number of the bucket of a table's row, which has to be within the edges."""
    microseconds = f"epoch_us({time_column(table)})"
    width = edges[1] - edges[0]
    if all(after - before == width for before, after in itertools.pairwise(edges)):
        return f"({microseconds} - {edges[0]}) // {width}"
    return _search(microseconds, edges, 0, len(edges) - 1)


def hour_of_week(start: int, end: int, zone: datetime.tzinfo) -> str:
    """Return an expression: the index in `WEEK` of a pageview's hour, by the zone's clock.

    The pageview has to be between `start` and `end`, in microseconds.
    """
    hour = f"(epoch_us(timestamp) + {_offset('epoch_us(timestamp)', start, end, zone)}) // {_HOUR}"
    # 1970 began on a Thursday.
    return f"({hour} + 3 * 24) % {len(WEEK)}"


def _offset(moment: str, start: int, end: int, zone: datetime.tzinfo) -> str:
    """Return an expression: the zone's offset from UTC at a moment between `start` and `end`, in microseconds."""
    cases, at, offset = [], start, _utc_offset(start, zone)
    while at < end:
        following = min(at + _STEADY, end)
        if _utc_offset(following, zone) != offset:
            change = _find_change(at, following, zone)
            cases.append(f"WHEN {moment} < {change} THEN {offset}")
            offset = _utc_offset(following, zone)
        at = following
    return f"CASE {' '.join(cases)} ELSE {offset} END" if cases else str(offset)


def _find_change(low: int, high: int, zone: datetime.tzinfo) -> int:
    """Return the moment from which the zone has the offset that it has at `high`."""
    offset = _utc_offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _utc_offset(middle, zone) == offset else (middle, high)
    return high


def _utc_offset(moment: int, zone: datetime.tzinfo) -> int:
    return (localise(moment, zone).utcoffset() or datetime.timedelta()) // datetime.timedelta(microseconds=1)


def _search(value: str, edges: list[int], low: int, high: int) -> str:
    """Return a binary search as nested CASEs: as fast as arithmetic, and buckets may differ in length."""
    if high - low == 1:
        return str(low)
    middle = (low + high) // 2
    below, above = _search(value, edges, low, middle), _search(value, edges, middle, high)
    return f"CASE WHEN {value} < {edges[middle]} THEN {below} ELSE {above} END"
