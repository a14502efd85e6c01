"""Rollups: counts of whole days that are over, kept in the file. Which there are, and what drops them.

A unit counts some whole days (UTC). It is made in the background (`stats/rollups/builder.py`), and dropped in the
transaction that changes a row which it counts. So whoever reads it in a transaction finds what the rows would say.
It also looks at the rows of the day before its first one, whose visits may go on.
"""
# Only SQL made here, and by who calls this, is composed; values are bound.
# ruff: noqa: S608

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import duckdb

from prisme.base.timexpr import SECOND
from prisme.store.schema import EVENT_TABLES
from prisme.store.schema import TABLES as TABLES_OF_VISITS
from prisme.store.visitor_ids import GENERATED_FORM

# Runs a query with parameters, and returns its rows.
Ask = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]


# Microseconds. Zones whose clocks differ by quarters of an hour have to be counted from the rows.
SLOT: Final = 1800 * SECOND
DAY: Final = 86_400 * SECOND
# What units consist of, each with the number of its unit as its first column.
PARTS: Final = ("rollup.slots", "rollup.visitors", "rollup.named_visitors", "rollup.keys", "rollup.arrivals")
# What is derived from other tables, and is in no backup.
TABLES: Final = (*PARTS, "rollup.units", "rollup.recurring_visitors", "rollup.state")
# The days that a load changes: of its events, and of the entries of their sessions.
DAYS_OF_LINES: Final = """
SELECT CAST(exit_timestamp AS DATE) AS day FROM line WHERE kind IS NOT NULL
UNION SELECT CAST(entry_timestamp AS DATE) FROM line WHERE kind IS NOT NULL
"""
_EPOCH: Final = datetime.date(1970, 1, 1)
_UNITS: Final = 'SELECT id, "first", "end", is_month, has_named FROM rollup.units ORDER BY "first", "end"'
_UNTIL: Final = 'SELECT max("end") FROM rollup.units'
# Backups have none of it. What visitors of theirs may come back has to be found out.
_COMPLETE: Final = "INSERT INTO rollup.state SELECT '', false WHERE NOT EXISTS (FROM rollup.state)"
_HAS_GENERATED: Final = f"SELECT 1 FROM {{table}} WHERE {GENERATED_FORM} LIMIT 1"


class Unit(NamedTuple):
    """From the day `first` up to `end`, excluded. A month has keys only; `has_named`: visitors with other ids came."""

    id: int
    first: datetime.date
    end: datetime.date
    is_month: bool
    has_named: bool

    @property
    def start(self) -> int:
        """When it begins, in microseconds."""
        return moment(self.first)

    @property
    def stop(self) -> int:
        """When it ends, in microseconds."""
        return moment(self.end)


class Rollups:
    """What is known of the units of the open file. `until`: no unit ends later (microseconds).

    `dropped_at` is when one was dropped last (monotonic), and 0 for never; `imports` counts what brought generated ids.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.dropped_at = 0.0
        self.imports = 0
        # Held by whoever makes units, from the look at those that there are.
        self.building = threading.Lock()
        cursor.execute(_COMPLETE)
        self.refresh(cursor)

    def refresh(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """To be called once units were made, or another file is open."""
        ((until,),) = cursor.execute(_UNTIL).fetchall()
        self.until = 0 if until is None else moment(until)

    def drop_changed(
        self, cursor: duckdb.DuckDBPyConnection, days: str, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Drop the units that a transaction changes; `days` is a query of the changed ones, with the column `day`.

        To be called within the transaction, where it may change rows before `until`.
        """
        if not self.until:
            return
        query = f'SELECT DISTINCT id FROM rollup.units JOIN ({days}) ON day >= "first" - 1 AND day < "end"'
        found = cursor.execute(query, parameters or {})
        drop_units(cursor, [number for (number,) in found.fetchall()])
        self.dropped_at = time.monotonic()

    def note_import(self, cursor: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> bool:
        """Look for recurring visitors again, if any of the tables has generated ids: they are of another server.

        To be called within the transaction that brings them. Until those are known, nobody uses any unit. Gives whether
        they were known: then visitors have other numbers from here on, and nothing that was counted by them holds.
        """
        if not any(cursor.execute(_HAS_GENERATED.format(table=table)).fetchall() for table in tables):
            return False
        self.imports += 1
        ((changed,),) = cursor.execute(
            "UPDATE rollup.state SET knows_recurring = false WHERE knows_recurring"
        ).fetchall()
        return bool(changed)


def moment(day: datetime.date) -> int:
    """When a day begins, in microseconds."""
    return (day - _EPOCH).days * DAY


def day_of(moment: int) -> datetime.date:
    """The day of a moment in microseconds."""
    return _EPOCH + datetime.timedelta(days=moment // DAY)


def days_of_sessions(condition: str) -> str:
    """A query for `drop_changed`: the days of all rows of some sessions; `condition` is one on `session_uuid`."""
    events = (f'SELECT CAST("timestamp" AS DATE) FROM {table} WHERE {condition}' for table in EVENT_TABLES)
    return " UNION ".join((f"SELECT CAST(entry_timestamp AS DATE) AS day FROM sessions WHERE {condition}", *events))


def list_recurring(cursor: duckdb.DuckDBPyConnection, condition: str, parameters: Mapping[str, Any]) -> list[int]:
    """Those of the recurring visitors who have rows in some sessions; `condition` is one on `session_uuid`."""
    if not cursor.execute("SELECT 1 FROM rollup.recurring_visitors LIMIT 1").fetchall():
        return []
    rows = " UNION ALL ".join(f"SELECT hash(visitor_id) FROM {table} WHERE {condition}" for table in TABLES_OF_VISITS)
    found = cursor.execute(f"SELECT visitor FROM rollup.recurring_visitors WHERE visitor IN ({rows})", parameters)
    return [visitor for (visitor,) in found.fetchall()]


def forget_recurring(cursor: duckdb.DuckDBPyConnection, visitors: Sequence[int]) -> None:
    """Forget recurring visitors who have no rows any more, of these; within the transaction that deleted rows."""
    if visitors:
        left = " UNION ALL ".join(f"SELECT hash(visitor_id) FROM {table}" for table in TABLES_OF_VISITS)
        cursor.execute(
            "DELETE FROM rollup.recurring_visitors "
            f"WHERE visitor IN (SELECT unnest($visitors::UBIGINT[])) AND visitor NOT IN ({left})",
            {"visitors": list(visitors)},
        )


def list_units(ask: Ask) -> list[Unit]:
    """All units, by their first day."""
    return [Unit(*row) for row in ask(_UNITS, {})]


def read_state(ask: Ask) -> tuple[str, bool]:
    """The version of the units, and whether all recurring visitors are known."""
    ((version, knows_recurring),) = ask("SELECT version, knows_recurring FROM rollup.state", {})
    return version, knows_recurring


def outside_of(units: Iterable[Unit], column: str) -> str:
    """The condition that the time in a column is in none of the units."""
    runs: list[list[int]] = []
    for unit in units:
        if runs and runs[-1][1] == unit.start:
            runs[-1][1] = unit.stop
        elif not unit.is_month:
            runs.append([unit.start, unit.stop])
    return (
        " AND ".join(
            f"({column} < make_timestamp({start}) OR {column} >= make_timestamp({stop}))" for start, stop in runs
        )
        or "true"
    )


def drop_units(cursor: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> None:
    """Drop units by their numbers, within a transaction."""
    if numbers:
        chosen = ", ".join(map(str, numbers))
        for part in PARTS:
            cursor.execute(f"DELETE FROM {part} WHERE unit IN ({chosen})")
        cursor.execute(f"DELETE FROM rollup.units WHERE id IN ({chosen})")
