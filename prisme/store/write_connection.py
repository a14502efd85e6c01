"""The one connection that writes events. It is opened again after DuckDB's fatal errors."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb

from prisme.store.database import Database
from prisme.store.load_log import Changed


class WriteConnection:
    """A cursor for one thread at a time: two at once would mix their transactions, so the second one waits.

    `is_lost` says whether the last use ended with a fatal error of DuckDB.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursor = database.cursor()
        self.is_lost = False
        self._busy = threading.Lock()

    @contextlib.contextmanager
    def use(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The cursor, for the time of the block. After a fatal error the next block reopens the database first."""
        with self.hold() as held:
            yield held.cursor

    @contextlib.contextmanager
    def hold(self) -> Iterator["Held"]:
        """The same, for a block that may put another file in the place of the database's."""
        with self._busy:
            if self.is_lost:
                self._database.reopen()
                self._cursor, self.is_lost = self._database.cursor(), False
            with self._noting_errors():
                yield Held(self)

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.FatalException:
            self._cursor.close()
            self.is_lost = True
            raise
        except duckdb.OutOfMemoryException:
            self._database.restore_memory()  # for the next attempt
            raise

    def close(self) -> None:
        """Close the cursor."""
        self._cursor.close()


class Held:
    """The write connection while nobody else writes: events wait in the journal."""

    def __init__(self, connection: WriteConnection) -> None:
        self._connection = connection

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Its cursor, another one after `replace`."""
        return self._connection._cursor

    @contextlib.contextmanager
    def transaction(self, changed: Changed | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """One that is committed at the end of the block; `changed` is as for `commit`."""
        cursor = self.cursor
        cursor.begin()
        try:
            yield cursor
            self.commit(changed)
        except BaseException:
            # After a failed commit or a fatal error nothing can be rolled back; the first error is the one to tell.
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()
            raise

    def commit(self, changed: Changed | None = None) -> None:
        """Commit a transaction: no count of what it changed is used any more; None is for any rows."""
        load_log = self._connection._database.load_log
        load_log.begin(*(changed or Changed(0, load_log.highest)), is_bounded=True)
        try:
            self.cursor.commit()
        finally:
            load_log.end()

    def replace(self, new: Path, previous: Path | None = None) -> None:
        """Put another file in place, as `Database.replace` does. Raises StoreError, with the old one in place."""
        connection = self._connection
        connection._cursor.close()
        try:
            connection._database.replace(new, previous)
        finally:
            connection._cursor = connection._database.cursor()
