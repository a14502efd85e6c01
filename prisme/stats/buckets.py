"""SQL expressions for the bucket of a series, and for the hour of the week, that a row falls into."""

import datetime
import itertools
from collections.abc import Callable
from typing import Any, Final

from prisme.base.offsets import find_changes, utc_offset
from prisme.base.timexpr import SECOND
from prisme.stats.columns import time_column
from prisme.stats.dialect import Dialect

_HOUR: Final = 3600 * SECOND
# DuckDB plans a query of 100 CASEs in 50 ms, of 1000 in a second; with a list of edges, always in 50 ms. Few CASEs are
# the faster ones to run.
_MOST_CASES: Final = 64
# Weekday (1 is Monday) and hour.
WEEK: Final = [f"{weekday}-{hour:02d}" for weekday in range(1, 8) for hour in range(24)]


def bucket_number(table: str, edges: list[int], bind: Callable[[Any], str], dialect: Dialect) -> str:
    """Return an expression: the number of the bucket of a table's row, which has to be within the edges.

    `bind` binds a value to a parameter and returns its name.
    """
    microseconds = dialect.microseconds(time_column(table))
    widths = [after - before for before, after in itertools.pairwise(edges)]
    # The buckets that are not as long as the one before.
    firsts = [0, *(number for number in range(1, len(widths)) if widths[number] != widths[number - 1])]
    width = (edges[-1] - edges[0]) // len(widths) + 1
    if len(firsts) > _MOST_CASES and _is_near(edges, width):
        return _correct(microseconds, edges[0], width, bind(edges), dialect)
    starts = [edges[number] for number in firsts]
    numbers = [
        f"{dialect.divide(f'({microseconds} - {edges[number]})', widths[number])} + {number}" for number in firsts
    ]
    return _search(microseconds, starts, numbers)


def _is_near(edges: list[int], width: int) -> bool:
    """Whether a bucket's number is at most one off if all were as long as `width`."""
    return all(
        abs((moment - edges[0]) // width - number) <= 1
        for number, (start, end) in enumerate(itertools.pairwise(edges))
        for moment in (start, end - 1)
    )


def _correct(value: str, start: int, width: int, edges: str, dialect: Dialect) -> str:
    """Return an expression: the number of a bucket by a width that is near enough, corrected by the list of edges."""
    number = f"({dialect.divide(f'({value} - {start})', width)})"
    # Lists begin with 1.
    return (
        f"{number} + CASE WHEN {value} < {edges}[{number} + 1] THEN -1 WHEN {value} >= {edges}[{number} + 2] THEN 1 "
        "ELSE 0 END"
    )


def hour_of_week(start: int, end: int, zone: datetime.tzinfo, dialect: Dialect) -> str:
    """Return an expression: the index in `WEEK` of a pageview's hour, by the zone's clock.

    The pageview has to be between `start` and `end`, in microseconds.
    """
    starts = [start, *find_changes(start, end, zone)]
    offsets = [dialect.signed(str(utc_offset(moment, zone))) for moment in starts]
    microseconds = dialect.microseconds(time_column("pageviews"))
    hour = dialect.divide(f"({microseconds} + {_search(microseconds, starts, offsets)})", _HOUR)
    # 1970 began on a Thursday.
    return f"({hour} + 3 * 24) % {len(WEEK)}"


def _search(value: str, starts: list[int], results: list[str]) -> str:
    """Return a binary search as nested CASEs: the result of the last start that is not above the value."""
    if len(starts) == 1:
        return results[0]
    middle = len(starts) // 2
    below, above = (_search(value, starts[part], results[part]) for part in (slice(None, middle), slice(middle, None)))
    return f"CASE WHEN {value} < {starts[middle]} THEN {below} ELSE {above} END"
