"""Stores units of rollups, and drops all of them. Each change is one transaction, while events wait in the journal."""
# Only SQL made here, and by who calls this, is composed.
# ruff: noqa: S608

from collections.abc import Mapping
from typing import Final

from prisme.store.database import Database
from prisme.store.load_log import NOTHING
from prisme.store.loader import Loader
from prisme.store.maintenance import explaining
from prisme.store.rollups import DAY, PARTS, Unit, days_of_sessions

_FOLLOWING: Final = "SELECT coalesce(max(id), 0) + 1 FROM rollup.units"


class RollupWriter:
    """For one thread. The methods raise StoreError, with nothing changed."""

    def __init__(self, database: Database, loader: Loader) -> None:
        self._database = database
        self._loader = loader

    def add(self, unit: Unit, sources: Mapping[str, str], loads: int) -> bool:
        """Store a unit with a new number; `sources` are tables with the columns of `PARTS` but the first.

        Gives false, with nothing stored, if rows of its days were changed since so many `loads`, or visitors have other
        numbers since.
        """
        log = self._database.load_log
        with explaining(), self._loader.hold() as held:
            lowest = log.since(loads, unit.start - DAY)
            if lowest is not None and lowest < unit.stop:
                return False
            with held.transaction(NOTHING) as cursor:
                ((number,),) = cursor.execute(_FOLLOWING).fetchall()
                for part, source in sources.items():
                    cursor.execute(f"INSERT INTO {part} SELECT {number}, * FROM {source}")
                cursor.execute("INSERT INTO rollup.units VALUES (?, ?, ?, ?, ?)", [number, *unit[1:]])
            self._database.rollups.refresh(held.cursor)
        return True

    def drop_all(self, version: str) -> None:
        """Drop all units, and what is known of visitors, as those of another version are made from here on."""
        with explaining(), self._loader.hold() as held:
            with held.transaction() as cursor:
                for table in (*PARTS, "rollup.units", "rollup.recurring_visitors"):
                    cursor.execute(f"DELETE FROM {table}")
                cursor.execute("UPDATE rollup.state SET version = ?, knows_recurring = false", [version])
            self._database.rollups.refresh(held.cursor)

    def set_recurring(self, table: str, imports: int) -> None:
        """Store the recurring visitors, all of which a table has, and drop the units that counted them otherwise.

        Nothing is changed if there were more `imports` since they were looked for.
        """
        rollups = self._database.rollups
        new = f"SELECT visitor FROM {table} WHERE visitor NOT IN (SELECT visitor FROM rollup.recurring_visitors)"
        with explaining(), self._loader.hold() as held:
            if rollups.imports != imports:
                return
            has_new = held.cursor.execute(f"SELECT 1 FROM ({new}) LIMIT 1").fetchall()
            # Visitors have other numbers from here on: nothing that was counted by them holds.
            with held.transaction() as cursor:
                if has_new:
                    rollups.drop_changed(cursor, days_of_sessions(f"hash(visitor_id) IN ({new})"))
                    cursor.execute(f"INSERT INTO rollup.recurring_visitors {new}")
                cursor.execute("UPDATE rollup.state SET knows_recurring = true")
