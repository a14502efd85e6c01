"""Saved views of the dashboard: each account can give names to combinations of period and filters."""

from typing import Final

import msgspec

from prisme.access.grants import AccessError
from prisme.store.control import Control

_MAX_NAME: Final = 64
_MAX_QUERY: Final = 8192
_MAX_VIEWS: Final = 50


class View(msgspec.Struct, frozen=True):
    """`query` is the query string of the dashboard's URL, without the `?`."""

    name: str
    query: str


class Views:
    """The views of all accounts. Its methods read a file, so they must not run on the event loop."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self, account: str) -> list[View]:
        """The views of an account, by name."""
        query = "SELECT name, query FROM views WHERE account = ? ORDER BY name"
        with self._control.read() as connection:
            return [View(*row) for row in connection.execute(query, (account,))]

    def save(self, account: str, name: str, query: str) -> None:
        """Save a view, replacing one of the same name. Raises AccessError for invalid values or too many views."""
        name = name.strip()
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise AccessError(f"a view's name must have 1 to {_MAX_NAME} characters, such as Blog this year")
        if len(query) > _MAX_QUERY:
            raise AccessError(f"a view may have at most {_MAX_QUERY} characters: use fewer filters")
        with self._control.change() as connection:
            others = "SELECT count(*) FROM views WHERE account = ? AND name <> ?"
            if connection.execute(others, (account, name)).fetchone()[0] >= _MAX_VIEWS:
                raise AccessError(f"there are already {_MAX_VIEWS} views, the maximum: remove one first")
            connection.execute("INSERT OR REPLACE INTO views VALUES (?, ?, ?)", (account, name, query))

    def remove(self, account: str, name: str) -> None:
        """Delete a view, if it exists."""
        with self._control.change() as connection:
            connection.execute("DELETE FROM views WHERE account = ? AND name = ?", (account, name))
