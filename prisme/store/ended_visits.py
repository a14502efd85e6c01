"""Deletes the rows of visits that do not go on, where another database has them (`sink.py`).

The file of such a node has no rollups, and nobody reads figures from it: nothing that was counted has to be dropped.
"""
# Only names of ours are composed; values are bound.
# ruff: noqa: S608

import contextlib
from collections.abc import Collection
from typing import Final

import duckdb

from prisme.store.schema import TABLES

_FIND: Final = """
CREATE OR REPLACE TEMP TABLE ended AS SELECT session_uuid FROM sessions
WHERE exit_timestamp <= make_timestamp($active) OR entry_timestamp <= make_timestamp($entry)
"""
# The sessions last: what says which rows are to be deleted.
_DELETE: Final = [
    f"DELETE FROM {table} WHERE session_uuid IN (SELECT session_uuid FROM ended)" for table in reversed(TABLES)
]


def delete(cursor: duckdb.DuckDBPyConnection, active: int, entry: int) -> int:
    """Delete the visits without an event since `active`, or that began before `entry` (microseconds), with all events.

    Gives the number of visits. Raises duckdb.Error, after a rollback.
    """
    cursor.begin()
    try:
        cursor.execute(_FIND, {"active": active, "entry": entry})
        ((visits,),) = cursor.execute("SELECT count(*) FROM ended").fetchall()
        if visits:
            for statement in _DELETE:
                cursor.execute(statement)
        cursor.execute("DROP TABLE ended")
        cursor.commit()
    except BaseException:
        # After a fatal error nothing can be rolled back; the first error is the one to tell.
        with contextlib.suppress(duckdb.Error):
            cursor.rollback()
        raise
    return int(visits)


def forget(cursor: duckdb.DuckDBPyConnection, uuids: Collection[str]) -> None:
    """Delete visits and their devices, so that a restart does not restore them. Within a transaction."""
    for table in ("state.open_sessions", *reversed(TABLES)):
        cursor.execute(
            f"DELETE FROM {table} WHERE session_uuid IN (SELECT CAST(unnest($uuids) AS UUID))", {"uuids": [*uuids]}
        )
