"""What there is of rollups, and what is missing."""

import datetime
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from prisme.stats.rollups.plan import Gap, choose_unit, find_gaps
from prisme.stats.rollups.unit_sql import VERSION
from prisme.store.rollups import TABLES, Ask, Unit, day_of, list_units, read_state

# Blocks that tables share count for each, so it is an upper bound.
_BLOCKS: Final = """
SELECT count(DISTINCT block_id) * (SELECT max(block_size) FROM pragma_database_size() WHERE database_name = 'prisme')
FROM ({tables}) WHERE persistent AND block_id >= 0
"""


class Reason(StrEnum):
    """Why days are in no unit."""

    DUE = "due"  # it is made next
    RECENT = "recent"  # loads have just changed these days, or ones before
    FEW = "few"  # of few pageviews, it is made at the end of the month


class Missing(NamedTuple):
    """Days in no unit: from `first` up to `end`, excluded."""

    first: datetime.date
    end: datetime.date
    reason: Reason


class Survey(NamedTuple):
    """`units` are all units, `is_current`: they are of this version; `knows_recurring` as in `rollup.state`."""

    units: list[Unit]
    missing: list[Missing]
    is_current: bool
    knows_recurring: bool

    @property
    def is_complete(self) -> bool:
        """Whether all that can be counted ahead is, and is used."""
        reasons = {one.reason for one in self.missing}
        return self.is_current and self.knows_recurring and reasons <= {Reason.FEW}


def survey(ask: Ask, over: int, quiet: int) -> Survey:
    """Look at all units. Days are `over` and `quiet` up to these moments, in microseconds. Raises what `ask` raises."""
    version, knows_recurring = read_state(ask)
    units = list_units(ask)
    return Survey(units, _merge(_find_missing(ask, units, over, day_of(quiet))), version == VERSION, knows_recurring)


def measure(ask: Ask) -> int:
    """The bytes of the file that rollups take, at most; not those that are in the write-ahead log yet."""
    tables = " UNION ALL ".join(f"SELECT block_id, persistent FROM pragma_storage_info('{table}')" for table in TABLES)  # noqa: S608  # names of ours
    ((size,),) = ask(_BLOCKS.format(tables=tables), {})
    return int(size)


def _find_missing(ask: Ask, units: Sequence[Unit], over: int, quiet: datetime.date) -> Iterator[Missing]:
    for gap in find_gaps(ask, units, over):
        end = min(gap.end, quiet)
        if gap.first < end:
            is_due = choose_unit(ask, Gap(gap.first, end, gap.is_closed and end == gap.end)) is not None
            yield Missing(gap.first, end, Reason.DUE if is_due else Reason.FEW)
        if max(gap.first, end) < gap.end:
            yield Missing(max(gap.first, end), gap.end, Reason.RECENT)


def _merge(found: Iterator[Missing]) -> list[Missing]:
    """Those that follow each other as one, where the reason is the same."""
    merged: list[Missing] = []
    for one in found:
        if merged and merged[-1].end == one.first and merged[-1].reason == one.reason:
            merged[-1] = merged[-1]._replace(end=one.end)
        else:
            merged.append(one)
    return merged
