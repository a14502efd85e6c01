"""Sites and aliases that an ingestion node has learned from the server that has them, in the control database.

They are kept until that server sends others: the node goes on with them, also after a restart, while it is away. The
views `all_sites` and `all_aliases` have them beside those that were added on the node, which go first.
"""

from collections.abc import Collection, Mapping
from sqlite3 import Connection

import msgspec

from prisme.access.site_listing import Listing
from prisme.store.control import Control


class Learned(msgspec.Struct, frozen=True):
    """The latest list: where it is from, its `ETag` (empty for none), when it came (Unix seconds), and its numbers."""

    url: str
    etag: str
    at: int
    sites: int
    aliases: int


class LearnedSites:
    """What was learned. Its methods use a file, so they must not run on the event loop.

    They raise sqlite3.Error, and those that change something FullDiskError.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def find(self) -> Learned | None:
        """What is known, None if it is nothing."""
        with self._control.read() as connection:
            return find_learned(connection)

    def replace(self, url: str, etag: str, listing: Listing, now: int) -> bool:
        """Replace all by a list from a server; gives whether this changes anything."""
        names, aliases = listing.names, listing.sites_by_alias
        with self._control.change() as connection:
            is_new = not _is_known(connection, names, aliases)
            if is_new:
                _delete(connection)
                connection.executemany("INSERT INTO learned_sites VALUES (?)", ((name,) for name in names))
                connection.executemany("INSERT INTO learned_aliases VALUES (?, ?)", aliases.items())
            connection.execute("DELETE FROM learned_from")
            connection.execute("INSERT INTO learned_from VALUES (?, ?, ?)", (url, etag, now))
        return is_new

    def clear(self) -> Learned | None:
        """Forget all; gives what was known."""
        with self._control.read() as connection:
            known = find_learned(connection)
        if known is not None:
            with self._control.change() as connection:
                _delete(connection)
                connection.execute("DELETE FROM learned_from")
        return known


def find_learned(connection: Connection) -> Learned | None:
    """What is known, None if it is nothing."""
    row = connection.execute(
        "SELECT url, etag, at, (SELECT count(*) FROM learned_sites), (SELECT count(*) FROM learned_aliases) "
        "FROM learned_from"
    ).fetchone()
    return Learned(*row) if row else None


def _is_known(connection: Connection, names: Collection[str], aliases: Mapping[str, str]) -> bool:
    known = {name for (name,) in connection.execute("SELECT name FROM learned_sites")}
    return known == {*names} and aliases == dict(connection.execute("SELECT alias, site FROM learned_aliases"))


def _delete(connection: Connection) -> None:
    connection.execute("DELETE FROM learned_sites")
    connection.execute("DELETE FROM learned_aliases")
    connection.execute("UPDATE site_revision SET number = number + 1")
