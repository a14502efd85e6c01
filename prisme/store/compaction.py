"""Rewrites the database's file without the room that deleted rows left, which DuckDB never gives back to the disk.

Raises StoreError, with the file unchanged.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from prisme.store.connection import STAGED
from prisme.store.database import Database
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.write_connection import Held

_SIZE = "SELECT used_blocks, free_blocks, block_size FROM pragma_database_size() WHERE database_name = 'prisme'"
_TABLES = """
SELECT format('"{}"."{}"', schema_name, table_name) FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL
"""
# DuckDB counts deleted rows here, until it writes the rows around them again.
_HELD = "SELECT sum(estimated_size) FROM duckdb_tables() WHERE database_name = 'prisme'"
_POLL = 0.1  # seconds
_INTERRUPT_EVERY = 0.02  # seconds
# Two blocks of the head, and those that are not full.
_SLACK: Final = 16 << 20


class Room(NamedTuple):
    """Bytes of the file that hold rows, and bytes that are free within it; deleted rows are estimated as free."""

    used: int
    free: int


def measure(loader: Loader, settles: bool = True) -> Room:
    """What a rewrite would find; `settles`: also of what was deleted since the last checkpoint."""
    with _explaining(), loader.hold() as held:
        return _measure(held, settles)


def rewrite(
    database: Database, loader: Loader, folder: Path, spare: int, tell: Callable[[int, int], None]
) -> tuple[Room, Room]:
    """Put a copy without free room in the place of the file of `folder`; events wait in the journal meanwhile.

    Gives the room before and after. `tell` gets the bytes written so far and their total, and may raise to stop it.
    `spare` is how many bytes have to stay free on the disk.
    """
    staged = folder / "tmp" / f"{STAGED}compact.duckdb"
    database.restore_memory()
    try:
        with _explaining(), loader.hold() as held:
            before = _measure(held)
            _check_room(folder, before, spare)
            with _attached(held.cursor, staged):
                _copy_in_thread(held.cursor, lambda: tell(min(staged.stat().st_size, before.used), before.used))
            if _log_of(staged).exists():
                raise OSError("the copy is not complete")
            tell(before.used, before.used)
            held.replace(staged)
            return before, _measure(held)
    finally:
        for path in (staged, _log_of(staged)):
            path.unlink(missing_ok=True)


def _measure(held: Held, settles: bool = True) -> Room:
    cursor = held.cursor
    if settles:
        cursor.execute("CHECKPOINT")
    used, free, size = cursor.execute(_SIZE).fetchone() or (0, 0, 0)
    (rows,) = cursor.execute(_HELD).fetchone() or (0,)
    deleted = rows - sum(_count_rows(cursor, "prisme").values())
    dead = int(used * size * deleted / rows) if rows else 0
    return Room(used * size - dead, free * size + dead)


def _check_room(folder: Path, room: Room, spare: int) -> None:
    free, needed = shutil.disk_usage(folder).free, room.used + _SLACK
    if free < needed + spare:
        raise StoreError(
            f"the new file needs up to {needed / 1e6:,.0f} MB on the disk of {folder}, of which {free / 1e6:,.0f} MB "
            f"are free, and {spare / 1e6:,.0f} MB have to stay so (min_free_space). The file is unchanged: free up "
            "disk space, and run `prisme compact`"
        )


@contextlib.contextmanager
def _attached(cursor: duckdb.DuckDBPyConnection, staged: Path) -> Iterator[None]:
    """Have a new file attached as the database `copy`."""
    cursor.execute(f"ATTACH '{str(staged).replace(chr(39), 2 * chr(39))}' AS copy")
    try:
        yield
    finally:
        cursor.execute("DETACH copy")


def _copy_in_thread(cursor: duckdb.DuckDBPyConnection, tell: Callable[[], None]) -> None:
    """Copy all tables; an exception of `tell` interrupts it, and is raised."""
    with ThreadPoolExecutor(1) as pool:
        copying = pool.submit(_copy, cursor)
        try:
            while not copying.done():
                tell()
                time.sleep(_POLL)  # between two looks at how far it is
        finally:
            while not copying.done():  # again and again, as DuckDB forgets one that comes just before a statement
                cursor.interrupt()
                time.sleep(_INTERRUPT_EVERY)  # for DuckDB to notice it
        copying.result()


def _copy(cursor: duckdb.DuckDBPyConnection) -> None:
    """Write the copy, and compare it."""
    cursor.execute("COPY FROM DATABASE prisme TO copy")
    if _count_rows(cursor, "prisme") != _count_rows(cursor, "copy"):
        raise duckdb.DataError("the copy has other rows than the original")
    cursor.execute("CHECKPOINT copy")


def _count_rows(cursor: duckdb.DuckDBPyConnection, name: str) -> dict[str, int]:
    """The number of rows of each table of a database."""
    tables = [table for (table,) in cursor.execute(_TABLES, [name]).fetchall()]
    counts = cursor.execute(
        " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {name}.{table}" for table in tables)  # noqa: S608  # names of ours
    )
    return dict(counts.fetchall())


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError) as error:
        cause = str(error).partition("\n")[0]
        raise StoreError(f"the database cannot be rewritten now: {cause}. It is unchanged") from error
