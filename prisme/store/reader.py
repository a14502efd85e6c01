"""Questions to the tables, from any thread, each with an end: no question keeps the database busy for ever."""

import threading
from collections.abc import Mapping
from typing import Any

import duckdb

from prisme.store.database import Database

Row = tuple[Any, ...]


class LateError(Exception):
    """The answer did not come in time; `seconds` is how long was waited."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the answer took over {seconds:g} s: ask for less time, or with fewer filters")
        self.seconds = seconds


class Reader:
    """Reads alone; `deadline` is in seconds, of each question."""

    def __init__(self, database: Database, deadline: float) -> None:
        self._database = database
        self._deadline = deadline

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of one query, which names its parameters `$name`. Raises `LateError`."""
        cursor = self._database.cursor()
        timer = threading.Timer(self._deadline, cursor.interrupt)
        timer.start()
        try:
            return cursor.execute(query, dict(parameters)).fetchall()
        except duckdb.InterruptException as error:
            raise LateError(self._deadline) from error
        finally:
            timer.cancel()
            timer.join()  # an interrupt that is under way needs the cursor
            cursor.close()
