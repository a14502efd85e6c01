"""Leaves in the data folder's file what a node of another database has there: the visits that may go on.

The complete file is kept beside it.
"""
# Names of ours are composed, values are bound.
# ruff: noqa: S608

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from prisme.runtime.scratch import scratch_folder
from prisme.store import snapshot, upgrade
from prisme.store.connection import STAGED, Limits
from prisme.store.errors import StoreError
from prisme.store.loader import Loader
from prisme.store.schema import EVENT_TABLES
from prisme.store.sink import NODE_FILE

KEPT: Final = "prisme.duckdb.moved"
_LIMITS: Final = Limits(128 << 20, 1)
_OPEN: Final = "session_uuid IN (SELECT session_uuid FROM copy.sessions)"
_EVENT_COLUMNS: Final = "* EXCLUDE (is_anon, session_timestamp)"
_COPY: Final = (
    "INSERT INTO copy.state.segments BY NAME FROM state.segments",
    "INSERT INTO copy.sessions BY NAME SELECT * EXCLUDE (is_anon, session_timestamp, is_bounce) FROM sessions "
    "WHERE exit_timestamp > make_timestamp($active) AND entry_timestamp > make_timestamp($entry)",
    *(f"INSERT INTO copy.{table} BY NAME SELECT {_EVENT_COLUMNS} FROM {table} WHERE {_OPEN}" for table in EVENT_TABLES),
    f"INSERT INTO copy.state.open_sessions BY NAME FROM state.open_sessions WHERE {_OPEN}",
)
_LAST: Final = "SELECT coalesce(max(number), 0) FROM state.segments"


def leave_open_visits(
    loader: Loader, folder: Path, active: int, entry: int, found: Callable[[int], object]
) -> tuple[Path, int]:
    """Leave the visits with an event after `active`, and begun after `entry` (microseconds), and all that is of them.

    `found` makes the folder one of a node; it gets the highest number of a segment. Gives where the complete file is
    now, and its bytes. A process that is killed has left the folder as it was, or as one of a node, with all visits in
    its file, which it deletes once they are over. Raises StoreError, with the folder as it was.
    """
    kept, staged = folder / KEPT, folder / "tmp" / f"{STAGED}node.duckdb"
    check_kept(folder)
    try:
        snapshot.clear(staged)
        with scratch_folder(folder / "tmp") as temporary:
            upgrade.create(staged, _LIMITS, temporary)
        with loader.hold() as held:
            cursor = held.cursor
            cursor.execute("CHECKPOINT")
            _copy(cursor, staged, active, entry)
            ((last,),) = cursor.execute(_LAST).fetchall()
            found(last)
            try:
                held.replace(staged, kept)
            except BaseException:
                snapshot.remove(folder / NODE_FILE)
                raise
    except (duckdb.Error, OSError) as error:
        raise StoreError(f"the visits that may go on cannot be copied: {str(error).partition(chr(10))[0]}") from error
    finally:
        snapshot.clear(staged)
    return kept, kept.stat().st_size


def check_kept(folder: Path) -> None:
    """Raise StoreError if there is a complete file of an earlier move, which would be lost."""
    kept = folder / KEPT
    if kept.exists() and not kept.samefile(folder / "prisme.duckdb"):
        raise StoreError(f"{kept} is there already, of an earlier move: delete it, or move it away, and try again")


def _copy(cursor: duckdb.DuckDBPyConnection, staged: Path, active: int, entry: int) -> None:
    cursor.execute(f"ATTACH '{str(staged).replace(chr(39), 2 * chr(39))}' AS copy")
    try:
        for statement in _COPY:
            bound = {"active": active, "entry": entry} if "$active" in statement else {}
            cursor.execute(statement, bound)
        cursor.execute("CHECKPOINT copy")
    finally:
        with contextlib.suppress(duckdb.Error):  # the first error is the one to tell
            cursor.execute("DETACH copy")
