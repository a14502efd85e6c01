"""The audit log: every change of accounts, tokens and share links, written in the same transaction. No addresses."""

from sqlite3 import Connection
from typing import Final

import msgspec

from prisme.access.grants import Grant

# An entry has about 100 bytes, so this is 10 MB. The oldest are deleted first.
_MAX_ENTRIES: Final = 100_000


class Entry(msgspec.Struct, frozen=True):
    """`actor` did `action` to `subject` at `at`, in Unix seconds."""

    at: int
    actor: str
    action: str
    subject: str
    detail: str


def record(connection: Connection, at: int, by: Grant, action: str, subject: str, detail: str = "") -> None:
    """Add an entry."""
    cursor = connection.execute(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (at, by.actor, action, subject, detail),
    )
    connection.execute("DELETE FROM audit WHERE id <= ?", ((cursor.lastrowid or 0) - _MAX_ENTRIES,))


def read(connection: Connection, limit: int, offset: int) -> list[Entry]:
    """At most `limit` entries, newest first, after skipping the `offset` newest."""
    query = "SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ? OFFSET ?"
    return [Entry(*row) for row in connection.execute(query, (limit, offset))]
