"""Saved views: a name for what a dashboard shows, for each account."""

from typing import Final

import msgspec

from prisme.access.grants import AccessError
from prisme.store.control import Control

_LONGEST_NAME: Final = 64
_LONGEST_QUERY: Final = 8192
_MOST: Final = 50


class View(msgspec.Struct, frozen=True):
    """`query` is what stands behind the `?`."""

    name: str
    query: str


class Views:
    """The views of all accounts. It reads a file: not for the event loop."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self, account: str) -> list[View]:
        """Those of an account, by name."""
        query = "SELECT name, query FROM views WHERE account = ? ORDER BY name"
        with self._control.read() as connection:
            return [View(*row) for row in connection.execute(query, (account,))]

    def save(self, account: str, name: str, query: str) -> None:
        """Keep a view; one of the same name is replaced. Raises AccessError."""
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise AccessError(f"a view's name has 1 to {_LONGEST_NAME} characters, such as Blog this year")
        if len(query) > _LONGEST_QUERY:
            raise AccessError(f"a view has at most {_LONGEST_QUERY} characters: use fewer filters")
        with self._control.change() as connection:
            mine = "SELECT count(*) FROM views WHERE account = ? AND name <> ?"
            if connection.execute(mine, (account, name)).fetchone()[0] >= _MOST:
                raise AccessError(f"there are {_MOST} views already: remove one first")
            connection.execute("INSERT OR REPLACE INTO views VALUES (?, ?, ?)", (account, name, query))

    def remove(self, account: str, name: str) -> None:
        """Forget a view; one that is not there is forgotten already."""
        with self._control.change() as connection:
            connection.execute("DELETE FROM views WHERE account = ? AND name = ?", (account, name))
