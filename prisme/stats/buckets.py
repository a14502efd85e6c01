"""SQL expressions for the bucket of a series, and for the hour of the week, that a row falls into."""

import datetime
import itertools
from typing import Final

from prisme.base.offsets import find_changes, utc_offset
from prisme.base.timexpr import SECOND
from prisme.stats.columns import time_column

_HOUR: Final = 3600 * SECOND
# Weekday (1 is Monday) and hour.
WEEK: Final = [f"{weekday}-{hour:02d}" for weekday in range(1, 8) for hour in range(24)]


def bucket_number(table: str, edges: list[int]) -> str:
    """Return an expression: the number of the bucket of a table's row, which has to be within the edges.

    It is as long as there are runs of equally long buckets. DuckDB takes seconds to plan one of thousands of CASEs.
    """
    microseconds = f"epoch_us({time_column(table)})"
    widths = [after - before for before, after in itertools.pairwise(edges)]
    starts, numbers, first = list[int](), list[str](), 0
    for width, run in itertools.groupby(widths):
        length = len(list(run))
        within = f"({microseconds} - {edges[first]}) // {width} + " if length > 1 else ""
        starts.append(edges[first])
        numbers.append(f"{within}{first}")
        first += length
    return _search(microseconds, starts, numbers)


def hour_of_week(start: int, end: int, zone: datetime.tzinfo) -> str:
    """Return an expression: the index in `WEEK` of a pageview's hour, by the zone's clock.

    The pageview has to be between `start` and `end`, in microseconds.
    """
    starts = [start, *find_changes(start, end, zone)]
    offsets = [str(utc_offset(moment, zone)) for moment in starts]
    hour = f"(epoch_us(timestamp) + {_search('epoch_us(timestamp)', starts, offsets)}) // {_HOUR}"
    # 1970 began on a Thursday.
    return f"({hour} + 3 * 24) % {len(WEEK)}"


def _search(value: str, starts: list[int], results: list[str]) -> str:
    """Return a binary search as nested CASEs: the result of the last start that is not above the value."""
    if len(starts) == 1:
        return results[0]
    middle = len(starts) // 2
    below, above = (_search(value, starts[part], results[part]) for part in (slice(None, middle), slice(middle, None)))
    return f"CASE WHEN {value} < {starts[middle]} THEN {below} ELSE {above} END"
