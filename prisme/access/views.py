"""Saved views of the dashboard: filters with a name, for an account, or for everybody who may see a site."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

import msgspec

from prisme.access.grants import AccessError, NotFoundError
from prisme.store.control import Control

_MAX_NAME: Final = 64
_MAX_QUERY: Final = 8192
# Of an account, and of a site: more than a menu can show.
_MAX_VIEWS: Final = 50
# Of all sites: with the longest queries, 40 MB.
_MAX_SITE_VIEWS: Final = 5000


class Owner(msgspec.Struct, frozen=True):
    """Whose a view is: an account's, or a site's, which is a domain; the other one is None."""

    account: str | None = None
    site: str | None = None


class View(msgspec.Struct, frozen=True):
    """`query` has the filters, and perhaps the period, as in the dashboard's URL, without the `?`."""

    id: int
    owner: Owner
    name: str
    query: str


class Views:
    """The views of all accounts and sites. Its methods read a file, so they must not run on the event loop."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self, account: str, sites: Sequence[str] = ()) -> list[View]:
        """The views of an account, then those of some sites, each by name; without an account, those of the sites."""
        query = (
            "SELECT id, account, site, name, query FROM views WHERE account = ? "
            "OR site IN (SELECT value FROM json_each(?)) ORDER BY site IS NOT NULL, name, site"
        )
        names = msgspec.json.encode(sites).decode()
        with self._control.read() as connection:
            rows = connection.execute(query, (account or None, names)).fetchall()
        return [View(id_, Owner(of, site), name, text) for id_, of, site, name, text in rows]

    def save(self, owner: Owner, name: str, query: str) -> None:
        """Save a view, replacing one of the same name. Raises AccessError for invalid values or too many views."""
        name = name.strip()
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise AccessError("a view's name must have 1 to {most} characters, such as Blog this year", most=_MAX_NAME)
        if len(query) > _MAX_QUERY:
            raise AccessError("a view may have at most {most} characters: use fewer filters", most=_MAX_QUERY)
        own = (owner.account, owner.site, name)
        with self._control.change() as connection:
            connection.execute("DELETE FROM views WHERE account IS ? AND site IS ? AND name = ?", own)
            _check_room(connection, owner)
            connection.execute("INSERT INTO views (account, site, name, query) VALUES (?, ?, ?, ?)", (*own, query))

    def remove(self, account: str, id_: int, *, of_sites: bool) -> None:
        """Delete a view of an account or, with `of_sites`, of any site. Raises NotFoundError."""
        query = "DELETE FROM views WHERE id = ? AND (account = ? OR (? AND site IS NOT NULL))"
        with self._control.change() as connection:
            if not connection.execute(query, (id_, account, of_sites)).rowcount:
                raise NotFoundError("there is no such view of yours")


def _check_room(connection: Connection, owner: Owner) -> None:
    own = "SELECT count(*) FROM views WHERE account IS ? AND site IS ?"
    if connection.execute(own, (owner.account, owner.site)).fetchone()[0] >= _MAX_VIEWS:
        raise AccessError("there are already {most} views, the maximum: delete one first", most=_MAX_VIEWS)
    of_sites = "SELECT count(*) FROM views WHERE site IS NOT NULL"
    if owner.site and connection.execute(of_sites).fetchone()[0] >= _MAX_SITE_VIEWS:
        raise AccessError(
            "there are already {most} views of sites, the maximum: delete some first", most=_MAX_SITE_VIEWS
        )
