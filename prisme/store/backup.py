"""Copies of both databases for a backup, while both are in use, and the check of such copies."""

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import duckdb

from prisme.base.errors import InputError
from prisme.runtime.cancellation import Cancellation
from prisme.store import control
from prisme.store.archive import CONTROL, DATABASE, DamagedError, Manifest
from prisme.store.connection import Limits, connect
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.schema import newest_version
from prisme.store.table_sums import Table, TableSums, differences, list_tables, sum_table
from prisme.store.upgrade import find_version

VERSION: Final = duckdb.__version__
# A check needs little memory, whatever there is to read.
LIMITS: Final = Limits(128 << 20, 2)
_COPY: Final = "backup"
_SIZE: Final = """
SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = current_database()
"""
# Told of a table's name, and of the rows that are done, of all.
Tell = Callable[[str, int, int], object]


def measure(database: Database, path: Path) -> int:
    """The bytes that a copy of the database, whose file is at `path`, has at most. Raises StoreError."""
    try:
        with database.cursor() as cursor:
            (row,) = cursor.execute(_SIZE).fetchall()
    except duckdb.Error as error:
        raise StoreError(f"the database cannot be read: {error}") from error
    log = path.with_name(f"{path.name}.wal")
    return int(row[0]) + (log.stat().st_size if log.exists() else 0)


def copy_tables(
    database: Database, target: Path, begun: Callable[[], object], cancellation: Cancellation, tell: Tell
) -> dict[str, TableSums]:
    """Copy all tables, as they are at one moment, to a new file in the folder of temporary files; gives their sums.

    At that moment `begun` is called. Devices of open visits are left out. Loads go on. Raises StoreError, and what
    `begun` and `tell` raise.
    """
    database.admit()
    database.restore_memory()
    cursor = database.query_cursor()
    try:
        cursor.execute(f"ATTACH '{_escape(target)}' AS {_COPY}")
        try:
            stop = cursor.interrupt
            cancellation.attach(stop)
            try:
                return _copy(cursor, begun, tell)
            finally:
                cancellation.detach(stop)
        finally:
            # After an error the transaction may be over, or the database lost.
            with contextlib.suppress(duckdb.Error):
                cursor.rollback()
            cursor.execute(f"DETACH {_COPY}")
    except duckdb.Error as error:
        tell("ending", 0, 0)  # raises where the error is that it was cancelled
        raise StoreError(f"the database cannot be copied: {_first_line(error)}") from error
    finally:
        database.close_query(cursor)


def _copy(cursor: duckdb.DuckDBPyConnection, begun: Callable[[], object], tell: Tell) -> dict[str, TableSums]:
    cursor.begin()
    ((catalog, _),) = cursor.execute("SELECT current_database(), max(version) FROM schema_version").fetchall()
    begun()
    tables = list_tables(cursor, catalog)
    rows = {table: _count(cursor, catalog, table) for table in tables}
    total, done = sum(rows.values()), 0
    cursor.execute(f"COPY FROM DATABASE {catalog} TO {_COPY} (SCHEMA)")
    sums: dict[str, TableSums] = {}
    for table in tables:
        tell(f"copying {table.full_name}", done, total)
        columns = table.column_list
        cursor.execute(
            f"INSERT INTO {table.within(_COPY)} ({columns}) SELECT {columns} FROM {table.within(catalog)}"  # noqa: S608  # names of ours
        )
        sums[table.full_name] = sum_table(cursor, catalog, table)
        done += rows[table]
    tell("copying", done, total)
    cursor.commit()
    return sums


def _count(cursor: duckdb.DuckDBPyConnection, catalog: str, table: Table) -> int:
    ((count,),) = cursor.execute(f"SELECT count(*) FROM {table.within(catalog)}").fetchall()  # noqa: S608  # quoted names
    return int(count)


def check_files(manifest: Manifest, files: Mapping[str, Path], temporary: Path, tell: Tell) -> None:
    """Compare unpacked files with their manifest, all rows of them; `temporary` is for what does not fit in memory.

    Raises InputError for files of a newer Prisme, and DamagedError.
    """
    if any(version > newest_version(schema) for schema, version in manifest.schemas.items()):
        raise InputError(f"Prisme {manifest.prisme} made this backup, which is newer: restore it with that version")
    try:
        with contextlib.closing(connect(files[DATABASE], LIMITS, temporary)) as connection:
            _check_tables(manifest, connection, tell)
    except duckdb.Error as error:
        raise DamagedError(f"{DATABASE} cannot be read: {_first_line(error)}") from error
    try:
        with contextlib.closing(sqlite3.connect(files[CONTROL])) as accounts:
            (found,) = accounts.execute("PRAGMA integrity_check").fetchone()
            if found != "ok" or control.find_version(accounts) != manifest.schemas["control"]:
                raise DamagedError(f"{CONTROL} has errors")
    except sqlite3.Error as error:
        raise DamagedError(f"{CONTROL} cannot be read: {error}") from error


def _check_tables(manifest: Manifest, connection: duckdb.DuckDBPyConnection, tell: Tell) -> None:
    if find_version(connection) != manifest.schemas["events"]:
        raise DamagedError(f"{DATABASE} has another schema than its manifest says")
    ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
    total, done = sum(sums.rows for sums in manifest.tables.values()), 0
    found: dict[str, TableSums] = {}
    for table in list_tables(connection, catalog):
        tell(f"checking {table.full_name}", done, total)
        found[table.full_name] = sums = sum_table(connection, catalog, table)
        done += sums.rows
    if different := differences(manifest.tables, found, manifest.duckdb == VERSION):
        raise DamagedError(f"it has other rows than its manifest says, in {', '.join(different)}")


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
