"""Makes the units of rollups, one after the other, while events and queries go on."""

import contextlib
import logging
import time
from typing import Final

from prisme.runtime.cancellation import Cancellation
from prisme.stats.rollups.plan import find_end, next_unit
from prisme.stats.rollups.unit_sql import VERSION, UnitCounter, find_recurring
from prisme.stats.sources import update_arrivals
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.maintenance import Maintenance, maintaining
from prisme.store.rollup_writer import RollupWriter
from prisme.store.rollups import Unit, list_units, read_state

# Where a unit was dropped, more may follow, as with an import: so many seconds are waited.
_AFTER_DROP: Final = 60.0
_RECURRING: Final = "cache.rollup_recurring"


class RollupBuilder:
    """Makes units up to what is over. Of several builders, one works at a time.

    `is_complete`: at the last look, nothing was left to make, and no day waited for its loads to end.
    """

    def __init__(self, database: Database, loader: Loader, log: logging.Logger) -> None:
        self._database = database
        self._writer = RollupWriter(database, loader)
        self._log = log
        self.is_complete = False

    def warm_up(self) -> None:
        """Name the arrivals that there are, so that the first query need not. Raises StoreError and StoppedError."""
        with maintaining(self._database) as cursor:
            update_arrivals(cursor)

    def build(self, now: int, at_once: bool = False, cancellation: Cancellation | None = None) -> bool:
        """Make what comes next. Gives whether there was anything to make; `now` is in microseconds.

        `at_once`: also what has just changed, and may change again. Raises StoreError and StoppedError, with nothing
        stored.
        """
        rollups = self._database.rollups
        with rollups.building:
            if not at_once and rollups.dropped_at and time.monotonic() - rollups.dropped_at < _AFTER_DROP:
                self.is_complete = False
                return False
            with maintaining(self._database, cancellation) as cursor:
                version, knows_recurring = read_state(cursor.ask)
                if version != VERSION:
                    self._writer.drop_all(VERSION)
                elif not knows_recurring:
                    self._find_recurring(cursor)
                else:
                    return self._build_next(cursor, now, at_once)
        return True

    def drop(self) -> None:
        """Drop all units. Raises StoreError."""
        with self._database.rollups.building:
            self._writer.drop_all(VERSION)

    def _build_next(self, cursor: Maintenance, now: int, at_once: bool) -> bool:
        log = self._database.load_log
        loads, units = log.done, list_units(cursor.ask)
        quiet, over = (find_end(log, now, is_any) for is_any in (at_once, True))
        unit = next_unit(cursor.ask, units, quiet)
        self.is_complete = unit is None and (quiet == over or next_unit(cursor.ask, units, over) is None)
        if unit is None:
            return False
        counter = UnitCounter(cursor.ask)
        began = time.monotonic()
        try:
            if not unit.is_month:
                update_arrivals(cursor)
            if self._count(counter, unit, units, loads):
                seconds = round(time.monotonic() - began, 3)
                self._log.debug("figures of %s to %s are kept", unit.first, unit.end, extra={"seconds": seconds})
        finally:
            with contextlib.suppress(StoreError):
                counter.drop()
        return True

    def _count(self, counter: UnitCounter, unit: Unit, units: list[Unit], loads: int) -> bool:
        """Count a unit, and store it. Gives false if a load changed it since so many `loads`."""
        counter.create()
        if unit.is_month:
            counter.count_month([one for one in units if unit.first <= one.first < unit.end])
        else:
            unit = unit._replace(has_named=counter.count(unit))
        return self._writer.add(unit, counter.tables, loads)

    def _find_recurring(self, cursor: Maintenance) -> None:
        imports = self._database.rollups.imports
        try:
            find_recurring(cursor.ask, _RECURRING)
            self._writer.set_recurring(_RECURRING, imports)
        finally:
            with contextlib.suppress(StoreError):
                cursor.ask(f"DROP TABLE IF EXISTS {_RECURRING}", {})
