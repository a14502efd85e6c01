"""The UTC offset of a time zone, and the moments at which it changes. All are integers, in microseconds."""

import datetime
import functools
import itertools
from collections.abc import Iterator
from typing import Final

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
# Every zone has kept each offset for longer since 1970: the shortest time is a week, in Brazil in 2000.
_STEADY: Final = 3 * 86_400 * 1_000_000
# Changes are found for a quarter at a time, and cached: those of a century in ten zones take some 1 MB.
_BLOCK: Final = 32 * _STEADY
_MOST_BLOCKS: Final = 4096


def localise(moment: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Convert a moment, since the Unix epoch, to the local time of a zone."""
    return (_EPOCH + datetime.timedelta(microseconds=moment)).astimezone(zone)


def utc_offset(moment: int, zone: datetime.tzinfo) -> int:
    """Return how far the zone's clock is ahead of UTC at a moment."""
    return (localise(moment, zone).utcoffset() or datetime.timedelta()) // _MICROSECOND


def find_changes(start: int, end: int, zone: datetime.tzinfo) -> Iterator[int]:
    """Yield each moment after `start`, up to and including `end`, from which the zone has another offset."""
    for block in range(start // _BLOCK, end // _BLOCK + 1):
        for change in _find_in_block(block, zone):
            if start < change <= end:
                yield change


@functools.lru_cache(_MOST_BLOCKS)
def _find_in_block(block: int, zone: datetime.tzinfo) -> tuple[int, ...]:
    edges = range(block * _BLOCK, (block + 1) * _BLOCK + 1, _STEADY)
    offsets = [utc_offset(edge, zone) for edge in edges]
    return tuple(
        _find_change(edges[number], edges[number + 1], zone)
        for number, (before, after) in enumerate(itertools.pairwise(offsets))
        if before != after
    )


def _find_change(low: int, high: int, zone: datetime.tzinfo) -> int:
    """Return the moment from which the zone has the offset that it has at `high`, and not the one at `low`."""
    offset = utc_offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if utc_offset(middle, zone) == offset else (middle, high)
    return high
