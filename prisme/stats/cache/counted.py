"""Whether what was counted up to some time still holds for another end, although loads came in between."""

from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND
from prisme.stats.filters import Filters
from prisme.stats.queries import Stats
from prisme.store.load_log import LoadLog

# Microseconds in which the next row is looked for, and the least distance of rows that makes it worth it.
_AHEAD: Final = 3600 * SECOND
_SPARSE: Final = 2 * SECOND


class Counted(NamedTuple):
    """What was counted after so many loads, from `start` to `end`.

    No row was after `latest`, or from `end` up to `following`.

    All times are in microseconds.
    """

    loads: int
    start: int
    end: int
    latest: int
    following: int


def note_counted(stats: Stats, loads: LoadLog, filters: Filters, start: int, end: int, rows: int) -> Counted:
    """Return what has to be known of `rows` rows that were just counted from `start` up to `end` (microseconds)."""
    latest = loads.highest
    following = end
    # A span that is compared ends in the past, and moves on with each request.
    if end <= latest and rows * _SPARSE <= max(end - start, _SPARSE):
        following = stats.next_row(filters, end, end + _AHEAD)
    return Counted(stats.reader.loads, start, end, latest, following)


def still_holds(counted: Counted, stats: Stats, loads: LoadLog, filters: Filters, end: int) -> bool:
    """Whether the same would be counted up to this end (microseconds)."""
    number = min(counted.loads, stats.reader.loads)
    if loads.latest(stats.concerns(filters)) > number:
        lowest = loads.since(number, counted.start)
        if lowest is not None and lowest < max(counted.end, end):
            return False
    is_over = counted.latest < min(counted.end, end)
    return is_over or counted.end <= end <= counted.following
