"""The DuckDB file: opened, migrated, checkpointed and closed here. Other rooms get cursors."""

import contextlib
import importlib.resources
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.runtime.priority import renice
from prisme.store import snapshot
from prisme.store.load_log import Touched

WAY_BACK = (
    "If it is damaged, move it and its .wal away, put a copy in its place if you have one, and start again: "
    "journal segments that wait are kept and loaded"
)
_LOG = logging.getLogger("prisme")
# A checkpoint writes anew what was only begun in the file, of each column: with DuckDB's own 16 MB, that was a third
# of what a load costs. The log is read back within half a second.
LOG_BYTES = 64 << 20
# Enough to load a usual segment, and for a checkpoint, which merges row groups: with more, it takes the more of it the
# more rows there are. The file's blocks and rows in memory give way, the latter to the folder of temporary files.
ALONE_BYTES = 128 << 20
_LATEST = """
SELECT coalesce(epoch_us(max(latest)), 0) FROM (
    SELECT max(entry_timestamp) AS latest FROM sessions
    UNION ALL SELECT max("timestamp") FROM pageviews
    UNION ALL SELECT max("timestamp") FROM events_custom
    UNION ALL SELECT max("timestamp") FROM file_downloads
    UNION ALL SELECT max("timestamp") FROM outbound_link_clicks
)
"""


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Limits(NamedTuple):
    """What DuckDB may use: bytes of memory, threads."""

    memory: int
    threads: int


class Database:
    """The events' file, in the newest schema. Only one process can hold it.

    `reading` has the cursors of questions, `touched` what loads changed. Tables of `kept` are in memory alone.
    """

    def __init__(self, path: Path, limits: Limits, temporary: Path, log: logging.Logger = _LOG) -> None:
        self._path = path
        self._temporary = temporary
        self._log = log
        self._lock = threading.Lock()  # a connection refuses what comes while it is busy
        self.reading: set[duckdb.DuckDBPyConnection] = set()
        self.stopping = False
        self.limits = limits
        self._memory = threading.Lock()
        self._narrow = self._wide = False
        try:
            clear(temporary)
            self._connection = self._connect()
            self._upgrade()
            self.touched = Touched(_find_latest(self._connection))
            self._connection.execute("ATTACH ':memory:' AS kept")
        except OSError as error:
            raise StoreError(f"{error.filename} is left of an earlier run and cannot be removed: {error}") from error
        except duckdb.Error as error:
            raise StoreError(f"database {path} cannot be opened: {error}. {WAY_BACK}") from error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same file, for one thread."""
        with self._lock:
            return self._connection.cursor()

    def narrow(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Let DuckDB have no more memory than loads need, as long as there is nothing else to do: until `widen`.

        Not before the start is over: it reads back the write-ahead log and the open sessions.
        """
        with self._memory:
            if self._wide or self._narrow or self.limits.memory <= ALONE_BYTES:
                return
            try:
                cursor.execute(f"SET memory_limit = '{ALONE_BYTES}B'")
                self._narrow = True
            except duckdb.OutOfMemoryException:
                self._wide = True  # what is there does not give way

    def widen(self) -> None:
        """Let DuckDB have all the memory that it may have, from now on: somebody asks, or a load needs more."""
        with self._memory:
            self._wide = True
            if self._narrow:
                self._narrow = False
                with self.cursor() as cursor:
                    cursor.execute(f"SET memory_limit = '{self.limits.memory}B'")

    @contextlib.contextmanager
    def on_one_thread(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let DuckDB use the caller's thread alone, unless somebody reads: a load is too small to be worth sharing.

        A question that comes meanwhile has one thread until the load is done.
        """
        if self.limits.threads == 1 or self.reading:
            yield
            return
        cursor.execute("SET threads = 1")
        try:
            yield
        finally:
            # A database that is lost is opened anew, with all its threads.
            with contextlib.suppress(duckdb.FatalException), ThreadPoolExecutor(1, initializer=renice) as starter:
                starter.submit(cursor.execute, f"SET threads = {self.limits.threads}").result()

    def stop_reading(self) -> None:
        """End all questions that are under way, and let none begin."""
        self.stopping = True
        for cursor in tuple(self.reading):
            cursor.interrupt()

    def reopen(self) -> None:
        """Open the file anew: after some failures, such as a checkpoint without room, DuckDB answers nothing any more.

        All cursors must be closed. Raises duckdb.Error while a question's still is, or where the file cannot be had.
        """
        # Tables of `kept` are gone: as if a load had changed all that there is.
        self.touched.begin(0, 0)
        with self._memory:
            self._narrow, self._wide = False, True  # should it have been for want of memory
        try:
            with self._lock:
                self._connection.close()
                for cursor in tuple(self.reading):
                    cursor.interrupt()
                self._connection = self._connect()
                self._connection.execute("ATTACH ':memory:' AS kept")
        finally:
            self.touched.end()
        self._log.info("the database was opened anew")

    def close(self) -> None:
        """Move what the write-ahead log holds into the file, then close it."""
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            self._log.warning("the write-ahead log stays, the next start reads it: %s", error)
        self._connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        # DuckDB's threads have the priority of the one that starts them, and they are there for questions.
        with ThreadPoolExecutor(1, initializer=renice) as starter:
            return starter.submit(connect, self._path, self.limits, self._temporary).result()

    def _upgrade(self) -> None:
        """Bring the schema to the newest version. It is done to a copy, which takes the file's place when all is well.

        DuckDB cannot read back a write-ahead log that alters such tables: the file itself must never have one.
        """
        newest, current = len(read_steps("events")), find_version(self._connection)
        if not 0 < current < newest:
            migrate(self._connection)
            return
        kept = snapshot.name(self._path, current)
        self._log.info(
            "the database (%s MB) has schema version %d, this Prisme needs %d: changing a copy before anything else, "
            "some seconds for each 100 MB",
            f"{self._path.stat().st_size / 1e6:,.0f}",
            current,
            newest,
        )
        begun = time.monotonic()
        try:
            self._connection.execute("CHECKPOINT")
            self._connection.close()
            with (
                snapshot.changing(self._path, kept) as copy,
                contextlib.closing(connect(copy, self.limits, self._temporary)) as changed,
            ):
                migrate(changed)
                changed.execute("CHECKPOINT")
        except (OSError, duckdb.Error) as error:
            self._connection.close()
            raise StoreError(
                f"the upgrade of {self._path} to schema version {newest} failed: {error}. "
                f"The file is what it was (version {current}): the Prisme from before can go on with it"
            ) from error
        self._connection = self._connect()
        self._log.info(
            "the database has schema version %d now, after %.1f s; as it was before, it is in %s",
            newest,
            time.monotonic() - begun,
            kept,
        )


def connect(path: Path, limits: Limits, temporary: Path) -> duckdb.DuckDBPyConnection:
    """Open the file, which is made where there is none; what memory cannot hold goes to the folder `temporary`."""
    return duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{limits.memory}B",
            "threads": limits.threads,
            "temp_directory": str(temporary),
            "checkpoint_threshold": f"{LOG_BYTES}B",
            # Everything needed is in the wheel; nothing is fetched from anywhere.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )


def clear(temporary: Path) -> None:
    """Remove what a killed process left of its questions and loads: DuckDB does not."""
    for path in temporary.glob("duckdb_temp*"):
        path.unlink()


def _find_latest(connection: duckdb.DuckDBPyConnection) -> int:
    """The latest time of any row, in microseconds; 0 for none."""
    row = connection.execute(_LATEST).fetchone()
    return int(row[0]) if row else 0


def read_steps(schema: str) -> list[str]:
    """The migrations of `events` or `control`, in their order, as SQL."""
    folder = importlib.resources.files("prisme.store") / "migrations" / schema
    return [step.read_text() for step in sorted(folder.iterdir(), key=lambda step: step.name)]


def find_version(connection: duckdb.DuckDBPyConnection) -> int:
    """The schema's version, 0 for a new file."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return (row and row[0]) or 0


def migrate(connection: duckdb.DuckDBPyConnection) -> int:
    """Bring the schema to the newest version, one transaction a step; returns that version."""
    steps, current = read_steps("events"), find_version(connection)
    if current > len(steps):
        raise StoreError(
            f"the database has schema version {current}, this Prisme knows {len(steps)}: start the newer Prisme again"
        )
    for version, step in enumerate(steps[current:], start=current + 1):
        connection.begin()
        connection.execute(step)
        connection.execute("INSERT INTO schema_version VALUES (?)", [version])
        connection.commit()
    return len(steps)
