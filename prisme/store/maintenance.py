"""Queries of work in the background, for as long as nothing else needs the file to itself."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.store.arrivals import Describe
from prisme.store.database import WORK_BYTES, Database
from prisme.store.errors import StoppedError, StoreError
from prisme.store.query_reader import Row
from prisme.store.work_cursor import WorkCursor

_NOTHING: Final[Mapping[str, Any]] = {}


class Maintenance:
    """A cursor for one thread. Each statement is a transaction of its own; there is no deadline.

    It sees the first `loads` loads, and perhaps later ones. Unlike a reader, it does with `WORK_BYTES` of memory.
    """

    def __init__(self, cursor: WorkCursor, database: Database, cancellations: Sequence[Cancellation]) -> None:
        self._cursor = cursor
        self._database = database
        self._cancellations = cancellations
        self.loads = database.load_log.done

    def ask(self, query: str, parameters: Mapping[str, Any] = _NOTHING) -> list[Row]:
        """The rows of a statement, whose parameters are named `$name`. Raises StoreError, or StoppedError."""
        with explaining():
            self.check()
            try:
                return self._cursor.execute(query, parameters)
            except duckdb.OutOfMemoryException:
                self._database.restore_memory()  # for the next attempt
                raise

    keep = ask

    def check(self) -> None:
        """Raise StoppedError once the server stops, or the work is cancelled."""
        if any(cancellation.is_cancelled for cancellation in self._cancellations):
            raise StoppedError

    def update_arrivals(self, describe: Describe) -> None:
        """What `Arrivals.update` does. Raises StoreError."""
        self._database.arrivals.update(self, describe)


@contextlib.contextmanager
def maintaining(database: Database, cancellation: Cancellation | None = None) -> Iterator[Maintenance]:
    """Have a cursor, which is interrupted when the server stops, or by a cancellation. Raises StoreError."""
    database.admit()
    with explaining():
        cursor = database.work_cursor()
    stop, cancellations = cursor.interrupt, [database.stopping, *([cancellation] if cancellation else [])]
    for one in cancellations:
        one.attach(stop)
    try:
        with database.at_least(WORK_BYTES):
            yield Maintenance(cursor, database, cancellations)
    finally:
        for one in cancellations:
            one.detach(stop)
        database.close_work(cursor)


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Raise StoreError in the place of DuckDB's errors, and StoppedError where a cursor was interrupted or closed."""
    try:
        yield
    except (duckdb.InterruptException, duckdb.ConnectionException) as error:
        raise StoppedError from error
    except duckdb.Error as error:
        raise StoreError(str(error).partition("\n")[0]) from error
