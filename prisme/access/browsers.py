"""Browsers that have logged in to an account: their wrong passwords are counted on their own.

So the wrong passwords of others do not keep their users from logging in. The key of a browser gives no access.
"""

from typing import Final

from prisme.access import keys
from prisme.store.control import Control

# From the last log-in. Browsers keep no cookie for longer.
KNOWN_SECONDS: Final = 400 * 86_400
# Per account, as each is another 20 guesses; those that logged in longest ago are forgotten first.
_MAX_BROWSERS: Final = 50


class Browsers:
    """The known browsers of all accounts. Times are Unix seconds."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def is_known(self, account: str, key: str, now: int) -> bool:
        """Whether a browser with this key has logged in to the account."""
        query = "SELECT 1 FROM browsers WHERE digest = ? AND account = ? AND expires > ?"
        with self._control.read() as connection:
            return connection.execute(query, (keys.digest(key), account, now)).fetchone() is not None

    def remember(self, account: str, key: str, now: int) -> str:
        """The key of a browser that has just logged in: the one that it has, if it is known, else a new one."""
        expires = now + KNOWN_SECONDS
        with self._control.change() as connection:
            connection.execute("DELETE FROM browsers WHERE expires <= ?", (now,))
            known = "UPDATE browsers SET expires = ? WHERE digest = ? AND account = ?"
            if connection.execute(known, (expires, keys.digest(key), account)).rowcount:
                return key
            connection.execute(
                "DELETE FROM browsers WHERE account = ? AND rowid NOT IN "
                "(SELECT rowid FROM browsers WHERE account = ? ORDER BY expires DESC, rowid DESC LIMIT ?)",
                (account, account, _MAX_BROWSERS - 1),
            )
            key = keys.make_key()
            connection.execute("INSERT INTO browsers VALUES (?, ?, ?)", (keys.digest(key), account, expires))
        return key
