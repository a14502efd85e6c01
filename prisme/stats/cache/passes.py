"""A long part of a span is counted in passes of whole days: each fits into memory, and is kept if the next is late."""

from typing import Final

from prisme.base.timexpr import SECOND, floor, step
from prisme.stats.queries import Stats
from prisme.stats.selection import Selection

_DAY: Final = 86_400 * SECOND
# The first pass: so few pageviews are counted in a second even where the processor is busy.
_FIRST_PAGEVIEWS: Final = 1_000_000
# A pass is to take this part of the deadline at most, so that little is lost to it.
_DEADLINE_SHARE: Final = 6
# What DuckDB needs for a pageview or event that counts, with room for what it does not spill to the disk.
_ROW_BYTES: Final = 96
# A pass is at most so many times as long as the one before.
_GROWTH: Final = 6.0
_ROWS_AND_TIMES: Final = 'SELECT count(*), epoch_us(min("timestamp")), epoch_us(max("timestamp")) FROM pageviews'


class Passes:
    """The lengths of the passes of one selection, by what the ones before took."""

    def __init__(self, stats: Stats, selection: Selection, memory: int) -> None:
        """`memory` is that of DuckDB, in bytes. Raises UnavailableError."""
        self._zone = selection.zone
        self._seconds = stats.reader.deadline / _DEADLINE_SHARE
        self._rows = max(memory // _ROW_BYTES, 1)
        ((rows, first, last),) = stats.reader.ask(_ROWS_AND_TIMES, {})
        self._days = _FIRST_PAGEVIEWS * ((last - first) / _DAY) / rows if rows else 1.0

    def end(self, start: int, cut: int) -> int:
        """The end of the pass that begins at `start`, in microseconds: the start of a day, or the cut."""
        end = start + max(int(self._days), 1) * _DAY
        if end >= cut:  # of few rows, it may be after the last moment that there is
            return cut
        end = floor(end, "d", self._zone)
        if end <= start:  # a day of 25 hours
            end = step(floor(start, "d", self._zone), "d", 1, self._zone)
        return min(end, cut)

    def lengthen(self, length: int, seconds: float, rows: int) -> None:
        """Choose the next length, after a pass of `length` microseconds that took so long and counted so much."""
        by_time, by_rows = self._seconds / max(seconds, 0.001), self._rows / max(rows, 1)
        self._days = length / _DAY * min(by_time, by_rows, _GROWTH)

    def shorten(self, length: int) -> bool:
        """Choose less than a `length` (microseconds) that needed too much memory; false if that is impossible."""
        self._days = length / _DAY / 4
        self._rows //= 2
        return length > _DAY * 3 // 2
