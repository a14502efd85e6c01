"""Counts units again from the rows, and compares them with what is stored, while events and queries go on."""
# Only SQL made here is composed.
# ruff: noqa: S608

import contextlib
import datetime
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from prisme.runtime.cancellation import Cancellation
from prisme.stats.rollups.unit_sql import VERSION, UnitCounter, find_recurring
from prisme.stats.sources import update_arrivals
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.maintenance import Maintenance, maintaining
from prisme.store.rollups import DAY, Ask, Unit, list_units, read_state

_PREFIX: Final = "cache.rollup_check_"
_RECURRING: Final = f"{_PREFIX}recurring"
# A unit that changes meanwhile is counted again, so often.
_TRIES: Final = 3
_DIFFERENCES: Final = """
SELECT 1 FROM (
    (SELECT * EXCLUDE (unit) FROM {part} WHERE unit = {number} EXCEPT ALL FROM {counted})
    UNION ALL (FROM {counted} EXCEPT ALL SELECT * EXCLUDE (unit) FROM {part} WHERE unit = {number})
) LIMIT 1
"""
_ORPHANS: Final = "SELECT 1 FROM {part} WHERE unit NOT IN (SELECT id FROM rollup.units) LIMIT 1"
_UNKNOWN: Final = (
    f"SELECT count(*) FROM {_RECURRING} WHERE visitor NOT IN (SELECT visitor FROM rollup.recurring_visitors)"
)


class Difference(NamedTuple):
    """A unit, from the day `first` up to `end`, excluded, with the parts that are not what the rows say."""

    first: datetime.date
    end: datetime.date
    parts: list[str]


class Findings(NamedTuple):
    """How many units were checked, those that changed meanwhile, and those that are wrong.

    `is_used` is false, and nothing is checked, where no figures are made of units now. `unknown` is the number of
    visitors who come back, and of whom that is not known; `orphans` are parts with rows of no unit.
    """

    checked: int
    changed: list[Unit]
    different: list[Difference]
    unknown: int
    orphans: list[str]
    is_used: bool = True


class UnitCheck:
    """Checks all units, for one thread. `tell` gets how many are done, of how many, and may raise to end it."""

    def __init__(self, database: Database, cancellation: Cancellation, tell: Callable[[int, int], None]) -> None:
        self._database = database
        self._cancellation = cancellation
        self._tell = tell

    def run(self) -> Findings:
        """Check them. Raises StoreError and UnavailableError, and what `tell` raises."""
        with maintaining(self._database, self._cancellation) as cursor:
            if not _is_used(cursor.ask):
                return Findings(0, [], [], 0, [], is_used=False)
            update_arrivals(cursor)
            counter = UnitCounter(cursor.ask, _PREFIX)
            try:
                return self._check_all(cursor, counter)
            finally:
                with contextlib.suppress(StoreError):
                    counter.drop()
                    cursor.ask(f"DROP TABLE IF EXISTS {_RECURRING}")

    def _check_all(self, cursor: Maintenance, counter: UnitCounter) -> Findings:
        units = list_units(cursor.ask)
        changed: list[Unit] = []
        different: list[Difference] = []
        for done, unit in enumerate(units):
            self._tell(done, len(units))
            parts = self._check(cursor, counter, unit)
            if parts is None:
                changed.append(unit)
            elif parts:
                different.append(Difference(unit.first, unit.end, parts))
        self._tell(len(units), len(units))
        unknown = self._count_unknown(cursor)
        orphans = [part for part in counter.tables if cursor.ask(_ORPHANS.format(part=part))]
        return Findings(len(units) - len(changed), changed, different, unknown, orphans)

    def _check(self, cursor: Maintenance, counter: UnitCounter, unit: Unit) -> list[str] | None:
        """The names of parts that differ; None if the unit is dropped, or changes again and again."""
        for _ in range(_TRIES):
            loads = self._database.load_log.done
            units = list_units(cursor.ask)
            if unit not in units:
                return None
            counter.create()
            found = _compare(cursor.ask, counter, unit, self._count(counter, unit, units))
            if unit in list_units(cursor.ask) and not self._has_changed(unit, loads):
                return found
        return None

    def _count(self, counter: UnitCounter, unit: Unit, units: Sequence[Unit]) -> bool:
        """Count a unit; gives its `has_named`."""
        within = [one for one in units if not one.is_month and unit.first <= one.first < unit.end]
        if unit.is_month:
            counter.count_month(within)
            return any(one.has_named for one in within)
        return counter.count(unit)

    def _has_changed(self, unit: Unit, loads: int) -> bool:
        """Whether rows of its days were changed since so many loads, or visitors have other numbers since."""
        lowest = self._database.load_log.since(loads, unit.start - DAY)
        return lowest is not None and lowest < unit.stop

    def _count_unknown(self, cursor: Maintenance) -> int:
        """How many visitors come back who are not known to, unless an import came meanwhile: then they will be."""
        find_recurring(cursor.ask, _RECURRING)
        ((count,),) = cursor.ask(_UNKNOWN)
        return int(count) if _is_used(cursor.ask) else 0


def _compare(ask: Ask, counter: UnitCounter, unit: Unit, has_named: bool) -> list[str]:
    found = [
        part.rpartition(".")[2]
        for part, counted in counter.tables.items()
        if ask(_DIFFERENCES.format(part=part, number=unit.id, counted=counted), {})
    ]
    return found if has_named == unit.has_named else [*found, "units"]


def _is_used(ask: Ask) -> bool:
    return read_state(ask) == (VERSION, True)
