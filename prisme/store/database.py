"""The DuckDB file: opened, migrated, checkpointed and closed here. Other rooms get cursors."""

import importlib.resources
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.runtime.priority import step_back
from prisme.store.touched import Touched

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

    def __init__(self, path: Path, limits: Limits, temporary: Path) -> None:
        try:
            clear(temporary)
            # DuckDB's threads have the priority of the one that starts them, and they are there for questions.
            with ThreadPoolExecutor(1, initializer=step_back) as starter:
                self._connection = starter.submit(connect, path, limits, temporary).result()
        except OSError as error:
            raise StoreError(f"{error.filename} is left of an earlier run and cannot be removed: {error}") from error
        except duckdb.Error as error:
            raise StoreError(
                f"database {path} cannot be opened: {error}. "
                "If it is damaged, move it away and start again: journal segments that wait are kept and loaded"
            ) from error
        self.reading: set[duckdb.DuckDBPyConnection] = set()
        self.stopping = False
        self.limits = limits
        migrate(self._connection)
        self.touched = Touched(_find_latest(self._connection))
        self._connection.execute("ATTACH ':memory:' AS kept")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same file, for one thread."""
        return self._connection.cursor()

    def stop_reading(self) -> None:
        """End all questions that are under way, and let none begin."""
        self.stopping = True
        for cursor in tuple(self.reading):
            cursor.interrupt()

    def close(self) -> None:
        """Move what the write-ahead log holds into the file, then close it."""
        self._connection.execute("CHECKPOINT")
        self._connection.close()


def connect(path: Path, limits: Limits, temporary: Path) -> duckdb.DuckDBPyConnection:
    """Open the file, which is made where there is none; what memory cannot hold goes to the folder `temporary`."""
    return duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{limits.memory}B",
            "threads": limits.threads,
            "temp_directory": str(temporary),
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


def migrate(connection: duckdb.DuckDBPyConnection) -> int:
    """Bring the schema to the newest version, one transaction a step; returns that version."""
    steps = read_steps("events")
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    current = (row and row[0]) or 0
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
