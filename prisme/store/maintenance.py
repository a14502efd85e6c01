"""Queries of work in the background, for as long as nothing else needs the file to itself."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.store.database import Database
from prisme.store.errors import StoppedError, StoreError
from prisme.store.reader import Row


class Maintenance:
    """A cursor for one thread. Each statement is a transaction of its own; there is no deadline."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cancellations: Sequence[Cancellation]) -> None:
        self._cursor = cursor
        self._cancellations = cancellations

    def run(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a statement, whose parameters are named `$name`. Raises StoreError, or StoppedError."""
        with explaining():
            if any(cancellation.is_cancelled for cancellation in self._cancellations):
                raise StoppedError
            return self._cursor.execute(query, dict(parameters or {})).fetchall()


@contextlib.contextmanager
def maintaining(database: Database, cancellation: Cancellation | None = None) -> Iterator[Maintenance]:
    """Have a cursor, which is interrupted when the server stops, or by a cancellation. Raises StoreError."""
    database.admit()
    with explaining():
        cursor = database.query_cursor()
    stop, cancellations = cursor.interrupt, [database.stopping, *([cancellation] if cancellation else [])]
    for one in cancellations:
        one.attach(stop)
    try:
        yield Maintenance(cursor, cancellations)
    finally:
        for one in cancellations:
            one.detach(stop)
        database.close_query(cursor)


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Raise StoreError in the place of DuckDB's errors, and StoppedError for what was interrupted."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise StoppedError from error
    except duckdb.Error as error:
        raise StoreError(str(error).partition("\n")[0]) from error
