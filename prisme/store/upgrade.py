"""The schema of the DuckDB file, brought to the newest version."""

import contextlib
import logging
import time
from pathlib import Path

import duckdb

from prisme.store import snapshot
from prisme.store.comments import write_comments
from prisme.store.connection import Limits, connect
from prisme.store.errors import StoreError
from prisme.store.schema import newest_version, pending_steps


def create(path: Path, limits: Limits, temporary: Path) -> None:
    """Make the file, with the newest schema. Raises OSError and duckdb.Error, without a file at `path`.

    DuckDB cannot replay a write-ahead log with comments on such tables, so it is made under another name.
    """
    with snapshot.creating(path) as new:
        snapshot.clear(new)  # DuckDB makes its files itself, and a log would be one of a process that was killed
        with contextlib.closing(connect(new, limits, temporary)) as connection:
            migrate(connection)
            connection.execute("CHECKPOINT")


def upgrade(
    connection: duckdb.DuckDBPyConnection, path: Path, limits: Limits, temporary: Path, log: logging.Logger
) -> bool:
    """Bring the schema to the newest version. True: another file is at `path` now, and `connection` is closed.

    An existing file is copied, the copy is migrated, and it replaces the file only when all went well: DuckDB cannot
    replay a write-ahead log that alters such tables, so the file itself must never have one. Raises StoreError, with
    the file unchanged.
    """
    newest, current = newest_version("events"), find_version(connection)
    if pending_steps("events", "the database", current) == []:
        return False
    previous = snapshot.path_of(path, current)
    log.info(
        "the database (%s MB) has schema version %d, this Prisme needs %d: migrating a copy first, "
        "which takes some seconds per 100 MB",
        f"{path.stat().st_size / 1e6:,.0f}",
        current,
        newest,
    )
    started = time.monotonic()
    try:
        connection.execute("CHECKPOINT")
        connection.close()
        with (
            snapshot.replacing(path, previous) as copy,
            contextlib.closing(connect(copy, limits, temporary)) as migrated,
        ):
            migrate(migrated)
            migrated.execute("CHECKPOINT")
    except (OSError, duckdb.Error) as error:
        connection.close()
        raise StoreError(
            f"the upgrade of {path} to schema version {newest} failed: {error}. "
            f"The file is unchanged (version {current}): the previous version of Prisme can still use it"
        ) from error
    log.info(
        "the database now has schema version %d, after %.1f s; the previous file is %s",
        newest,
        time.monotonic() - started,
        previous,
    )
    return True


def find_version(connection: duckdb.DuckDBPyConnection) -> int:
    """The schema's version, 0 for a new file."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return (row and row[0]) or 0


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Run the pending migrations, each in a transaction of its own, and write comments on all tables and columns.

    For a file that is a copy, or new. Raises StoreError and duckdb.Error.
    """
    current = find_version(connection)
    for version, step in enumerate(pending_steps("events", "the database", current), start=current + 1):
        connection.begin()
        connection.execute(step)
        connection.execute("INSERT INTO schema_version VALUES (?)", [version])
        connection.commit()
    write_comments(connection)
