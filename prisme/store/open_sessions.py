"""The table of open sessions: which device each belongs to, so that visits go on after a restart."""

import importlib.resources
from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import msgspec

from prisme.base.events import NO_UTM, Client, Place, Session, Utm

_CHOOSE, _READ = (importlib.resources.files("prisme.store") / "open_sessions.sql").read_text().split(";\n")
# With their texts and paths, some 20 MB.
_SLICE = 16384
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


class _Shared(NamedTuple):
    """What sessions have in common, once in memory: that is half of what they take."""

    texts: dict[str, str]
    clients: dict[Client, Client]
    campaigns: dict[Utm, Utm]
    places: dict[Place, Place]


def read(cursor: duckdb.DuckDBPyConnection, active: int, entry: int, at_most: int, pages: int) -> Iterator[OpenSession]:
    """The `at_most` most recently active sessions, in the order of their ids, each with its latest `pages` paths.

    Only those with an event after `active`, and with their first one after `entry`; both in microseconds.
    """
    cursor.execute(_CHOOSE, {"active": active, "entry": entry, "at_most": at_most})
    shared = _Shared({}, {}, {NO_UTM: NO_UTM}, {})
    (chosen,) = cursor.execute("SELECT count(*) FROM restored").fetchall()[0]
    for first in range(0, chosen, _SLICE):
        cursor.execute(_READ, {"entry": entry, "pages": pages, "first": first, "count": _SLICE})
        for device_hash, json, paths in cursor.fetchall():
            session = _share(_decode(json), shared)
            earlier = (shared.texts.setdefault(path, path) for path in paths if path != session.exit_path)
            yield OpenSession(device_hash, session, tuple(earlier))
    cursor.execute("DROP TABLE restored")


def _share(session: Session, shared: _Shared) -> Session:
    """The same, made of what is shared; each text that is read from JSON is one of its own."""
    text, client, campaign = shared.texts.setdefault, session.client, session.utm
    place = session.place
    return Session(
        session.uuid,
        text(session.domain, session.domain),
        session.entry,
        text(session.entry_path, session.entry_path),
        session.exit,
        text(session.exit_path, session.exit_path),
        session.status,
        session.visitor,
        shared.clients.setdefault(client, client),
        text(session.country, session.country),
        text(session.referrer, session.referrer),
        shared.campaigns.setdefault(campaign, campaign),
        session.pageviews,
        session.events,
        text(session.click_id, session.click_id),
        None if place is None else shared.places.setdefault(place, place),
    )


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
