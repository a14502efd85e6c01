"""A cursor of work in the background: whoever needs the file to itself closes it, at any time."""

import threading
from collections.abc import Mapping
from typing import Any, Final

import duckdb

_INTERRUPT_EVERY: Final = 0.02  # seconds


class WorkCursor:
    """For one thread, and another one that calls `interrupt` or `close`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._busy = threading.Lock()
        self.is_closed = False

    def execute(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement. Raises duckdb.Error, and duckdb.ConnectionException once it is closed."""
        with self._busy:
            return self._cursor.execute(query, dict(parameters)).fetchall()

    def interrupt(self) -> None:
        """Interrupt what is under way."""
        self._cursor.interrupt()

    def close(self) -> None:
        """Interrupt what is under way, again and again, as DuckDB forgets one that comes just before it begins."""
        while not self._busy.acquire(timeout=_INTERRUPT_EVERY):
            self._cursor.interrupt()
        try:
            self._cursor.close()
            self.is_closed = True
        finally:
            self._busy.release()
