"""The table of open sessions: which device each belongs to, so that visits go on after a restart."""

import importlib.resources
from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import msgspec

from prisme.base.events import Session

_READ = (importlib.resources.files("prisme.store") / "open_sessions.sql").read_text()
_COUNT = "SELECT count(*) FROM state.open_sessions"
_EXPIRE = """
DELETE FROM state.open_sessions WHERE session_uuid IN (
    SELECT session_uuid FROM state.open_sessions JOIN sessions USING (session_uuid)
    WHERE exit_timestamp <= make_timestamp($active) OR entry_timestamp <= make_timestamp($entry)
)
"""
# Sorting would take ten times as long.
_TRIM = """
DELETE FROM state.open_sessions WHERE session_uuid IN (
    WITH open AS (
        SELECT session_uuid, exit_timestamp FROM state.open_sessions JOIN sessions USING (session_uuid)
    )
    SELECT session_uuid FROM open WHERE exit_timestamp < (SELECT quantile_disc(exit_timestamp, ?) FROM open)
)
"""
_decode = msgspec.json.Decoder(Session).decode


class OpenSession(NamedTuple):
    """An open session with its device, and the paths of the pages before its current one, the newest first."""

    device_hash: int
    session: Session
    earlier: tuple[str, ...]


def read(cursor: duckdb.DuckDBPyConnection, active: int, entry: int, at_most: int, pages: int) -> Iterator[OpenSession]:
    """The `at_most` most recently active sessions, the least recently active first, each with its latest `pages` paths.

    Only those with an event after `active`, and with their first one after `entry`; both in microseconds.
    """
    cursor.execute(_READ, {"active": active, "entry": entry, "at_most": at_most, "pages": pages})
    while rows := cursor.fetchmany(1_000):
        for device_hash, text, paths in rows:
            session = _decode(text)
            yield OpenSession(device_hash, session, tuple(path for path in paths if path != session.exit_path))


def expire(cursor: duckdb.DuckDBPyConnection, active: int, entry: int) -> int:
    """Delete the sessions that `read` would leave out by their times; gives their number."""
    deleted = cursor.execute(_EXPIRE, {"active": active, "entry": entry}).fetchone()
    return int(deleted[0]) if deleted else 0


def trim(cursor: duckdb.DuckDBPyConnection, most: int) -> bool:
    """Delete the least recently active sessions beyond `most`; gives whether there were any to delete.

    It reads the whole table, so it does nothing until there are an eighth more.
    """
    counted = cursor.execute(_COUNT).fetchone()
    if not counted or counted[0] <= most + most // 8:
        return False
    cursor.execute(_TRIM, [1 - most / counted[0]])
    return True
