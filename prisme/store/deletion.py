"""Deletes visits, or their events on some paths, in steps of whole visits; then imported figures. For one thread at a
time.

`choose` notes the visits in a table in memory, so that none is meant that comes later. Raises StoreError and
UnavailableError.
"""
# Only SQL made by this package and `stats` is composed; values are bound.
# ruff: noqa: S608

import contextlib
import importlib.resources
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.load_log import NOTHING
from prisme.store.loader import Loader
from prisme.store.reader import Reader
from prisme.store.rollups import days_of_sessions, forget_recurring, list_recurring
from prisme.store.schema import ALL_TABLES, EVENT_TABLES, FIGURES, TABLES
from prisme.store.write_connection import Held

# A transaction keeps 10 bytes for each row that it deletes, beside DuckDB's memory limit.
STEP_VISITS: Final = 250_000
STEP_FIGURES: Final = 1_000_000
_DEADLINE = 24 * 3600.0  # seconds
_PARAMETER = re.compile(r"\$(\w+)")
_CHOSEN = "cache.deletion"
_REMAINDER, *_RENEW = (
    text
    for text in (importlib.resources.files("prisme.store") / "renew_visits.sql").read_text().split(";\n")
    if text.strip()
)
_OF_STEP = f"session_uuid IN (SELECT session_uuid FROM {_CHOSEN} WHERE step = $step)"
_OF_IMPORT = "session_uuid IN (SELECT session_uuid FROM sessions WHERE imported = $name)"
_IS_LEFT = f"""
(SELECT 1 FROM sessions WHERE imported = $name LIMIT 1)
UNION ALL (SELECT 1 FROM {FIGURES} WHERE imported = $name LIMIT 1)
"""
_OPEN = f"""
SELECT CAST(session_uuid AS VARCHAR) FROM sessions SEMI JOIN {_CHOSEN} USING (session_uuid)
WHERE (exit_timestamp > make_timestamp($active) AND entry_timestamp > make_timestamp($entry))
    OR session_uuid IN (SELECT session_uuid FROM state.open_sessions)
"""


class Choice(NamedTuple):
    """SQL conditions, with their `parameters`; None for any.

    `of_visit` is on the rows of `sessions`. `of_any_row` has to hold for one row of a visit in any table. With
    `of_path`, only the rows of `EVENT_TABLES` are meant for which it holds, without it whole visits. `of_figure` is on
    the rows of imported figures, none of which is meant without it.
    """

    of_visit: str | None
    of_any_row: str | None
    of_path: str | None
    of_figure: str | None
    parameters: Mapping[str, Any]

    @property
    def condition(self) -> str:
        """What holds for the rows of `sessions` that are meant."""
        conditions = [self.of_visit] if self.of_visit else []
        if self.of_any_row:
            conditions.append(f"session_uuid IN (SELECT session_uuid FROM ({_union(self.of_any_row, TABLES)}))")
        if self.of_path:
            conditions.append(f"session_uuid IN (SELECT session_uuid FROM ({_union(self.of_path)}))")
        return " AND ".join(f"({one})" for one in conditions) or "true"


def of_import(name: str) -> Choice:
    """All that an import has brought."""
    return Choice("imported = $name", None, None, "imported = $name", {"name": name})


class Counts(NamedTuple):
    """Rows deleted, by table of `ALL_TABLES`, and visits of which something is left."""

    rows: dict[str, int]
    changed: int


class Deletion:
    """The visits that are chosen now; the table in memory is dropped when the `with` block ends."""

    def __init__(self, database: Database, loader: Loader, choice: Choice, cancellation: Cancellation) -> None:
        self._database = database
        self._loader = loader
        self._choice = choice
        self._cancellation = cancellation

    def __enter__(self) -> "Deletion":
        self._drop()
        query = f"""
            CREATE TABLE {_CHOSEN} AS
            SELECT session_uuid, (row_number() OVER (ORDER BY session_uuid) - 1) // {STEP_VISITS} AS step
            FROM sessions WHERE {self._choice.condition}
        """
        try:
            with self._read() as reader:
                reader.keep(query, self._used_by(query))
                self.visits = int(reader.keep(f"SELECT count(*) FROM {_CHOSEN}", {})[0][0])
                self._figures = self._count_figures(reader)
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def count(self) -> Counts:
        """What `steps` would delete now."""
        path = self._choice.of_path
        chosen = f"session_uuid IN (SELECT session_uuid FROM {_CHOSEN})"
        with self._read() as reader:
            rows = {}
            for table in EVENT_TABLES:
                query = f"SELECT count(*) FROM {table} WHERE {chosen} AND ({path or 'true'})"
                rows[table] = int(reader.ask(query, self._used_by(query))[0][0])
            changed = 0
            if path:
                left = _union(f"{chosen} AND NOT ({path})")
                query = f"SELECT count(DISTINCT session_uuid) FROM ({left})"
                changed = int(reader.ask(query, self._used_by(query))[0][0])
        return Counts({"sessions": self.visits - changed, **rows, FIGURES: self._figures}, changed)

    def open_visits(self, active: int, entry: int) -> list[str]:
        """The uuids of those that may be open: with an event after `active`, and begun after `entry` (microseconds)."""
        with self._read() as reader:
            return [uuid for (uuid,) in reader.ask(_OPEN, {"active": active, "entry": entry})]

    def steps(self) -> Iterator[tuple[int, Counts]]:
        """Delete. Gives, after each transaction, how many visits it was about and what it deleted."""
        for step in range(-(-self.visits // STEP_VISITS)):
            with _explaining(), self._loader.hold() as held, _interruptible(held, self._cancellation):
                counts = self._delete(held, step)
            yield min(STEP_VISITS, self.visits - step * STEP_VISITS), counts
        for _ in range(-(-self._figures // STEP_FIGURES)):
            yield 0, Counts(dict.fromkeys(TABLES, 0) | {FIGURES: self._delete_figures()}, 0)

    def _count_figures(self, reader: Reader) -> int:
        query = f"SELECT count(*) FROM {FIGURES} WHERE {self._choice.of_figure or 'false'}"
        return int(reader.ask(query, self._used_by(query))[0][0])

    def _delete_figures(self) -> int:
        """One step."""
        query = f"""
            DELETE FROM {FIGURES} WHERE rowid IN (
                SELECT rowid FROM {FIGURES} WHERE {self._choice.of_figure} LIMIT {STEP_FIGURES}
            )
        """
        with (
            _explaining(),
            self._loader.hold() as held,
            _interruptible(held, self._cancellation),
            held.transaction() as cursor,
        ):
            return _count(cursor, query, self._used_by(query))

    def _delete(self, held: Held, step: int) -> Counts:
        with held.transaction() as cursor:
            self._database.rollups.drop_changed(cursor, days_of_sessions(_OF_STEP), {"step": step})
            recurring = list_recurring(cursor, _OF_STEP, {"step": step})
            rows = {table: self._delete_from(cursor, table, self._choice.of_path, step) for table in EVENT_TABLES}
            changed = 0
            if self._choice.of_path:
                cursor.execute(_REMAINDER, {"step": step})
                changed = _count(cursor, _RENEW[0])
                rows["sessions"] = _count(cursor, _RENEW[1], {"step": step})
                cursor.execute(_RENEW[2])
            else:
                rows["sessions"] = self._delete_from(cursor, "sessions", None, step)
            cursor.execute(f"DELETE FROM state.open_sessions WHERE {_OF_STEP}", {"step": step})
            forget_recurring(cursor, recurring)
        return Counts({table: rows.get(table, 0) for table in ALL_TABLES}, changed)

    def _delete_from(self, cursor: duckdb.DuckDBPyConnection, table: str, condition: str | None, step: int) -> int:
        query = f"DELETE FROM {table} WHERE {_OF_STEP} AND ({condition or 'true'})"
        return _count(cursor, query, {"step": step, **self._used_by(query)})

    def _used_by(self, query: str) -> dict[str, Any]:
        """The parameters that a query names: DuckDB refuses any other."""
        used = set(_PARAMETER.findall(query))
        return {name: value for name, value in self._choice.parameters.items() if name in used}

    def _read(self) -> Reader:
        return Reader(self._database, _DEADLINE, cancellation=self._cancellation)

    def _drop(self) -> None:
        with contextlib.suppress(duckdb.Error), self._database.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {_CHOSEN}")


def forget_import(database: Database, loader: Loader, name: str) -> None:
    """Delete the row of an import, once its visits and figures are deleted, and what came of them since."""
    with _explaining(), loader.hold() as held:
        is_left = held.cursor.execute(_IS_LEFT, {"name": name}).fetchall()
        with held.transaction(None if is_left else NOTHING) as cursor:
            if is_left:
                database.rollups.drop_changed(cursor, days_of_sessions(_OF_IMPORT), {"name": name})
                for table in EVENT_TABLES:
                    cursor.execute(f"DELETE FROM {table} WHERE {_OF_IMPORT}", {"name": name})
                for table in ("sessions", FIGURES):
                    cursor.execute(f"DELETE FROM {table} WHERE imported = $name", {"name": name})
            cursor.execute("DELETE FROM state.imports WHERE name = $name", {"name": name})


def _union(condition: str, tables: tuple[str, ...] = EVENT_TABLES) -> str:
    return " UNION ALL ".join(f"SELECT session_uuid FROM {table} WHERE {condition}" for table in tables)


def _count(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any] | None = None) -> int:
    """The number of rows that a statement changes."""
    row = cursor.execute(query, parameters or {}).fetchone()
    return int(row[0]) if row else 0


@contextlib.contextmanager
def _interruptible(held: Held, cancellation: Cancellation) -> Iterator[None]:
    stop = held.cursor.interrupt
    cancellation.attach(stop)
    try:
        yield
    finally:
        cancellation.detach(stop)


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        cause = str(error).partition("\n")[0]
        raise StoreError(f"the database cannot be changed now: {cause}. This step was undone") from error
