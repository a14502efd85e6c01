"""Queries of the tables, from any thread, with a deadline: none keeps the database busy for ever."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.store.arrivals import Describe
from prisme.store.database import Database
from prisme.store.errors import DiskError, FullError, LateError, LostError, StoppedError, UnavailableError
from prisme.store.imported_days import DomainDays
from prisme.store.query_reader import Engine, Row

T = TypeVar("T")
_LOST = (duckdb.FatalException, duckdb.ConnectionException)
# What a valid query may raise: the database fails, or lacks time, memory or disk space.
_UNAVAILABLE = (*_LOST, duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException)
# DuckDB reports a full disk as this limit of its own: by default, nine tenths of the free space.
_DISK_LIMIT = "max_temp_directory_size"

_INTERRUPT_EVERY = 0.02  # seconds


class Reader:
    """A read-only transaction for the time of a `with` block: all queries see the same rows. For one thread.

    They see the first `loads` loads, and perhaps those that ended while the reader was opened. `deadline` is in seconds
    and for all queries together, from `began` (monotonic), by default from the start of the block. `cancellation` ends
    them before.
    """

    engine: Engine = "duckdb"

    def __init__(
        self,
        database: Database,
        deadline: float,
        began: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._database = database
        self.deadline = deadline
        self._began = began
        self._cancellation = cancellation or Cancellation()
        self._late = False
        self._must_interrupt = threading.Event()
        self._has_ended = False
        self._keeper: duckdb.DuckDBPyConnection | None = None
        self._is_storing = False
        self.loads = 0
        # Whether it has read tables of `cache`: it sees none that are created later.
        self.has_read_cache = False

    def __enter__(self) -> "Reader":
        self._database.admit()
        self.loads = self._database.load_log.done
        self._cursor = self._open()
        try:
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
            self._cursor.execute("SELECT version FROM schema_version")  # takes the transaction's snapshot
        except _UNAVAILABLE as error:
            self._close(self._cursor)
            raise self._explain(error) from error
        waited = 0.0 if self._began is None else time.monotonic() - self._began
        self._watcher = threading.Thread(target=self._watch, args=(max(self.deadline - waited, 0),), daemon=True)
        self._watcher.start()
        for cancellation in (self._cancellation, self._database.stopping):
            cancellation.attach(self.cancel)
        return self

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of a query, whose parameters are named `$name`. Raises UnavailableError."""
        cursor = self._open_keeper() if self._is_storing else self._cursor
        return self._run(cursor, query, parameters)

    def call(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """The result of `work` with the transaction's cursor. Raises UnavailableError, and DuckDB's other errors."""
        self.check()
        try:
            return work(self._cursor)
        except _UNAVAILABLE as error:
            raise self._explain(error) from error
        except MemoryError as error:
            raise FullError("its rows do not fit in memory") from error

    def update_arrivals(self, describe: Describe) -> None:
        """What `Arrivals.update` does. Raises UnavailableError."""
        self._database.arrivals.update(self, describe)

    def imported_days(self) -> list[DomainDays]:
        """What `ImportedDays.find` returns. Raises UnavailableError."""
        return self._database.imported_days.find(self)

    def keep(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a statement on tables of `cache`, outside the transaction. Raises UnavailableError."""
        return self._run(self._open_keeper(), query, parameters)

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Within the block, `ask` may also create tables of `cache`: in a transaction of its own, committed at the end.

        It may see later loads than the reader. Raises UnavailableError; if anything is raised, nothing is stored, or it
        is to be dropped: a commit that is interrupted may have taken place.
        """
        keeper = self._open_keeper()
        self._run(keeper, "BEGIN TRANSACTION", {})
        self._is_storing = True
        try:
            yield
            self._run(keeper, "COMMIT", {})
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                keeper.execute("ROLLBACK")
            raise
        finally:
            self._is_storing = False

    def drop(self, tables: Iterable[str]) -> None:
        """Drop tables of `cache`, even after the deadline, as it takes no time. Raises LostError."""
        try:
            with self._database.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"DROP TABLE IF EXISTS {table}")
        except _LOST as error:  # all tables are lost with it
            raise LostError from error

    def check(self) -> None:
        """Raise LateError after the deadline: for loops in Python, between queries and while their rows are read."""
        if self._late:
            raise self._late_error()

    def cancel(self) -> None:
        """Interrupt the query under way, if there is one, and reject all others. From any thread."""
        self._late = True
        self._must_interrupt.set()

    def _watch(self, seconds: float) -> None:
        """Interrupt queries after the deadline, or once they are cancelled.

        Again and again, as DuckDB forgets an interrupt that comes just before a query begins.
        """
        self._must_interrupt.wait(seconds)
        self._late = True
        while not self._has_ended:
            for cursor in filter(None, (self._cursor, self._keeper)):
                cursor.interrupt()
            time.sleep(_INTERRUPT_EVERY)

    def _late_error(self) -> LateError:
        return StoppedError() if self._database.stopping.is_cancelled else LateError(self.deadline)

    def _run(self, cursor: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        self.check()
        try:
            return cursor.execute(query, dict(parameters)).fetchall()
        except _UNAVAILABLE as error:
            raise self._explain(error) from error

    def _explain(self, error: duckdb.Error) -> UnavailableError:
        if isinstance(error, duckdb.InterruptException):
            return self._late_error()
        if isinstance(error, _LOST):
            return LostError()
        cause = str(error).partition("\n")[0]
        is_memory = isinstance(error, duckdb.OutOfMemoryException) and _DISK_LIMIT not in str(error)
        return FullError(cause) if is_memory else DiskError(cause)

    def _open_keeper(self) -> duckdb.DuckDBPyConnection:
        if self._keeper is None:
            self._keeper = self._open()
        return self._keeper

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            self._database.restore_memory()
            return self._database.query_cursor()
        except _LOST as error:
            raise LostError from error

    def _close(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._database.close_query(cursor)  # which ends the transaction

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cancellation in (self._cancellation, self._database.stopping):
            cancellation.detach(self.cancel)
        self._has_ended = True
        self._must_interrupt.set()
        self._watcher.join()  # an interrupt under way still needs the cursor
        for cursor in filter(None, (self._cursor, self._keeper)):
            self._close(cursor)
