"""The one connection that writes events. It is opened again after DuckDB's fatal errors."""

import contextlib
import threading
from collections.abc import Iterator

import duckdb

from prisme.store.database import Database


class WriteConnection:
    """A cursor for one thread at a time: two at once would mix their transactions, so that is a RuntimeError.

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
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("the write connection is in use already: only one thread may load at a time")
        try:
            if self.is_lost:
                self._database.reopen()
                self._cursor, self.is_lost = self._database.cursor(), False
            with self._noting_errors():
                yield self._cursor
        finally:
            self._busy.release()

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
