"""The audit log: every change of who may look, in the transaction that makes it. No addresses."""

from sqlite3 import Connection
from typing import Final

import msgspec

from prisme.access.grants import Grant

# A line is some 100 bytes: 10 MB. The oldest go first.
_MOST: Final = 100_000


class Entry(msgspec.Struct, frozen=True):
    """`actor` did `action` to `subject`; `at` is in Unix seconds."""

    at: int
    actor: str
    action: str
    subject: str
    detail: str


def note(connection: Connection, at: int, by: Grant, action: str, subject: str, detail: str = "") -> None:
    """Write a line."""
    cursor = connection.execute(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (at, by.actor, action, subject, detail),
    )
    connection.execute("DELETE FROM audit WHERE id <= ?", ((cursor.lastrowid or 0) - _MOST,))


def read(connection: Connection, limit: int, offset: int) -> list[Entry]:
    """The newest lines, the last first, without the `offset` very newest."""
    query = "SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ? OFFSET ?"
    return [Entry(*row) for row in connection.execute(query, (limit, offset))]
