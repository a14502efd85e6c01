"""The DuckDB file: opened, checkpointed, reopened after a fatal error, and closed. Its users get cursors."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.priority import renice
from prisme.store import arrivals, snapshot
from prisme.store.arrivals import Arrivals
from prisme.store.connection import Limits, clear, connect
from prisme.store.errors import WAY_BACK, StoreError
from prisme.store.imported_days import ImportedDays
from prisme.store.load_log import LoadLog
from prisme.store.rollups import Rollups
from prisme.store.upgrade import create, upgrade
from prisme.store.work_cursor import WorkCursor

_LOG = logging.getLogger("prisme")
# Enough for a load of a usual segment, of which DuckDB reserves 45 MB to read JSON, and for a checkpoint, which merges
# row groups and, given more memory, uses more of it the more rows there are. DuckDB evicts cached blocks, and spills
# rows to the folder of temporary files.
IDLE_BYTES = 128 << 20
# Enough for the rest of a load, and for the checkpoint that may follow: what it is given, it fills.
COMMIT_BYTES = 40 << 20
# For work in the background, and a chunk of an import, which has more rows than a segment.
WORK_BYTES = 128 << 20
_LATEST = """
SELECT coalesce(epoch_us(max(latest)), 0) FROM (
    SELECT max(entry_timestamp) AS latest FROM sessions
    UNION ALL SELECT max("timestamp") FROM pageviews
    UNION ALL SELECT max("timestamp") FROM events_custom
    UNION ALL SELECT max("timestamp") FROM file_downloads
    UNION ALL SELECT max("timestamp") FROM outbound_link_clicks
)
"""
_ATTACH = "ATTACH ':memory:' AS cache"
# How long a replacement of the file waits for queries, and they for it.
_PATIENCE = 5.0  # seconds
_INTERRUPTING = 10.0  # seconds until a replacement gives up on queries that it has interrupted
_POLL = 0.02  # seconds


class Database:
    """The events' file, in the newest schema. Only one process can have it open.

    `read_cursors` are those of queries under way, which `stopping` ends; `load_log` says what loads changed,
    `arrivals` how visits came, `imported_days` of which days imports brought figures, `rollups` what was counted.
    Tables in the attached databases `cache` and `names` exist in memory only. Raises StoreError.
    """

    def __init__(self, path: Path, limits: Limits, temporary: Path, log: logging.Logger = _LOG) -> None:
        self._path = path
        self.folder = path.parent
        self._temporary = temporary
        self._log = log
        self._lock = threading.Lock()  # DuckDB rejects a second call on a connection that is busy
        self.read_cursors: set[duckdb.DuckDBPyConnection] = set()
        self._works: set[WorkCursor] = set()
        self.stopping = Cancellation()
        self.imported_days = ImportedDays()
        self.limits = limits
        self._memory_lock = threading.Lock()
        self._limit = limits.memory
        self._least = [0]  # bytes that work under way needs
        self._may_shrink = False
        self._is_open = threading.Event()  # not while the file is being replaced
        self._is_open.set()
        try:
            temporary.mkdir(mode=0o700, exist_ok=True)
            clear(temporary)
            snapshot.forget_replaced(path)
            if not path.exists():
                create(path, limits, temporary)
            self._connection = self._connect()
            if upgrade(self._connection, path, limits, temporary, log):
                self._connection = self._connect()
            self.load_log = LoadLog(_find_latest(self._connection))
            self.rollups = Rollups(self._connection)
            self.arrivals = self._attach_cache()
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be made or removed: {error.strerror}") from error
        except duckdb.Error as error:
            raise StoreError(f"database {path} cannot be opened: {error}. {WAY_BACK}") from error
        self._may_shrink = limits.memory > IDLE_BYTES

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same file, for one thread."""
        with self._lock:
            return self._connection.cursor()

    def shrink_memory(self, cursor: duckdb.DuckDBPyConnection, most: int) -> None:
        """Limit DuckDB to so many bytes, which the caller's work needs, unless `restore_memory` was ever called.

        Nobody looks at the figures yet, then. To be called after the start, which replays the write-ahead log and reads
        the open sessions.
        """
        with self._memory_lock:
            most = min(max(most, *self._least), self.limits.memory)
            if not self._may_shrink or self._limit == most:
                return
            try:
                self._limit_memory(cursor, most)
            except duckdb.OutOfMemoryException:
                self._may_shrink = False  # more than that is in use, and cannot be evicted

    def shrink_for_commit(self) -> None:
        """Limit DuckDB further, where it is limited, until the next `shrink_memory`: a load has read its lines."""
        with self._memory_lock:
            if self._may_shrink and len(self._least) == 1 and COMMIT_BYTES < self._limit < self.limits.memory:
                # Another cursor than the load's: an error would end its transaction.
                with contextlib.suppress(duckdb.OutOfMemoryException), self.cursor() as cursor:
                    self._limit_memory(cursor, COMMIT_BYTES)

    @contextlib.contextmanager
    def at_least(self, memory: int) -> Iterator[None]:
        """Let DuckDB have so many bytes for the time of the block, if it may have so many, whatever loads need."""
        with self._memory_lock:
            self._least.append(memory)
            if self._limit < min(memory, self.limits.memory):
                with self.cursor() as cursor:
                    self._limit_memory(cursor, min(memory, self.limits.memory))
        try:
            yield
        finally:
            with self._memory_lock:
                self._least.remove(memory)

    def restore_memory(self) -> None:
        """Give DuckDB its full memory limit for good: a query or a large load needs it."""
        with self._memory_lock:
            self._may_shrink = False
            if self._limit < self.limits.memory:
                with self.cursor() as cursor:
                    self._limit_memory(cursor, self.limits.memory)

    def _limit_memory(self, cursor: duckdb.DuckDBPyConnection, most: int) -> None:
        cursor.execute(f"SET memory_limit = '{most}B'")
        self._limit = most

    @contextlib.contextmanager
    def on_one_thread(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let DuckDB use the caller's thread only, unless queries are under way: loads are too small to parallelize.

        A query that starts meanwhile has one thread until the load is done.
        """
        if self.limits.threads == 1 or self.read_cursors:
            yield
            return
        cursor.execute("SET threads = 1")
        try:
            yield
        finally:
            # After a fatal error the file is reopened, with all its threads.
            with (
                contextlib.suppress(duckdb.FatalException),
                ThreadPoolExecutor(1, initializer=renice) as starter,
            ):
                starter.submit(cursor.execute, f"SET threads = {self.limits.threads}").result()

    def stop_reading(self) -> None:
        """Interrupt all queries under way, and reject new ones."""
        self.stopping.cancel()

    def query_cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of a query, which `read_cursors` has until `close_query`."""
        with self._lock:
            cursor = self._connection.cursor()
            self.read_cursors.add(cursor)
        return cursor

    def close_query(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Close it."""
        cursor.close()
        self.read_cursors.discard(cursor)

    def work_cursor(self) -> WorkCursor:
        """A cursor of work in the background, until `close_work`, or until the file is replaced or opened again."""
        with self._lock:
            work = WorkCursor(self._connection.cursor())
            self._works.add(work)
        return work

    def close_work(self, work: WorkCursor) -> None:
        """Close it."""
        work.close()
        self._works.discard(work)

    def admit(self) -> None:
        """Wait while the file is being replaced: for whoever begins to read."""
        self._is_open.wait(_PATIENCE)

    def replace(self, new: Path, previous: Path | None = None) -> None:
        """Put the file `new` in the place of the database's, which is kept as `previous`, or deleted.

        For whoever holds the write connection, with its cursor closed. Queries under way may end, within seconds; new
        ones wait. Raises StoreError, with the old file in place.
        """
        self._is_open.clear()
        try:
            with self._no_queries():
                self._replace(new, previous)
        except (OSError, duckdb.Error) as error:
            raise StoreError(f"{self._path} cannot be replaced: {error}. It is unchanged") from error
        finally:
            self._is_open.set()

    @contextlib.contextmanager
    def _no_queries(self) -> Iterator[None]:
        """Hold the lock at a moment without queries; those that do not end in time are interrupted."""
        began = time.monotonic()
        while True:
            self._close_works()
            with self._lock:
                if not self.read_cursors and all(work.is_closed for work in self._works):
                    yield
                    return
                waited = time.monotonic() - began
                if waited > _PATIENCE:
                    for cursor in tuple(self.read_cursors):
                        cursor.interrupt()
                if waited > _PATIENCE + _INTERRUPTING:
                    raise StoreError(f"{self._path} cannot be replaced: a query does not end. It is unchanged")
            time.sleep(_POLL)  # queries tell nobody that they end

    def _close_works(self) -> None:
        for work in tuple(self._works):
            work.close()

    def _replace(self, new: Path, previous: Path | None) -> None:
        self._connection.execute("CHECKPOINT")
        self.load_log.begin(0, 0)  # as if every row changed, and tables in `cache` are lost
        try:
            self._connection.close()
            try:
                with snapshot.swapping(self._path, new, previous):
                    self._connection = self._connect(is_alone=True)
            except BaseException:
                self._connection = self._connect()
                raise
            finally:
                self.rollups.refresh(self._connection)
                self.arrivals = self._attach_cache()
        finally:
            self.load_log.end()
        with self._memory_lock:
            self._limit, self._may_shrink = self.limits.memory, False

    def reopen(self) -> None:
        """Open the file again: after a fatal error, such as a checkpoint on a full disk, DuckDB rejects everything.

        All cursors must be closed. Raises duckdb.Error while a query's cursor is open, or if the file cannot be opened.
        """
        # The tables in `cache` are lost: as if a load had changed every row.
        self.load_log.begin(0, 0)
        with self._memory_lock:
            self._limit, self._may_shrink = self.limits.memory, False  # memory may have been the cause
        try:
            self._close_works()
            with self._lock:
                self._connection.close()
                for cursor in tuple(self.read_cursors):
                    cursor.interrupt()
                self._connection = self._connect()
                self.rollups.refresh(self._connection)  # a commit that failed may be in the write-ahead log
                self.arrivals = self._attach_cache()
        finally:
            self.load_log.end()
        self._log.info("the database was reopened")

    def close(self) -> None:
        """Move what the write-ahead log holds into the file, then close it."""
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            self._log.warning("the write-ahead log was not emptied, the next start replays it: %s", error)
        self._connection.close()

    def _attach_cache(self) -> Arrivals:
        self._connection.execute(_ATTACH)
        self._connection.execute(arrivals.CREATE)
        return Arrivals(self.load_log)

    def _connect(self, is_alone: bool = False) -> duckdb.DuckDBPyConnection:
        # DuckDB's threads inherit the priority of the thread that starts them, and they work for queries.
        with ThreadPoolExecutor(1, initializer=renice) as starter:
            return starter.submit(connect, self._path, self.limits, self._temporary, is_alone).result()


def _find_latest(connection: duckdb.DuckDBPyConnection) -> int:
    """The latest time of any row, in microseconds; 0 if there is none."""
    row = connection.execute(_LATEST).fetchone()
    return int(row[0]) if row else 0
