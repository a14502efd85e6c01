"""Share links: anyone who has one can see the figures of a domain. A link may have a password and may expire."""

from typing import Final

import msgspec

from prisme.access import audit, keys
from prisme.access.grants import STATS, AccessError, Grant, NotFoundError, parse_domain
from prisme.store.control import Control

# The query parameter with a link's key.
SHARE: Final = "share"
UNLOCK_SECONDS: Final = 30 * 86_400
_MAX_SHARES: Final = 1000
_SELECT: Final = "SELECT id, domain, password IS NOT NULL, created, expires, creator, account FROM shares"
_MAX_UNLOCKS: Final = 10_000


class Share(msgspec.Struct, frozen=True):
    """`locked` is true if it has a password; `expires` is None for never. Times are Unix seconds.

    `creator` made it, such as `user:ada` or `cli:root`, and is empty if unknown. `orphaned`: that account is gone.
    """

    id: int
    domain: str
    locked: bool
    created: int
    expires: int | None
    creator: str = ""
    orphaned: bool = False

    @property
    def grant(self) -> Grant:
        """What its holder may do."""
        return Grant(f"share:{self.id}", "", frozenset((STATS,)), (self.domain,))


class Shares:
    """All share links. Changes raise AccessError if they are not possible."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
        self, by: Grant, domain: str, now: int, *, expires: int | None = None, password: str | None = None
    ) -> tuple[Share, str]:
        """Create a link; returns it with its key, which cannot be read again."""
        domain = parse_domain(domain)
        if expires is not None and expires <= now:
            raise AccessError("the expiry of a share link must be in the future")
        hashed = None if password is None else keys.hash_password(password)
        key = keys.make_key(keys.SHARE_PREFIX)
        # A token acts for its account, which outlives it.
        creator = f"user:{by.account}" if by.account else by.actor
        with self._control.change() as connection:
            (count,) = connection.execute("SELECT count(*) FROM shares").fetchone()
            if count >= _MAX_SHARES:
                raise AccessError(
                    "there are already {most} share links, the maximum: remove some first", most=_MAX_SHARES
                )
            id_ = connection.execute(
                "INSERT INTO shares (digest, domain, password, created, expires, creator, account) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (keys.digest(key), domain, hashed, now, expires, creator, by.account or None),
            ).lastrowid
            audit.record(connection, now, by, "share.add", f"share:{id_}", domain)
        return Share(id_ or 0, domain, hashed is not None, now, expires, creator), key

    def remove(self, by: Grant, id_: int, now: int) -> None:
        """Delete a link. Raises NotFoundError."""
        with self._control.change() as connection:
            if not connection.execute("DELETE FROM shares WHERE id = ?", (id_,)).rowcount:
                raise NotFoundError("there is no share link {id}", id=id_)
            audit.record(connection, now, by, "share.remove", f"share:{id_}")

    def list(self) -> list[Share]:
        """All links, including expired ones, and those of accounts that were removed."""
        with self._control.read() as connection:
            rows = connection.execute(_SELECT + " ORDER BY id").fetchall()
        return [_load(row) for row in rows]

    def find(self, key: str, now: int) -> Share | None:
        """The link with this key, or None if there is none or it has expired."""
        query = _SELECT + " WHERE digest = ? AND (expires IS NULL OR expires > ?)"
        with self._control.read() as connection:
            row = connection.execute(query, (keys.digest(key), now)).fetchone()
        return _load(row) if row else None

    def unlock(self, share: Share, password: str, now: int) -> str | None:
        """A key that unlocks the link in one browser, or None if the password is wrong."""
        with self._control.read() as connection:
            row = connection.execute("SELECT password FROM shares WHERE id = ?", (share.id,)).fetchone()
        if not keys.verify_password(row and row[0], password):
            audit.record_failure(self._control, now, audit.ANONYMOUS, "share.unlock.failed", f"share:{share.id}")
            return None
        key = keys.make_key()
        with self._control.change() as connection:
            connection.execute("DELETE FROM unlocks WHERE expires <= ?", (now,))
            connection.execute(
                "DELETE FROM unlocks WHERE rowid NOT IN (SELECT rowid FROM unlocks ORDER BY rowid DESC LIMIT ?)",
                (_MAX_UNLOCKS - 1,),
            )
            connection.execute(
                "INSERT INTO unlocks VALUES (?, ?, ?)", (keys.digest(key), share.id, now + UNLOCK_SECONDS)
            )
            audit.record_attempt(connection, now, share.grant, "share.unlock", f"share:{share.id}")
        return key

    def is_unlocked(self, share: Share, key: str, now: int) -> bool:
        """Whether a key from `unlock` is valid for the link."""
        query = "SELECT 1 FROM unlocks WHERE digest = ? AND share = ? AND expires > ?"
        with self._control.read() as connection:
            return connection.execute(query, (keys.digest(key), share.id, now)).fetchone() is not None


def _load(row: tuple[int, str, int, int, int | None, str, str | None]) -> Share:
    id_, domain, locked, created, expires, creator, account = row
    orphaned = creator.startswith("user:") and account is None
    return Share(id_, domain, bool(locked), created, expires, creator, orphaned)
