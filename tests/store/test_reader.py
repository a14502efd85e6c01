"""Queries that are interrupted."""

import threading
from typing import Any

import duckdb
import pytest

from prisme.store.errors import LateError, StoppedError
from prisme.store.reader import Reader
from tests.store.segments import Store

# Takes half a minute.
SLOW = "SELECT max(one.range * other.range) FROM range(200_000) one, range(200_000) other"


class ForgetfulCursor:
    """A cursor that forgets its first interrupt, as DuckDB does if it comes just before a query begins."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.interrupts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def interrupt(self) -> None:
        self.interrupts += 1
        if self.interrupts > 1:
            self.cursor.interrupt()


def test_an_interrupt_that_is_forgotten_is_repeated(store: Store) -> None:
    with Reader(store.database, 0.1) as reader:
        reader._cursor = cursor = ForgetfulCursor(reader._cursor)  # type: ignore[assignment]
        with pytest.raises(LateError):
            reader.ask(SLOW, {})
    assert cursor.interrupts > 1


def test_so_is_that_of_a_stop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    make_cursor = store.database.cursor
    monkeypatch.setattr(store.database, "cursor", lambda: ForgetfulCursor(make_cursor()))
    with Reader(store.database, 3600.0) as reader:
        threading.Timer(0.1, store.database.stop_reading).start()
        with pytest.raises(StoppedError):
            reader.ask(SLOW, {})
    with Reader(store.database, 3600.0) as reader, pytest.raises(StoppedError):
        reader.ask("SELECT 1", {})
