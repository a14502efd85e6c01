"""Questions to the tables, from any thread, with an end: none keeps the database busy for ever."""

import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import duckdb

from prisme.store.database import Database

Row = tuple[Any, ...]
_LOST = (duckdb.FatalException, duckdb.ConnectionException)


class LateError(Exception):
    """The answers did not come in time; `seconds` is how long they might have taken."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the answer took over {seconds:g} s: ask for less time, or with fewer filters")


class LostError(Exception):
    """The database fails until it is opened anew, which its writer does (`Database.reopen`)."""


class FullError(Exception):
    """DuckDB's memory has no room for a table in memory."""


class Reader:
    """Reads alone, and within a `with`: all of its questions see the same rows. For one thread.

    They see what the first `loads` loads stored, and perhaps what those did that came while the reader was made.
    `deadline` is in seconds, for all of them together, from `began` on (monotonic; without it, from the first one).
    """

    def __init__(self, database: Database, deadline: float, began: float | None = None) -> None:
        self._database = database
        self._deadline = deadline
        self._began = began
        self._late = False
        self._keeper: duckdb.DuckDBPyConnection | None = None
        self.loads = 0
        # Whether it has read tables of `kept`: it sees none that are created later.
        self.has_read_cache = False

    def __enter__(self) -> "Reader":
        self.loads = self._database.touched.done
        self._cursor = self._open()
        try:
            self._cursor.begin()
            self._cursor.execute("SELECT version FROM schema_version")  # from here on, nothing new is seen
        except _LOST as error:
            self._close(self._cursor)
            raise LostError from error
        waited = 0.0 if self._began is None else time.monotonic() - self._began
        self._timer = threading.Timer(max(self._deadline - waited, 0), self._interrupt)
        self._timer.daemon = True
        self._timer.start()
        return self

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of one query, which names its parameters `$name`. Raises `LateError` and `LostError`."""
        return self._run(self._cursor, query, parameters)

    def keep(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Do something with tables of `kept`, apart from the transaction. Raises `LateError` and `FullError`."""
        if self._keeper is None:
            self._keeper = self._open()
        try:
            return self._run(self._keeper, query, parameters)
        except duckdb.OutOfMemoryException as error:
            raise FullError from error

    def drop(self, tables: Iterable[str]) -> None:
        """Forget tables of `kept`; it takes no time, and is done however late it is."""
        try:
            with self._database.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"DROP TABLE IF EXISTS {table}")
        except _LOST as error:  # and all tables with it
            raise LostError from error

    def _run(self, cursor: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        if self._late or self._database.stopping:
            raise LateError(self._deadline)
        try:
            return cursor.execute(query, dict(parameters)).fetchall()
        except duckdb.InterruptException as error:
            raise LateError(self._deadline) from error
        except _LOST as error:
            raise LostError from error

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            self._database.widen()
            cursor = self._database.cursor()
        except _LOST as error:
            raise LostError from error
        self._database.reading.add(cursor)
        return cursor

    def _close(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._database.reading.discard(cursor)
        cursor.close()  # which ends the transaction

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()  # an interrupt that is under way needs the cursor
        for cursor in filter(None, (self._cursor, self._keeper)):
            self._close(cursor)

    def _interrupt(self) -> None:
        self._late = True
        for cursor in filter(None, (self._cursor, self._keeper)):
            cursor.interrupt()
