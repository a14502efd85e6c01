"""Which part of a span the units of rollups count."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from prisme.stats.filters import DOMAIN, Filters
from prisme.stats.queries import Stats
from prisme.stats.rollups.unit_sql import VERSION
from prisme.store.rollups import DAY, SLOT, Unit, list_units, read_state

# Units count all rows of their days: only the domain of a row tells whether it counts.
_NARROWING: Final = frozenset((DOMAIN,))


class Cover(NamedTuple):
    """From `start` to `end` (microseconds), all is in units that follow each other, or there are no rows.

    Lists are counted from the rows up to `edge`, and from there on by the `units`, as few as possible. `has_named`:
    visitors with other ids than generated ones may be among the visitors.
    """

    start: int
    edge: int
    end: int
    units: list[Unit]
    has_named: bool


def find_cover(stats: Stats, filters: Filters, start: int, end: int, edges: Sequence[int] = ()) -> Cover | None:
    """The longest cover that begins at `start`, of the part of a span that ends at `end`, both in microseconds.

    None if there is none, or if the filters, or the `edges` of buckets, do not allow one. Raises UnavailableError.
    """
    if not _NARROWING.issuperset(filters) or end - start < DAY:
        return None
    units = list_units(stats.reader.ask)
    days = _find_run(stats, [unit for unit in units if not unit.is_month], start, end)
    if not days or read_state(stats.reader.ask) != (VERSION, True):
        return None
    if any(edge % SLOT for edge in (start, *edges) if start <= edge < days[-1].stop):
        return None
    whole = [unit for unit in days if unit.start >= start]
    if whole and 0 < whole[0].start - start < DAY:
        # A visitor of the rows before may come again on the unit's first day, and the unit does not tell whether.
        whole = whole[1:]
    edge = whole[0].start if whole else days[-1].stop
    months = [unit for unit in units if unit.is_month]
    return Cover(start, edge, days[-1].stop, _merge(whole, months), any(unit.has_named for unit in days))


def _find_run(stats: Stats, days: Sequence[Unit], start: int, end: int) -> list[Unit]:
    """The units that follow each other from the start on, as far as they end before the end."""
    later = [unit for unit in days if unit.stop > start and unit.stop <= end]
    run = later[:1]
    for before, unit in pairwise(later):
        if before.stop != unit.start:
            break
        run.append(unit)
    if run and run[0].start > start and stats.next_row({}, start, run[0].start) < run[0].start:
        return []
    return run


def _merge(days: Sequence[Unit], months: Sequence[Unit]) -> list[Unit]:
    """Months in the place of their units, where all of these are there."""
    if not days:
        return []
    chosen = [month for month in months if days[0].first <= month.first and month.end <= days[-1].end]
    others = (unit for unit in days if not any(month.first <= unit.first < month.end for month in chosen))
    return sorted((*chosen, *others), key=lambda unit: unit.first)
